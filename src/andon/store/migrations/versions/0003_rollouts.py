"""Rollouts in full: what is routed beside the shares"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _hold_and_set()
    with op.batch_alter_table("desired") as batch:
        batch.add_column(sa.Column("routing", sa.JSON(), nullable=True))
    op.create_table(
        "gate_answers",
        sa.Column("rollout", sa.String(length=60), nullable=False),
        sa.Column("gate", sa.String(length=60), nullable=False),
        sa.Column("word", sa.String(length=10), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("actor", sa.String(length=120), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("rollout", "gate", name=op.f("pk_gate_answers")),
    )
    op.create_table(
        "tasks",
        sa.Column("rollout", sa.String(length=60), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("place", sa.String(length=120), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("rollout", "step", "name", "number", name=op.f("pk_tasks")),
    )
    op.create_table(
        "noise_minutes",
        sa.Column("unit", sa.String(length=60), nullable=False),
        sa.Column("environment", sa.String(length=60), nullable=False),
        sa.Column("metric", sa.String(length=60), nullable=False),
        sa.Column("minute", sa.Integer(), nullable=False),
        sa.Column("version", sa.String(length=60), nullable=False),
        sa.Column("exposure", sa.Integer(), nullable=False),
        sa.Column("bad", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint(
            "unit", "environment", "metric", "minute", "version", name=op.f("pk_noise_minutes")
        ),
    )
    op.create_index("ix_tasks_state", "tasks", ["state"], unique=False)


def downgrade() -> None:
    op.drop_index("uq_set_parts_active", "set_parts")
    op.drop_table("set_parts")
    op.drop_index("ix_set_rollouts_name", "set_rollouts")
    op.drop_table("set_rollouts")
    op.drop_table("set_releases")
    op.drop_table("holds")
    op.drop_index("ix_tasks_state", "tasks")
    op.drop_table("tasks")
    op.drop_table("noise_minutes")
    op.drop_table("gate_answers")
    with op.batch_alter_table("desired") as batch:
        batch.drop_column("routing")


def _hold_and_set() -> None:
    op.create_table(
        "holds",
        sa.Column("unit", sa.String(60), nullable=False),
        sa.Column("environment", sa.String(60), nullable=False),
        sa.Column("version", sa.String(60), nullable=True),
        sa.Column("rollout", sa.String(60), nullable=False),
        sa.Column("actor", sa.String(120), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("unit", "environment", name="pk_holds"),
    )
    op.create_table(
        "set_releases",
        sa.Column("name", sa.String(60), nullable=False),
        sa.Column("version", sa.String(60), nullable=False),
        sa.Column("document", sa.JSON(), nullable=False),
        sa.Column("envelope", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.String(120), nullable=False),
        sa.PrimaryKeyConstraint("name", "version", name="pk_set_releases"),
    )
    op.create_table(
        "set_rollouts",
        sa.Column("id", sa.String(60), nullable=False),
        sa.Column("name", sa.String(60), nullable=False),
        sa.Column("environment", sa.String(60), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("document", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_set_rollouts"),
    )
    op.create_index("ix_set_rollouts_name", "set_rollouts", ["name", "environment", "created_at"])
    op.create_table(
        "set_parts",
        sa.Column("set", sa.String(60), nullable=False),
        sa.Column("unit", sa.String(60), nullable=False),
        sa.Column("environment", sa.String(60), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("set", "unit", name="pk_set_parts"),
    )
    active = sa.text("is_active")
    op.create_index(
        "uq_set_parts_active",
        "set_parts",
        ["unit", "environment"],
        unique=True,
        sqlite_where=active,
        postgresql_where=active,
    )

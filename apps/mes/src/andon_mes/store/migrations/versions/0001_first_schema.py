"""The first schema: lots, serials, attempts, reworks, history, answered keys.

Revision ID: 0001
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    op.create_table(
        "answers",
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("status_code", sa.Integer(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_table(
        "contested_events",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("serial_number", sa.String(length=100), nullable=False),
        sa.Column("process_code", sa.String(length=20), nullable=False),
        sa.Column("code", sa.String(length=50), nullable=False),
        sa.Column("content", JSON, nullable=False),
        sa.Column("release", sa.String(length=40), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("resolved", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("contested_events_by_serial", "contested_events", ["serial_number"], unique=False)
    op.create_table(
        "counters",
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("value", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "processes",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("code", sa.String(length=20), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("sequence_order", sa.Integer(), nullable=False),
        sa.Column("description", sa.String(length=500), nullable=True),
        sa.Column("standard_cycle_time", sa.Integer(), nullable=False),
        sa.Column("infers_start", sa.Boolean(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("code"),
    )
    op.create_table(
        "product_models",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("code", sa.String(length=50), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("specification", JSON, nullable=False),
        sa.Column("target_cycle_time", sa.Integer(), nullable=False),
        sa.Column("bom", JSON, nullable=False),
        sa.Column("lot_pattern", sa.String(length=100), nullable=False),
        sa.Column("serial_pattern", sa.String(length=100), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("code"),
    )
    op.create_table(
        "status_history",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("entity_type", sa.String(length=20), nullable=False),
        sa.Column("entity_id", sa.Integer(), nullable=False),
        sa.Column("old_status", sa.String(length=20), nullable=True),
        sa.Column("new_status", sa.String(length=20), nullable=False),
        sa.Column("changed_by", sa.String(length=100), nullable=True),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("status_history_by_entity", "status_history", ["entity_type", "entity_id"], unique=False)
    op.create_table(
        "characteristics",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("process_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=50), nullable=False),
        sa.Column("unit", sa.String(length=20), nullable=False),
        sa.Column("lower", sa.Float(), nullable=True),
        sa.Column("upper", sa.Float(), nullable=True),
        sa.Column("defect_code", sa.String(length=50), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["process_id"],
            ["processes.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("process_id", "name"),
    )
    op.create_table(
        "defect_codes",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("code", sa.String(length=50), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("process_id", sa.Integer(), nullable=False),
        sa.Column("severity", sa.String(length=10), nullable=False),
        sa.Column("description", sa.String(length=500), nullable=True),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["process_id"],
            ["processes.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("code"),
    )
    op.create_table(
        "lots",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("lot_number", sa.String(length=50), nullable=False),
        sa.Column("plant_code", sa.String(length=10), nullable=False),
        sa.Column("product_model_id", sa.Integer(), nullable=False),
        sa.Column("shift", sa.String(length=1), nullable=False),
        sa.Column("production_date", sa.Date(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("target_quantity", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("held_from", sa.String(length=20), nullable=True),
        sa.Column("priority", sa.String(length=10), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_by", sa.String(length=100), nullable=True),
        sa.Column("notes", sa.String(length=1000), nullable=True),
        sa.CheckConstraint("shift in ('D', 'N')", name="lots_shift"),
        sa.CheckConstraint("target_quantity > 0", name="lots_target_positive"),
        sa.ForeignKeyConstraint(
            ["product_model_id"],
            ["product_models.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("lot_number"),
    )
    op.create_index("lots_by_plant_and_date", "lots", ["plant_code", "production_date"], unique=False)
    op.create_index("lots_by_status", "lots", ["status"], unique=False)
    op.create_table(
        "serials",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("serial_number", sa.String(length=100), nullable=False),
        sa.Column("lot_id", sa.Integer(), nullable=False),
        sa.Column("sequence_in_lot", sa.Integer(), nullable=False),
        sa.Column("checksum", sa.String(length=2), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("held_from", sa.String(length=20), nullable=True),
        sa.Column("current_process", sa.String(length=20), nullable=True),
        sa.Column("is_defective", sa.Boolean(), nullable=False),
        sa.Column("defect_code", sa.String(length=50), nullable=True),
        sa.Column("defect_description", sa.String(length=500), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["lot_id"],
            ["lots.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("lot_id", "sequence_in_lot"),
        sa.UniqueConstraint("serial_number"),
    )
    op.create_index("serials_by_lot_and_status", "serials", ["lot_id", "status"], unique=False)
    op.create_table(
        "process_data",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("serial_id", sa.Integer(), nullable=False),
        sa.Column("process_id", sa.Integer(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("cycle_time", sa.Float(), nullable=True),
        sa.Column("operator_id", sa.String(length=100), nullable=False),
        sa.Column("equipment_id", sa.String(length=100), nullable=True),
        sa.Column("start_inferred", sa.Boolean(), nullable=False),
        sa.Column("is_pass", sa.Boolean(), nullable=True),
        sa.Column("process_specific_data", JSON, nullable=True),
        sa.Column("inspection_result", JSON, nullable=True),
        sa.Column("limit_breaches", JSON, nullable=True),
        sa.Column("defect_code", sa.String(length=50), nullable=True),
        sa.Column("defect_description", sa.String(length=500), nullable=True),
        sa.Column("completion_digest", sa.String(length=64), nullable=True),
        sa.Column("release", sa.String(length=40), nullable=True),
        sa.Column("completion_seq", BIG, nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["process_id"],
            ["processes.id"],
        ),
        sa.ForeignKeyConstraint(
            ["serial_id"],
            ["serials.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("serial_id", "process_id", "attempt"),
    )
    op.create_index(
        "process_data_evidence",
        "process_data",
        ["completion_seq", "release", "process_id", "attempt", "is_pass", "cycle_time"],
        unique=False,
    )
    op.create_index(
        "process_data_one_open_attempt",
        "process_data",
        ["serial_id"],
        unique=True,
        sqlite_where=sa.text("status = 'IN_PROGRESS'"),
        postgresql_where=sa.text("status = 'IN_PROGRESS'"),
    )
    op.create_table(
        "reworks",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("serial_id", sa.Integer(), nullable=False),
        sa.Column("original_process_id", sa.Integer(), nullable=False),
        sa.Column("defect_code", sa.String(length=50), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("operator", sa.String(length=100), nullable=True),
        sa.Column("is_completed", sa.Boolean(), nullable=False),
        sa.Column("final_result", sa.String(length=20), nullable=True),
        sa.Column("notes", sa.String(length=1000), nullable=True),
        sa.ForeignKeyConstraint(
            ["original_process_id"],
            ["processes.id"],
        ),
        sa.ForeignKeyConstraint(
            ["serial_id"],
            ["serials.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("reworks_by_serial", "reworks", ["serial_id"], unique=False)


def downgrade() -> None:
    op.drop_table("reworks")
    op.drop_table("process_data")
    op.drop_table("serials")
    op.drop_table("lots")
    op.drop_table("defect_codes")
    op.drop_table("characteristics")
    op.drop_table("status_history")
    op.drop_table("product_models")
    op.drop_table("processes")
    op.drop_table("counters")
    op.drop_table("contested_events")
    op.drop_table("answers")

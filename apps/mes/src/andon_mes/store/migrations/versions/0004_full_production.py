"""What production records in full: components, defects, labels, signals, the audit and the logs.

Only adds: the release before this one goes on working.

Revision ID: 0004
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"

JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

# Views for whoever reads the database itself. Figures as the API gives them: a serial counts once, a share of
# nothing is null, rates in percent with two decimals.
_PRODUCTION_SUMMARY = """
create view production_summary as
select
    lot_number, product_model, plant_code, shift, production_date, status, priority, target_quantity,
    generated_quantity, actual_quantity, defect_quantity,
    round(100.0 * actual_quantity / target_quantity, 2) as completion_rate,
    round(100.0 * defect_quantity / nullif(actual_quantity + defect_quantity, 0), 2) as defect_rate,
    started_at, completed_at
from (
    select
        lots.lot_number, product_models.code as product_model, lots.plant_code, lots.shift,
        lots.production_date, lots.status, lots.priority, lots.target_quantity,
        lots.started_at, lots.completed_at,
        count(serials.id) as generated_quantity,
        count(case when counted_as in ('COMPLETED', 'SHIPPED') then 1 end) as actual_quantity,
        count(case when counted_as not in ('COMPLETED', 'SHIPPED') and serials.is_defective then 1 end)
            as defect_quantity
    from lots
    join product_models on product_models.id = lots.product_model_id
    left join (
        -- A held serial is counted as what it was.
        select id, lot_id, is_defective,
            case when status = 'HOLD' then held_from else status end as counted_as
        from serials
    ) as serials on serials.lot_id = lots.id
    group by lots.id, product_models.code
) as counted
"""
# By the production date of the lots: the plant's calendar has said it, and the database knows no other.
_PROCESS_PROGRESS = """
create view process_progress as
select
    lots.production_date, processes.code as process, processes.name, processes.standard_cycle_time,
    count(*) as processed,
    count(case when process_data.is_pass then 1 end) as passed,
    count(case when not process_data.is_pass then 1 end) as failed,
    round(cast(avg(process_data.cycle_time) as numeric), 2) as average_cycle_time,
    round(cast(min(process_data.cycle_time) as numeric), 2) as shortest_cycle_time,
    round(cast(max(process_data.cycle_time) as numeric), 2) as longest_cycle_time
from process_data
join processes on processes.id = process_data.process_id
join serials on serials.id = process_data.serial_id
join lots on lots.id = serials.lot_id
where process_data.is_pass is not null
group by lots.production_date, processes.id, processes.code, processes.name, processes.standard_cycle_time
"""


def _make_views() -> None:
    op.execute(_PRODUCTION_SUMMARY)
    op.execute(_PROCESS_PROGRESS)


def upgrade() -> None:
    op.create_index("lots_by_date", "lots", ["production_date"], unique=False)
    op.create_index("lots_by_priority_and_age", "lots", ["priority", "created_at"], unique=False)
    op.add_column("serials", sa.Column("shipped_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index("serials_by_status", "serials", ["status", "current_process"], unique=False)
    op.create_index(
        "serials_defective",
        "serials",
        ["defect_code"],
        unique=False,
        sqlite_where=sa.text("is_defective"),
        postgresql_where=sa.text("is_defective"),
    )
    op.add_column("reworks", sa.Column("is_granted", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("contested_events", sa.Column("resolved_by", sa.String(length=100), nullable=True))
    op.add_column("contested_events", sa.Column("resolved_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("contested_events", sa.Column("resolution", sa.String(length=500), nullable=True))
    op.add_column("process_data", sa.Column("station", sa.String(length=100), nullable=True))
    op.add_column("process_data", sa.Column("application_version", sa.String(length=40), nullable=True))
    op.add_column("process_data", sa.Column("configuration_hash", sa.String(length=80), nullable=True))
    for name in ("is_offline", "clock_ahead"):
        op.add_column(
            "process_data", sa.Column(name, sa.Boolean(), server_default=sa.false(), nullable=False)
        )
    op.add_column("process_data", sa.Column("violation", sa.String(length=50), nullable=True))
    op.create_index(
        "process_data_by_completion",
        "process_data",
        ["completed_at", "process_id", "attempt", "is_pass", "cycle_time", "serial_id"],
        unique=False,
    )
    op.create_table(
        "component_uses",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("serial_id", sa.Integer(), nullable=False),
        sa.Column("process_data_id", sa.Integer(), nullable=True),
        sa.Column("component", sa.String(length=50), nullable=False),
        sa.Column("component_serial", sa.String(length=100), nullable=True),
        sa.Column("component_lot", sa.String(length=100), nullable=True),
        sa.Column("subassembly_id", sa.Integer(), nullable=True),
        sa.Column("quantity", sa.Float(), nullable=False),
        sa.Column("operator_id", sa.String(length=100), nullable=True),
        sa.Column("scanned_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("removed_by", sa.String(length=100), nullable=True),
        sa.Column("removal_reason", sa.String(length=500), nullable=True),
        sa.ForeignKeyConstraint(
            ["process_data_id"],
            ["process_data.id"],
        ),
        sa.ForeignKeyConstraint(
            ["serial_id"],
            ["serials.id"],
        ),
        sa.ForeignKeyConstraint(
            ["subassembly_id"],
            ["serials.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "component_uses_by_component_serial", "component_uses", ["component_serial"], unique=False
    )
    op.create_index("component_uses_by_lot", "component_uses", ["component_lot"], unique=False)
    op.create_index("component_uses_by_serial", "component_uses", ["serial_id"], unique=False)
    op.create_index(
        "component_uses_one_place",
        "component_uses",
        ["component", "component_serial"],
        unique=True,
        sqlite_where=sa.text("component_serial is not null and removed_at is null"),
        postgresql_where=sa.text("component_serial is not null and removed_at is null"),
    )
    op.create_index(
        "component_uses_by_subassembly",
        "component_uses",
        ["subassembly_id"],
        unique=False,
        sqlite_where=sa.text("subassembly_id is not null"),
        postgresql_where=sa.text("subassembly_id is not null"),
    )
    op.create_table(
        "recalls",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("number", sa.String(length=20), nullable=False),
        sa.Column("component", sa.String(length=50), nullable=True),
        sa.Column("component_serial", sa.String(length=100), nullable=True),
        sa.Column("component_lot", sa.String(length=100), nullable=True),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.Column("opened_by", sa.String(length=100), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_by", sa.String(length=100), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("end_reason", sa.String(length=500), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("number"),
    )
    op.create_index("recalls_by_component_serial", "recalls", ["component_serial"], unique=False)
    op.create_index("recalls_by_component_lot", "recalls", ["component_lot"], unique=False)
    op.create_table(
        "recall_units",
        sa.Column("recall_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("serial_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("outcome", sa.String(length=20), nullable=False),
        sa.PrimaryKeyConstraint("recall_id", "serial_id"),
    )
    op.create_index("recall_units_by_serial", "recall_units", ["serial_id"], unique=False)
    op.create_table(
        "label_prints",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("serial_id", sa.Integer(), nullable=False),
        sa.Column("template_code", sa.String(length=50), nullable=False),
        sa.Column("copy_number", sa.Integer(), nullable=False),
        sa.Column("printed_by", sa.String(length=100), nullable=False),
        sa.Column("printed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=True),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["serial_id"],
            ["serials.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("label_prints_by_serial", "label_prints", ["serial_id"], unique=False)
    op.create_table(
        "defects",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("serial_id", sa.Integer(), nullable=False),
        sa.Column("process_id", sa.Integer(), nullable=False),
        sa.Column("process_data_id", sa.Integer(), nullable=True),
        sa.Column("rework_id", sa.Integer(), nullable=True),
        sa.Column("defect_code", sa.String(length=50), nullable=False),
        sa.Column("description", sa.String(length=500), nullable=True),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("disposition", sa.String(length=20), nullable=True),
        sa.Column("opened_by", sa.String(length=100), nullable=True),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("contained_by", sa.String(length=100), nullable=True),
        sa.Column("contained_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("dispositioned_by", sa.String(length=100), nullable=True),
        sa.Column("dispositioned_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.String(length=500), nullable=True),
        sa.Column("signature", JSON, nullable=True),
        sa.Column("verified_by", sa.String(length=100), nullable=True),
        sa.Column("verified_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_by", sa.String(length=100), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["process_data_id"],
            ["process_data.id"],
        ),
        sa.ForeignKeyConstraint(
            ["process_id"],
            ["processes.id"],
        ),
        sa.ForeignKeyConstraint(
            ["rework_id"],
            ["reworks.id"],
        ),
        sa.ForeignKeyConstraint(
            ["serial_id"],
            ["serials.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("defects_one_of_attempt", "defects", ["process_data_id"], unique=True)
    op.create_index("defects_by_serial", "defects", ["serial_id"], unique=False)
    op.create_index("defects_by_status", "defects", ["status", "opened_at"], unique=False)
    op.create_table(
        "spc_cursors",
        sa.Column("characteristic_id", sa.Integer(), nullable=False),
        sa.Column("completion_seq", BIG, nullable=False),
        sa.ForeignKeyConstraint(
            ["characteristic_id"],
            ["characteristics.id"],
        ),
        sa.PrimaryKeyConstraint("characteristic_id"),
    )
    op.create_table(
        "spc_streams",
        sa.Column("characteristic_id", sa.Integer(), nullable=False),
        sa.Column("product_model_id", sa.Integer(), nullable=False),
        sa.Column("points", sa.Integer(), nullable=False),
        sa.Column("judged", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["characteristic_id"],
            ["characteristics.id"],
        ),
        sa.ForeignKeyConstraint(
            ["product_model_id"],
            ["product_models.id"],
        ),
        sa.PrimaryKeyConstraint("characteristic_id", "product_model_id"),
    )
    op.create_table(
        "spc_points",
        sa.Column("characteristic_id", sa.Integer(), nullable=False),
        sa.Column("product_model_id", sa.Integer(), nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("process_data_id", sa.Integer(), nullable=False),
        sa.Column("measured_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("value", sa.Float(), nullable=False),
        sa.Column("unit", sa.String(length=20), nullable=False),
        sa.ForeignKeyConstraint(
            ["characteristic_id"],
            ["characteristics.id"],
        ),
        sa.ForeignKeyConstraint(
            ["product_model_id"],
            ["product_models.id"],
        ),
        sa.ForeignKeyConstraint(
            ["process_data_id"],
            ["process_data.id"],
        ),
        sa.PrimaryKeyConstraint("characteristic_id", "product_model_id", "ordinal"),
    )
    op.create_index(
        "spc_points_by_time",
        "spc_points",
        ["characteristic_id", "product_model_id", "measured_at"],
        unique=False,
    )
    op.create_table(
        "spc_baselines",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("characteristic_id", sa.Integer(), nullable=False),
        sa.Column("product_model_id", sa.Integer(), nullable=False),
        sa.Column("first_ordinal", sa.Integer(), nullable=False),
        sa.Column("last_ordinal", sa.Integer(), nullable=False),
        sa.Column("excludes_signalled", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.Column("set_by", sa.String(length=100), nullable=False),
        sa.Column("set_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["characteristic_id"],
            ["characteristics.id"],
        ),
        sa.ForeignKeyConstraint(
            ["product_model_id"],
            ["product_models.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "spc_baselines_by_characteristic",
        "spc_baselines",
        ["characteristic_id", "product_model_id"],
        unique=False,
    )
    op.create_table(
        "spc_signals",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("key", sa.String(length=100), nullable=False),
        sa.Column("process_id", sa.Integer(), nullable=False),
        sa.Column("characteristic_id", sa.Integer(), nullable=True),
        sa.Column("product_model_id", sa.Integer(), nullable=True),
        sa.Column("process_data_id", sa.Integer(), nullable=True),
        sa.Column("rule", sa.String(length=40), nullable=False),
        sa.Column("chart", sa.String(length=10), nullable=False),
        sa.Column("points", JSON, nullable=False),
        sa.Column("raised_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("acknowledged_by", sa.String(length=100), nullable=True),
        sa.Column("acknowledged_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cause", sa.String(length=500), nullable=True),
        sa.ForeignKeyConstraint(
            ["characteristic_id"],
            ["characteristics.id"],
        ),
        sa.ForeignKeyConstraint(
            ["process_data_id"],
            ["process_data.id"],
        ),
        sa.ForeignKeyConstraint(
            ["process_id"],
            ["processes.id"],
        ),
        sa.ForeignKeyConstraint(
            ["product_model_id"],
            ["product_models.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("key"),
    )
    op.create_index(
        "spc_signals_by_characteristic", "spc_signals", ["characteristic_id", "raised_at"], unique=False
    )
    op.create_index("spc_signals_by_time", "spc_signals", ["raised_at"], unique=False)
    op.create_table(
        "audit_log",
        sa.Column("id", BIG, autoincrement=True, nullable=False),
        sa.Column("table_name", sa.String(length=50), nullable=False),
        sa.Column("record_id", sa.String(length=100), nullable=False),
        sa.Column("action", sa.String(length=10), nullable=False),
        sa.Column("old_data", JSON, nullable=True),
        sa.Column("new_data", JSON, nullable=True),
        sa.Column("changed_by", sa.String(length=100), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ip_address", sa.String(length=45), nullable=True),
        sa.Column("user_agent", sa.String(length=200), nullable=True),
        sa.Column("transaction", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("audit_log_by_record", "audit_log", ["table_name", "record_id"], unique=False)
    op.create_index(
        "audit_log_by_transaction",
        "audit_log",
        ["transaction"],
        unique=False,
        sqlite_where=sa.text('"transaction" is not null'),
        postgresql_where=sa.text('"transaction" is not null'),
    )
    op.create_table(
        "audit_seals",
        sa.Column("id", BIG, autoincrement=True, nullable=False),
        sa.Column("first_record", BIG, nullable=False),
        sa.Column("last_record", BIG, nullable=False),
        sa.Column("records", sa.Integer(), nullable=False),
        sa.Column("horizon", sa.BigInteger(), nullable=True),
        sa.Column("leaves", sa.Text(), nullable=False),
        sa.Column("previous", sa.String(length=64), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("sealed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("digest"),
    )
    op.create_table(
        "error_logs",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("timestamp", sa.DateTime(timezone=True), nullable=False),
        sa.Column("error_code", sa.String(length=50), nullable=False),
        sa.Column("severity", sa.String(length=10), nullable=False),
        sa.Column("message", sa.String(length=1000), nullable=False),
        sa.Column("context", JSON, nullable=True),
        sa.Column("stack_trace", sa.Text(), nullable=True),
        sa.Column("resolved", sa.Boolean(), nullable=False),
        sa.Column("resolved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("resolved_by", sa.String(length=100), nullable=True),
        sa.Column("notes", sa.String(length=1000), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("error_logs_by_time", "error_logs", ["timestamp"], unique=False)
    op.create_table(
        "access_logs",
        sa.Column("id", BIG, autoincrement=True, nullable=False),
        sa.Column("user", sa.String(length=100), nullable=True),
        sa.Column("resource", sa.String(length=200), nullable=False),
        sa.Column("action", sa.String(length=20), nullable=False),
        sa.Column("ip", sa.String(length=45), nullable=True),
        sa.Column("user_agent", sa.String(length=200), nullable=True),
        sa.Column("status_code", sa.Integer(), nullable=False),
        sa.Column("timestamp", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("access_logs_by_time", "access_logs", ["timestamp"], unique=False)
    _make_views()


def downgrade() -> None:
    op.execute("drop view process_progress")
    op.execute("drop view production_summary")
    op.drop_table("access_logs")
    op.drop_table("error_logs")
    op.drop_table("audit_seals")
    op.drop_table("audit_log")
    op.drop_table("spc_signals")
    op.drop_table("spc_baselines")
    op.drop_table("spc_points")
    op.drop_table("spc_streams")
    op.drop_table("spc_cursors")
    op.drop_table("defects")
    op.drop_table("label_prints")
    op.drop_table("recall_units")
    op.drop_table("recalls")
    op.drop_table("component_uses")
    op.drop_index("process_data_by_completion", "process_data")
    op.drop_column("process_data", "clock_ahead")
    op.drop_column("process_data", "violation")
    op.drop_column("process_data", "is_offline")
    op.drop_column("process_data", "configuration_hash")
    op.drop_column("process_data", "application_version")
    op.drop_column("process_data", "station")
    op.drop_column("contested_events", "resolution")
    op.drop_column("contested_events", "resolved_at")
    op.drop_column("contested_events", "resolved_by")
    op.drop_column("reworks", "is_granted")
    op.drop_index("serials_defective", "serials")
    op.drop_index("serials_by_status", "serials")
    op.drop_column("serials", "shipped_at")
    op.drop_index("lots_by_priority_and_age", "lots")
    op.drop_index("lots_by_date", "lots")

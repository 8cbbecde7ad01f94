"""Lots, serials, attempts and what was put into a serial; answered keys and contested reports."""

import sqlalchemy as sa

from andon_mes.store.tables.columns import BigId, at, flag, id_, json, metadata, of, text

lots = sa.Table(
    "lots",
    metadata,
    id_(),
    text("lot_number", 50, unique=True),
    text("plant_code", 10),
    of("product_models"),
    text("shift", 1),
    sa.Column("production_date", sa.Date, nullable=False),
    sa.Column("sequence", sa.Integer, nullable=False),
    sa.Column("target_quantity", sa.Integer, nullable=False),
    text("status", 20),
    text("held_from", 20, nullable=True),
    text("priority", 10),
    at("created_at"),
    at("started_at", nullable=True),
    at("completed_at", nullable=True),
    text("created_by", 100, nullable=True),
    text("notes", 1000, nullable=True),
    sa.CheckConstraint("target_quantity > 0", name="lots_target_positive"),
    sa.CheckConstraint("shift in ('D', 'N')", name="lots_shift"),
    sa.Index("lots_by_status", "status"),
    sa.Index("lots_by_plant_and_date", "plant_code", "production_date"),
    sa.Index("lots_by_date", "production_date"),
    sa.Index("lots_by_priority_and_age", "priority", "created_at"),
)

serials = sa.Table(
    "serials",
    metadata,
    id_(),
    text("serial_number", 100, unique=True),
    of("lots"),
    sa.Column("sequence_in_lot", sa.Integer, nullable=False),
    text("checksum", 2),
    text("status", 20),
    text("held_from", 20, nullable=True),
    text("current_process", 20, nullable=True),
    flag("is_defective"),
    text("defect_code", 50, nullable=True),
    text("defect_description", 500, nullable=True),
    at("created_at"),
    at("started_at", nullable=True),
    at("completed_at", nullable=True),
    at("shipped_at", nullable=True),
    sa.UniqueConstraint("lot_id", "sequence_in_lot"),
    sa.Index("serials_by_lot_and_status", "lot_id", "status"),
    sa.Index("serials_by_status", "status", "current_process"),
    sa.Index(
        "serials_defective",
        "defect_code",
        sqlite_where=sa.text("is_defective"),
        postgresql_where=sa.text("is_defective"),
    ),
)

process_data = sa.Table(
    "process_data",
    metadata,
    id_(),
    of("serials"),
    of("processes", name="process_id"),
    sa.Column("attempt", sa.Integer, nullable=False),
    text("status", 20),
    at("started_at"),
    at("completed_at", nullable=True),
    at("recorded_at"),
    sa.Column("cycle_time", sa.Float, nullable=True),
    text("operator_id", 100),
    text("equipment_id", 100, nullable=True),
    text("station", 100, nullable=True),
    text("application_version", 40, nullable=True),
    text("configuration_hash", 80, nullable=True),
    flag("start_inferred"),
    # Made while the station could not reach the MES; `violation` says what a refusal would have said.
    flag("is_offline", default=False),
    text("violation", 50, nullable=True),
    # The station said a time later than now, by more than its clock may be off; see `clock_tolerance`.
    flag("clock_ahead", default=False),
    sa.Column("is_pass", sa.Boolean, nullable=True),
    json("process_specific_data", nullable=True),
    json("inspection_result", nullable=True),
    json("limit_breaches", nullable=True),
    text("defect_code", 50, nullable=True),
    text("defect_description", 500, nullable=True),
    text("completion_digest", 64, nullable=True),
    text("release", 40, nullable=True),
    sa.Column("completion_seq", BigId, nullable=True),
    at("created_at"),
    at("updated_at"),
    sa.UniqueConstraint("serial_id", "process_id", "attempt"),
    # What evidence reads, in the order in which completions were committed, without touching the table.
    sa.Index(
        "process_data_evidence", "completion_seq", "release", "process_id", "attempt", "is_pass", "cycle_time"
    ),
    # What the day's figures read, without touching the table.
    sa.Index(
        "process_data_by_completion",
        "completed_at",
        "process_id",
        "attempt",
        "is_pass",
        "cycle_time",
        "serial_id",
    ),
    sa.Index(
        "process_data_one_open_attempt",
        "serial_id",
        unique=True,
        sqlite_where=sa.text("status = 'IN_PROGRESS'"),
        postgresql_where=sa.text("status = 'IN_PROGRESS'"),
    ),
)

component_uses = sa.Table(
    "component_uses",
    metadata,
    id_(),
    of("serials"),
    of("process_data", name="process_data_id", nullable=True),
    text("component", 50),
    text("component_serial", 100, nullable=True),
    text("component_lot", 100, nullable=True),
    # Where the component is a serial of this MES: genealogy goes on through it.
    of("serials", name="subassembly_id", nullable=True),
    sa.Column("quantity", sa.Float, nullable=False),
    text("operator_id", 100, nullable=True),
    at("scanned_at"),
    at("removed_at", nullable=True),
    text("removed_by", 100, nullable=True),
    text("removal_reason", 500, nullable=True),
    sa.Index("component_uses_by_serial", "serial_id"),
    sa.Index("component_uses_by_lot", "component_lot"),
    # A component with a serial number is in one product at a time.
    sa.Index(
        "component_uses_one_place",
        "component",
        "component_serial",
        unique=True,
        sqlite_where=sa.text("component_serial is not null and removed_at is null"),
        postgresql_where=sa.text("component_serial is not null and removed_at is null"),
    ),
    sa.Index("component_uses_by_component_serial", "component_serial"),
    sa.Index(
        "component_uses_by_subassembly",
        "subassembly_id",
        sqlite_where=sa.text("subassembly_id is not null"),
        postgresql_where=sa.text("subassembly_id is not null"),
    ),
)

recalls = sa.Table(
    "recalls",
    metadata,
    id_(),
    text("number", 20, unique=True),
    # What is recalled: a component's serial or lot number, of one component where it is named.
    text("component", 50, nullable=True),
    text("component_serial", 100, nullable=True),
    text("component_lot", 100, nullable=True),
    text("reason", 500),
    text("opened_by", 100),
    at("opened_at"),
    text("ended_by", 100, nullable=True),
    at("ended_at", nullable=True),
    text("end_reason", 500, nullable=True),
    sa.Index("recalls_by_component_serial", "component_serial"),
    sa.Index("recalls_by_component_lot", "component_lot"),
)

recall_units = sa.Table(
    "recall_units",
    metadata,
    # No foreign keys: both come out of the rows they name in one statement, and checking ten thousand of them
    # would take PostgreSQL longer than the recall.
    sa.Column("recall_id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("serial_id", sa.Integer, primary_key=True, autoincrement=False),
    # Where it was when the recall found it, and what became of it then (recalls/model.py).
    text("status", 20),
    text("outcome", 20),
    sa.Index("recall_units_by_serial", "serial_id"),
)

label_prints = sa.Table(
    "label_prints",
    metadata,
    id_(),
    of("serials"),
    text("template_code", 50),
    sa.Column("copy_number", sa.Integer, nullable=False),
    text("printed_by", 100),
    at("printed_at"),
    text("reason", 500, nullable=True),
    text("digest", 64),
    sa.Index("label_prints_by_serial", "serial_id"),
)

answers = sa.Table(
    "answers",
    metadata,
    sa.Column("key", sa.String(200), primary_key=True),
    text("fingerprint", 64),
    sa.Column("status_code", sa.Integer, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    at("answered_at"),
)

contested_events = sa.Table(
    "contested_events",
    metadata,
    id_(),
    text("serial_number", 100),
    text("process_code", 20),
    text("code", 50),
    json("content"),
    text("release", 40),
    at("received_at"),
    flag("resolved"),
    text("resolved_by", 100, nullable=True),
    at("resolved_at", nullable=True),
    text("resolution", 500, nullable=True),
    sa.Index("contested_events_by_serial", "serial_number"),
)

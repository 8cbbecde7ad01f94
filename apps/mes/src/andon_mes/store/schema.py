"""The tables, as SQLAlchemy Core: the same on SQLite and PostgreSQL. Migrations make them; a test compares.

Quantities of a lot are nowhere here: they are derived from the rows (docs/design/mes.md, rule 4).
"""

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

metadata = sa.MetaData()


class UtcDateTime(sa.types.TypeDecorator[datetime]):
    """Aware UTC in Python; on SQLite, which has no zones, kept as UTC without one."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        if value is None:
            return None
        return (
            value.astimezone(UTC).replace(tzinfo=None) if dialect.name == "sqlite" else value.astimezone(UTC)
        )

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if dialect.name == "sqlite" else value.astimezone(UTC)


def _id() -> sa.Column[int]:
    return sa.Column("id", sa.Integer, primary_key=True, autoincrement=True)


def _text(name: str, length: int, **options: Any) -> sa.Column[str]:
    return sa.Column(name, sa.String(length), nullable=options.pop("nullable", False), **options)


def _at(name: str, *, nullable: bool = False) -> sa.Column[datetime]:
    return sa.Column(name, UtcDateTime, nullable=nullable)


def _of(table: str, *, name: str | None = None) -> sa.Column[int]:
    reference = sa.ForeignKey(f"{table}.id")
    return sa.Column(name or f"{table.removesuffix('s')}_id", sa.Integer, reference, nullable=False)


processes = sa.Table(
    "processes",
    metadata,
    _id(),
    _text("code", 20, unique=True),
    _text("name", 100),
    sa.Column("sequence_order", sa.Integer, nullable=False),
    _text("description", 500, nullable=True),
    sa.Column("standard_cycle_time", sa.Integer, nullable=False),
    sa.Column("infers_start", sa.Boolean, nullable=False),
    sa.Column("is_active", sa.Boolean, nullable=False),
    _at("created_at"),
    _at("updated_at"),
)

product_models = sa.Table(
    "product_models",
    metadata,
    _id(),
    _text("code", 50, unique=True),
    _text("name", 100),
    sa.Column("specification", sa.JSON, nullable=False),
    sa.Column("target_cycle_time", sa.Integer, nullable=False),
    sa.Column("bom", sa.JSON, nullable=False),
    _text("lot_pattern", 100),
    _text("serial_pattern", 100),
    sa.Column("is_active", sa.Boolean, nullable=False),
    _at("created_at"),
    _at("updated_at"),
)

defect_codes = sa.Table(
    "defect_codes",
    metadata,
    _id(),
    _text("code", 50, unique=True),
    _text("name", 100),
    _of("processes", name="process_id"),
    _text("severity", 10),
    _text("description", 500, nullable=True),
    sa.Column("is_active", sa.Boolean, nullable=False),
)

characteristics = sa.Table(
    "characteristics",
    metadata,
    _id(),
    _of("processes", name="process_id"),
    _text("name", 50),
    _text("unit", 20),
    sa.Column("lower", sa.Float, nullable=True),
    sa.Column("upper", sa.Float, nullable=True),
    _text("defect_code", 50),
    sa.Column("is_active", sa.Boolean, nullable=False),
    sa.UniqueConstraint("process_id", "name"),
)

counters = sa.Table(
    "counters",
    metadata,
    sa.Column("name", sa.String(100), primary_key=True),
    sa.Column("value", sa.Integer, nullable=False),
)

lots = sa.Table(
    "lots",
    metadata,
    _id(),
    _text("lot_number", 50, unique=True),
    _text("plant_code", 10),
    _of("product_models"),
    _text("shift", 1),
    sa.Column("production_date", sa.Date, nullable=False),
    sa.Column("sequence", sa.Integer, nullable=False),
    sa.Column("target_quantity", sa.Integer, nullable=False),
    _text("status", 20),
    _text("held_from", 20, nullable=True),
    _text("priority", 10),
    _at("created_at"),
    _at("started_at", nullable=True),
    _at("completed_at", nullable=True),
    _text("created_by", 100, nullable=True),
    _text("notes", 1000, nullable=True),
    sa.CheckConstraint("target_quantity > 0", name="lots_target_positive"),
    sa.CheckConstraint("shift in ('D', 'N')", name="lots_shift"),
    sa.Index("lots_by_status", "status"),
    sa.Index("lots_by_plant_and_date", "plant_code", "production_date"),
)

serials = sa.Table(
    "serials",
    metadata,
    _id(),
    _text("serial_number", 100, unique=True),
    _of("lots"),
    sa.Column("sequence_in_lot", sa.Integer, nullable=False),
    _text("checksum", 2),
    _text("status", 20),
    _text("held_from", 20, nullable=True),
    _text("current_process", 20, nullable=True),
    sa.Column("is_defective", sa.Boolean, nullable=False),
    _text("defect_code", 50, nullable=True),
    _text("defect_description", 500, nullable=True),
    _at("created_at"),
    _at("started_at", nullable=True),
    _at("completed_at", nullable=True),
    sa.UniqueConstraint("lot_id", "sequence_in_lot"),
    sa.Index("serials_by_lot_and_status", "lot_id", "status"),
)

process_data = sa.Table(
    "process_data",
    metadata,
    _id(),
    _of("serials"),
    _of("processes", name="process_id"),
    sa.Column("attempt", sa.Integer, nullable=False),
    _text("status", 20),
    _at("started_at"),
    _at("completed_at", nullable=True),
    _at("recorded_at"),
    sa.Column("cycle_time", sa.Float, nullable=True),
    _text("operator_id", 100),
    _text("equipment_id", 100, nullable=True),
    sa.Column("start_inferred", sa.Boolean, nullable=False),
    sa.Column("is_pass", sa.Boolean, nullable=True),
    sa.Column("process_specific_data", sa.JSON, nullable=True),
    sa.Column("inspection_result", sa.JSON, nullable=True),
    sa.Column("limit_breaches", sa.JSON, nullable=True),
    _text("defect_code", 50, nullable=True),
    _text("defect_description", 500, nullable=True),
    _text("completion_digest", 64, nullable=True),
    _text("release", 40, nullable=True),
    sa.Column("completion_seq", sa.Integer, nullable=True),
    _at("created_at"),
    _at("updated_at"),
    sa.UniqueConstraint("serial_id", "process_id", "attempt"),
    # What evidence reads, in the order in which completions were committed, without touching the table.
    sa.Index(
        "process_data_evidence", "completion_seq", "release", "process_id", "attempt", "is_pass", "cycle_time"
    ),
    sa.Index(
        "process_data_one_open_attempt",
        "serial_id",
        unique=True,
        sqlite_where=sa.text("status = 'IN_PROGRESS'"),
    ),
)

reworks = sa.Table(
    "reworks",
    metadata,
    _id(),
    _of("serials"),
    _of("processes", name="original_process_id"),
    _text("defect_code", 50),
    _text("reason", 500, nullable=True),
    _at("started_at"),
    _at("completed_at", nullable=True),
    _text("operator", 100, nullable=True),
    sa.Column("is_completed", sa.Boolean, nullable=False),
    _text("final_result", 20, nullable=True),
    _text("notes", 1000, nullable=True),
    sa.Index("reworks_by_serial", "serial_id"),
)

status_history = sa.Table(
    "status_history",
    metadata,
    _id(),
    _text("entity_type", 20),
    sa.Column("entity_id", sa.Integer, nullable=False),
    _text("old_status", 20, nullable=True),
    _text("new_status", 20),
    _text("changed_by", 100, nullable=True),
    _at("changed_at"),
    _text("reason", 500, nullable=True),
    sa.Index("status_history_by_entity", "entity_type", "entity_id"),
)

answers = sa.Table(
    "answers",
    metadata,
    sa.Column("key", sa.String(200), primary_key=True),
    _text("fingerprint", 64),
    sa.Column("status_code", sa.Integer, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    _at("answered_at"),
)

contested_events = sa.Table(
    "contested_events",
    metadata,
    _id(),
    _text("serial_number", 100),
    _text("process_code", 20),
    _text("code", 50),
    sa.Column("content", sa.JSON, nullable=False),
    _text("release", 40),
    _at("received_at"),
    sa.Column("resolved", sa.Boolean, nullable=False),
    sa.Index("contested_events_by_serial", "serial_number"),
)

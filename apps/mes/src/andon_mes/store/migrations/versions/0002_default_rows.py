"""The default product, its route, its defect codes and the limits of its measurements.

Rows, not code: another product with another route is other rows.

Revision ID: 0002
"""

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"

JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
_TYPES: dict[str, sa.types.TypeEngine[Any]] = {
    "created_at": sa.DateTime(timezone=True),
    "updated_at": sa.DateTime(timezone=True),
    "specification": JSON,
    "bom": JSON,
}
_SINCE = datetime(2025, 1, 1, tzinfo=UTC)
_PROCESSES = [
    ("SPRING", "Spring insertion", 1, 120),
    ("LMA", "LMA assembly", 2, 180),
    ("LASER", "Laser marking", 3, 60),
    ("EOL", "EOL inspection", 4, 300),
    ("ROBOT", "Robot performance test", 5, 180),
    ("PRINT", "Printing", 6, 60),
    ("PACK", "Packing", 7, 120),
]
_DEFECTS = [
    ("D001", "Spring", "SPRING", "MAJOR"),
    ("D002", "LMA assembly", "LMA", "CRITICAL"),
    ("D003", "Marking quality", "LASER", "MINOR"),
    ("D004", "Temperature sensor", "EOL", "CRITICAL"),
    ("D005", "TOF sensor", "EOL", "CRITICAL"),
    ("D006", "Firmware upload", "EOL", "CRITICAL"),
    ("D007", "Robot motion", "ROBOT", "CRITICAL"),
    ("D008", "Printing", "PRINT", "MINOR"),
]
_CHARACTERISTICS = [
    ("SPRING", "spring_force", "N", 40.0, 50.0, "D001"),
    ("LMA", "torque", "N·m", 1.10, 1.30, "D002"),
    ("LASER", "marking_contrast", "%", 60.0, 100.0, "D003"),
    ("EOL", "temperature", "°C", 20.0, 45.0, "D004"),
    ("EOL", "tof_distance", "mm", 95.0, 105.0, "D005"),
]
_MODEL = {
    "name": "F2X Wearable Robot Standard",
    "specification": {"weight": "2.5 kg", "battery": "Li-ion 5000 mAh", "color": "Black"},
    "target_cycle_time": 900,
    "bom": [],
    "lot_pattern": "FN-{plant}-{date8}-{shift}-{seq:6}",
    "serial_pattern": "FN-{plant}-{date6}{shift}-{seq:3}-{unit:4}",
}


def upgrade() -> None:
    for code, name, order, seconds in _PROCESSES:
        _insert(
            "processes",
            {"code": code},
            name=name,
            sequence_order=order,
            standard_cycle_time=seconds,
            infers_start=True,
            is_active=True,
            created_at=_SINCE,
            updated_at=_SINCE,
        )
    known = sa.table("processes", sa.column("code", sa.String()), sa.column("id", sa.Integer()))
    ids = {row.code: row.id for row in op.get_bind().execute(sa.select(known.c.code, known.c.id))}
    for code, name, process, severity in _DEFECTS:
        _insert(
            "defect_codes",
            {"code": code},
            name=name,
            process_id=ids[process],
            severity=severity,
            is_active=True,
        )
    for process, name, unit, lower, upper, defect in _CHARACTERISTICS:
        _insert(
            "characteristics",
            {"process_id": ids[process], "name": name},
            unit=unit,
            lower=lower,
            upper=upper,
            defect_code=defect,
            is_active=True,
        )
    _insert(
        "product_models",
        {"code": "NH-F2X-001"},
        **_MODEL,
        is_active=True,
        created_at=_SINCE,
        updated_at=_SINCE,
    )


def _insert(table: str, key: dict[str, object], **values: object) -> None:
    """Insert the row unless its key is there: a step down leaves the rows, which may be the plant's own."""
    row = {**key, **values}
    target = sa.table(table, *(sa.column(name, _TYPES.get(name, sa.types.NULLTYPE)) for name in row))
    is_it = [target.c[name] == value for name, value in key.items()]
    there = op.get_bind().execute(sa.select(sa.literal(1)).select_from(target).where(*is_it)).first()
    if there is None:
        op.get_bind().execute(target.insert(), row)


def downgrade() -> None:
    """Nothing: what stands in these tables may be the plant's own by now, and 0001 drops them."""

"""A plant's past as plain rows, and the same rows written into a database: for the tests of figures.

Used by test_summary.py and test_reports.py on SQLite, by component/test_reports_on_both.py on both databases.
"""

import itertools
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

import sqlalchemy as sa
from andon_mes.store.schema import lots, process_data, processes, product_models, serials
from hypothesis import strategies as st

DAY = date(2025, 11, 10)
BEGINS = datetime(2025, 11, 9, 23, tzinfo=UTC)  # 08:00 in Seoul
NOW = BEGINS + timedelta(hours=10)
ROUTE = ["SPRING", "LMA", "LASER", "EOL", "ROBOT", "PRINT", "PACK"]
MODELS = ["NH-F2X-001", "NH-F2X-002"]
STATUSES = [
    "CREATED",
    "WAITING",
    "IN_PROCESS",
    "COMPLETED",
    "SHIPPED",
    "DEFECTIVE",
    "REWORK",
    "SCRAPPED",
    "HOLD",
]
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Try:
    """One completed attempt."""

    process: str
    number: int
    passed: bool
    at: datetime
    seconds: float | None
    release: str = "1.0.0"
    equipment: str | None = None


@dataclass(frozen=True)
class Unit:
    """One serial: where it stands, and its attempts."""

    status: str
    at_process: str
    is_defective: bool
    tries: tuple[Try, ...] = ()
    held_from: str | None = None

    @property
    def counted_as(self):
        """A held serial is counted as what it was."""
        return self.held_from if self.status == "HOLD" else self.status


@dataclass(frozen=True)
class Past:
    """One lot."""

    model: str
    on: date
    status: str
    target: int
    units: tuple[Unit, ...] = field(default=())
    shift: str = "D"


def a_try():
    """Within two days around the production day; the route's first three processes."""
    return st.builds(
        Try,
        process=st.sampled_from(ROUTE[:3]),
        number=st.integers(1, 3),
        passed=st.booleans(),
        at=st.integers(-24 * 60, 24 * 60).map(lambda minutes: BEGINS + timedelta(minutes=minutes)),
        seconds=st.none() | st.integers(0, 4000).map(lambda tenths: tenths / 8),
        release=st.sampled_from(["1.0.0", "1.1.0"]),
        equipment=st.none() | st.sampled_from(["E-1", "E-2"]),
    )


def a_unit():
    return st.builds(
        Unit,
        status=st.sampled_from(STATUSES),
        at_process=st.sampled_from(ROUTE),
        is_defective=st.booleans(),
        tries=st.lists(a_try(), max_size=3, unique_by=lambda each: (each.process, each.number)).map(tuple),
        held_from=st.sampled_from(["WAITING", "COMPLETED"]),
    )


def a_past():
    """Up to three lots of two models and two days."""
    lot = st.builds(
        Past,
        model=st.sampled_from(MODELS),
        on=st.sampled_from([DAY, DAY - timedelta(days=1)]),
        status=st.sampled_from(["DRAFT", "RELEASED", "IN_PROGRESS", "HOLD", "CLOSED", "CANCELLED"]),
        target=st.integers(4, 9),
        units=st.lists(a_unit(), max_size=4).map(tuple),
        shift=st.sampled_from("DN"),
    )
    return st.lists(lot, max_size=3)


def write(connection, past):
    """Write the lots with everything of them, into tables that hold no other lot."""
    process_ids = dict(connection.execute(sa.select(processes.c.code, processes.c.id)).all())
    for lot in past:
        number = next(_numbers)
        lot_id = connection.execute(
            sa.insert(lots).returning(lots.c.id),
            {
                "lot_number": f"FN-KR-{lot.on:%Y%m%d}-{lot.shift}-{number:06d}",
                "plant_code": "KR",
                "product_model_id": _model_id(connection, lot.model),
                "shift": lot.shift,
                "production_date": lot.on,
                "sequence": number,
                "target_quantity": lot.target,
                "status": lot.status,
                "priority": "NORMAL",
                "created_at": BEGINS,
            },
        ).scalar_one()
        for place, unit in enumerate(lot.units, start=1):
            serial_id = connection.execute(
                sa.insert(serials).returning(serials.c.id), _serial(lot_id, number, place, unit)
            ).scalar_one()
            rows = [_attempt(serial_id, process_ids[each.process], each) for each in unit.tries]
            if rows:
                connection.execute(sa.insert(process_data), rows)


def _serial(lot_id, number, place, unit):
    return {
        "serial_number": f"FN-KR-251110D-{number:06d}-{place:04d}",
        "lot_id": lot_id,
        "sequence_in_lot": place,
        "checksum": "00",
        "status": unit.status,
        "held_from": unit.held_from if unit.status == "HOLD" else None,
        "current_process": None if unit.status == "CREATED" else unit.at_process,
        "is_defective": unit.is_defective,
        "created_at": BEGINS,
    }


def _attempt(serial_id, process_id, each):
    return {
        "serial_id": serial_id,
        "process_id": process_id,
        "attempt": each.number,
        "status": "PASS" if each.passed else "FAIL",
        "started_at": each.at - timedelta(seconds=60),
        "completed_at": each.at,
        "recorded_at": each.at,
        "cycle_time": each.seconds,
        "operator_id": "OP-1",
        "equipment_id": each.equipment,
        "start_inferred": False,
        "is_pass": each.passed,
        "defect_code": None if each.passed else "D001",
        "release": each.release,
        "created_at": each.at,
        "updated_at": each.at,
    }


def _model_id(connection, code):
    query = sa.select(product_models.c.id).where(product_models.c.code == code)
    known = connection.execute(query).scalar_one_or_none()
    if known is not None:
        return known
    first = connection.execute(sa.select(product_models)).mappings().first()
    values = {**first, "code": code, "name": code}
    del values["id"]
    return connection.execute(sa.insert(product_models).returning(product_models.c.id), values).scalar_one()

"""Random genealogies in a database, and the naive answer to what a recall asks of them.

Used by test_recalls.py (SQLite) and component/test_genealogy_postgresql.py.
"""

from datetime import UTC, datetime

import sqlalchemy as sa
from andon_mes.numbers.checksum import checksum
from andon_mes.recalls import store
from andon_mes.recalls.model import Target, outcome_of
from andon_mes.recalls.store import Opened
from andon_mes.serials.model import SerialStatus
from andon_mes.store.schema import component_uses, lots, serials, status_history
from hypothesis import strategies as st

T0 = datetime(2025, 11, 10, 3, tzinfo=UTC)
STATUSES = list(SerialStatus)

# Each unit: its status, the units inside of it (of those before it, so that no cycle is), the lots in it.
units = st.lists(
    st.tuples(
        st.sampled_from(STATUSES),
        st.lists(st.integers(0, 11), max_size=2),
        st.lists(st.tuples(st.sampled_from(["A", "B"]), st.booleans()), max_size=2),
    ),
    min_size=1,
    max_size=12,
)


def insert(connection, drawn):
    """Write the units into an empty database, and give what is in each: {index: (inner, lots)}."""
    connection.execute(sa.delete(component_uses))
    lot_id = connection.execute(
        sa.insert(lots).returning(lots.c.id),
        {
            "lot_number": f"FN-KR-20251110-D-{_count(connection, lots):06d}",
            "plant_code": "KR",
            "product_model_id": 1,
            "shift": "D",
            "production_date": T0.date(),
            "sequence": 1,
            "target_quantity": 20,
            "status": "IN_PROGRESS",
            "priority": "NORMAL",
            "created_at": T0,
        },
    ).scalar_one()
    ids, taken, content = [], set(), {}
    for at, (status, inner, parts) in enumerate(drawn):
        number = f"FN-KR-251110D-{lot_id:03d}-{at:04d}"
        ids.append(
            connection.execute(
                sa.insert(serials).returning(serials.c.id),
                {
                    "serial_number": number,
                    "lot_id": lot_id,
                    "sequence_in_lot": at + 1,
                    "checksum": checksum(number),
                    "status": status,
                    "held_from": "WAITING" if status == "HOLD" else None,
                    "is_defective": False,
                    "created_at": T0,
                },
            ).scalar_one()
        )
        inside = {each for each in inner if each < at and each not in taken}
        taken |= inside
        content[at] = (inside, {lot for lot, removed in parts if not removed})
        for each in inside:
            _use(connection, ids[at], "SUB", f"FN-KR-251110D-{lot_id:03d}-{each:04d}", None, ids[each])
        for lot, removed in parts:
            _use(connection, ids[at], "REEL", None, lot, None, removed=removed)
    return ids, content


def holding(content, lot):
    """Which units contain `lot`, found by going through all of them until nothing more is found."""
    found: set[int] = set()
    while True:
        more = {at for at, (inner, parts) in content.items() if lot in parts or inner & found}
        if more == found:
            return found
        found = more


def check_recall(connection, drawn):
    """A recall finds what the naive answer finds, holds what may be held, and writes the history of each."""
    ids, content = insert(connection, drawn)
    wanted = holding(content, "A")
    seen = store.list_affected(connection, Target(component_lot="A"))
    assert {int(each.serial_number[-4:]) for each in seen} == wanted
    recall = store.open_recall(connection, Target(component_lot="A"), Opened("Kim", T0, "cracked"))
    units = store.list_units(connection, recall)
    assert {int(each.serial_number[-4:]) for each in units} == wanted
    rows = {row.id: row for row in connection.execute(sa.select(serials).where(serials.c.id.in_(ids)))}
    for at, (status, _, _) in enumerate(drawn):
        row, held = rows[ids[at]], at in wanted and outcome_of(status) == "HELD"
        assert row.status == ("HOLD" if held else status)
        assert row.held_from == (status if held else "WAITING" if status == "HOLD" else None)
    changes = connection.execute(
        sa.select(status_history.c.entity_id, status_history.c.old_status, status_history.c.reason).where(
            status_history.c.entity_id.in_(ids), status_history.c.entity_type == "serial"
        )
    ).all()
    may_be_held = [at for at in wanted if drawn[at][0] not in {"SHIPPED", "SCRAPPED"}]
    assert sorted(each.entity_id for each in changes) == sorted(ids[at] for at in may_be_held)
    assert {each.reason for each in changes} <= {f"{recall.number}: cracked"}


def _use(connection, serial_id, component, number, lot, inner_id, *, removed=False):
    connection.execute(
        sa.insert(component_uses),
        {
            "serial_id": serial_id,
            "component": component,
            "component_serial": number,
            "component_lot": lot,
            "subassembly_id": inner_id,
            "quantity": 1,
            "scanned_at": T0,
            "removed_at": T0 if removed else None,
        },
    )


def _count(connection, table):
    return connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()

"""A factory floor gone wild: stations that do anything, and the laws that must hold whatever they do.

Events are units of work. Used by test_floor.py and component/test_floors.py (seconds) and by
campaign_floor.py (as long as you like), on both databases.
"""

import hashlib
import itertools
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from andon_mes.aborts import controller as aborts
from andon_mes.aborts.controller import Wanted
from andon_mes.idempotency.store import once, question
from andon_mes.lots import controller as lot_life
from andon_mes.lots import store as lots
from andon_mes.lots.model import LotAction, NewLot, Priority
from andon_mes.offline import controller as offline
from andon_mes.processes import controller
from andon_mes.processes.model import CompletionEvent, Serving, StartEvent
from andon_mes.serials import controller as serial_life
from andon_mes.serials import store as serials
from andon_mes.serials.model import SerialStatus
from andon_mes.store.history import Change
from andon_mes.store.schema import (
    equipment,
    operators,
    process_data,
    processes,
    qualifications,
    reworks,
    status_history,
)
from andon_mes.store.schema import serials as serial_rows

T0 = datetime(2025, 11, 10, 3, tzinfo=UTC)
ROUTE = ["SPRING", "LMA", "LASER", "EOL", "ROBOT", "PRINT", "PACK"]
DEFECT = {"SPRING": "D001", "LMA": "D002", "LASER": "D003", "EOL": "D004", "ROBOT": "D007", "PRINT": "D008"}
OPEN_LOTS = {"RELEASED", "IN_PROGRESS", "CLOSING"}
DONE = {"COMPLETED", "SHIPPED", "SCRAPPED"}
FIT = {"operator_id": "OP-1", "equipment_id": "E-1", "application_version": "2.0"}
UNFIT = [
    FIT | {"operator_id": "OP-2"},
    FIT | {"operator_id": "nobody"},
    FIT | {"equipment_id": "E-2"},
    FIT | {"equipment_id": None},
    FIT | {"application_version": "1.9"},
    FIT | {"application_version": None},
]
ticks = itertools.count()


def configure(connection):
    """EOL needs a qualified operator, ROBOT registered equipment that is up, LASER version 2.0."""
    wants = {
        "EOL": {"needs_qualification": True},
        "ROBOT": {"needs_equipment": True},
        "LASER": {"recipe": {"minimum_version": "2.0"}},
    }
    for code, values in wants.items():
        connection.execute(sa.update(processes).where(processes.c.code == code).values(**values))
    eol = connection.scalar(sa.select(processes.c.id).where(processes.c.code == "EOL"))
    made = {"is_active": True, "created_at": T0, "updated_at": T0}
    rows = [{"id": n, "badge": f"OP-{n}", "full_name": "Kim", **made} for n in (1, 2)]
    connection.execute(sa.insert(operators), rows)
    granted = {"operator_id": 1, "process_id": eol, "granted_at": T0}
    connection.execute(sa.insert(qualifications), granted)
    machines = [
        {"code": f"E-{n}", "name": "Press", "state": state, **made} for n, state in ((1, "PRD"), (2, "USD"))
    ]
    connection.execute(sa.insert(equipment), machines)


def is_fit(process, who):
    """What `configure` demands, said once more."""
    return {
        "EOL": who["operator_id"] == "OP-1",
        "ROBOT": who["equipment_id"] == "E-1",
        "LASER": who["application_version"] == "2.0",
    }.get(process, who["equipment_id"] != "E-2")


@dataclass
class Floor:
    """One lot with its serials, and the events that may be thrown at them: each gives a unit of work."""

    size: int = 2
    numbers: list[str] = field(default_factory=list)
    lot_number: str = ""
    lot_id: int = 0

    def begin(self, connection):
        """The unit of work that makes the lot and releases it."""
        new = NewLot("KR", "NH-F2X-001", T0.date(), "D", self.size, Priority.NORMAL, None, None)
        lot = lots.create(connection, new, T0)
        made = serials.generate(connection, lot, self.size, Change(None, T0))
        self.lot_number, self.lot_id = lot.lot_number, lot.id
        self.numbers = [each.serial_number for each in made]
        lot_life.change_status(connection, lot, LotAction.RELEASE, Change("Kim", T0))

    def start(self, number, process, *, who=FIT, key=None, late=None):
        """`late` is how many seconds ago it happened offline; None is now."""
        at = now(late)
        event = StartEvent(number, process, at=at, is_offline=late is not None, **who)
        content = {"start": number, "process": process, "at": at.isoformat(), "late": late, **who}
        asked = question("start", content, key or key_of(content), at)
        serving = Serving("1.0.0", at)

        def work(connection):
            if event.is_offline:
                return once(connection, asked, lambda: offline.start(connection, event, content, serving))
            return once(connection, asked, lambda: controller.start(connection, event, serving))

        return work

    def complete(self, number, process, *, passed=True, who=FIT, key=None, late=None):
        """See `start`."""
        at = now(late)
        content = {"complete": number, "process": process, "at": at.isoformat(), "late": late, **who}
        content["passed"] = passed
        digest = hashlib.sha256(repr(content).encode()).hexdigest()
        event = CompletionEvent(
            number,
            process,
            is_pass=passed,
            at=at,
            digest=digest,
            defect_code=None if passed else DEFECT.get(process),
            is_offline=late is not None,
            **who,
        )
        asked = question("complete", content, key or key_of(content), at)
        serving = Serving("1.0.0", at)
        apply = offline.complete if event.is_offline else controller.complete
        return lambda connection: once(connection, asked, lambda: apply(connection, event, content, serving))

    def abort(self, number, process):
        """A person ends the open attempt; it raises where there is none."""
        at = now()
        change = Change("Kim", at, "the wrong machine")
        return lambda connection: aborts.abort(connection, Wanted(number, process, at), change)

    def change_lot(self, action):
        """A person's action; it raises where the rules do not allow it."""
        change = Change("Kim", now(), "because")
        return lambda connection: lot_life.change_status(
            connection, lots.get(connection, self.lot_number), action, change
        )

    def change_serial(self, number, action):
        """See `change_lot`."""
        change = Change("Kim", now(), "because")
        return lambda connection: serial_life.change_status(connection, number, action, change)


def key_of(content):
    """The key of an event, as a station makes one: nothing else has it."""
    return hashlib.sha256(repr(content).encode()).hexdigest()


def now(late=None):
    """The floor's clock: a second later each time it is asked."""
    return T0 + timedelta(seconds=next(ticks) - (late or 0))


def attempts_of(connection, lot_id):
    """The attempts of a lot by serial, in the order in which they arrived."""
    query = (
        sa.select(process_data, serial_rows.c.serial_number, processes.c.code)
        .join(serial_rows, serial_rows.c.id == process_data.c.serial_id)
        .join(processes, processes.c.id == process_data.c.process_id)
        .where(serial_rows.c.lot_id == lot_id)
        .order_by(process_data.c.id)
    )
    found = {}
    for row in connection.execute(query):
        found.setdefault(row.serial_number, []).append(row)
    return found


def check_laws(connection, floor):
    """What must hold after any events whatever. Gives how many attempts were opened and closed."""
    attempts = attempts_of(connection, floor.lot_id)
    known = serials.list_of_lot(connection, floor.lot_id)
    for serial in known:
        of_serial = attempts.get(serial.serial_number, [])
        _check_order(of_serial)
        _check_places(of_serial)
        _check_standing(serial, of_serial)
    _check_history(connection, floor, known)
    _check_lot(connection, floor, known)
    flat = [row for rows in attempts.values() for row in rows]
    return (
        sum(not row.start_inferred for row in flat),
        sum(row.is_pass is not None for row in flat),
    )


def _check_order(rows):
    """Nothing starts before all before it passed, nor beside another, nor too often."""
    for row in rows:
        tries = [each.attempt for each in rows if each.code == row.code]
        assert tries == list(range(1, len(tries) + 1)), "attempts are numbered"
        counted = [e for e in rows if e.code == row.code and e.status != "ABORTED" and not e.is_offline]
        assert len(counted) <= 3, ("three attempts at most", rows)
        if row.violation is None:
            for earlier in ROUTE[: ROUTE.index(row.code)]:
                assert any(
                    each.code == earlier
                    and each.status == "PASS"
                    and (each.id < row.id or each.completed_at <= row.started_at)
                    for each in rows
                ), f"{row.code} started before {earlier} passed"
        passes = [e for e in rows if e.code == row.code and e.status == "PASS" and e.violation is None]
        assert len(passes) <= 1, "a process passes once"
    assert sum(row.status == "IN_PROGRESS" for row in rows) <= 1, "one attempt at a time"


def _check_places(rows):
    """No unqualified operator, no machine that is down, no old program."""
    for row in rows:
        who = {key: getattr(row, key) for key in FIT}
        assert row.violation is not None or is_fit(row.code, who), "the wrong place"


def _check_standing(serial, rows):
    """Where the serial is follows from its attempts."""
    standing = serial.held_from if serial.status is SerialStatus.HOLD else serial.status
    passed = {row.code for row in rows if row.status == "PASS"}
    told = [(row.code, row.attempt, row.status, row.violation) for row in rows]
    assert (standing == "IN_PROCESS") == any(row.status == "IN_PROGRESS" for row in rows), (serial, told)
    if standing in {"COMPLETED", "SHIPPED"}:
        assert passed == set(ROUTE), (serial, told)
    elif standing not in {"SCRAPPED", "IN_PROCESS"}:  # an event from offline may have opened it once more
        assert passed != set(ROUTE), (serial, told)


def _check_history(connection, floor, known):
    """Every change follows the one before it, and what is held does not move by a station's word."""
    numbers = {each.id: each for each in known}
    query = (
        sa.select(status_history)
        .where(
            sa.or_(
                sa.and_(status_history.c.entity_type == "lot", status_history.c.entity_id == floor.lot_id),
                sa.and_(status_history.c.entity_type == "serial", status_history.c.entity_id.in_(numbers)),
            )
        )
        .order_by(status_history.c.id)
    )
    last, lot = {}, None
    for row in connection.execute(query):
        what = (row.entity_type, row.entity_id)
        assert row.old_status == last.get(what), "no change is lost"
        last[what] = row.new_status
        lot = row.new_status if row.entity_type == "lot" else lot
        if row.entity_type == "lot" or row.changed_by in {None, "Kim"}:
            continue
        is_from_offline = (row.reason or "").startswith("OFFLINE")
        assert is_from_offline or row.old_status != "HOLD", ("a held serial moved", row)
        assert is_from_offline or lot in OPEN_LOTS, ("a serial of a held lot moved", lot, row)
    for serial in known:
        assert last["serial", serial.id] == serial.status


def _check_lot(connection, floor, known):
    lot = lots.get(connection, floor.lot_number)
    counted = lots.quantities(connection, lot.id)
    assert counted.actual + counted.defect <= lot.target_quantity
    over = [each for each in known if each.status in DONE]
    if lot.status in OPEN_LOTS:
        assert len(over) < floor.size, "a lot closes with its last serial"
    if lot.status == "CLOSED":
        standing = {each.held_from if each.status == "HOLD" else each.status for each in known}
        assert standing <= DONE, "a closed lot has nothing under way"


def reworks_of(connection, serial_id):
    """How often the serial was reworked, or is to be."""
    of_serial = reworks.c.serial_id == serial_id
    return connection.scalar(sa.select(sa.func.count()).select_from(reworks).where(of_serial))

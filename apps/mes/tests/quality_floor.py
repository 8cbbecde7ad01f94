"""Two serials, stations that fail them, and quality that decides anything at any time; and what must hold.

Used by test_quality_floor.py and component/test_quality_databases.py.
"""

import asyncio
import contextlib
import itertools
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from andon_mes.defects import controller as quality
from andon_mes.defects import signature
from andon_mes.defects import store as defects
from andon_mes.defects.controller import Choice, Finding
from andon_mes.defects.model import LIVE, DefectStatus, Disposition, Meaning
from andon_mes.defects.signature import Signer
from andon_mes.kernel.errors import MesError
from andon_mes.lots import store as lots
from andon_mes.lots.decide import decide_change as decide_lot
from andon_mes.lots.model import LotAction, NewLot, Priority
from andon_mes.processes import controller
from andon_mes.processes import store as attempts
from andon_mes.processes.model import CompletionEvent, Serving, StartEvent
from andon_mes.reworks import controller as repairs
from andon_mes.reworks import store as reworks
from andon_mes.reworks.model import ReworkResult
from andon_mes.serials import store as serials
from andon_mes.serials.decide import decide_change
from andon_mes.serials.model import SerialAction, SerialStatus
from andon_mes.store.history import Change
from andon_mes.store.schema import defects as defect_rows
from andon_mes.store.schema import process_data, processes
from andon_mes.store.schema import reworks as rework_rows
from andon_mes.store.schema import serials as serial_rows
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

T0 = datetime(2025, 11, 10, 3, tzinfo=UTC)
ROUTE = ["SPRING", "LMA", "LASER", "EOL", "ROBOT", "PRINT", "PACK"]
CODE = {"SPRING": "D001", "LMA": "D002", "LASER": "D003", "EOL": "D004", "ROBOT": "D007", "PRINT": "D008"}
NEXT = {
    (None, "OPEN"), ("OPEN", "CONTAINED"), ("CONTAINED", "DISPOSITIONED"), ("DISPOSITIONED", "VERIFIED"),
    ("VERIFIED", "CLOSED"), ("DISPOSITIONED", "CONTAINED"), ("OPEN", "CLOSED"), ("CONTAINED", "CLOSED"),
    ("DISPOSITIONED", "CLOSED"),
}  # fmt: skip
SIGNER = Signer("quality-1", "Kim", Meaning.APPROVED, "the customer agreed")
PICK = st.integers(0, 50)
SERIAL = st.integers(0, 1)


class Floor:
    """One released lot of two serials; every event is one transaction."""

    def __init__(self, database):
        self.database = database
        self.ticks = itertools.count(1)
        self.loop = asyncio.new_event_loop()
        self.numbers = self.do(self._make)

    def do(self, work):
        """`work` in a transaction of its own; None when it was refused."""
        with contextlib.suppress(MesError):
            return self.loop.run_until_complete(self.database.write(work))
        return None

    def see(self, work):
        return self.loop.run_until_complete(self.database.read(work))

    def end(self):
        self.loop.close()

    def change(self, reason="because"):
        return Change("quality-1", T0 + timedelta(seconds=next(self.ticks)), reason)

    def start(self, number, process):
        at = self.change().at
        event = StartEvent(number, process, "OP-1", None, at)
        return self.do(lambda each: controller.start(each, event, Serving("1.0.0", at)))

    def complete(self, number, process, passed):
        at = self.change().at
        code = None if passed else CODE.get(process)
        event = CompletionEvent(number, process, "OP-1", passed, at, f"{number}{at}"[:64], defect_code=code)
        return self.do(lambda each: controller.complete(each, event, {}, Serving("1.0.0", at)))

    def due(self, number):
        return self.see(lambda each: serials.get(each, number)).current_process or "SPRING"

    def _make(self, connection):
        new = NewLot("KR", "NH-F2X-001", T0.date(), "D", 2, Priority.NORMAL, None, None)
        lot = lots.create(connection, new, T0)
        made = serials.generate(connection, lot, 2, Change(None, T0))
        lots.set_status(connection, lot, decide_lot(lot.status, None, LotAction.RELEASE), Change(None, T0))
        return [each.serial_number for each in made]

    def check(self, connection):
        """The laws of the life of defects."""
        for number in self.numbers:
            serial = serials.get(connection, number)
            found = connection.execute(
                sa.select(defect_rows, processes.c.code)
                .join(processes, processes.c.id == defect_rows.c.process_id)
                .where(defect_rows.c.serial_id == serial.id)
                .order_by(defect_rows.c.id)
            ).all()
            self._check_serial(connection, serial, found)
            for row in found:
                self._check_defect(connection, row)

    def _check_serial(self, connection, serial, found):
        live = [row for row in found if DefectStatus(row.status) in LIVE]
        of_attempts = [row.code for row in live if row.process_data_id is not None]
        assert len(of_attempts) == len(set(of_attempts)), "one live defect of attempts at a process"
        where = {serial.status, serial.held_from}
        if SerialStatus.REWORK in where:
            decided = [row.disposition for row in live if row.code == serial.current_process]
            assert "REWORK" in decided, "who is in rework was dispositioned so"
        if SerialStatus.DEFECTIVE in where:
            waiting = [row for row in live if row.code == serial.current_process and row.disposition is None]
            assert waiting, "who is defective has a defect that waits for quality"
        if serial.status is SerialStatus.SCRAPPED:
            assert all(row.disposition in {"SCRAP", "USE_AS_IS"} for row in live), "scrap is a disposition"
            assert connection.scalar(_open(rework_rows, rework_rows.c.is_completed.is_(False), serial)) == 0
        tries = connection.execute(_TRIES, {"serial_id": serial.id}).all()
        passed = {row.code for row in tries if row.status == "PASS"}
        accepted = {row.code for row in found if row.disposition == "USE_AS_IS" and row.process_data_id}
        if serial.status is SerialStatus.COMPLETED:
            assert passed | accepted == set(ROUTE), "finished is passed or accepted, all of it"
        granted = connection.execute(_GRANTED, {"serial_id": serial.id}).all()
        for process in ROUTE:
            most = 3 + sum(row.code == process for row in granted)
            assert sum(row.code == process for row in tries) <= most, "three attempts, and what was granted"

    def _check_defect(self, connection, row):
        steps = [
            (each["old_status"], each["new_status"]) for each in defects.list_history(connection, row.id)
        ]
        assert all(each in NEXT for each in steps), steps
        assert [old for old, _ in steps] == [None, *(new for _, new in steps[:-1])], "no gap in the history"
        assert steps[-1][1] == row.status
        known = defects.get(connection, row.id)
        assert (known.disposition is Disposition.USE_AS_IS) == (known.signature is not None)
        assert signature.standing(known) in {None, signature.SignatureStanding.VALID}
        assert (row.verified_at is not None) == (("DISPOSITIONED", "VERIFIED") in steps)


_TRIES = (
    sa.select(processes.c.code, process_data.c.status)
    .join(processes, processes.c.id == process_data.c.process_id)
    .where(process_data.c.serial_id == sa.bindparam("serial_id"))
)
_GRANTED = (
    sa.select(processes.c.code)
    .join(rework_rows, rework_rows.c.original_process_id == processes.c.id)
    .where(rework_rows.c.serial_id == sa.bindparam("serial_id"), rework_rows.c.is_granted)
)


def _open(table, condition, serial):
    return sa.select(sa.func.count()).select_from(table).where(table.c.serial_id == serial.id, condition)


class Quality(RuleBasedStateMachine):
    """One floor in `database`."""

    database = None

    def __init__(self):
        super().__init__()
        self.floor = Floor(self.database)

    def teardown(self):
        self.floor.end()

    @rule(serial=SERIAL, fails=st.integers(0, 3), passes=st.booleans())
    def work(self, serial, fails, passes):
        number = self.floor.numbers[serial]
        for passed in [False] * fails + [True] * passes:
            due = self.floor.due(number)
            if passed or due in CODE:
                self.floor.start(number, due)
                self.floor.complete(number, due, passed)

    @rule(serial=SERIAL, process=st.sampled_from(ROUTE))
    def start_anything(self, serial, process):
        self.floor.start(self.floor.numbers[serial], process)

    @rule(serial=SERIAL, process=st.sampled_from(sorted(CODE)), holds=st.booleans())
    def find(self, serial, process, holds):
        finding = Finding(self.floor.numbers[serial], process, CODE[process], "seen", holds=holds)
        change = self.floor.change()
        self.floor.do(lambda each: quality.find(each, finding, change))

    @rule(pick=PICK, chosen=st.sampled_from(Disposition), signs=st.booleans(), grants=st.booleans())
    def dispose(self, pick, chosen, signs, grants):
        choice = Choice(chosen, SIGNER if signs else None, may_grant=grants)
        self._with_defect(pick, lambda each, one, change: quality.dispose(each, one, choice, change))

    @rule(pick=PICK, what=st.sampled_from([quality.contain, quality.verify, quality.close]))
    def advance(self, pick, what):
        self._with_defect(pick, what)

    @rule(pick=PICK, result=st.sampled_from([ReworkResult.PASS, ReworkResult.FAIL, None]))
    def end_rework(self, pick, result):
        change = self.floor.change()

        def work(connection):
            ids = connection.scalars(sa.select(rework_rows.c.id).order_by(rework_rows.c.id)).all()
            if not ids:
                return
            one = reworks.get(connection, ids[pick % len(ids)])
            if result is None:
                repairs.cancel(connection, one, change)
            else:
                repairs.complete(connection, one, result, change)

        self.floor.do(work)

    @rule(serial=SERIAL, action=st.sampled_from([SerialAction.HOLD, SerialAction.RELEASE]))
    def hold(self, serial, action):
        self._change_serial(serial, action)

    @rule(serial=SERIAL, chance=st.integers(0, 3))
    def scrap(self, serial, chance):
        if chance == 0:
            self._change_serial(serial, SerialAction.SCRAP)

    @invariant()
    def laws(self):
        self.floor.see(self.floor.check)

    def _with_defect(self, pick, what):
        change = self.floor.change()

        def work(connection):
            mine = sa.select(defect_rows.c.id).join(serial_rows, serial_rows.c.id == defect_rows.c.serial_id)
            of = serial_rows.c.serial_number.in_(self.floor.numbers)
            ids = connection.scalars(mine.where(of).order_by(defect_rows.c.id)).all()
            if ids:
                what(connection, defects.get(connection, ids[pick % len(ids)]), change)

        self.floor.do(work)

    def _change_serial(self, serial, action):
        change = self.floor.change()

        def work(connection):
            one = serials.get(connection, self.floor.numbers[serial])
            after = decide_change(one.status, one.held_from, action)
            serials.set_status(connection, one, after, change)
            if after is SerialStatus.SCRAPPED:
                attempts.end_open_work(connection, one.id, change.at)
                defects.scrap_live(connection, one.id, change)

        self.floor.do(work)


def machine(in_database):
    """The state machine in that database."""

    class Here(Quality):
        database = in_database

    return Here

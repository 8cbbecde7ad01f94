"""A factory floor gone wild: stations that start and complete anything, and the laws that must hold.

Used by test_floor.py (seconds) and campaign_floor.py (as long as you like).
"""

import itertools
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from andon_mes.idempotency.store import once, question
from andon_mes.lots import store as lots
from andon_mes.lots.decide import decide_change
from andon_mes.lots.model import LotAction, NewLot, Priority
from andon_mes.processes import controller
from andon_mes.processes.model import CompletionEvent, Serving, StartEvent
from andon_mes.serials import store as serials
from andon_mes.store.history import Change
from andon_mes.store.schema import process_data, processes
from andon_mes.store.schema import serials as serial_rows

T0 = datetime(2025, 11, 10, 3, tzinfo=UTC)
ROUTE = ["SPRING", "LMA", "LASER", "EOL", "ROBOT", "PRINT", "PACK"]
DEFECT = {"SPRING": "D001", "LMA": "D002", "LASER": "D003", "EOL": "D004", "ROBOT": "D007", "PRINT": "D008"}


@dataclass
class Floor:
    """One lot in one database, and events thrown at it. Every event is one transaction."""

    connection: sa.Connection
    size: int = 2
    ticks: itertools.count = field(default_factory=itertools.count)
    numbers: list[str] = field(default_factory=list)
    lot_number: str = ""

    def __post_init__(self):
        with self.transaction():
            new = NewLot("KR", "NH-F2X-001", T0.date(), "D", self.size, Priority.NORMAL, None, None)
            lot = lots.create(self.connection, new, T0)
            self.lot_number = lot.lot_number
            made = serials.generate(self.connection, lot, self.size, Change(None, T0))
            self.numbers = [each.serial_number for each in made]
        self.change_lot(LotAction.RELEASE)

    def transaction(self):
        return _Transaction(self.connection)

    def change_lot(self, action):
        """Do it if the rules allow it."""
        with self.transaction():
            lot = lots.get(self.connection, self.lot_number)
            after = decide_change(lot.status, lot.held_from, action)
            lots.set_status(self.connection, lot, after, Change("Kim", T0, "because"))

    def start(self, number, process, key=None):
        at = self._now()
        event = StartEvent(number, process, "OP-1", "E-1", at)
        return self._ask("start", [number, process, key or at.isoformat()], key, at, event, None)

    def complete(self, number, process, *, passed=True, key=None):
        at = self._now()
        digest = f"{number}{process}{passed}{key or at}"
        code = None if passed else DEFECT.get(process)
        event = CompletionEvent(number, process, "OP-1", passed, at, digest[:64], defect_code=code)
        return self._ask("complete", [number, process, passed, key or at.isoformat()], key, at, event, digest)

    def rows(self):
        """Attempts of the lot as (serial, process, attempt, status), in the order they were opened."""
        query = (
            sa.select(
                serial_rows.c.serial_number, processes.c.code, process_data.c.attempt, process_data.c.status
            )
            .select_from(process_data)
            .join(serial_rows, serial_rows.c.id == process_data.c.serial_id)
            .join(processes, processes.c.id == process_data.c.process_id)
            .where(serial_rows.c.serial_number.in_(self.numbers))
            .order_by(process_data.c.id)
        )
        return [tuple(row) for row in self.connection.execute(query)]

    def check_laws(self):
        """What must hold after any events whatever: a route without gaps, one open attempt, three tries."""
        for number in self.numbers:
            passed, open_now = [], 0
            tries = dict.fromkeys(ROUTE, 0)
            for _, process, attempt, status in [row for row in self.rows() if row[0] == number]:
                tries[process] += 1
                assert attempt == tries[process] <= 3, "attempts are numbered, and three at most"
                assert passed == ROUTE[: ROUTE.index(process)], (
                    "nothing starts before the one before it passed"
                )
                assert open_now == 0, "one attempt at a time"
                open_now = status == "IN_PROGRESS"
                passed += [process] * (status == "PASS")
            serial = serials.get(self.connection, number)
            assert (serial.status == "COMPLETED") == (passed == ROUTE)
            assert (serial.status == "IN_PROCESS") == bool(open_now) or serial.status == "HOLD"
        lot = lots.get(self.connection, self.lot_number)
        counted = lots.quantities(self.connection, lot.id)
        assert counted.actual + counted.defect <= lot.target_quantity
        assert (lot.status == "CLOSED") == (counted.actual == self.size)

    def _ask(self, operation, content, key, at, event, digest):
        serving = Serving("1.0.0", at)
        asked = question(operation, content, key, at)
        with self.transaction():
            if digest is None:
                return once(self.connection, asked, lambda: controller.start(self.connection, event, serving))
            return once(
                self.connection, asked, lambda: controller.complete(self.connection, event, content, serving)
            )

    def _now(self):
        return T0 + timedelta(seconds=next(self.ticks))


class _Transaction:
    def __init__(self, connection):
        self.connection = connection

    def __enter__(self):
        self.connection.exec_driver_sql("BEGIN IMMEDIATE")

    def __exit__(self, kind, *_):
        self.connection.exec_driver_sql("COMMIT" if kind is None else "ROLLBACK")

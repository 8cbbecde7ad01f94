"""Sequences of events against the MES and a model of it: the same answers, and no law broken.

The model is the rules said once more, in another way. What happened offline is not foreseen but looked up.
"""

import asyncio
import json
from dataclasses import dataclass, field

from andon_mes.kernel.errors import MesError
from andon_mes.lots import store as lots
from andon_mes.lots.model import LotAction
from andon_mes.serials import store as serials
from andon_mes.serials.model import SerialAction
from floor import (
    DEFECT,
    DONE,
    FIT,
    OPEN_LOTS,
    ROUTE,
    UNFIT,
    Floor,
    attempts_of,
    check_laws,
    is_fit,
    reworks_of,
)
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

PARTS = st.integers(0, 1)
WHO = st.one_of(st.just(FIT), st.just(FIT), st.sampled_from(UNFIT))


@dataclass
class Part:
    """A serial as the model sees it: what it has passed, how often each process was tried, what is open."""

    status: str = "CREATED"
    held_from: str | None = None
    passed: set[str] = field(default_factory=set)
    tries: dict[str, int] = field(default_factory=lambda: dict.fromkeys(ROUTE, 0))
    reworks: int = 0
    open: str | None = None

    def next(self):
        return next((each for each in ROUTE if each not in self.passed), None)

    def may_start(self, process, lot, who):
        return (
            lot in OPEN_LOTS
            and self.status in {"CREATED", "WAITING", "REWORK"}
            and self.next() == process
            and self.tries[process] < 3
            and is_fit(process, who)
        )

    def may_complete(self, process, lot, who):
        """Every process of the default plant infers its start."""
        is_open = self.status == "IN_PROCESS" and lot in OPEN_LOTS and self.open == process
        return is_open or self.may_start(process, lot, who)

    def start(self, process):
        if self.open is None:
            self.tries[process] += 1
        self.status, self.open = "IN_PROCESS", process

    def complete(self, process, passed):
        self.open = None
        if passed:
            self.passed.add(process)
            self.status = "COMPLETED" if self.next() is None else "WAITING"
        elif self.tries[process] >= 3 or self.reworks >= 5:
            self.status, self.held_from = "HOLD", "DEFECTIVE"
        else:
            self.status, self.reworks = "REWORK", self.reworks + 1

    def abort(self):
        """It is where its other attempts put it, and what is held stays held."""
        self.tries[self.open] -= 1
        self.open, is_held, process = None, self.status == "HOLD", self.next()
        if process is None:
            stands = "COMPLETED"
        elif not self.tries[process]:
            stands = "WAITING"
        else:
            stands = "DEFECTIVE" if self.tries[process] >= 3 or self.reworks > 5 else "REWORK"
        is_held = is_held or stands == "DEFECTIVE"
        self.status, self.held_from = ("HOLD", stands) if is_held else (stands, None)


@dataclass
class Model:
    """The lot and its parts."""

    parts: list[Part] = field(default_factory=lambda: [Part(), Part()])
    lot: str = "RELEASED"

    def start(self, at, process):
        self.parts[at].start(process)
        self.lot = "IN_PROGRESS" if self.lot == "RELEASED" else self.lot

    def close_when_complete(self):
        if self.lot in OPEN_LOTS and all(part.status in DONE for part in self.parts):
            self.lot = "CLOSED"


class Stations(RuleBasedStateMachine):
    """Two parts of one lot, and everything that may be done with them. `run_machine` gives the database."""

    database = runner = None

    def do(self, work, *, alone=False):
        return self.runner.run(self.database.write(work, alone=alone))

    def look(self, work):
        return self.runner.run(self.database.read(work))

    def __init__(self):
        super().__init__()
        self.floor, self.model, self.last = Floor(), Model(), None
        self.do(self.floor.begin, alone=True)

    @rule(part=PARTS, process=st.sampled_from(ROUTE), who=WHO)
    def start_anything(self, part, process, who):
        self._start(part, process, who)

    @rule(part=PARTS, process=st.sampled_from(ROUTE), who=WHO, passed=st.booleans())
    def complete_anything(self, part, process, who, passed):
        self._complete(part, process, who, passed or process not in DEFECT)

    @rule(part=PARTS, processes=st.integers(1, 7), fails=st.integers(0, 3))
    def do_what_is_next(self, part, processes, fails):
        for _ in range(processes):
            process = self.model.parts[part].next() or "PACK"
            for passed in [False] * (fails if process in DEFECT else 0) + [True]:
                self._start(part, process, FIT)
                self._complete(part, process, FIT, passed)

    @rule(part=PARTS, process=st.sampled_from(ROUTE), ends=st.booleans(), late=st.integers(0, 30))
    def work_offline(self, part, process, ends, late):
        number = self.floor.numbers[part]
        work = self.floor.complete if ends else self.floor.start
        answer = self.do(work(number, process, late=late))
        contradicts = {"ATTEMPT_CLOSED_DIFFERENTLY", "ATTEMPT_DISAGREES"}
        assert answer.status_code < 300 or json.loads(answer.body)["code"] in contradicts
        self._look_up()

    @rule()
    def ask_again_under_the_same_key(self):
        if self.last is not None:
            work, answer = self.last
            again = self.do(work)
            assert (again.is_replayed, again.body) == (True, answer.body)

    @rule(part=PARTS, process=st.sampled_from(ROUTE))
    def ask_something_else_under_the_same_key(self, part, process):
        key = f"{self.floor.lot_id}"
        number = self.floor.numbers[part]
        codes = []
        for who in (FIT, UNFIT[0]):
            try:
                self.do(self.floor.start(number, process, who=who, key=key))
            except MesError as error:
                codes.append(error.problem.code)
        assert "KEY_REUSED" in codes
        self._look_up()

    @rule(part=PARTS, process=st.sampled_from([None, *ROUTE]))
    def somebody_aborts(self, part, process):
        seen = self.model.parts[part]
        process = process or seen.open or "SPRING"
        work = self.floor.abort(self.floor.numbers[part], process)
        if seen.open == process:
            self.do(work, alone=True)
            seen.abort()
            self.model.close_when_complete()
        else:
            self._person(work)

    @rule(action=st.sampled_from([*[LotAction.HOLD, LotAction.RELEASE] * 4, *LotAction]))
    def somebody_changes_the_lot(self, action):
        self._person(self.floor.change_lot(action))

    @rule(part=PARTS, action=st.sampled_from([*[SerialAction.RELEASE] * 4, *SerialAction]))
    def somebody_changes_a_serial(self, part, action):
        self._person(self.floor.change_serial(self.floor.numbers[part], action))

    @invariant()
    def no_law_is_broken(self):
        self.look(lambda connection: check_laws(connection, self.floor))

    @invariant()
    def the_model_is_right(self):
        assert self.look(self._seen) == self.model

    def _start(self, part, process, who):
        work = self.floor.start(self.floor.numbers[part], process, who=who)
        answer = self.do(work)
        may = self.model.parts[part].may_start(process, self.model.lot, who)
        assert (answer.status_code == 201) == may, answer.body
        if may:
            self.model.start(part, process)
        self.last = work, answer

    def _complete(self, part, process, who, passed):
        work = self.floor.complete(self.floor.numbers[part], process, passed=passed, who=who)
        answer = self.do(work)
        may = self.model.parts[part].may_complete(process, self.model.lot, who)
        assert (answer.status_code == 200) == may, answer.body
        if may:
            self.model.start(part, process)
            self.model.parts[part].complete(process, passed)
            self.model.close_when_complete()
        self.last = work, answer

    def _person(self, work):
        before = self.look(self._seen)
        try:
            self.do(work, alone=True)
        except MesError:
            assert self.look(self._seen) == before, "what is refused changes nothing"
        self._look_up()

    def _look_up(self):
        self.model = self.look(self._seen)

    def _seen(self, connection):
        attempts = attempts_of(connection, self.floor.lot_id)
        parts = []
        for each in serials.list_of_lot(connection, self.floor.lot_id):
            part = Part(each.status, each.held_from, reworks=reworks_of(connection, each.id))
            for row in attempts.get(each.serial_number, []):
                part.tries[row.code] += row.status != "ABORTED"
                part.passed |= {row.code} if row.status == "PASS" else set()
                part.open = row.code if row.status == "IN_PROGRESS" else part.open
            parts.append(part)
        return Model(parts, lots.get(connection, self.floor.lot_number).status)


def run_machine(database, *, examples, steps):
    """Generate sequences against `database`, which is configured already (floor.configure)."""
    with asyncio.Runner() as runner:
        bound = type("Stations", (Stations,), {"database": database, "runner": runner})
        chosen = settings(max_examples=examples, stateful_step_count=steps, deadline=None, derandomize=True)
        run_state_machine_as_test(bound, settings=chosen)

"""Anything may happen to a station; what was confirmed stays, and left alone it comes to rest.

ANDON_AGENT_LIVES is how many stations live.
"""

import os
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import Phase as Phases
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from andon.testing.disks import PowerCut
from andon_agent.engine.controller import Engine
from andon_wire.protocol import Phase, WantedUnit
from bench.agent.station import HOME, Machine, Registry, Release, an_engine
from bench.agent.stories import UNIT

pytestmark = pytest.mark.simulation
_REGISTRY = Registry(
    [
        Release(UNIT, "1.0"),
        Release(UNIT, "1.1", deltas=["1.0"], behaviour="stubborn"),
        Release(UNIT, "2.0", schema=2, deltas=["1.0", "1.1"]),
        Release(UNIT, "2.1", "silent", schema=2, deltas=["2.0"]),
        Release(UNIT, "2.2", "crash", schema=3, deltas=["2.0"]),
        Release(UNIT, "2.3", "late-crash", schema=2, deltas=["2.0"]),
        Release(UNIT, "3.0", schema=9, deltas=["2.0"]),  # understands whatever the others left
    ]
)
_VERSIONS = st.sampled_from([None, "1.0", "1.1", "2.0", "2.1", "2.2", "2.3", "7.0"])


class Life(RuleBasedStateMachine):
    """A station to which things happen."""

    def __init__(self) -> None:
        super().__init__()
        self.machine = Machine(_REGISTRY)
        self.machine.disk.make_folder(HOME)
        self.machine.disk.settle()
        self.engine: Engine = an_engine(self.machine)
        self.wanted: dict[str, WantedUnit] = {}
        self.attempt = 0

    @rule(version=_VERSIONS, is_return=st.booleans(), direct=st.booleans(), may_switch=st.booleans())
    def want(self, version: str | None, **how: Any) -> None:
        """The control plane changes its mind."""
        self.wanted = {UNIT: WantedUnit(version=version, attempt=self.attempt, **how)}
        self.engine.want(self.wanted)

    @rule()
    def try_again(self) -> None:
        """A person does."""
        self.attempt += 1
        for unit, each in self.wanted.items():
            self.wanted[unit] = each.model_copy(update={"attempt": self.attempt})
        self.engine.want(self.wanted)

    @rule(ticks=st.integers(1, 40))
    def live(self, ticks: int) -> None:
        """Time passes."""
        for _ in range(ticks):
            self._tick()

    @rule(operation=st.integers(1, 60), seed=st.none() | st.integers(0, 1 << 20))
    def die(self, operation: int, seed: int | None) -> None:
        """The power fails in one of the next operations, or the agent is killed."""
        self.machine.disk.dies_at = self.machine.disk.operations + operation
        try:
            for _ in range(30):
                self._tick()
            self.machine.disk.die()
        except PowerCut:
            pass
        if seed is None:
            self.machine.lose_agent()
        else:
            self.machine.lose_power(seed)
        self.engine = an_engine(self.machine)
        self.engine.want(self.wanted)

    @rule(is_online=st.booleans(), is_safe=st.booleans())
    def change(self, is_online: bool, is_safe: bool) -> None:
        """Network and operators come and go."""
        self.machine.is_online, self.machine.is_safe = is_online, is_safe

    @rule(room=st.sampled_from([100, 3_000, 1 << 30]))
    def fill(self, room: int) -> None:
        """The disk fills up, or is emptied."""
        used = self.machine.disk.capacity - self.machine.disk.free_bytes(HOME)
        self.machine.disk.capacity = used + room

    @invariant()
    def what_was_confirmed_is_there(self) -> None:
        """And at most one process of the application runs."""
        self.machine.check(UNIT)
        assert len(self.machine.running(UNIT)) <= 1

    def teardown(self) -> None:
        """Left alone, with a good release wanted, it comes to rest with that."""
        self.machine.disk.capacity, self.machine.disk.dies_at = 1 << 30, None
        self.machine.is_online = self.machine.is_safe = True
        self.engine.want({UNIT: WantedUnit(version="3.0", attempt=self.attempt + 1)})
        for _ in range(600):
            self._tick()
            state = self.engine.states()[UNIT]
            if (state.confirmed, state.phase) == ("3.0", Phase.IDLE) and self.machine.running(UNIT):
                return
        raise AssertionError(f"{state}, data {self.machine.schema(UNIT)}")

    def _tick(self) -> None:
        try:
            wait_s = self.engine.tick()
        except OSError:
            wait_s = 1.0
        self.machine.advance(max(wait_s, 0.1))


TestLife = Life.TestCase
TestLife.settings = settings(
    max_examples=int(os.environ.get("ANDON_AGENT_LIVES", "25")),
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phases.explicit, Phases.reuse, Phases.generate],  # a life of a station does not shrink well
    derandomize=True,
)

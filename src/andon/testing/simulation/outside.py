"""What a plan asks beyond the plant: gates that open, shut or refuse, and tasks that pass, fail or hang.

It stands for the loops that ask outside systems and run tasks, as the observer sees what came of them. What
it says is so is the truth that promises are checked against.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from andon.kernel.clock import Clock
from andon.rollouts import wanted
from andon.rollouts.model import GateSeen, GateState, Rollout, TaskSeen, TaskState
from andon.rollouts.steps import GateKind


class Fate(StrEnum):
    """What becomes of a gate or a task."""

    WELL = "well"  # it opens, or passes, after a while
    NO = "no"  # it refuses, or fails, after a while
    NEVER = "never"  # nothing is ever heard of it
    BRIEFLY = "briefly"  # a gate that opens and shuts again; a task that is lost, and passes when run again


@dataclass(frozen=True, slots=True)
class Fates:
    """Of gates by kind, and of tasks by kind; after so many seconds."""

    fates: Mapping[str, tuple[Fate, float]] = field(default_factory=dict)

    def of(self, kind: str) -> tuple[Fate, float]:
        """What becomes of it, and when; well and at once where nothing is said."""
        return self.fates.get(kind, (Fate.WELL, 0.0))


@dataclass(slots=True)
class Outside:
    """Gates that are no approvals and no holds, and tasks, of one world."""

    clock: Clock
    fates: Fates = field(default_factory=Fates)
    _begun: dict[tuple[str, int, str], float] = field(default_factory=dict)
    _stood: dict[tuple[str, int, str], float] = field(default_factory=dict)

    def turn(self, rollout: Rollout) -> None:
        """Take up what the rollout wants now."""
        now = self.clock.monotonic()
        for gate in rollout.gates if rollout.is_gated else ():
            self._stood.setdefault((rollout.id, rollout.step, gate.key), now)
        work = wanted.task(rollout)
        if work is not None and work.may_start:
            self._begun.setdefault((rollout.id, work.step, work.task.name), now)

    def is_behind(self, rollout: Rollout) -> bool:
        """Whether the rollout wants something that was not taken up yet."""
        work = wanted.task(rollout)
        begins = work is not None and work.may_start
        is_new = work is not None and (rollout.id, work.step, work.task.name) not in self._begun
        gates = rollout.gates if rollout.is_gated else ()
        return (begins and is_new) or any((rollout.id, rollout.step, g.key) not in self._stood for g in gates)

    def next_moment(self) -> float:
        """Seconds until something of it changes by itself."""
        now = self.clock.monotonic()
        edges = [each + 1.0 for each in (*self._begun.values(), *self._stood.values())]
        for _, after in self.fates.fates.values():
            edges += [each + after for each in (*self._begun.values(), *self._stood.values())]
            edges += [each + after * 2 + 1.0 for each in (*self._begun.values(), *self._stood.values())]
        return min((each - now for each in edges if each > now), default=float("inf"))

    def gate(self, rollout: Rollout, key: str, kind: GateKind) -> GateState:
        """What a gate says now."""
        since = self._stood.get((rollout.id, rollout.step, key))
        fate, after = self.fates.of(kind.value)
        age = -1.0 if since is None else self.clock.monotonic() - since
        if fate is Fate.NEVER or age < after:
            return GateState.WAITING
        if fate is Fate.BRIEFLY:
            return GateState.OPEN if age < after * 2 + 1.0 else GateState.WAITING
        return GateState.OPEN if fate is Fate.WELL else GateState.REFUSED

    def task(self, rollout: Rollout, step: int, name: str, kind: str) -> TaskState:
        """How far a task is now."""
        since = self._begun.get((rollout.id, step, name))
        if since is None:
            return TaskState.PENDING
        fate, after = self.fates.of(kind)
        age = self.clock.monotonic() - since
        if fate is Fate.NEVER or age < after:
            return TaskState.RUNNING
        if fate is Fate.BRIEFLY:
            return TaskState.LOST if age < after * 2 + 1.0 else TaskState.PASSED
        return TaskState.PASSED if fate is Fate.WELL else TaskState.FAILED


@dataclass(frozen=True, slots=True)
class GatesSeen:
    """As the observer sees the gates."""

    outside: Outside

    async def seen(self, rollout: Rollout) -> Mapping[str, GateSeen]:
        """What each says now."""
        asked = [each for each in rollout.gates if each.kind not in {GateKind.APPROVAL, GateKind.HOLD}]
        return {
            each.key: GateSeen(state := self.outside.gate(rollout, each.key, each.kind), f"is {state.value}")
            for each in asked
        }


@dataclass(frozen=True, slots=True)
class TasksSeen:
    """As the observer sees the tasks."""

    outside: Outside

    async def seen(self, rollout: Rollout) -> TaskSeen:
        """How far the one is that is wanted now."""
        work = wanted.task(rollout)
        if work is None:
            return TaskSeen(TaskState.PENDING)
        return TaskSeen(self.outside.task(rollout, work.step, work.task.name, work.task.kind.value))

"""What a plan is made of: steps over one quantity, share, with gates and tasks before them. Facts, frozen.

How a manifest says it is in `units/model.py`, how it becomes a plan in `plan.py` and `strategies.py`. These
values are hashed and signed: a field that is added here is marked `LATER`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from andon.judge.model import JudgePolicy
from andon.kernel.later import LATER
from andon.units.desired import NO_ROUTING, Routing
from andon.units.model import StrategyName

_ROUNDING = 1e-9


class GateKind(StrEnum):
    """Who or what must say yes."""

    APPROVAL = "approval"  # people, with a signature
    WINDOW = "window"  # the plant's calendar
    PRODUCTION = "production"  # the state of production, as the MES says it
    WEBHOOK = "webhook"  # an outside system
    HOLD = "hold"  # anybody who may resume a rollout
    SET = "set"  # the other units of its set


@dataclass(frozen=True, slots=True)
class Gate:
    """Somebody or something must say yes before step `before_step` goes on.

    approvals: of kind approval, signatures of so many different people, at least one of whom neither shipped
    the release nor proposed the rollout. approver_role: held by who signs. expires_after: an answer that is
    not given by then is a no. name: different from that of every other gate and task of the plan; empty for
    the approval that an environment's policy asks for. asks: what must be so; of a window the names of
    shifts, of production what is asked of the MES, of a webhook its name; empty where nothing is to choose.
    """

    approvals: int = 0
    approver_role: str = ""
    before_step: int = 0
    expires_after: timedelta = timedelta(days=7)
    kind: GateKind = field(default=GateKind.APPROVAL, metadata=LATER)
    name: str = field(default="", metadata=LATER)
    asks: str = field(default="", metadata=LATER)

    @property
    def key(self) -> str:
        """Its name; the kind where it has none."""
        return self.name or self.kind.value


class TaskKind(StrEnum):
    """What is done before a share is asked for."""

    SMOKE = "smoke"  # a request to each instance of the candidate
    COMMAND = "command"


@dataclass(frozen=True, slots=True)
class Task:
    """Something that must go well once the step's instances are ready and before its share is asked for.

    It must be safe to run again: one that was lost with the process that ran it is. command: of kind command.
    path, status, contains: of a smoke test, what is asked for, and what the answer must be; status 0 is any
    2xx; value_at, equals: a value in a JSON answer, and the JSON that it must equal. timeout: of one try.
    retries: further tries after one that failed.
    """

    kind: TaskKind
    name: str
    timeout: timedelta
    retries: int = 0
    command: tuple[str, ...] = ()
    path: str = ""
    status: int = 0
    contains: str = ""
    value_at: str = field(default="", metadata=LATER)
    equals: str = field(default="", metadata=LATER)

    @property
    def longest(self) -> timedelta:
        """What all its tries may take."""
        return self.timeout * (self.retries + 1)


Element = Gate | Task
# On top of a task's own time: until it is taken up, and until its result is seen.
TASK_GRACE = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a plan: from its start the candidate has `share`, with so many instances of each.

    It lasts at least `soak`. `is_judged`: it ends only with a verdict, at the latest after `max_wait`,
    which is never shorter than `soak`. before: what must say yes or go well before its share is asked for,
    in this order; gates that stand together are open together. routing: beside the share. ring: of a fleet,
    up to which ring it reaches, where the manifest names one. The instances of a fleet are its stations.
    """

    share: float
    candidate_instances: int
    stable_instances: int
    soak: timedelta
    is_judged: bool
    max_wait: timedelta
    before: tuple[Gate | Task, ...] = field(default=(), metadata=LATER)
    routing: Routing = field(default=NO_ROUTING, metadata=LATER)
    ring: str = field(default="", metadata=LATER)


@dataclass(frozen=True, slots=True)
class FleetPlan:
    """How a fleet takes a release, wave after wave.

    stations: that may get it, as they were counted when the rollout began. pinned: that stay where they are.
    left_out: rings that the manifest names and that ask nobody further, so that they have no wave.
    success: part of a wave's stations that can be reached which must have confirmed it. errors: part of the
    stations asked so far that may fail; one more takes it back. deadline: longest until a wave is full.
    least: part of all of a wave's stations, switched off or not, that must have confirmed it; 0 in plans of
    before there was such a limit, and in a rollback, which has no other way to go.
    """

    stations: int
    pinned: int
    success: float
    errors: float
    deadline: timedelta
    left_out: tuple[str, ...] = ()
    least: float = field(default=0.0, metadata=LATER)

    def least_of(self, asked: int) -> int:
        """How many of so many stations must confirm it, whoever is switched off; never none."""
        return max(1, math.ceil(self.least * asked - _ROUNDING))


class Migration(StrEnum):
    """What a release does to data that the release before it uses, too."""

    NONE = "none"
    EXPAND = "expand"  # it only adds
    CONTRACT = "contract"  # it takes away what a former release used
    UNKNOWN = "unknown"  # it migrates, and the manifest does not say how


@dataclass(frozen=True, slots=True)
class Plan:
    """What will happen, frozen when the rollout begins. `hash` is the SHA-256 of all the rest.

    instances: of the candidate when it has everything; stable_instances: of the stable release before and
    after. memory_limit: part of the machine's memory that no instance of the candidate may exceed. needs_gap:
    the two cannot run at once, so the stable one is stopped first. install_deadline: longest until the very
    first instances run, on top of `ready_deadline`. notes: what a person should know
    before it begins, one sentence each. gate: the approval that the environment's policy asks for, before
    anything of the candidate is there. verify_after: after a return share 0 is looked at once more, so long
    after it was confirmed. migration: what a return cannot bring back. fleet: where it goes to stations,
    which are then its instances; None for a service.
    """

    strategy: StrategyName
    steps: tuple[Step, ...]
    instances: int
    require_evidence: bool
    ready_deadline: timedelta
    drain_timeout: timedelta
    warm: timedelta
    health_failures: int
    policy: JudgePolicy
    hash: str
    stable_instances: int = 0
    needs_gap: bool = False
    is_rollback: bool = False
    install_deadline: timedelta = timedelta(minutes=5)
    confirm_deadline: timedelta = timedelta(seconds=30)
    stop_deadline: timedelta = timedelta(seconds=60)
    notes: tuple[str, ...] = ()
    gate: Gate | None = None
    memory_limit: float | None = field(default=None, metadata=LATER)
    verify_after: timedelta = field(default=timedelta(), metadata=LATER)
    migration: Migration = field(default=Migration.NONE, metadata=LATER)
    fleet: FleetPlan | None = field(default=None, metadata=LATER)

    def before(self, step: int) -> tuple[Element, ...]:
        """The gates and tasks before a step, in order; before the first, the policy's gate comes first."""
        own = self.steps[step].before
        return (self.gate, *own) if self.gate is not None and step == 0 else own

    @property
    def gates(self) -> tuple[Gate, ...]:
        """All gates, in order."""
        every = (each for step in range(len(self.steps)) for each in self.before(step))
        return tuple(each for each in every if isinstance(each, Gate))

    @property
    def tasks(self) -> tuple[Task, ...]:
        """All tasks, in order."""
        return tuple(each for step in self.steps for each in step.before if isinstance(each, Task))


def together(elements: Sequence[Element]) -> tuple[Gate, ...]:
    """The gates at the front of `elements` that are asked at once, and go on only while all are open.

    A hold stands alone, and a second approval begins anew: so whom an answer is for is never in doubt.
    """
    found: list[Gate] = []
    for each in elements:
        if not isinstance(each, Gate) or (found and _begins_anew(each, found)):
            break
        found.append(each)
    return tuple(found)


def _begins_anew(gate: Gate, found: Sequence[Gate]) -> bool:
    kinds = {each.kind for each in found}
    if GateKind.HOLD in {gate.kind, *kinds}:
        return True
    return gate.kind is GateKind.APPROVAL and gate.kind in kinds

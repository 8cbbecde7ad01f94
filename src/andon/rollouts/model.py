"""A rollout: its plan, where it is, and what the world looks like. Facts, frozen; no rule lives here."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from andon.judge.model import JudgePolicy, JudgeState, Verdict
from andon.kernel.ids import EnvironmentName, RolloutId, UnitName, Version
from andon.targets.model import InstanceState
from andon.units.model import StrategyName


class Phase(StrEnum):
    """Where a rollout is in its life. The last two are its ends."""

    PREPARING = "preparing"  # the candidate's first instances start; nothing is routed to it
    STEPPING = "stepping"  # the plan is walked
    FINISHING = "finishing"  # the candidate takes everything; the former release is kept warm, then stopped
    RETURNING = "returning"  # share to 0, acknowledged, drained, stopped
    HELD = "held"  # it can neither go on nor return by itself; a person must act
    PROMOTED = "promoted"
    RETURNED = "returned"

    @property
    def is_over(self) -> bool:
        """Whether nothing will happen any more."""
        return self in {Phase.PROMOTED, Phase.RETURNED}


class Trigger(StrEnum):
    """Why a rollout comes back."""

    JUDGE = "judge"
    GUARDRAIL = "guardrail"
    INVALID = "invalid"  # the split is broken, so nothing can be judged
    HEALTH = "health"
    CRASH_LOOP = "crash-loop"
    NOT_READY = "not-ready"
    TRAFFIC_DROP = "traffic-drop"
    UNTRUSTED = "untrusted"
    NO_EVIDENCE = "no-evidence"
    ABORT = "abort"
    CORD = "cord"


@dataclass(frozen=True, slots=True)
class Step:
    """One element of a plan: from its start the candidate has `share`, with so many instances of each.

    It lasts at least `soak`. `is_judged`: it ends only with a verdict, at the latest after `max_wait`.
    """

    share: float
    candidate_instances: int
    stable_instances: int
    soak: timedelta
    is_judged: bool
    max_wait: timedelta


@dataclass(frozen=True, slots=True)
class Plan:
    """What will happen, frozen when the rollout begins. `hash` is the SHA-256 of all the rest."""

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


class RequestKind(StrEnum):
    """What a person may ask of a rollout."""

    PROMOTE = "promote"
    PAUSE = "pause"
    RESUME = "resume"
    ABORT = "abort"


@dataclass(frozen=True, slots=True)
class Request:
    """A person's wish, taken up by the next tick."""

    kind: RequestKind
    actor: str
    reason: str


@dataclass(frozen=True, slots=True)
class Rollout:
    """One release on its way into one environment.

    step: index into `plan.steps`; step_since: when the step's share was acknowledged by the gateway, None
    before. deadline_at: when the present phase or step gives up. verdict: the judge's last words.
    """

    id: RolloutId
    unit: UnitName
    environment: EnvironmentName
    stable: Version | None
    candidate: Version
    plan: Plan
    phase: Phase
    step: int
    entered_at: datetime
    step_since: datetime | None
    deadline_at: datetime | None
    is_paused: bool
    request: Request | None
    judge: JudgeState
    verdict: Verdict | None
    trigger: Trigger | None
    reason: str
    actor: str
    created_at: datetime
    finished_at: datetime | None

    @property
    def share(self) -> float:
        """Share of the candidate that the present phase and step want."""
        match self.phase:
            case Phase.PREPARING | Phase.RETURNING | Phase.RETURNED:
                return 0.0
            case Phase.FINISHING | Phase.PROMOTED:
                return 1.0
            case Phase.STEPPING | Phase.HELD:
                return self.plan.steps[self.step].share


@dataclass(frozen=True, slots=True)
class SeenInstance:
    """What matters of one instance for a decision."""

    version: Version
    state: InstanceState
    failed_checks: int


@dataclass(frozen=True, slots=True)
class Observation:
    """What the world looks like at `now`. Gathered once per tick, before deciding.

    share: the candidate's share that the gateway confirmed for desired revision `acknowledged_revision`
    (None: nothing confirmed yet); desired_revision: the one that stands in the database.
    active_requests: in flight at the candidate and at the stable release.
    requests: candidate and stable requests since the step's share was acknowledged.
    """

    now: datetime
    desired_revision: int
    acknowledged_revision: int | None
    share: float | None
    instances: Sequence[SeenInstance]
    candidate_active_requests: int
    stable_active_requests: int
    step_requests_candidate: int
    step_requests_stable: int
    verdict: Verdict
    evidence_problems: Sequence[str] = ()
    is_corded: bool = False
    cord_returns: bool = False
    cord_reason: str = ""


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to do now; the reason says what for."""


@dataclass(frozen=True, slots=True)
class StartStep:
    """Begin step `index` of the plan: write its share and instances as desired state."""

    index: int


@dataclass(frozen=True, slots=True)
class ConfirmStep:
    """The gateway serves the step's share: its soak and its evidence begin."""


@dataclass(frozen=True, slots=True)
class Pause:
    """Stay where it is until a person resumes."""


@dataclass(frozen=True, slots=True)
class Resume:
    """Go on."""


@dataclass(frozen=True, slots=True)
class RollBack:
    """Take the candidate's share to 0, then stop it."""

    trigger: Trigger


@dataclass(frozen=True, slots=True)
class Hold:
    """Neither on nor back by itself: alert, and wait for a person."""


@dataclass(frozen=True, slots=True)
class Promote:
    """The candidate becomes stable; the former one is kept warm."""


@dataclass(frozen=True, slots=True)
class StopCandidate:
    """Share 0 is confirmed and nothing is in flight: stop the candidate's instances."""


@dataclass(frozen=True, slots=True)
class Finish:
    """Nothing is left to do; `phase` is the end."""

    phase: Phase


Action = Wait | StartStep | ConfirmStep | Pause | Resume | RollBack | Hold | Promote | StopCandidate | Finish


@dataclass(frozen=True, slots=True)
class Decision:
    """An action and its reason: one sentence for the operator; it goes on the timeline."""

    action: Action
    reason: str
    details: dict[str, object] = field(default_factory=dict)

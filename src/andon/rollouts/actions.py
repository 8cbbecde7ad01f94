"""What a rollout can do next: a closed union. `decide.py` chooses one, `transitions.py` carries it out."""

from dataclasses import dataclass, field
from datetime import timedelta

from andon.rollouts.model import Phase, Trigger


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to do now; the reason says what for."""


@dataclass(frozen=True, slots=True)
class OpenGate:
    """All the gates at which it stands are open: on to what stands behind them."""


@dataclass(frozen=True, slots=True)
class StartStep:
    """Begin step `index` of the plan: ask for its instances. The share stays until they are ready."""

    index: int


@dataclass(frozen=True, slots=True)
class StartTask:
    """The instances are ready: the task that stands before their share may run."""

    name: str


@dataclass(frozen=True, slots=True)
class PassTask:
    """The task went well: on to what stands behind it."""

    name: str


@dataclass(frozen=True, slots=True)
class SetShare:
    """The instances are ready: ask the gateway for the share of the present step."""

    share: float


@dataclass(frozen=True, slots=True)
class Fill:
    """Of a fleet: the stations of the step's share are asked; its evidence begins, its soak does not yet."""


@dataclass(frozen=True, slots=True)
class ConfirmStep:
    """The gateway serves the step's share, or a wave is full: its soak and its evidence begin."""


@dataclass(frozen=True, slots=True)
class Pause:
    """Stay where it is until a person resumes."""


@dataclass(frozen=True, slots=True)
class Resume:
    """Go on after a pause or a hold."""


@dataclass(frozen=True, slots=True)
class Freeze:
    """The cord is pulled: stay where it is."""


@dataclass(frozen=True, slots=True)
class Thaw:
    """The cord is released: go on."""


@dataclass(frozen=True, slots=True)
class Reclock:
    """The clock was set forward (or back) by so much: what the rollout remembers of it moves along."""

    by: timedelta


@dataclass(frozen=True, slots=True)
class Dismiss:
    """The request makes no sense where the rollout is; drop it and say why."""


@dataclass(frozen=True, slots=True)
class RollBack:
    """Take the candidate's share to 0, then stop it."""

    trigger: Trigger


@dataclass(frozen=True, slots=True)
class Hold:
    """Neither on nor back by itself: alert. `trigger` says why it should come back, if it should."""

    trigger: Trigger | None = None


@dataclass(frozen=True, slots=True)
class Promote:
    """The candidate becomes stable; the former one is kept warm."""


@dataclass(frozen=True, slots=True)
class Drain:
    """The leaving release gets nothing new any more: give what is in flight time to end."""


@dataclass(frozen=True, slots=True)
class StopCandidate:
    """Share 0 is confirmed and nothing is in flight: stop the candidate's instances."""


@dataclass(frozen=True, slots=True)
class StopStable:
    """The same for the release that leaves in the other direction."""


@dataclass(frozen=True, slots=True)
class StartStable:
    """Start the stable release again, where it had to be stopped first."""


@dataclass(frozen=True, slots=True)
class Restore:
    """The stable release is ready again: route everything to it."""


@dataclass(frozen=True, slots=True)
class Verify:
    """Everything is back: look once more after a while, before it is over."""


@dataclass(frozen=True, slots=True)
class Finish:
    """Nothing is left to do; `phase` is the end. trigger: why, where it ends before anything was done.

    is_alarming: it ends, but a person must look at once.
    """

    phase: Phase
    trigger: Trigger | None = None
    is_alarming: bool = False


Action = (
    Wait
    | OpenGate
    | StartStep
    | StartTask
    | PassTask
    | SetShare
    | Fill
    | ConfirmStep
    | Pause
    | Resume
    | Freeze
    | Thaw
    | Reclock
    | Dismiss
    | RollBack
    | Hold
    | Promote
    | Drain
    | StopCandidate
    | StopStable
    | StartStable
    | Restore
    | Verify
    | Finish
)


@dataclass(frozen=True, slots=True)
class Decision:
    """An action and its reason: one sentence for the operator; it goes on the timeline."""

    action: Action
    reason: str
    details: dict[str, object] = field(default_factory=dict)

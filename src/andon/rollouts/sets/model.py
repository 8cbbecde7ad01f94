"""A set of releases, and its way into an environment. Facts, frozen; no rule lives here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from andon.kernel.ids import EnvironmentName, UnitName, Version
from andon.kernel.later import LATER
from andon.rollouts.model import Rollout
from andon.rollouts.steps import Plan


@dataclass(frozen=True, slots=True)
class Member:
    """One release of a set."""

    unit: UnitName
    version: Version


@dataclass(frozen=True, slots=True)
class SetRelease:
    """Releases that belong together, in the order in which they begin. Signed as a whole; never changed.

    artifacts: SHA-256 of each artifact of each member, as `unit/role/name`, when the set was published.
    """

    name: str
    version: Version
    members: tuple[Member, ...]
    artifacts: Mapping[str, str] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """`line@1.4.0`."""
        return f"{self.name}@{self.version}"


class SetPhase(StrEnum):
    """Where the rollout of a set is in its life. The last two are its ends."""

    GOING = "going"  # members begin one after the other, then wait for each other
    RETURNING = "returning"  # members come back in reverse order, also those that were promoted
    PROMOTED = "promoted"
    RETURNED = "returned"

    @property
    def is_over(self) -> bool:
        """Whether nothing will happen any more."""
        return self in {SetPhase.PROMOTED, SetPhase.RETURNED}


@dataclass(frozen=True, slots=True)
class Part:
    """A member on its way. rollout, back: ids of its rollout and of what takes it back; empty: none.

    plan, stable: what was planned when the set began, so that people can sign before the member itself
    begins; None of a set from before sets were signed as a whole. Its rollout has a plan of its own.
    """

    unit: UnitName
    version: Version
    rollout: str = ""
    back: str = ""
    plan: Plan | None = field(default=None, metadata=LATER)
    stable: Version | None = field(default=None, metadata=LATER)


@dataclass(frozen=True, slots=True)
class SetRollout:
    """A set on its way into an environment.

    is_open: all members were ready, so that they may be promoted. returned_by: the person who took it back;
    empty where it came back by itself. needs_approval: who began it may only propose.
    """

    id: str
    name: str
    version: Version
    environment: EnvironmentName
    parts: tuple[Part, ...]
    phase: SetPhase
    reason: str
    actor: str
    created_at: datetime
    proposer_id: str = ""
    needs_approval: bool = False
    is_open: bool = False
    returned_by: str = ""
    finished_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class PartSeen:
    """What became of a part's rollouts; None where there is none yet."""

    rollout: Rollout | None = None
    back: Rollout | None = None


@dataclass(frozen=True, slots=True)
class SetSeen:
    """What the world looks like: one `PartSeen` for each part, and whether the cord is pulled there."""

    parts: Sequence[PartSeen]
    is_corded: bool = False


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to do now; the reason says what for."""


@dataclass(frozen=True, slots=True)
class Begin:
    """Begin the rollout of part `index`."""

    index: int


@dataclass(frozen=True, slots=True)
class Open:
    """All members are ready: let them be promoted."""


@dataclass(frozen=True, slots=True)
class TurnBack:
    """One came back, so all do."""


@dataclass(frozen=True, slots=True)
class Abort:
    """Ask the rollout of part `index` to come back."""

    index: int


@dataclass(frozen=True, slots=True)
class GoBack:
    """Begin a rollout of part `index` to the release before: it was promoted already."""

    index: int


@dataclass(frozen=True, slots=True)
class End:
    """Nothing is left to do."""

    phase: SetPhase


Action = Wait | Begin | Open | TurnBack | Abort | GoBack | End


@dataclass(frozen=True, slots=True)
class Decision:
    """An action and its reason: one sentence for the operator; it goes on the timeline."""

    action: Action
    reason: str

"""What one station should run, as the document that its agent reads. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from andon.fleet.assign import Assigned
from andon.fleet.wanting.proving import NO_PROOF, Shown
from andon.fleet.windows import Allowed
from andon.kernel.ids import StationName, UnitName
from andon_wire.protocol import EdgeRule, Pace, WantedUnit

_LONGEST_REASON = 1000
_USUAL = Pace()


@dataclass(frozen=True, slots=True)
class Common:
    """What every station is told alike. checkpoint: the timeline's newest signed note."""

    pace: Pace = _USUAL
    rules: Sequence[EdgeRule] = ()
    registries: Sequence[str] = ()
    checkpoint: str = ""


_NOTHING = Common()


@dataclass(frozen=True, slots=True)
class Content:
    """A document but for its revision and time: two that are equal tell a station the same.

    proof: that the checkpoint continues the one that the station held.
    """

    station: StationName
    units: Mapping[UnitName, WantedUnit] = field(default_factory=dict)
    common: Common = _NOTHING
    proof: Shown = NO_PROOF


def content(
    station: StationName,
    assigned: Mapping[UnitName, Assigned],
    former: Mapping[UnitName, WantedUnit],
    allowed: Allowed,
    common: Common,
) -> Content:
    """What `station` is told. former: what it was told last.

    A unit of which nothing is known yet, as just after a start, stays as it was: silence takes nothing off.
    """
    units = dict(former) | {unit: wanted_unit(each, allowed) for unit, each in assigned.items()}
    return Content(station, units, common)


def wanted_unit(assigned: Assigned, allowed: Allowed) -> WantedUnit:
    """One unit's part."""
    is_held = bool(allowed.closed) and not assigned.direct
    reason = f"{assigned.reason}; {allowed.closed}" if is_held else assigned.reason
    return WantedUnit(
        version=assigned.version,
        rollout=assigned.rollout,
        attempt=assigned.attempt,
        may_switch=assigned.may_switch and not is_held,
        is_return=assigned.is_return,
        direct=assigned.direct,
        windows=allowed.windows,
        reason=reason[:_LONGEST_REASON],
    )

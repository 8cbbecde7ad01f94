"""What the rollout of a set does next. Pure: no clock, no database.

A member begins when the one before it is ready: it walked its whole plan and stands at the set's gate, before
its promotion. The gate opens for all at once, when every member stands at it. Until then nothing is promoted;
from then on a member that comes back takes all others back, also those that were promoted.
"""

from enum import Enum, auto
from typing import assert_never

from andon.rollouts import refusals
from andon.rollouts.model import Phase, RequestKind, Rollout
from andon.rollouts.sets.model import (
    Abort,
    Begin,
    Decision,
    End,
    GoBack,
    Open,
    Part,
    PartSeen,
    SetPhase,
    SetRollout,
    SetSeen,
    TurnBack,
    Wait,
)
from andon.rollouts.steps import GateKind


def decide(set_: SetRollout, seen: SetSeen) -> Decision:
    """The next action of the set, and why."""
    match set_.phase:
        case SetPhase.GOING:
            return _came_back(set_, seen) or _going(set_, seen)
        case SetPhase.RETURNING:
            return _returning(set_, seen)
        case SetPhase.PROMOTED | SetPhase.RETURNED:
            return Decision(Wait(), "it is over")
        case _ as never:
            assert_never(never)


def is_ready(rollout: Rollout) -> bool:
    """Whether a member stands at its set's gate: nothing but its promotion is left."""
    return rollout.is_gated and any(each.kind is GateKind.SET for each in rollout.gates)


def _came_back(set_: SetRollout, seen: SetSeen) -> Decision | None:
    for part, each in zip(set_.parts, seen.parts, strict=True):
        if each.rollout is not None and each.rollout.phase in {Phase.RETURNING, Phase.RETURNED}:
            return Decision(TurnBack(), f"{part.unit} {part.version} comes back: {each.rollout.reason}")
    return None


def _going(set_: SetRollout, seen: SetSeen) -> Decision:
    if set_.is_open:
        return _promoting(set_, seen)
    if seen.is_corded:
        return Decision(Wait(), "frozen by the cord")
    for index, (part, each) in enumerate(zip(set_.parts, seen.parts, strict=True)):
        if each.rollout is None:
            return Decision(Begin(index), _why_begin(set_, index))
        if not is_ready(each.rollout):
            return Decision(Wait(), f"{part.unit} is not ready yet: {_doing(each.rollout)}")
    return Decision(Open(), f"all {len(set_.parts)} units are ready: they are promoted together")


def _promoting(set_: SetRollout, seen: SetSeen) -> Decision:
    left = [
        part.unit
        for part, each in zip(set_.parts, seen.parts, strict=True)
        if each.rollout is None or each.rollout.phase is not Phase.PROMOTED
    ]
    if left:
        return Decision(Wait(), f"{', '.join(left)} {'is' if len(left) == 1 else 'are'} being promoted")
    return Decision(End(SetPhase.PROMOTED), f"all {len(set_.parts)} units are promoted")


def _why_begin(set_: SetRollout, index: int) -> str:
    part = set_.parts[index]
    after = "it is the first" if index == 0 else f"{set_.parts[index - 1].unit} is ready"
    return f"{part.unit} {part.version} begins: {after}"


def _doing(rollout: Rollout) -> str:
    return rollout.waiting_for or rollout.reason


class _Way(Enum):
    """How far a part is on its way back."""

    DONE = auto()
    BUSY = auto()
    ASK = auto()  # its rollout can be aborted
    BEGIN = auto()  # it was promoted: a rollout must take it back
    STUCK = auto()


def _returning(set_: SetRollout, seen: SetSeen) -> Decision:
    """In reverse order, one at a time. What cannot come back now holds up nobody, and is named."""
    stuck = []
    for index in reversed(range(len(set_.parts))):
        way, why = _way(set_.parts[index], seen.parts[index], is_corded=seen.is_corded)
        match way:
            case _Way.DONE:
                continue
            case _Way.STUCK:
                stuck.append(why)
            case _Way.BUSY:
                return Decision(Wait(), why)
            case _Way.ASK:
                return Decision(Abort(index), why)
            case _Way.BEGIN:
                return Decision(GoBack(index), why)
            case _ as never:
                assert_never(never)
    if stuck:
        return Decision(Wait(), f"held: {'; '.join(stuck)}")
    return Decision(End(SetPhase.RETURNED), "everything is as it was before the set")


def _way(part: Part, seen: PartSeen, *, is_corded: bool) -> tuple[_Way, str]:
    rollout = seen.rollout
    if rollout is None or rollout.phase is Phase.RETURNED:
        return _Way.DONE, ""
    if rollout.phase is Phase.PROMOTED:
        return _way_after_promotion(part, rollout, seen.back, is_corded=is_corded)
    asked = rollout.request is not None and rollout.request.kind is RequestKind.ABORT
    if rollout.phase is Phase.HELD and asked:
        return _Way.STUCK, f"{part.unit} cannot come back: {rollout.reason}"
    if asked or refusals.refusal(rollout, RequestKind.ABORT):
        if rollout.working_phase is Phase.RETURNING and rollout.phase is Phase.HELD:
            return _Way.STUCK, f"{part.unit} cannot come back: {rollout.reason}"
        return _Way.BUSY, f"{part.unit} comes back: {_doing(rollout)}"
    return _Way.ASK, f"{part.unit} {part.version} comes back with its set"


def _way_after_promotion(
    part: Part, rollout: Rollout, back: Rollout | None, *, is_corded: bool
) -> tuple[_Way, str]:
    if rollout.stable is None:
        return _Way.STUCK, f"{part.unit} {part.version} is the first release there: nothing to go back to"
    if back is None and is_corded:
        return _Way.STUCK, f"{part.unit} goes back to {rollout.stable} when the cord is released"
    if back is None:
        return _Way.BEGIN, f"{part.unit} goes back to {rollout.stable}, because it was promoted already"
    if back.phase is Phase.PROMOTED:
        return _Way.DONE, ""
    if back.phase is Phase.RETURNED:
        return _Way.STUCK, f"{part.unit} did not get back to {rollout.stable}: {back.reason}"
    if back.phase is Phase.HELD:
        return _Way.STUCK, f"{part.unit} is held on its way back: {back.reason}"
    return _Way.BUSY, f"{part.unit} goes back to {rollout.stable}: {_doing(back)}"

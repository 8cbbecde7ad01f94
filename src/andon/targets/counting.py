"""Counts the stations of a fleet with regard to a candidate. Pure: members and what was opened go in."""

from collections.abc import Iterable, Sequence

from andon.fleet.assign import Member, Wish, counted
from andon.fleet.model import Opened
from andon.kernel.ids import Version
from andon.targets.stations import NO_HEADS, FleetSeen, Heads
from andon_wire.protocol import Phase

_SWITCHES = frozenset({Phase.SWITCHING, Phase.WATCHING, Phase.RETURNING})
_AT_REST = frozenset({Phase.FAILED, Phase.HELD})


def count(wish: Wish, members: Sequence[Member], opened: Opened, candidate: Version) -> FleetSeen:
    """How the stations stand with `candidate`. Once it is the stable release, all of them are asked."""
    standing = [wish.tries(each, candidate) for each in counted(members)]
    asked = [each for each in standing if wish.stable == candidate or _is_asked(each, opened, candidate)]
    newest = [each for each in asked if each.station not in opened.earlier]
    left = [each for each in members if _has_to_do_with(each, candidate)]
    failed = [each for each in asked if each.has_given_up(candidate)]
    return FleetSeen(
        stations=len(standing),
        pinned=len(members) - len(standing),
        everybody=_heads(asked, candidate),
        wave=_heads(newest, candidate) if opened.version == candidate else NO_HEADS,
        answering=sum(each.is_done(candidate) and each.is_reachable for each in asked),
        remaining=sum(each.is_reachable for each in left),
        remaining_silent=sum(not each.is_reachable for each in left),
        detail=_detail(failed),
    )


def _is_asked(member: Member, opened: Opened, candidate: Version) -> bool:
    return opened.version == candidate and member.station in opened.stations


def _heads(members: Iterable[Member], candidate: Version) -> Heads:
    asked = confirmed = failed = lost = silent = 0
    for each in members:
        asked += 1
        if each.has_given_up(candidate):
            failed += 1
        elif each.is_done(candidate):
            confirmed += 1
        elif not each.is_reachable:
            has_begun = _has_begun(each, candidate)
            lost, silent = lost + has_begun, silent + (not has_begun)
    return Heads(asked, confirmed, failed, lost, silent)


def _has_begun(member: Member, candidate: Version) -> bool:
    """Whether its silence may be the candidate's doing."""
    state = member.state
    return state is not None and (state.running == candidate or _is_switching(member, candidate))


def _is_switching(member: Member, candidate: Version) -> bool:
    state = member.state
    return state is not None and state.wanted == candidate and state.phase in _SWITCHES


def _has_to_do_with(member: Member, candidate: Version) -> bool:
    """Whether it runs the candidate, comes from it, or does not know yet that it should not go to it."""
    state = member.state
    if state is None or member.pin is not None:
        return False
    is_bound_for_it = state.wanted == candidate and state.phase not in _AT_REST
    return state.running == candidate or is_bound_for_it


def _detail(failed: Sequence[Member]) -> str:
    first = min(failed, key=lambda each: each.station, default=None)
    if first is None or first.state is None:
        return ""
    why = first.state.reason or first.state.phase.value
    return f"{first.station}: {why}"

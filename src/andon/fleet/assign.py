"""Turns a share of a fleet into stations. Pure: a wish, the stations and what was given before go in.

Rules, in order of danger:
1. A release that was recalled is given to nobody; whoever has it goes back, past every pin and limit.
2. A pinned station keeps its release and is counted nowhere: a share is one of the stations that may move.
3. Stations get the candidate in ring order, lab first. A ring that is switched off is not passed over.
4. More share never takes the candidate from a station, whoever joins or leaves; less takes it from the last.
5. While a wish is halted nobody begins anything but a way back; who is under way comes to an end.
6. At most `most_of_a_line` stations of a line are under way at once; the others get ready meanwhile. A way
   back waits for nobody.
A station that was off for a month is one of the stations as any other: it gets what its place gives it now.
"""

import hashlib
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from andon.fleet.model import NOTHING_OPENED, Opened, Pin, Recall
from andon.kernel.ids import StationName, Version
from andon_wire.protocol import Phase, UnitState

_UNDER_WAY = frozenset({Phase.SWITCHING, Phase.WATCHING, Phase.RETURNING})
_GIVEN_UP = frozenset({Phase.FAILED, Phase.HELD})
_ROUNDING = 1e-9
_LINE = "others of its line are under way"


@dataclass(frozen=True, slots=True)
class Member:
    """A station as one unit's assignment sees it. position: of its ring, the lowest first.

    state: how the unit stands there, None where it never said. given: what it was last told to run, which it
    may run by now. attempt: raised to try again what failed.
    """

    station: StationName
    line: str
    position: int
    platform: str = ""
    is_reachable: bool = True
    state: UnitState | None = None
    pin: Pin | None = None
    given: Version | None = None
    attempt: int = 0

    @property
    def running(self) -> str | None:
        """The version whose process is wanted there now."""
        return self.state.running if self.state else None

    def is_done(self, version: str | None) -> bool:
        """Whether `version` runs there and is confirmed."""
        state = self.state
        return state is not None and state.running == version == state.confirmed and state.phase is Phase.IDLE

    def has_given_up(self, version: str | None) -> bool:
        """Whether it tried `version` in its present attempt, and does not go on by itself."""
        state = self.state
        is_this = state is not None and state.wanted == version and state.attempt >= self.attempt
        return state is not None and is_this and state.phase in _GIVEN_UP


@dataclass(frozen=True, slots=True)
class Wish:
    """What is desired of one unit in one environment. share: of the candidate, 0 to 1.

    most_of_a_line: stations of one line that may be under way at once; 0 without a limit. platforms: those
    that a release was made for; a release that is not named was made for all. recalls: by version. halted:
    why nobody begins anything now, such as a pulled cord; empty where nothing does. attempts: by version, on
    top of a station's own, so that a new rollout tries again what failed in an old one. revision: of what is
    desired, so that one can say which of it was told.
    """

    stable: Version | None
    candidate: Version | None = None
    share: float = 0.0
    rollout: str = ""
    most_of_a_line: int = 0
    platforms: Mapping[Version, frozenset[str]] = field(default_factory=dict)
    recalls: Mapping[Version, Recall] = field(default_factory=dict)
    halted: str = ""
    attempts: Mapping[Version, int] = field(default_factory=dict)
    revision: int = 0

    def tries(self, member: Member, version: Version | None) -> Member:
        """`member` with the attempt at which it should try `version`."""
        more = 0 if version is None else self.attempts.get(version, 0)
        return replace(member, attempt=member.attempt + more) if more else member


@dataclass(frozen=True, slots=True)
class Assigned:
    """What one station should run of the unit. reason: a sentence for the person at the station."""

    version: Version | None
    is_candidate: bool = False
    may_switch: bool = True
    is_return: bool = False
    direct: bool = False
    attempt: int = 0
    rollout: str = ""
    reason: str = ""


def assign(
    wish: Wish, members: Sequence[Member], before: Opened = NOTHING_OPENED
) -> tuple[Mapping[StationName, Assigned], Opened]:
    """What each station should run, and what to remember for the next time."""
    opened = _opened(wish, members, before)
    given = {each.station: _given(wish, each, opened) for each in members}
    permitted = _permitted(wish, members, given, before)
    held = {
        name: replace(each, may_switch=False, reason=f"{each.reason}; {wish.halted or _LINE}")
        for name, each in given.items()
        if name not in permitted
    }
    return {**given, **held}, replace(opened, permitted=permitted)


def counted(members: Iterable[Member]) -> list[Member]:
    """The stations of which a share is taken: those that are not pinned."""
    return [each for each in members if each.pin is None]


def count_of(share: float, size: int) -> int:
    """How many of `size` stations a share is: at least one where there is any, all of them only at 1."""
    if share <= 0 or size == 0:
        return 0
    if share >= 1:
        return size
    return max(1, math.floor(share * size + _ROUNDING))


def waves(members: Iterable[Member]) -> Sequence[tuple[int, float]]:
    """The position of each ring that has stations, with the share at which it is open whole."""
    standing = counted(members)
    positions = sorted({each.position for each in standing})
    size = len(standing)
    return [(one, sum(each.position <= one for each in standing) / size) for one in positions]


def is_older(one: str, other: str) -> bool:
    """Whether version `one` comes before `other`; a pre-release comes before its release."""
    return _order(one) < _order(other)


def _opened(wish: Wish, members: Sequence[Member], before: Opened) -> Opened:
    """Who has the candidate now."""
    candidate = wish.candidate
    if candidate is None or candidate in wish.recalls:
        return NOTHING_OPENED
    if before.version != candidate:
        before = NOTHING_OPENED
    standing = [each for each in counted(members) if _can_run(wish, each, candidate)]
    had = [each for each in standing if each.station in before.stations]
    count = count_of(wish.share, len(standing))
    if wish.halted and wish.share > before.share:
        return replace(before, version=candidate, stations=frozenset(each.station for each in had))
    if wish.share + _ROUNDING < before.share:
        kept = sorted(had, key=lambda each: _rank(candidate, each))[:count]
    else:
        others = [each for each in standing if each.station not in before.stations]
        others.sort(key=lambda each: _rank(candidate, each))
        kept = had + others[: max(0, count - len(had))]
    is_more = wish.share > before.share + _ROUNDING
    earlier = before.stations if is_more else before.earlier
    return Opened(candidate, wish.share, frozenset(each.station for each in kept), earlier=earlier)


def _rank(candidate: str, member: Member) -> tuple[int, bool, str]:
    """Lab first; in a ring whoever can be reached, and then by a draw that differs with each release."""
    draw = hashlib.sha256(f"{candidate}/{member.station}".encode()).hexdigest()
    return member.position, not member.is_reachable, draw


def _given(wish: Wish, member: Member, opened: Opened) -> Assigned:
    version, is_candidate, reason = _chosen(wish, member, opened)
    direct = False
    hops = len(wish.recalls)
    while version is not None and version in wish.recalls and hops:
        recall = wish.recalls[version]
        version, is_candidate, hops = recall.to, False, hops - 1
        reason = f"{recall.version} was recalled by {recall.actor}: {recall.reason}"
    left = wish.recalls.get(Version(member.running or ""))
    if left is not None:
        direct = left.direct
    return Assigned(
        version=version,
        is_candidate=is_candidate,
        is_return=_goes_back(version, member),
        direct=direct,
        attempt=wish.tries(member, version).attempt,
        rollout=wish.rollout if is_candidate or opened.version is not None else "",
        reason=reason,
    )


def _goes_back(version: Version | None, member: Member) -> bool:
    """Whether it is older than what the station runs, or may run without having said so yet."""
    there = [each for each in (member.running, member.given) if each is not None]
    return version is not None and any(is_older(version, each) for each in there)


def _chosen(wish: Wish, member: Member, opened: Opened) -> tuple[Version | None, bool, str]:
    """Version, whether it is the candidate, and why; recalls are not looked at."""
    pin = member.pin
    if pin is not None:
        version = pin.version or _standing(member) or wish.stable
        return version, False, f"pinned by {pin.actor}: {pin.reason}"
    if member.station in opened.stations:
        return opened.version, True, f"{opened.version} is on trial here"
    if wish.stable is not None and not _can_run(wish, member, wish.stable):
        return _standing(member), False, f"{wish.stable} was not made for {member.platform}"
    return wish.stable, False, f"{wish.stable} is stable" if wish.stable else "nothing is wanted"


def _standing(member: Member) -> Version | None:
    state = member.state
    found = (state.confirmed or state.running) if state else None
    return None if found is None else Version(found)


def _can_run(wish: Wish, member: Member, version: Version) -> bool:
    made_for = wish.platforms.get(version)
    return made_for is None or not member.platform or member.platform in made_for


def _permitted(
    wish: Wish, members: Sequence[Member], given: Mapping[StationName, Assigned], before: Opened
) -> frozenset[StationName]:
    """Who may switch: whoever has nothing to do or goes back, and of each line only so many beside."""
    free = {each.station for each in members if _waits_for_nobody(wish, given[each.station], each)}
    moving = [each for each in members if each.station not in free]
    if wish.halted:
        return frozenset(free | {each.station for each in moving if _is_under_way(each)})
    if wish.most_of_a_line <= 0:
        return frozenset(each.station for each in members)
    found = set(free)
    for line in {each.line for each in moving}:
        here = [each for each in moving if each.line == line]
        here.sort(key=lambda each: _turn(each, before))
        is_under_way = [each for each in here if _is_under_way(each)]
        going_back = [
            each for each in members if each.line == line and each.station in free and _is_under_way(each)
        ]
        room = max(len(is_under_way), wish.most_of_a_line - len(going_back)) if line else len(here)
        found |= {each.station for each in here[: max(room, 0)]}
    return frozenset(found)


def _waits_for_nobody(wish: Wish, given: Assigned, member: Member) -> bool:
    tried = wish.tries(member, given.version)
    is_at_rest = member.is_done(given.version) or tried.has_given_up(given.version)
    return given.is_return or given.direct or is_at_rest


def _is_under_way(member: Member) -> bool:
    return member.state is not None and member.state.phase in _UNDER_WAY


def _turn(member: Member, before: Opened) -> tuple[bool, bool, bool, int, str]:
    """Who is under way goes on; then who was let before and can be reached, who is ready, who is first."""
    was_let = member.station in before.permitted and member.is_reachable
    is_ready = member.state is not None and member.state.phase is Phase.READY
    return (
        not _is_under_way(member),
        not was_let,
        not (is_ready and member.is_reachable),
        member.position,
        member.station,
    )


def _order(version: str) -> tuple[Sequence[int], bool, Sequence[tuple[int, int, str]]]:
    """As semantic versioning orders them (https://semver.org, clause 11); what follows a plus counts not."""
    core, _, rest = version.partition("+")[0].partition("-")
    numbers = [int(each) if each.isdecimal() else 0 for each in core.split(".")]
    parts = [
        (0, int(each), "") if each.isascii() and each.isdecimal() else (1, 0, each)
        for each in re.split(r"\.", rest)
        if each
    ]
    return numbers, not rest, parts

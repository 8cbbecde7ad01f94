"""A share of a fleet becomes a wish, and what its stations say is counted for the rollout."""

from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from andon.fleet.assign import Member, Wish, assign
from andon.fleet.model import NOTHING_OPENED, Opened
from andon.fleet.tests.worlds import HERE, NEW, OLD, UNIT, a_fleet, a_member, a_pin, runs
from andon.kernel.errors import Unavailable, Untrusted
from andon.targets.counting import count
from andon.targets.fleet import FleetTarget, wish_of
from andon.targets.model import Assignment, InstanceState
from andon.targets.stations import Errand, Heads
from andon.units.desired import Desired, DesiredRelease
from andon_wire.protocol import Phase

DESIRED = Desired(UNIT, HERE, 7, OLD, (DesiredRelease(OLD, 8, 0.8), DesiredRelease(NEW, 2, 0.2)))
ERRAND = Errand("ro-1", attempts={NEW: 1})


@dataclass(slots=True)
class Kept:
    """`Stations` that work a wish out when they are told to."""

    stations: list[Member]
    wish: Wish | None = None
    done: Wish | None = None
    given: Opened = NOTHING_OPENED
    places: list[Any] = field(default_factory=list)

    def want(self, place: Any, wish: Wish) -> None:
        self.places.append(place)
        self.wish = wish

    def worked_out(self, _place: Any) -> Wish | None:
        return self.done

    def opened(self, _place: Any) -> Opened:
        return self.given

    async def members(self, _place: Any) -> list[Member]:
        return self.stations

    def work_out(self) -> None:
        assert self.wish is not None
        _, self.given = assign(self.wish, self.stations, self.given)
        self.done = self.wish


def a_target(kept: Kept, errand: Errand = ERRAND) -> FleetTarget:
    async def errands(_unit: Any, _environment: Any) -> Errand:
        return errand

    async def platforms(_unit: Any, _version: Any) -> frozenset[str]:
        return frozenset({"linux-x86_64"})

    return FleetTarget(kept, errands, platforms)


def asked(*stations: Member, opened: Opened | None = None) -> Any:
    """What is counted when all of these are opened, the second half of them last."""
    names = [each.station for each in stations]
    given = opened or Opened(NEW, 0.2, frozenset(names), earlier=frozenset(names[: len(names) // 2]))
    return count(Wish(OLD, NEW, 0.2), stations, given, NEW)


def test_the_release_beside_the_stable_one_is_the_candidate() -> None:
    wish = wish_of(DESIRED, ERRAND, {}, 3)
    assert (wish.stable, wish.candidate, wish.share, wish.rollout) == (OLD, NEW, 0.2, "ro-1")
    assert (wish.most_of_a_line, wish.attempts, wish.revision) == (3, {NEW: 1}, 7)


@pytest.mark.parametrize(
    ("desired", "stable", "candidate"),
    [
        (replace(DESIRED, releases=(DesiredRelease(OLD, 10, 1.0), DesiredRelease(NEW, 2, 0.0))), OLD, None),
        (replace(DESIRED, stable=NEW, releases=(DesiredRelease(NEW, 10, 1.0),)), NEW, None),
        (replace(DESIRED, stable=None, releases=(DesiredRelease(NEW, 2, 0.2),)), None, NEW),
        (replace(DESIRED, stable=None, releases=()), None, None),
    ],
    ids=["going back", "promoted", "the first", "nothing"],
)
def test_what_has_no_share_is_nobodys_candidate(desired: Desired, stable: Any, candidate: Any) -> None:
    wish = wish_of(desired, ERRAND, {}, 0)
    assert (wish.stable, wish.candidate) == (stable, candidate)


async def test_a_share_counts_as_told_only_when_it_was_worked_out() -> None:
    kept = Kept(a_fleet())
    target = a_target(kept)
    assert await target.told(UNIT, HERE) is None
    await target.reconcile(Assignment(DESIRED, {}))
    assert await target.told(UNIT, HERE) is None
    kept.work_out()
    told = await target.told(UNIT, HERE)
    assert told is not None
    assert (told.revision, told.shares) == (7, {OLD: 0.8, NEW: 0.2})
    assert len(kept.given.stations) == 2


async def test_what_is_halted_before_anybody_was_asked_is_not_told() -> None:
    kept = Kept(a_fleet())
    target = a_target(kept, Errand("ro-1", "the cord is pulled"))
    await target.reconcile(Assignment(DESIRED, {}))
    kept.work_out()
    assert kept.given.stations == frozenset()
    assert await target.told(UNIT, HERE) is None


async def test_nothing_is_counted_before_it_was_worked_out() -> None:
    with pytest.raises(Unavailable):
        await a_target(Kept(a_fleet())).fleet(UNIT, HERE, NEW)


async def test_a_release_that_does_not_verify_is_wished_for_nobody() -> None:
    kept = Kept(a_fleet())
    with pytest.raises(Untrusted, match="not signed"):
        await a_target(kept).reconcile(Assignment(DESIRED, {}, {NEW: "not signed"}))
    assert kept.wish is None


async def test_each_station_is_an_instance_of_what_it_runs() -> None:
    kept = Kept([a_member("a", state=runs(OLD, since="2026-03-02T09:00:00Z")), a_member("b", state=None)])
    (found,) = await a_target(kept).observe(UNIT, HERE)
    assert (found.id, found.version, found.state) == ("a", OLD, InstanceState.READY)


MEMBERS = {
    "confirmed": a_member("a", state=runs(NEW)),
    "confirmed and off": a_member("b", state=runs(NEW), is_reachable=False),
    "failed": a_member("c", state=runs(OLD, Phase.FAILED, wanted=NEW, reason="does not start")),
    "held": a_member("d", state=runs(OLD, Phase.HELD, wanted=NEW)),
    "under way": a_member("e", state=runs(OLD, Phase.SWITCHING, wanted=NEW)),
    "lost": a_member("f", state=runs(OLD, Phase.SWITCHING, wanted=NEW), is_reachable=False),
    "lost with it": a_member(
        "g", state=runs(NEW, Phase.WATCHING).model_copy(update={"confirmed": OLD}), is_reachable=False
    ),
    "off": a_member("h", is_reachable=False),
    "off with it ready": a_member("i", state=runs(OLD, Phase.READY, wanted=NEW), is_reachable=False),
    "never heard of": a_member("j", state=None, is_reachable=False),
}
COUNTED = {
    "confirmed": Heads(1, confirmed=1),
    "confirmed and off": Heads(1, confirmed=1),
    "failed": Heads(1, failed=1),
    "held": Heads(1, failed=1),
    "under way": Heads(1),
    "lost": Heads(1, lost=1),
    "lost with it": Heads(1, lost=1),
    "off": Heads(1, silent=1),
    "off with it ready": Heads(1, silent=1),
    "never heard of": Heads(1, silent=1),
}


@pytest.mark.parametrize("kind", list(MEMBERS))
def test_each_station_that_was_asked_is_one_of_these(kind: str) -> None:
    assert asked(MEMBERS[kind]).everybody == COUNTED[kind]


def test_those_asked_last_are_counted_apart_and_those_not_asked_not_at_all() -> None:
    seen = asked(*MEMBERS.values())
    assert seen.everybody == Heads(10, 2, 2, 2, 3)
    assert seen.wave == Heads(5, lost=2, silent=3)
    assert seen.answering == 1
    nobody = asked(*MEMBERS.values(), opened=NOTHING_OPENED)
    assert (nobody.everybody, nobody.wave) == (Heads(), Heads())


def test_the_first_that_failed_says_why() -> None:
    assert asked(*MEMBERS.values()).detail == "c: does not start"


def test_whoever_runs_it_or_is_on_its_way_remains_with_it() -> None:
    seen = asked(*MEMBERS.values(), opened=NOTHING_OPENED)
    assert (seen.remaining, seen.remaining_silent) == (2, 4)


def test_a_pinned_station_is_counted_beside() -> None:
    seen = asked(MEMBERS["confirmed"], a_member("p", state=runs(NEW), pin=a_pin("p")))
    assert (seen.stations, seen.pinned, seen.everybody.asked, seen.remaining) == (1, 1, 1, 1)


def test_once_it_is_stable_all_are_asked() -> None:
    seen = count(Wish(NEW), list(MEMBERS.values()), NOTHING_OPENED, NEW)
    assert seen.everybody == Heads(10, 2, 2, 2, 3)


def test_what_failed_in_an_earlier_rollout_has_not_failed_in_this_one() -> None:
    failed = MEMBERS["failed"]
    opened = Opened(NEW, 0.2, frozenset({failed.station}))
    assert count(Wish(OLD, NEW, 0.2, attempts={NEW: 1}), [failed], opened, NEW).everybody == Heads(1)
    tried = replace(failed, state=failed.state and failed.state.model_copy(update={"attempt": 1}))
    again = count(Wish(OLD, NEW, 0.2, attempts={NEW: 1}), [tried], opened, NEW)
    assert again.everybody == Heads(1, failed=1)

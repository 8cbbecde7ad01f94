"""Who gets what: shares in ring order, monotone and stable, past pins, recalls and lines."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.fleet.assign import Assigned, Member, Wish, assign, count_of, is_older, waves
from andon.fleet.model import NOTHING_OPENED, Opened
from andon.fleet.tests.worlds import NEW, NEWER, OLD, a_fleet, a_member, a_pin, a_recall, runs
from andon.kernel.ids import StationName, Version
from andon_wire.protocol import Phase


def a_wish(share: float, **others: Any) -> Wish:
    return Wish(**({"stable": OLD, "candidate": NEW, "share": share, "rollout": "ro-1"} | others))


def of(name: str, given_: Any) -> Assigned:
    found: Assigned = given_[StationName(name)]
    return found


def with_new(given_: Any) -> set[str]:
    return {name for name, each in given_.items() if each.version == NEW}


@pytest.mark.parametrize(
    ("share", "size", "count"),
    [
        (0, 10, 0),
        (0.1, 10, 1),
        (0.01, 10, 1),
        (0.3, 10, 3),
        (0.55, 10, 5),
        (0.999, 10, 9),
        (1, 10, 10),
        (0.5, 0, 0),
    ],
)
def test_a_share_is_at_least_one_station_and_all_of_them_only_at_one(
    share: float, size: int, count: int
) -> None:
    assert count_of(share, size) == count


def test_a_wave_opens_at_the_share_at_which_its_rings_are_whole() -> None:
    members = a_fleet(lab=1, pilot=2, plant=7)
    assert waves(members) == [(0, 0.1), (1, 0.3), (3, 1.0)]
    for position, share in waves(members):
        given_, _ = assign(a_wish(share), members)
        assert with_new(given_) == {each.station for each in members if each.position <= position}


def test_a_ring_that_is_switched_off_is_not_passed_over() -> None:
    members = [*a_fleet(lab=2, pilot=0, plant=0, is_reachable=False), *a_fleet(lab=0, pilot=2, plant=2)]
    given_, _ = assign(a_wish(0.34), members)
    assert with_new(given_) == {"s0-0", "s0-1"}


def test_of_one_ring_those_who_can_be_reached_come_first() -> None:
    members = [a_member(f"p-{each}", is_reachable=each == 4) for each in range(6)]
    given_, _ = assign(a_wish(0.2), members)
    assert with_new(given_) == {"p-4"}


def test_who_has_the_candidate_keeps_it_when_a_station_of_an_earlier_ring_joins() -> None:
    members = a_fleet(lab=0, pilot=1, plant=9)
    given_, opened = assign(a_wish(0.1), members)
    assert with_new(given_) == {"s1-0"}
    given_, _ = assign(a_wish(0.1), [*members, a_member("s0-0", 0)], opened)
    assert with_new(given_) == {"s1-0"}


def test_who_has_the_candidate_keeps_it_when_others_leave_the_fleet() -> None:
    members = a_fleet(lab=0, pilot=4, plant=6)
    _, opened = assign(a_wish(0.4), members)
    given_, _ = assign(a_wish(0.4), members[:5], opened)
    assert with_new(given_) == {"s1-0", "s1-1", "s1-2", "s1-3"}


def test_less_share_takes_it_from_the_last_ring_first() -> None:
    members = a_fleet(lab=1, pilot=2, plant=7)
    _, opened = assign(a_wish(1.0), members)
    given_, _ = assign(a_wish(0.3), members, opened)
    assert with_new(given_) == {"s0-0", "s1-0", "s1-1"}


def test_a_return_gives_everybody_the_stable_release_as_a_return() -> None:
    members = [a_member("a", state=runs(NEW)), a_member("b", given=NEW), a_member("c")]
    _, opened = assign(a_wish(1.0), members)
    given_, after = assign(a_wish(0.0), members, opened)
    assert {each.version for each in given_.values()} == {OLD}
    assert [of(each, given_).is_return for each in "abc"] == [True, True, False]
    assert after.stations == frozenset()


def test_another_candidate_begins_in_the_first_ring_again() -> None:
    members = a_fleet(lab=1, pilot=2, plant=7)
    _, opened = assign(a_wish(1.0), members)
    given_, after = assign(a_wish(0.1, candidate=NEWER), members, opened)
    assert {name for name, each in given_.items() if each.version == NEWER} == {"s0-0"}
    assert after.version == NEWER


def test_a_pinned_station_keeps_what_it_runs_and_is_counted_nowhere() -> None:
    members = [*a_fleet(lab=1, pilot=2, plant=7), a_member("kept", 0, pin=a_pin("kept"), state=runs("0.9.0"))]
    given_, _ = assign(a_wish(0.3), members)
    assert of("kept", given_).version == "0.9.0"
    assert "pinned by minsu" in of("kept", given_).reason
    assert len(with_new(given_)) == 3
    given_, _ = assign(a_wish(1.0), members)
    assert of("kept", given_).version == "0.9.0"


def test_a_pin_to_a_version_gives_that_one() -> None:
    given_, _ = assign(a_wish(1.0), [a_member("kept", pin=a_pin("kept", Version("0.8.0")))])
    assert (of("kept", given_).version, of("kept", given_).is_return) == ("0.8.0", True)


def test_a_recall_wins_over_candidates_and_pins() -> None:
    members = [
        a_member("a", state=runs(NEW)),
        a_member("b", pin=a_pin("b", NEW), state=runs(NEW)),
        a_member("c"),
    ]
    wish = a_wish(1.0, recalls={NEW: a_recall(NEW, OLD, direct=True)})
    given_, opened = assign(wish, members)
    assert {each.version for each in given_.values()} == {OLD}
    assert [of(each, given_).direct for each in "abc"] == [True, True, False]
    assert [of(each, given_).is_return for each in "abc"] == [True, True, False]
    assert (opened.version, opened.stations) == (None, frozenset())


def test_recalls_of_two_releases_in_a_circle_end() -> None:
    recalls = {NEW: a_recall(NEW, OLD), OLD: a_recall(OLD, NEW)}
    given_, _ = assign(a_wish(0.0, recalls=recalls), [a_member("a")])
    assert of("a", given_).version in {NEW, OLD}


def test_a_station_that_was_off_for_a_month_gets_what_its_place_gives_it_now() -> None:
    away = a_member("away", 3, is_reachable=False, state=runs("0.1.0"))
    members = [*a_fleet(lab=1, pilot=2, plant=6), away]
    given_, opened = assign(a_wish(0.3), members)
    assert of("away", given_).version == OLD
    back = replace(away, is_reachable=True)
    given_, opened = assign(a_wish(0.3), [*members[:-1], back], opened)
    assert of("away", given_).version == OLD
    given_, _ = assign(a_wish(1.0), [*members[:-1], back], opened)
    assert of("away", given_).version == NEW


def test_a_release_that_was_not_made_for_a_platform_is_not_given_to_it() -> None:
    members = [a_member("w", 0, platform="windows-amd64"), *a_fleet(lab=0, pilot=1, plant=1)]
    made_for = {NEW: frozenset({"linux-x86_64"})}
    given_, _ = assign(a_wish(1.0, platforms=made_for), members)
    assert with_new(given_) == {"s1-0", "s3-0"}
    given_, _ = assign(a_wish(0.0, stable=NEW, candidate=None, platforms=made_for), members)
    assert (of("w", given_).version, of("w", given_).reason) == (OLD, "1.1.0 was not made for windows-amd64")


class TestAtMostSoManyOfALine:
    def permitted(self, members: list[Member], most: int = 1, before: Opened = NOTHING_OPENED) -> set[str]:
        given_, _ = assign(a_wish(1.0, most_of_a_line=most), members, before)
        return {name for name, each in given_.items() if each.may_switch}

    def test_all_of_them_get_the_candidate_and_only_so_many_may_switch(self) -> None:
        members = [a_member(f"a-{each}") for each in range(3)] + [a_member("b-0", line="line-2")]
        given_, _ = assign(a_wish(1.0, most_of_a_line=1), members)
        assert with_new(given_) == {"a-0", "a-1", "a-2", "b-0"}
        assert {name for name, each in given_.items() if each.may_switch} == {"a-0", "b-0"}
        assert "others of its line are under way" in of("a-1", given_).reason

    def test_who_is_under_way_keeps_its_turn(self) -> None:
        members = [a_member("a-0"), a_member("a-1", state=runs(NEW, Phase.WATCHING))]
        assert self.permitted(members) == {"a-1"}

    def test_who_is_ready_goes_before_who_still_downloads(self) -> None:
        members = [
            a_member("a-0", state=runs(OLD, Phase.DOWNLOADING)),
            a_member("a-1", state=runs(OLD, Phase.READY, wanted=NEW)),
        ]
        assert self.permitted(members) == {"a-1"}

    def test_who_was_let_keeps_its_turn_while_it_can_be_reached(self) -> None:
        ready = a_member("a-0", state=runs(OLD, Phase.READY, wanted=NEW))
        before = Opened(NEW, 1.0, frozenset(), frozenset({StationName("a-1")}))
        assert self.permitted([ready, a_member("a-1")], before=before) == {"a-1"}
        assert self.permitted([ready, a_member("a-1", is_reachable=False)], before=before) == {"a-0"}

    def test_who_is_done_or_gave_up_takes_no_turn(self) -> None:
        members = [
            a_member("a-0", state=runs(NEW)),
            a_member("a-1", state=runs(OLD, Phase.FAILED, wanted=NEW)),
            a_member("a-2"),
            a_member("a-3"),
        ]
        assert self.permitted(members) == {"a-0", "a-1", "a-2"}

    def test_who_may_try_again_takes_a_turn(self) -> None:
        failed = a_member("a-0", state=runs(OLD, Phase.FAILED, wanted=NEW), attempt=1)
        assert self.permitted([failed, a_member("a-1")]) == {"a-0"}

    def test_a_way_back_waits_for_nobody(self) -> None:
        members = [a_member(f"a-{each}", state=runs(NEW)) for each in range(3)]
        given_, _ = assign(a_wish(0.0, most_of_a_line=1), members)
        assert [each.may_switch for each in given_.values()] == [True, True, True]

    def test_stations_without_a_line_hold_nobody_up(self) -> None:
        assert self.permitted([a_member("a-0", line=""), a_member("a-1", line="")]) == {"a-0", "a-1"}


_STATES = st.sampled_from([None, *(runs(version, phase) for version in (OLD, NEW) for phase in Phase)])
_MEMBERS = st.lists(
    st.builds(
        Member,
        station=st.integers(0, 30).map(lambda each: StationName(f"s-{each}")),
        line=st.sampled_from(["", "x", "y"]),
        position=st.integers(0, 3),
        is_reachable=st.booleans(),
        state=_STATES,
        pin=st.sampled_from([None, None, None, a_pin("any")]),
    ),
    max_size=14,
    unique_by=lambda each: each.station,
)


@given(_MEMBERS, st.lists(st.floats(0, 1), min_size=1, max_size=6).map(sorted), st.integers(0, 3), st.data())
def test_more_share_takes_nothing_away_and_opens_rings_in_order(
    members: list[Member], shares: list[float], most: int, data: st.DataObject
) -> None:
    opened, had = NOTHING_OPENED, set[str]()
    for share in shares:
        moved = [
            replace(each, is_reachable=data.draw(st.booleans()), state=data.draw(_STATES)) for each in members
        ]
        given_, opened = assign(a_wish(share, most_of_a_line=most), moved, opened)
        now = {name for name, each in given_.items() if each.is_candidate}
        free = [each for each in moved if each.pin is None]
        assert had <= now == set(opened.stations)
        assert len(now) == count_of(share, len(free))
        out = [each.position for each in free if each.station not in now]
        assert not out or all(each.position <= min(out) for each in free if each.station in now)
        had = now


@given(_MEMBERS, st.integers(1, 3))
def test_never_more_of_a_line_are_let_than_may_be(members: list[Member], most: int) -> None:
    given_, _ = assign(a_wish(1.0, most_of_a_line=most), members)
    for line in ("x", "y"):
        here = [each for each in members if each.line == line and each.pin is None]
        at_rest = [each for each in here if each.is_done(NEW) or each.has_given_up(NEW)]
        under_way = {Phase.SWITCHING, Phase.WATCHING, Phase.RETURNING}
        going = [each for each in here if each.state is not None and each.state.phase in under_way]
        let = [each for each in here if given_[each.station].may_switch and each not in at_rest]
        assert len(let) <= max(most, len(going))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1.0.0", "1.0.1"),
        ("1.9.0", "1.10.0"),
        ("1.0.0-rc1", "1.0.0"),
        ("1.0.0-1", "1.0.0-a"),
        ("1.0.0-2", "1.0.0-10"),
    ],
)
def test_versions_stand_in_their_order(one: str, other: str) -> None:
    assert is_older(one, other)
    assert not is_older(other, one)


def test_what_follows_a_plus_makes_no_version_older() -> None:
    assert not is_older("1.0.0+a", "1.0.0+b")
    assert not is_older("1.0.0+b", "1.0.0+a")


def test_while_it_is_halted_nobody_begins_and_who_is_under_way_comes_to_an_end() -> None:
    members = a_fleet()
    _, opened = assign(Wish(OLD, NEW, 0.3), members)
    switching = next(iter(opened.stations))
    members = [
        replace(each, state=runs(OLD, Phase.SWITCHING, wanted=NEW)) if each.station == switching else each
        for each in members
    ]
    halted, after = assign(Wish(OLD, NEW, 0.6, halted="the cord is pulled"), members, opened)
    assert after.stations == opened.stations
    assert [name for name, each in halted.items() if each.is_candidate and each.may_switch] == [switching]
    assert all("the cord is pulled" in each.reason for each in halted.values() if not each.may_switch)
    assert len(assign(Wish(OLD, NEW, 0.6), members, after)[1].stations) == 6


def test_a_way_back_goes_on_while_it_is_halted() -> None:
    members = [replace(each, state=runs(NEW), given=NEW) for each in a_fleet()]
    before = Opened(NEW, 1.0, frozenset(each.station for each in members))
    given, _ = assign(Wish(OLD, halted="the cord is pulled"), members, before)
    assert all(each.version == OLD and each.is_return and each.may_switch for each in given.values())


def test_those_that_had_it_before_the_share_rose_are_the_earlier_ones() -> None:
    members = a_fleet()
    _, lab = assign(Wish(OLD, NEW, 0.1), members)
    _, pilot = assign(Wish(OLD, NEW, 0.3), members, lab)
    assert (lab.earlier, pilot.earlier) == (frozenset(), lab.stations)
    assert assign(Wish(OLD, NEW, 0.3), members, pilot)[1].earlier == lab.stations


def test_a_new_rollout_tries_again_what_failed_in_an_old_one() -> None:
    failed = a_member("a", state=runs(OLD, Phase.FAILED, wanted=NEW), attempt=2)
    given, _ = assign(Wish(OLD, NEW, 1.0, attempts={NEW: 3}), [failed])
    assert given[failed.station].attempt == 5
    assert assign(Wish(OLD, NEW, 1.0), [failed])[0][failed.station].attempt == 2

"""The cheapest way from what a station has to what it wants."""

from collections.abc import Iterable, Sequence
from itertools import pairwise, permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon_wire.delta import chain
from andon_wire.delta.chain import LINK_BYTES, MOST_LINKS, Offer, offers

pytestmark = pytest.mark.unit
MB = 1_000_000


def delta(old: str, new: str, size: int) -> Offer:
    return Offer(f"{new}-from-{old}", old, new, size)


def full(new: str, size: int) -> Offer:
    return Offer(f"full-{new}", None, new, size)


def plan_chain(
    given: Iterable[Offer],
    have: str | None,
    want: str,
    *,
    most: int = MOST_LINKS,
    asked: list[str] | None = None,
) -> Sequence[Offer] | None:
    """From one version, or none, with all offers known."""
    every = list(given)

    def offers_of(version: str) -> list[Offer]:
        if asked is not None:
            asked.append(version)
        return [each for each in every if each.new == version]

    return chain.plan_chain(want, [] if have is None else [have], offers_of, most=most)


def test_one_delta_is_taken_where_it_is_smaller_than_the_full_package() -> None:
    small, whole = delta("1", "2", 5 * MB), full("2", 90 * MB)
    assert plan_chain([whole, small], "1", "2") == (small,)
    assert plan_chain([whole, delta("1", "2", 91 * MB)], "1", "2") == (whole,)


def test_a_chain_is_taken_where_it_is_smaller_than_all_else() -> None:
    chain = (delta("1", "2", 5 * MB), delta("2", "3", 6 * MB))
    assert plan_chain([full("3", 90 * MB), *chain, delta("1", "3", 20 * MB)], "1", "3") == chain
    assert plan_chain([full("3", 11 * MB), *chain], "1", "3") == (full("3", 11 * MB),)


def test_each_further_link_must_save_more_than_applying_it_costs() -> None:
    chain = (delta("1", "2", MB), delta("2", "3", MB))
    direct = delta("1", "3", 2 * MB + LINK_BYTES)
    assert plan_chain([*chain, direct], "1", "3") == (direct,)
    assert plan_chain([*chain, delta("1", "3", 2 * MB + LINK_BYTES + 1)], "1", "3") == chain


def test_nothing_is_downloaded_for_what_is_there_and_nothing_can_be_for_what_is_not_offered() -> None:
    assert plan_chain([full("1", MB)], "1", "1") == ()
    assert plan_chain([full("1", MB), delta("2", "3", 1)], "1", "3") is None


def test_a_station_with_nothing_begins_with_a_full_package_of_any_version() -> None:
    assert plan_chain([delta("1", "2", 1), full("2", MB)], None, "2") == (full("2", MB),)
    ways = [full("1", MB), delta("1", "2", MB)]
    assert plan_chain(ways, None, "2") == tuple(ways)
    assert plan_chain(ways, "a version that nobody knows", "2") == tuple(ways)


def test_a_station_that_was_off_for_long_does_not_take_a_chain_without_end() -> None:
    steps = [delta(str(n), str(n + 1), 1) for n in range(MOST_LINKS + 1)]
    whole = full(str(MOST_LINKS + 1), 500 * MB)
    assert plan_chain([*steps, whole], "0", whole.new) == (whole,)
    assert len(plan_chain([*steps, whole], "1", whole.new) or ()) == MOST_LINKS


def test_a_dearer_way_to_a_version_is_kept_where_the_cheaper_has_too_many_links_to_go_on() -> None:
    short = [delta("1", "3", 9 * MB), delta("3", "4", 1), delta("4", "5", 1)]
    assert plan_chain([delta("1", "2", 1), delta("2", "3", 1), *short], "1", "5", most=3) == tuple(short)


def test_the_way_back_is_a_way_like_any_other() -> None:
    assert plan_chain([delta("2", "1", 7), full("1", MB)], "2", "1") == (delta("2", "1", 7),)


def test_of_several_bases_the_cheapest_is_taken() -> None:
    ways = {"3": [full("3", 9 * MB), delta("2", "3", MB), delta("1", "3", 4 * MB)]}
    assert chain.plan_chain("3", ["1", "2"], ways.__getitem__) == (delta("2", "3", MB),)
    assert chain.plan_chain("3", ["1"], lambda each: ways.get(each, [])) == (delta("1", "3", 4 * MB),)


def test_an_older_version_is_asked_for_only_while_a_way_through_it_may_be_the_cheapest() -> None:
    asked: list[str] = []
    given = [full("3", 5 * MB), delta("2", "3", 6 * MB), full("2", 1), delta("1", "3", MB)]
    assert plan_chain(given, "1", "3", asked=asked) == (delta("1", "3", MB),)
    assert plan_chain(given, None, "3", asked=asked) == (full("3", 5 * MB),)
    assert asked == ["3", "3", "1"]


def test_deltas_that_go_round_in_a_circle_end() -> None:
    circle = [delta("3", "2", 1), delta("2", "3", 1), full("3", 6 * MB)]
    assert plan_chain(circle, "1", "3") == (full("3", 6 * MB),)
    assert plan_chain(circle[:2], "1", "3") is None


def test_the_artifacts_of_a_release_say_what_it_can_be_made_of_on_a_platform() -> None:
    sizes = {"bundle-linux-x86_64.andon": 9, "delta-linux-x86_64-from-1.0+a.andon": 2, "andon.toml": 1}
    sizes |= {"bundle-linux-x86.andon": 7, "delta-linux-x86-from-1.0.andon": 3, "tree-linux-x86_64.json": 4}
    assert offers("2.0", sizes, "linux-x86_64") == [
        Offer("bundle-linux-x86_64.andon", None, "2.0", 9),
        Offer("delta-linux-x86_64-from-1.0+a.andon", "1.0+a", "2.0", 2),
    ]
    assert offers("2.0", sizes, "windows-amd64") == []


OFFERS = st.lists(
    st.builds(
        lambda old, new, size: Offer(f"{old}>{new}:{size}", old, new, size),
        st.sampled_from([None, "a", "b", "c", "d"]),
        st.sampled_from(["a", "b", "c", "d"]),
        st.integers(1, 40).map(lambda n: n * 100_000),
    ),
    max_size=7,
    unique_by=lambda each: each.name,
)


@given(OFFERS, st.sampled_from([None, "a", "b"]))
def test_no_other_way_is_cheaper(offers: list[Offer], have: str | None) -> None:
    found = plan_chain(offers, have, "d", most=3)
    costs = [
        sum(each.size_bytes for each in way) + (length - 1) * LINK_BYTES
        for length in (1, 2, 3)
        for way in permutations(offers, length)
        if way[0].old in {have, None}
        and way[-1].new == "d"
        and all(one.new == other.old for one, other in pairwise(way))
    ]
    if found is None:
        assert not costs
    else:
        assert sum(each.size_bytes for each in found) + (len(found) - 1) * LINK_BYTES == min(costs)
    assert plan_chain(offers[::-1], have, "d", most=3) == found

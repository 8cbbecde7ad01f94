import contextlib
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.kernel.errors import InvalidInput
from andon.kernel.ids import EnvironmentName
from andon.rollouts.changing import NO_CHANGES, Changes, changed, note, read
from andon.units.model import Manifest

PRODUCTION = EnvironmentName("production")


def a_manifest(*steps: object) -> Manifest:
    return Manifest.model_validate(
        {
            "unit": {"name": "mes"},
            "run": {"command": ["serve"]},
            "environments": {
                "production": {"port": 9000, "policy": {"steps": list(steps), "max_wait": timedelta(hours=1)}}
            },
        }
    )


MES = a_manifest(
    {"hold": True, "name": "first"},
    {"share": 0.1, "soak": timedelta(minutes=2)},
    {"gate": "window", "name": "night"},
    {"share": 0.5, "mirror": 0.1},
    1.0,
)


def walk(made: Manifest) -> list[object]:
    steps = made.environments[PRODUCTION].policy.steps
    return [each.name if each.share is None else each.share for each in steps]


def test_nothing_changed_is_the_manifest_itself():
    assert changed(MES, PRODUCTION, NO_CHANGES) is MES
    assert note(NO_CHANGES) == ""


@pytest.mark.parametrize(
    ("shares", "walked"),
    [
        ((0.05, 0.2, 1.0), ["first", 0.05, "night", 0.2, 1.0]),
        ((0.1, 1.0), ["first", 0.1, "night", 1.0]),
        ((1.0,), ["first", "night", 1.0]),
        ((0.01, 0.02, 0.1, 0.11, 1.0), ["first", 0.01, 0.02, 0.1, "night", 0.11, 1.0]),
    ],
)
def test_what_stands_before_a_part_of_the_way_stands_before_it_at_other_shares(shares, walked):
    assert walk(changed(MES, PRODUCTION, Changes(shares=shares))) == walked


def test_a_new_share_is_like_the_one_that_reaches_it():
    steps = (
        changed(MES, PRODUCTION, Changes(shares=(0.05, 0.3, 0.9, 1.0))).environments[PRODUCTION].policy.steps
    )
    legs = {each.share: each for each in steps if each.share is not None}
    assert legs[0.05].soak == timedelta(minutes=2)
    assert (legs[0.3].mirror, legs[0.9].mirror) == (0.1, 0.0)


def test_a_time_holds_for_every_share():
    policy = (
        changed(MES, PRODUCTION, Changes(soak=timedelta(seconds=5), warm=timedelta()))
        .environments[PRODUCTION]
        .policy
    )
    assert (policy.soak, policy.warm, policy.max_wait) == (
        timedelta(seconds=5),
        timedelta(),
        timedelta(hours=1),
    )
    assert [each.soak for each in policy.steps] == [None] * 5


@pytest.mark.parametrize("shares", [(0.5,), (0.5, 0.1, 1.0), (0.0, 1.0), (1.5,)])
def test_shares_that_are_no_plan_are_refused_with_the_field(shares):
    with pytest.raises(InvalidInput, match="steps"):
        changed(MES, PRODUCTION, Changes(shares=shares))


def test_an_environment_that_is_not_there_is_named():
    with pytest.raises(InvalidInput, match="is not in the manifest"):
        changed(MES, EnvironmentName("moon"), Changes(warm=timedelta()))


def test_the_note_says_what_differs():
    all_of_it = Changes((0.05, 1.0), timedelta(minutes=1), timedelta(minutes=5), timedelta(seconds=30))
    assert note(all_of_it) == (
        "The plan differs from the manifest's: shares 5 %, 100 %; soak 60 s; longest wait 300 s; warm 30 s."
    )


@given(st.lists(st.floats(0.001, 0.999), max_size=8, unique=True).map(sorted))
def test_no_gate_is_ever_left_out_or_comes_after_a_share_that_it_guards(shares):
    found = walk(changed(MES, PRODUCTION, Changes(shares=(*shares, 1.0))))
    assert found[0] == "first"
    assert [each for each in found if isinstance(each, float)] == [*shares, 1.0]
    before_night = [each for each in found[: found.index("night")] if isinstance(each, float)]
    assert all(each <= 0.1 for each in before_night)


def test_nothing_written_changes_nothing():
    assert read() == NO_CHANGES


def test_shares_may_be_written_in_several_ways():
    for text in ("10,50,100", "10 50 100", "10 - 50 - 100 %", "10%; 50%; 100%"):
        assert read(text).shares == (0.1, 0.5, 1.0)


def test_times_have_their_units():
    assert read("", "30s", "5m", "0s") == Changes(
        (), timedelta(seconds=30), timedelta(minutes=5), timedelta()
    )


def test_too_many_shares_are_refused():
    with pytest.raises(InvalidInput, match="too many"):
        read(" ".join(str(each) for each in range(1, 40)))


@given(st.tuples(st.text(), st.text(), st.text(), st.text()))
def test_any_text_is_a_change_or_a_clear_refusal(texts):
    with contextlib.suppress(InvalidInput):
        assert isinstance(read(*texts), Changes)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("120", "not all above 0 and up to 100 %"),
        ("0, 100", "not all above 0"),
        ("5, 20", "do not rise to 100 %"),
        ("50, 20, 100", "do not rise"),
        ("ten", "no percentages"),
        ("nan", "not all above 0"),
    ],
)
def test_what_is_no_walk_to_all_is_said_in_the_percentages_that_were_written(text, why):
    with pytest.raises(InvalidInput, match=why):
        read(text)


def test_a_group_that_gets_the_candidate_before_any_share_stays():
    made = a_manifest({"share": 0, "match": [{"header": "x-line", "value": "pilot"}]}, 0.1, 1.0)
    steps = changed(made, PRODUCTION, Changes(shares=(0.05, 1.0))).environments[PRODUCTION].policy.steps
    assert [each.share for each in steps] == [0.0, 0.05, 1.0]
    assert steps[0].match

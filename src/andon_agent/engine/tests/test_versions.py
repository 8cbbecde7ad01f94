import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon_agent.engine.versions import is_older

pytestmark = pytest.mark.unit
IN_ORDER = [
    "0.9",
    "1.0.dev1",
    "1.0a1",
    "1.0a2",
    "1.0b1",
    "1.0rc1",
    "1.0",
    "1.0.post1",
    "1.0.1",
    "1.2",
    "1.10",
    "2.0",
]


def test_versions_stand_in_their_order() -> None:
    for index, older in enumerate(IN_ORDER):
        for newer in IN_ORDER[index + 1 :]:
            assert is_older(older, newer), (older, newer)
            assert not is_older(newer, older), (newer, older)


@pytest.mark.parametrize(("one", "two"), [("1.0", "1.0.0"), ("v1.2", "1.2"), ("1.0RC1", "1.0rc1")])
def test_two_ways_to_write_a_version_are_one(one: str, two: str) -> None:
    assert not is_older(one, two)
    assert not is_older(two, one)


def test_a_local_part_counts_last() -> None:
    assert is_older("1.0", "1.0+plant.2")
    assert is_older("1.0+plant.2", "1.0+plant.10")


@given(st.text("0123456789abcrv.+-", max_size=12), st.text("0123456789abcrv.+-", max_size=12))
def test_of_two_at_most_one_is_older(one: str, two: str) -> None:
    assert not (is_older(one, two) and is_older(two, one))

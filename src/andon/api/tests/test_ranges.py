"""Ranges: what a header asks for lies in the file, or is said not to."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.api.ranges import Part, Unsatisfiable, asked_for


@pytest.mark.parametrize(
    ("header", "part"),
    [
        ("", None),
        ("bytes=0-", Part(0, 10)),
        ("bytes=0-0", Part(0, 1)),
        ("bytes=4-6", Part(4, 7)),
        ("Bytes=4-600", Part(4, 10)),
        ("bytes=-3", Part(7, 10)),
        ("bytes=-30", Part(0, 10)),
        ("bytes=9-", Part(9, 10)),
        ("bytes=6-4", None),
        ("bytes=-", None),
        ("bytes=0-1,3-4", None),
        ("lines=0-1", None),
        ("bytes=x-1", None),
        ("bytes=" + "9" * 30 + "-", None),
    ],
)
def test_a_range_is_read_as_the_rfc_says(header: str, part: Part | None) -> None:
    assert asked_for(header, 10) == part


@pytest.mark.parametrize("header", ["bytes=10-", "bytes=11-12", "bytes=-0"])
def test_a_range_behind_the_end_cannot_be_given(header: str) -> None:
    with pytest.raises(Unsatisfiable):
        asked_for(header, 10)


@given(st.text(alphabet="bytes=-,0123456789 ", max_size=30), st.integers(0, 100))
def test_a_part_never_leaves_its_file(header: str, size: int) -> None:
    try:
        part = asked_for(header, size)
    except Unsatisfiable:
        return
    assert part is None or 0 <= part.begin < part.end <= size

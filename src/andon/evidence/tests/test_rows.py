import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.evidence import rows
from andon.evidence.model import Tally, measured
from andon.kernel.errors import Unavailable
from andon.units.evidence import Evidence

PARTS = Evidence(source="json", path="/evidence", rows="data.releases")
TIMES = Evidence(source="json", path="/evidence", kind="latency", edges=[15.0, 60.0])


def document(*found: dict[str, object]) -> str:
    return json.dumps({"data": {"releases": found}})


def test_rows_of_a_release_are_summed_and_rows_of_none_left_out():
    text = document(
        {"release": "1.0.0", "exposure": 90, "bad": 1},
        {"release": "1.0.0", "exposure": 10, "bad": 2.0},
        {"release": None, "exposure": 5, "bad": 5},
        {"release": "1.1.0", "exposure": 0, "bad": 0},
    )
    assert rows.read_json(text, PARTS) == {"1.0.0": Tally(100, 3), "1.1.0": Tally(0, 0)}


def test_the_fields_have_the_names_that_the_manifest_gives():
    wanted = PARTS.model_copy(update={"exposure": "serials", "bad": "fails", "release_label": "software"})
    text = document({"software": "1.0.0", "serials": 7, "fails": 1})
    assert rows.read_json(text, wanted) == {"1.0.0": Tally(7, 1)}


def test_buckets_are_counted_up_to_the_next_edge_of_the_manifest():
    found = [
        {"release": "1.0.0", "edge": 5, "count": 1},
        {"release": "1.0.0", "edge": 15.0, "count": 2},
        {"release": "1.0.0", "edge": 60, "count": 4},
        {"release": "1.0.0", "edge": None, "count": 8},
    ]
    assert rows.read_json(json.dumps(found), TIMES) == {"1.0.0": measured((3, 4, 8))}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{", "no JSON"),
        ("[" * 100_000, "no JSON"),
        (json.dumps({"data": {}}), "no data.releases"),
        (json.dumps({"data": {"releases": {"1.0.0": 1}}}), "no list of rows"),
        (json.dumps({"data": {"releases": [1]}}), "no list of rows"),
        (document({"release": "1.0.0", "exposure": 1}), "a row has no bad; it has release, exposure"),
        (document({}), "it has nothing"),
        (document({"release": 1, "exposure": 1, "bad": 0}), "no version"),
        (document({"release": "1.0.0", "exposure": 1.5, "bad": 0}), "1.5, which is no count"),
        (document({"release": "1.0.0", "exposure": -1, "bad": 0}), "no count"),
        (document({"release": "1.0.0", "exposure": True, "bad": 0}), "no count"),
        (document({"release": "1.0.0", "exposure": "9", "bad": 0}), "no count"),
        (document(*({"release": f"1.0.{n}", "exposure": 1, "bad": 0} for n in range(101))), "more than 100"),
        (document(*[{"release": None, "exposure": 1, "bad": 0}] * 10_001), "more than 10,000 rows"),
    ],
)
def test_what_is_no_count_is_said_and_never_a_zero(text, why):
    with pytest.raises(Unavailable, match=why):
        rows.read_json(text, PARTS)


@pytest.mark.parametrize("edge", ["15", -1, True, float("nan")])
def test_an_edge_is_seconds_or_null(edge):
    with pytest.raises(Unavailable, match="write seconds, or null"):
        rows.tallies([{"release": "1.0.0", "edge": edge, "count": 1}], TIMES)


@given(st.text() | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(json.dumps))
def test_any_answer_is_counts_or_a_problem(text):
    for wanted in (PARTS, TIMES, PARTS.model_copy(update={"rows": ""})):
        with contextlib.suppress(Unavailable):
            for each in rows.read_json(text, wanted).values():
                assert each.bad >= 0
                assert each.exposure >= 0

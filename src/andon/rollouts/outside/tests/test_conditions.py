"""Whether a document says what a gate waits for. What cannot be compared is never a yes."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from andon.rollouts.outside import conditions
from andon.rollouts.outside.paths import find
from andon.units.gating import Production, Webhook

DOCUMENT = {"data": {"open_lots": 0, "running": False, "mode": "idle", "models": [{"open_lots": 2}]}}


def wanted(field: str, **goal: Any) -> Production:
    return Production(path="/production", field=field, **goal)


CASES = [
    ("data.open_lots", {"equals": 0}, True, "data.open_lots is 0"),
    ("data.open_lots", {"equals": 0.0}, True, "data.open_lots is 0"),
    ("data.open_lots", {"equals": 1}, False, "data.open_lots is 0; it waits for data.open_lots = 1"),
    ("data.open_lots", {"equals": "0"}, False, 'data.open_lots is 0; it waits for data.open_lots = "0"'),
    ("data.open_lots", {"equals": False}, False, "data.open_lots is 0; it waits for data.open_lots = false"),
    ("data.running", {"equals": False}, True, "data.running is false"),
    ("data.running", {"equals": 0}, False, "data.running is false; it waits for data.running = 0"),
    ("data.mode", {"equals": "idle"}, True, 'data.mode is "idle"'),
    ("data.models.0.open_lots", {"below": 3}, True, "data.models.0.open_lots is 2"),
    (
        "data.models.0.open_lots",
        {"below": 2},
        False,
        "data.models.0.open_lots is 2; it waits for data.models.0.open_lots below 2",
    ),
    ("data.models.1.open_lots", {"below": 3}, False, "the answer has no data.models.1.open_lots"),
    ("data.lots", {"equals": 0}, False, "the answer has no data.lots"),
    ("data.mode", {"below": 3}, False, 'data.mode is "idle", which is no number'),
    ("data.running", {"below": 3}, False, "data.running is false, which is no number"),
    ("data.models", {"equals": 0}, False, 'data.models is [{"open_lots": 2}]; it waits for data.models = 0'),
    ("data.mode.0", {"equals": "i"}, False, "the answer has no data.mode.0"),
]


@pytest.mark.parametrize(("field", "goal", "is_met", "reason"), CASES)
def test_what_a_document_says(field: str, goal: dict[str, Any], is_met: bool, reason: str) -> None:
    assert conditions.look(DOCUMENT, wanted(field, **goal)) == conditions.Met(is_met, reason)


@pytest.mark.parametrize("document", [None, [], "0", 0, {"data": None}, {"data": {"open_lots": None}}])
def test_a_document_of_another_shape_is_no_yes(document: Any) -> None:
    assert not conditions.look(document, wanted("data.open_lots", equals=0)).is_met
    assert not conditions.look(document, wanted("data.open_lots", below=1)).is_met


values = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=True) | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab0"), inner, max_size=3),
    max_leaves=8,
)


@given(values, st.sampled_from(["a", "a.b", "0", "a.0.b", "b.0"]), st.sampled_from([0, 1, True, "a"]))
def test_any_document_is_met_only_by_an_equal_value_of_its_kind(
    document: Any, field: str, goal: int | str
) -> None:
    met = conditions.look(document, wanted(field, equals=goal))
    if met.is_met:
        found = find(document, field)
        assert found == goal
        assert isinstance(found, bool) is isinstance(goal, bool)


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({}, "say either"),
        ({"equals": 0, "below": 1}, "say either"),
        ({"equals": 0, "path": "production"}, "path"),
        ({"equals": 0, "path": "/production?model=a"}, "path"),
        ({"equals": 0, "field": "a..b"}, "field"),
        ({"equals": 0, "timeout": "2m"}, "60 s is the longest"),
    ],
)
def test_what_a_manifest_may_not_ask_of_production(changes: dict[str, Any], wrong: str) -> None:
    with pytest.raises(ValidationError, match=wrong):
        Production.model_validate({"path": "/production", "field": "data.open_lots"} | changes)


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({"url": "https://changes.plant.example"}, "needs `signed_by`"),
        ({"url": "ftp://changes.plant.example", "signed_by": "board"}, "whole address"),
        ({"url": "https://kim:word@changes.plant.example", "signed_by": "board"}, "whole address"),
        ({"url": "https://changes.plant.example:99999", "signed_by": "board"}, "whole address"),
        ({"url": "https:///andon", "signed_by": "board"}, "whole address"),
        ({"url": "https://changes.plant.example/\x00", "signed_by": "board"}, "whole address"),
        ({"url": "", "signed_by": "ldap.bind"}, "signed_by"),
    ],
)
def test_what_a_manifest_may_not_say_of_a_webhook(changes: dict[str, Any], wrong: str) -> None:
    with pytest.raises(ValidationError, match=wrong):
        Webhook.model_validate(changes)

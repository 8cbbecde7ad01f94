"""What changed, field by field."""

import pytest

from andon.board import diff


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({}, {}, []),
        ({"a": 1}, {"a": 1}, [("a", "same", "1", "1")]),
        ({"a": 1}, {"a": 2}, [("a", "changed", "1", "2")]),
        ({}, {"a": None}, [("a", "added", "", "null")]),
        ({"a": ""}, {}, [("a", "removed", "", "")]),
        (
            {"a": {"b": 1, "c": 2}},
            {"a": {"b": 3}},
            [("a.b", "changed", "1", "3"), ("a.c", "removed", "2", "")],
        ),
        ({"a": [1, 2]}, {"a": [2, 1]}, [("a", "changed", "[1, 2]", "[2, 1]")]),
        ({"a": {}}, {"a": {"b": 1}}, [("a", "removed", "{}", ""), ("a.b", "added", "", "1")]),
        ({"a": "가"}, {"a": ["가"]}, [("a", "changed", "가", '["가"]')]),
    ],
)
def test_fields_are_told_one_by_one(before, after, expected):
    found = diff.lines(before, after)
    assert [(each.path, each.kind, each.before, each.after) for each in found] == expected


def test_every_kind_has_its_own_sign():
    assert len(set(diff.SIGNS.values())) == 4
    assert diff.Line("a", "added", "", "1").sign == "+"

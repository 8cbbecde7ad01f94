import ast
from importlib import resources
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.access.people.names import checked_display_name, checked_login, is_reserved, key_of
from andon.kernel.errors import InvalidInput


@pytest.mark.parametrize(
    "login", ["mina", "Mina.Kim", "mina@plant.example", "김민아", "müller", "straße", "a7", "иван"]
)
def test_a_plain_login_is_taken_as_it_is(login):
    assert checked_login(login) == login


@pytest.mark.parametrize(
    ("login", "said"),
    [
        ("", "0 characters"),
        ("m", "1 characters"),
        ("m" * 65, "65 characters"),
        ("mina kim", "' ' is not allowed"),
        ("to:ken", "':' is not allowed"),
        ("-mina", "begins with"),
        ("mi\u200bna", "is not allowed"),
        ("miпа", "mixes Cyrillic and Latin"),
        ("асе", "looks like a Latin login"),
        ("mına", "looks like another"),
    ],
)
def test_a_login_that_could_be_taken_for_another_is_refused_with_the_reason(login, said):
    with pytest.raises(InvalidInput, match=said):
        checked_login(login)


@pytest.mark.parametrize(
    ("one", "other"),
    [("Mina", "mina"), ("ｍｉｎａ", "mina"), ("STRASSE", "straße"), (" mina ", "MINA"), ("é1", "é1")],
)
def test_logins_are_the_same_without_regard_to_case_and_form(one, other):
    assert key_of(one) == key_of(other)


@given(st.text())
def test_a_key_is_its_own_key(text):
    assert key_of(key_of(text)) == key_of(text)


def test_a_display_name_is_one_visible_line():
    assert checked_display_name("  Mina\n Kim ") == "Mina Kim"
    for bad in ("", "   ", "x" * 121, "Mina\u202eKim"):
        with pytest.raises(InvalidInput):
            checked_display_name(bad)


@pytest.mark.part11("11.10(e)", "11.100(a)")
@pytest.mark.parametrize(
    "login", ["andon", "Timeline", "ＡＮＤＯＮ", " setup ", "token:ci", "Token:CI", "andon init"]
)
def test_nobody_is_called_as_a_part_of_andon_is(login):
    assert is_reserved(login)
    with pytest.raises(InvalidInput, match="names a part of Andon"):
        checked_login(login)


def test_a_login_that_only_begins_like_a_part_of_andon_is_free():
    for login in ("andon-kim", "clocks", "kim.timeline", "tokens.kim"):
        assert checked_login(login) == login


def acting(tree):
    """What the calls of `Event` in a module give as actor, where it is written out."""
    constants = {
        target.id: node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Event":
            given = [each.value for each in node.keywords if each.arg == "actor"] + node.args[2:3]
            for part in given:
                for value in part.values if isinstance(part, ast.BoolOp) else [part]:
                    named = constants.get(getattr(value, "id", ""))
                    if isinstance(value, ast.Constant) or isinstance(named, str):
                        yield named or value.value


def test_every_part_of_andon_that_acts_by_itself_is_reserved():
    root = Path(str(resources.files("andon")))
    files = [each for each in root.rglob("*.py") if not {"tests", "testing"} & set(each.parts[-3:])]
    found = {name for file in files for name in acting(ast.parse(file.read_text()))}
    assert {"andon", "timeline", "clock", "directory", "login", "sessions"} <= found
    assert {name for name in found if not is_reserved(name)} == set()

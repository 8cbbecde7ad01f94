import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.access.people.names import checked_display_name, checked_login, key_of
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
        ("token:ci", "':' is not allowed"),
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

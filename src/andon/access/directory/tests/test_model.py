"""Settings that cannot be right are refused, and a login has one spelling."""

from datetime import timedelta
from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.access.directory.model import (
    DirectorySettings,
    ServerAddress,
    is_possible_password,
    normal_login,
    parse_server,
)
from andon.kernel.errors import InvalidInput


def some_settings(**changes) -> DirectorySettings:
    usual = {"servers": ("ldaps://dc1.plant.example",), "bind_dn": "cn=andon", "base_dn": "dc=plant"}
    return DirectorySettings(**(usual | changes))


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("ldaps://dc1.plant.example", ServerAddress("dc1.plant.example", 636, True)),
        ("ldap://dc1", ServerAddress("dc1", 389, False)),
        (" ldaps://DC1:3269/ ", ServerAddress("dc1", 3269, True)),
        ("ldaps://[fd00::1]:1636", ServerAddress("fd00::1", 1636, True)),
        ("ldap://10.0.0.1:10389", ServerAddress("10.0.0.1", 10389, False)),
    ],
)
def test_a_server_is_read_from_its_url(url: str, address: ServerAddress) -> None:
    assert parse_server(url) == address
    assert parse_server(str(address)) == address


@pytest.mark.parametrize(
    "url",
    ["", "dc1", "http://dc1", "ldap://", "ldap://a b", "ldap://u:p@dc1", "ldap://dc1:0", "ldap://dc1:70000",
     "ldap://dc1/dc=plant", "ldap://dc1?x", "ldap://dc1:port", "ldapi://%2frun"],
)  # fmt: skip
def test_what_is_no_server_is_refused_by_name(url: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_server(url)
    assert (caught.value.code, repr(url) in caught.value.message) == ("directory-settings", True)


@pytest.mark.parametrize(
    ("server", "is_fine"),
    [
        ("ldap://localhost:389", True),
        ("ldap://127.0.0.1", True),
        ("ldap://[::1]", True),
        ("ldap://127.0.0.1.evil.example", False),
        ("ldap://localhost.evil.example", False),
        ("ldap://10.0.0.1", False),
        ("ldaps://10.0.0.1", True),
    ],
)
def test_plain_text_is_for_this_machine_alone(server: str, is_fine: bool) -> None:
    if is_fine:
        some_settings(servers=(server,), start_tls=False, allow_plain=True)
    else:
        with pytest.raises(InvalidInput, match="start_tls off"):
            some_settings(servers=(server,), start_tls=False, allow_plain=True)


def test_plain_text_on_this_machine_is_said_on_purpose() -> None:
    with pytest.raises(InvalidInput, match="start_tls off"):
        some_settings(servers=("ldap://localhost",), start_tls=False)


@pytest.mark.parametrize(
    "changes",
    [
        {"servers": ()},
        {"bind_dn": " "},
        {"base_dn": ""},
        {"user_filter": "(uid=alice)"},
        {"user_filter": "(uid={login}*)"},
        {"user_filter": "(uid:caseExactMatch:={login})"},
        {"user_filter": "(&(uid={login})"},
        {"user_filter": "uid={login})("},
        {"group_filter": "(objectClass=group)"},
        {"disabled_filter": "employeeType=left"},
        {"id_attribute": "entryUUID)(x"},
        {"login_attribute": ""},
        {"timeout": timedelta()},
        {"connect_timeout": timedelta(seconds=-1)},
        {"nested_depth": -1},
        {"nested_depth": 51},
    ],
)
def test_a_setting_that_cannot_be_right_is_refused_with_a_fix(changes) -> None:
    with pytest.raises(InvalidInput) as caught:
        some_settings(**changes)
    assert next(iter(changes)) in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("alice", "alice"),
        ("  Alice ", "Alice"),
        ("ａｌｉｃｅ", "alice"),
        ("김민지", "김민지"),
        (normalize("NFD", "김민지"), "김민지"),
        ("PLANT\\alice", "PLANT\\alice"),
        ("", ""),
        ("   ", ""),
        ("a  b", ""),
        ("ali\0ce", ""),
        ("ali\N{ZERO WIDTH SPACE}ce", ""),
        ("ali\N{RIGHT-TO-LEFT OVERRIDE}ce", ""),
        ("\ud800", ""),
        ("x" * 257, ""),
    ],
)
def test_a_login_has_one_spelling(typed: str, meant: str) -> None:
    assert normal_login(typed) == meant


@given(st.text())
def test_the_spelling_of_a_login_is_its_own(typed: str) -> None:
    assert normal_login(normal_login(typed)) == normal_login(typed)


@pytest.mark.parametrize("password", ["", " ", "\t\r\n", "\N{IDEOGRAPHIC SPACE}", "\0", "a\0", "x" * 1025])
def test_a_password_that_would_bind_as_nobody_is_none(password: str) -> None:
    assert not is_possible_password(password)


@pytest.mark.parametrize("password", ["x", " x ", "비밀", "x" * 1024])
def test_any_other_password_may_be_asked_for(password: str) -> None:
    assert is_possible_password(password)

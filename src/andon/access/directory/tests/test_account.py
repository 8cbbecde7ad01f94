"""What an entry says of its account, and what a refused bind says of it."""

from datetime import UTC, datetime, timedelta

import pytest

from andon.access.directory.account import why_disabled, why_refused

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
TODAY = (NOW - datetime(1970, 1, 1, tzinfo=UTC)).days


def filetime(at: datetime) -> int:
    return int((at - datetime(1601, 1, 1, tzinfo=UTC)) / timedelta(microseconds=1)) * 10


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("useraccountcontrol", 512, ""),
        ("useraccountcontrol", 514, "userAccountControl"),
        ("useraccountcontrol", 2, "userAccountControl"),
        ("useraccountcontrol", 66048, ""),
        ("useraccountcontrol", "odd", ""),
        ("accountexpires", 0, ""),
        ("accountexpires", 0x7FFFFFFFFFFFFFFF, ""),
        ("accountexpires", 0x7FFFFFFFFFFFFFFE, ""),
        ("accountexpires", filetime(NOW), "accountExpires"),
        ("accountexpires", filetime(NOW + timedelta(seconds=1)), ""),
        ("shadowexpire", TODAY + 1, ""),
        ("shadowexpire", TODAY, "shadowExpire"),
        ("shadowexpire", 0, "shadowExpire"),
        ("shadowexpire", -1, ""),
        ("pwdaccountlockedtime", "000001010000Z", "pwdAccountLockedTime"),
        ("pwdaccountlockedtime", "20260301115959Z", ""),
        ("nsaccountlock", "TRUE", "nsAccountLock"),
        ("nsaccountlock", "false", ""),
    ],
)
def test_an_entry_says_whether_its_account_may_be_used(name: str, value: object, says: str) -> None:
    why = why_disabled({name: [str(value).encode()]}, NOW)
    assert why.startswith(says)
    assert bool(why) == bool(says)


def test_an_entry_that_says_nothing_is_not_disabled() -> None:
    assert why_disabled({}, NOW) == ""
    assert why_disabled({"shadowexpire": []}, NOW) == ""


AD = "80090308: LdapErr: DSID-0C090447, comment: AcceptSecurityContext error, data {}, v3839\0"


@pytest.mark.parametrize("data", ["532", "533", "701", "773"])
def test_active_directory_names_the_reason_to_who_knew_the_password(data: str) -> None:
    assert why_refused(AD.format(data))


@pytest.mark.parametrize(
    "text", ["", "invalid credentials", *(AD.format(each) for each in ("52e", "525", "775"))]
)
def test_a_wrong_password_a_stranger_and_a_lock_read_the_same(text: str) -> None:
    assert why_refused(text) == ""

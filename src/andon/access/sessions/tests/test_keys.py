import json
import stat
from datetime import UTC, datetime, timedelta

import jwt
import pytest

from andon.access.sessions.bearer import AccessTokens
from andon.access.sessions.keys import load_or_make, rotate
from andon.kernel.errors import Damaged, Unauthenticated

T0 = datetime(2026, 1, 1, tzinfo=UTC)
SOON = T0 + timedelta(minutes=15)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "keys" / "sessions.json"


@pytest.fixture
def keys(path):
    return load_or_make(path, T0)


def write(keys, at=T0, until=SOON):
    return AccessTokens(keys).write(session_id="se-1", user_id="us-1", at=at, until=until)


def forged(keys, *, headers=None, key=None, algorithm="EdDSA", **changes):
    claims = {"iss": "andon", "aud": "andon-api", "sub": "us-1", "sid": "se-1"}
    claims |= {"iat": int(T0.timestamp()), "exp": int(SOON.timestamp())}
    claims |= changes
    claims = {name: value for name, value in claims.items() if value is not None}
    own = {"kid": keys[0].kid, "typ": "at+jwt"} | (headers or {})
    return jwt.encode(claims, keys[0].private if key is None else key, algorithm=algorithm, headers=own)


def test_the_key_is_made_once_and_only_its_owner_reads_it(path, keys):
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) & 0o077 == 0
    assert [each.kid for each in load_or_make(path, SOON)] == [each.kid for each in keys]


def test_a_file_that_others_can_read_or_that_is_damaged_stops_andon(path, keys):
    path.chmod(0o640)
    with pytest.raises(Damaged, match="by others"):
        load_or_make(path, T0)
    for content in (b"", b"{}", b'{"keys": []}', b'{"keys": [{"kid": "x", "private": "00"}]}'):
        path.write_bytes(content)
        path.chmod(0o600)
        with pytest.raises(Damaged):
            load_or_make(path, T0)


@pytest.mark.asvs("9.2.1")
def test_a_token_says_its_session_and_person_until_it_runs_out(keys):
    access = AccessTokens(keys)
    assert access.session_of(write(keys), T0) == ("se-1", "us-1")
    assert access.session_of(forged(keys), T0) == ("se-1", "us-1")  # what the forgeries below start from
    with pytest.raises(Unauthenticated, match="run out"):
        access.session_of(write(keys), SOON)


@pytest.mark.asvs("11.2.2")
def test_a_token_of_an_older_key_holds_until_that_key_is_gone(path, keys):
    old = write(keys)
    for _ in range(2):
        assert AccessTokens(rotate(path, T0)).session_of(old, T0) == ("se-1", "us-1")
    with pytest.raises(Unauthenticated):
        AccessTokens(rotate(path, T0)).session_of(old, T0)
    assert len(json.loads(path.read_text())["keys"]) == 3


@pytest.mark.asvs("9.2.1", "9.2.2", "9.2.3")
@pytest.mark.parametrize("claim", ["iss", "aud", "sub", "sid", "iat", "exp"])
def test_every_claim_is_demanded(keys, claim):
    with pytest.raises(Unauthenticated):
        AccessTokens(keys).session_of(forged(keys, **{claim: None}), T0)


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "other"},
        {"aud": "other"},
        {"exp": "never"},
        {"exp": int(T0.timestamp())},
        {"iat": int(SOON.timestamp())},
        {"headers": {"typ": "JWT"}},
        {"headers": {"kid": "other"}},
        {"algorithm": "none", "key": ""},
    ],
)
@pytest.mark.asvs("9.1.1", "9.1.2", "9.1.3", "9.2.2", "9.2.3", "9.2.4")
def test_a_token_that_is_not_exactly_ours_is_refused(keys, changes):
    with pytest.raises(Unauthenticated):
        AccessTokens(keys).session_of(forged(keys, **changes), T0)


@pytest.mark.asvs("9.1.2")
def test_the_public_key_is_no_secret_to_sign_with(keys):
    public = keys[0].private.public_key().public_bytes_raw()
    with pytest.raises(Unauthenticated):
        AccessTokens(keys).session_of(forged(keys, key=public, algorithm="HS256"), T0)


@pytest.mark.parametrize("text", ["", "x", "a.b.c", "andon_pat_" + "0" * 49, "\ud800"])
def test_what_is_no_token_at_all_is_refused(keys, text):
    with pytest.raises(Unauthenticated):
        AccessTokens(keys).session_of(text, T0)

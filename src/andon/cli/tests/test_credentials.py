"""Credentials stay with their person, and a refresh token is used once however many programs run."""

import json
import threading
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from andon.cli.bearer import KeptSession
from andon.cli.credentials import Credentials, Kept
from andon.kernel.clock import ManualClock
from andon.kernel.errors import Forbidden, InvalidInput, Unauthenticated, Unavailable

URL = "http://127.0.0.1:8460"


class Rotating:
    """A server that takes each refresh token once."""

    def __init__(self) -> None:
        self.valid = "refresh-0"
        self.exchanged = 0

    def __call__(self, refresh_token: str) -> Mapping[str, Any]:
        if refresh_token != self.valid:
            raise Forbidden("reused", "that token was used before")
        self.exchanged += 1
        self.valid = f"refresh-{self.exchanged}"
        return {"access_token": f"access-{self.exchanged}", "refresh_token": self.valid, "expires_in": 900}


@pytest.fixture
def credentials(tmp_path: Path) -> Credentials:
    return Credentials(tmp_path / "config" / "credentials.json")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def kept(credentials: Credentials, clock: ManualClock) -> KeptSession:
    session = KeptSession(credentials, URL, clock)
    session.keep({"access_token": "access-0", "refresh_token": "refresh-0", "expires_in": 900}, "kim")
    return session


def test_only_its_owner_can_read_the_file(credentials: Credentials, clock: ManualClock) -> None:
    kept(credentials, clock)
    assert credentials.path.stat().st_mode & 0o777 == 0o600
    assert credentials.path.parent.stat().st_mode & 0o777 == 0o700


def test_a_file_that_others_can_read_is_refused(credentials: Credentials, clock: ManualClock) -> None:
    session = kept(credentials, clock)
    credentials.path.chmod(0o640)
    with pytest.raises(InvalidInput) as raised:
        session.current(Rotating())
    assert (raised.value.code, raised.value.hint) == ("credentials-open", f"chmod 600 {credentials.path}")


_INCOMPLETE = json.dumps({"servers": {URL: {"login": "kim"}}})


@pytest.mark.parametrize("text", ["", "[]", '{"servers": []}', _INCOMPLETE])
def test_a_file_that_is_something_else_is_refused(credentials: Credentials, text: str) -> None:
    credentials.path.parent.mkdir()
    credentials.path.write_text(text)
    credentials.path.chmod(0o600)
    with pytest.raises(InvalidInput) as raised:
        credentials.find(URL)
    assert raised.value.code == "credentials-unreadable"


def test_each_server_has_a_session_of_its_own(credentials: Credentials, clock: ManualClock) -> None:
    kept(credentials, clock)
    elsewhere = KeptSession(credentials, "https://other.plant", clock)
    assert elsewhere.current(Rotating()) == ""
    elsewhere.keep({"access_token": "a", "refresh_token": "r", "expires_in": 900}, "lee")
    elsewhere.forget()
    assert credentials.find("https://other.plant") is None
    assert isinstance(credentials.find(URL), Kept)


def test_an_access_token_is_renewed_shortly_before_it_runs_out(
    credentials: Credentials, clock: ManualClock
) -> None:
    session, server = kept(credentials, clock), Rotating()
    assert session.current(server) == "access-0"
    clock.advance(timedelta(seconds=871))
    assert session.current(server) == "access-1"
    assert session.current(server) == "access-1"
    assert server.exchanged == 1


def test_a_refused_token_is_renewed_once_for_all_who_had_it(
    credentials: Credentials, clock: ManualClock
) -> None:
    kept(credentials, clock)
    server, gate = Rotating(), threading.Barrier(8)
    got: list[str] = []

    def program() -> None:
        session = KeptSession(credentials, URL, clock)
        gate.wait()
        got.append(session.renewed(server, "access-0"))

    programs = [threading.Thread(target=program) for _ in range(8)]
    for each in programs:
        each.start()
    for each in programs:
        each.join()
    assert (got, server.exchanged) == (["access-1"] * 8, 1)


def test_a_session_that_ended_is_forgotten_and_says_how_to_sign_in(
    credentials: Credentials, clock: ManualClock
) -> None:
    session, server = kept(credentials, clock), Rotating()
    server.valid = "somebody-else-used-it"
    with pytest.raises(Unauthenticated) as raised:
        session.renewed(server, "access-0")
    assert raised.value.hint == "andon login"
    assert credentials.find(URL) is None


def test_a_server_that_is_away_costs_nobody_the_session(credentials: Credentials, clock: ManualClock) -> None:
    session = kept(credentials, clock)

    def away(_refresh_token: str) -> Mapping[str, Any]:
        raise Unavailable("not-running", "no Andon answers")

    with pytest.raises(Unavailable):
        session.renewed(away, "access-0")
    assert credentials.find(URL) is not None

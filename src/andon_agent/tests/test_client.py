"""The control plane as a station asks it: signed, bounded, and told apart when it misbehaves."""

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from andon_agent.client import Busy, Client, Place, Refused, Station
from andon_agent.tests.servers import Asked, Stage, answer, serving
from andon_wire.errors import Malformed, Missing, Unreachable, Untrusted, WireError
from andon_wire.identity import (
    FOR_ENROLMENT,
    PrivateKey,
    Request,
    check_request,
    sign_wanted,
    token_of,
)
from andon_wire.protocol import Enrol, Machine, Report, Wanted

pytestmark = pytest.mark.component

FLEET, OWN = PrivateKey.generate(), PrivateKey.generate()
WHO = Station("line-1-test", OWN, FLEET.public)
NOW = 1_764_000_000.0
AT = datetime.fromtimestamp(NOW, UTC)
WANTED = Wanted(station="line-1-test", revision=7, issued_at=AT)
REPORT = Report(at=AT, boot="b")


def ask(url: str, how: Callable[[Client], Awaitable[Any]], *, within_s: float = 20.0) -> Any:
    async def run() -> Any:
        client = Client(Place(url), lambda: NOW, within_s=within_s)
        try:
            return await how(client)
        finally:
            await client.close()

    return asyncio.run(run())


def wanted(client: Client) -> Awaitable[Any]:
    return client.wanted(WHO, have=3, wait_s=0)


def replying(raw: bytes) -> Callable[[Asked, socket.socket, Stage], None]:
    return lambda asked, connection, stage: connection.sendall(raw)


def a_problem(status: str, code: str = "some-code", **headers: str) -> bytes:
    body = json.dumps({"code": code, "detail": "a sentence", "hint": "do this"}).encode()
    return answer(status, body, **headers)


def test_each_request_is_signed_as_it_stands_on_the_wire() -> None:
    good = answer("200 OK", sign_wanted(WANTED, FLEET).encode())
    with serving(replying(good)) as stage:
        found = ask(stage.url, wanted)
    assert found.wanted == WANTED
    (asked,) = stage.asked
    assert asked.target == "/api/v1/agents/wanted?have=3&wait=0"
    token = token_of(asked.headers["authorization"])
    assert token is not None
    request = Request("GET", asked.target, asked.body, FLEET.public)
    assert check_request(token, request, key=OWN.public, now=NOW).station == "line-1-test"
    assert "proxy" not in " ".join(asked.headers)


def test_a_body_is_signed_too() -> None:
    with serving(replying(answer("200 OK", b'{"seq":4,"revision":2,"now":"2026-01-01T00:00:00Z"}'))) as stage:
        taken = ask(stage.url, lambda client: client.report(WHO, REPORT))
    assert taken.seq == 4
    (asked,) = stage.asked
    token = token_of(asked.headers["authorization"])
    assert token is not None
    check_request(token, Request("POST", asked.target, asked.body, FLEET.public), key=OWN.public, now=NOW)
    with pytest.raises(Untrusted):
        altered = Request("POST", asked.target, asked.body + b" ", FLEET.public)
        check_request(token, altered, key=OWN.public, now=NOW)


def test_enrolment_is_signed_by_the_key_that_is_enrolled() -> None:
    body = json.dumps(
        {"station": "line-1", "root": "{}", "wanted_key": FLEET.public, "now": "2026-01-01T00:00:00Z"}
    )
    enrol = Enrol(token="x" * 20, public_key=OWN.public, machine=Machine(id="m"))
    with serving(replying(answer("200 OK", body.encode()))) as stage:
        assert ask(stage.url, lambda client: client.enrol(enrol, OWN)).station == "line-1"
    (asked,) = stage.asked
    token = token_of(asked.headers["authorization"])
    assert token is not None
    check_request(token, Request("POST", asked.target, asked.body, FOR_ENROLMENT), key=OWN.public, now=NOW)


def test_nothing_new_is_none() -> None:
    with serving(replying(b"HTTP/1.1 304 Not Modified\r\nConnection: close\r\n\r\n")) as stage:
        assert ask(stage.url, wanted) is None


@pytest.mark.parametrize(
    ("raw", "error", "code"),
    [
        (a_problem("401 Unauthorized", "unknown-station"), Refused, "unknown-station"),
        (a_problem("403 Forbidden", "taken-off"), Refused, "taken-off"),
        (a_problem("404 Not Found", "no-such-path"), Missing, "no-such-path"),
        (a_problem("413 Content Too Large"), Malformed, "some-code"),
        (a_problem("422 Unprocessable Content"), Malformed, "some-code"),
        (a_problem("429 Too Many Requests", Retry_After="17"), Busy, "some-code"),
        (a_problem("500 Internal Server Error"), Busy, "some-code"),
        (answer("503 Service Unavailable", b"<html>"), Busy, "no-answer"),
        (answer("301 Moved Permanently", Location="http://127.0.0.1:9/"), Unreachable, "redirected"),
        (answer("307 Temporary Redirect", Location="/elsewhere"), Unreachable, "redirected"),
        (answer("200 OK", b"not signed"), Untrusted, "bad-signature"),
        (answer("200 OK", b"\xff\xfe"), Malformed, "bad-answer"),
        (answer("200 OK", sign_wanted(WANTED, OWN).encode()), Untrusted, "bad-signature"),
        (answer("200 OK", b"x", Content_Encoding="gzip"), Malformed, "bad-answer"),
        (answer("200 OK", b"half", Content_Length="400"), Unreachable, "no-answer"),
        (answer("200 OK", b"x" * ((1 << 20) + 1)), Malformed, "answer-too-long"),
        (b"\x00\x01garbage\r\n\r\n", Unreachable, "no-answer"),
        (b"", Unreachable, "no-answer"),
    ],
)
def test_what_goes_wrong_is_told_apart(raw: bytes, error: type[WireError], code: str) -> None:
    with serving(replying(raw)) as stage, pytest.raises(error) as caught:
        ask(stage.url, wanted)
    assert caught.value.code == code
    assert len(stage.asked) == 1  # no redirect was followed, nothing asked again


def test_how_long_to_wait_is_heard() -> None:
    busy = a_problem("503 Service Unavailable", Retry_After="17")
    with serving(replying(busy)) as stage, pytest.raises(Busy) as caught:
        ask(stage.url, wanted)
    assert caught.value.retry_after_s == 17


def test_a_machine_whose_clock_is_wrong_signs_again_by_the_time_of_the_answer() -> None:
    truth = NOW + 86_400

    def play(asked: Asked, connection: socket.socket, stage: Stage) -> None:
        token = token_of(asked.headers["authorization"])
        assert token is not None
        try:
            request = Request("GET", asked.target, asked.body, FLEET.public)
            check_request(token, request, key=OWN.public, now=truth)
        except Untrusted as error:
            date = format_datetime(datetime.fromtimestamp(truth, UTC), usegmt=True)
            connection.sendall(a_problem("401 Unauthorized", error.code, Date=date))
        else:
            connection.sendall(answer("200 OK", sign_wanted(WANTED, FLEET).encode()))

    with serving(play) as stage:
        assert ask(stage.url, wanted).wanted == WANTED
    assert len(stage.asked) == 2


def test_a_server_that_calls_every_clock_wrong_is_not_asked_for_ever() -> None:
    date = format_datetime(datetime.fromtimestamp(NOW, UTC), usegmt=True)
    stale = a_problem("401 Unauthorized", "stale-request", Date=date)
    with serving(replying(stale)) as stage, pytest.raises(Refused):
        ask(stage.url, wanted)
    assert len(stage.asked) == 2


@pytest.mark.parametrize("part", ["head", "body"])
def test_an_answer_that_drips_ends_in_time(part: str) -> None:
    """Each byte comes well within the time of one read; all of them together do not."""

    def play(asked: Asked, connection: socket.socket, stage: Stage) -> None:
        if part == "body":
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        else:
            connection.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        while not stage.over.wait(0.05):
            connection.sendall(b"x")

    with serving(play) as stage, pytest.raises(Unreachable) as caught:
        ask(stage.url, wanted, within_s=1.0)
    assert "whole answer" in caught.value.message


def test_nobody_there_is_unreachable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(Unreachable):
        ask(f"http://127.0.0.1:{port}", wanted)


@settings(max_examples=12, deadline=None)
@given(st.binary(max_size=300), st.sampled_from(["200 OK", "401 Unauthorized", "503 No", "418 Teapot", ""]))
def test_any_bytes_are_an_error_and_nothing_else(body: bytes, status: str) -> None:
    raw = answer(status, body) if status else body
    with serving(replying(raw)) as stage:
        for how in (wanted, lambda client: client.report(WHO, REPORT)):
            with pytest.raises(WireError):
                ask(stage.url, how)

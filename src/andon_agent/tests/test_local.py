"""The loopback interface: who may ask, what is shown, what is heard."""

import contextlib
import http.client
import json
import socket
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from andon_agent import local_place, status
from andon_agent.asking import Reached
from andon_agent.engine.ports import Heard
from andon_agent.flow import Flow
from andon_agent.home import Home
from andon_agent.local import Desk
from andon_agent.local_http import LocalServer
from andon_agent.words import sentence
from andon_wire.disk import RealDisk
from andon_wire.protocol import Phase, UnitState

pytestmark = pytest.mark.component

OWN = "o" * 40
DOWNLOADING = UnitState(running="1.0.0", wanted="1.1.0", phase=Phase.DOWNLOADING, progress=0.42)


class Place:
    """A desk that is served."""

    def __init__(self) -> None:
        self.woken = 0
        self.flow = Flow(lambda: datetime.now(UTC), lambda: 0.0)
        self.desk = Desk("line-1-test", OWN, self.flow, self._wake)
        self.desk.admit("station", "s" * 20)
        self.desk.admit("viewer", "v" * 20)
        for unit in ("station", "viewer"):
            self.desk.show(unit, UnitState(running="1.0.0"), is_ending=False)
        self.server = LocalServer(self.desk)
        self.server.start()

    def _wake(self) -> None:
        self.woken += 1

    def ask(
        self, method: str, path: str, body: Any = None, *, token: str | None = "s" * 20, **headers: str
    ) -> tuple[int, dict[str, Any]]:
        connection = http.client.HTTPConnection("127.0.0.1", self.server.server_address[1], timeout=30)
        try:
            given = {"Authorization": f"Bearer {token}"} if token is not None else {}
            content = body if isinstance(body, bytes) or body is None else json.dumps(body)
            connection.request(method, path, content, {**given, **headers})
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()


@pytest.fixture
def place() -> Iterator[Place]:
    found = Place()
    try:
        yield found
    finally:
        found.server.stop()


def test_a_unit_sees_itself(place: Place) -> None:
    place.desk.show("station", DOWNLOADING, is_ending=False)
    status, seen = place.ask("GET", "/v1/unit")
    assert status == 200
    assert {name: seen[name] for name in ("unit", "station", "phase", "running", "wanted", "progress")} == {
        "unit": "station",
        "station": "line-1-test",
        "phase": "downloading",
        "running": "1.0.0",
        "wanted": "1.1.0",
        "progress": 0.42,
    }
    assert seen["sentence"]["en"] == "Downloading version 1.1.0 42%."
    assert "42%" in seen["sentence"]["ko"]


def test_what_an_application_says_is_heard_of_its_own_start_only(place: Place) -> None:
    assert place.ask("POST", "/v1/unit/health", {"is_healthy": True})[0] == 200
    assert place.ask("POST", "/v1/unit/safe-point", {"is_safe": False, "why": "serial open"})[0] == 200
    assert place.woken == 2
    assert place.desk.heard("station", "s" * 20) == Heard(
        is_healthy=True, problem="", is_safe=False, why="serial open"
    )
    assert place.desk.heard("viewer", "v" * 20) == Heard()
    assert place.desk.heard("station", "x" * 20) == place.desk.heard("station", "") == Heard()
    place.desk.admit("station", "t" * 20)
    assert place.desk.heard("station", "t" * 20) == Heard()
    assert place.ask("POST", "/v1/unit/health", {"is_healthy": True})[0] == 401
    assert place.desk.heard("station", "s" * 20) == Heard()


def test_the_operators_yes_is_a_safe_point(place: Place) -> None:
    assert place.ask("POST", "/v1/unit/restart")[0] == 200
    assert place.desk.heard("station", "s" * 20).is_safe is True


def test_pause_resume_and_cancel_reach_the_download(place: Place) -> None:
    for verb, is_paused in (("pause", True), ("resume", False), ("cancel", True)):
        status, seen = place.ask("POST", f"/v1/unit/{verb}")
        assert (status, seen["is_paused"], place.flow.is_paused) == (200, is_paused, is_paused)


@pytest.mark.parametrize(
    ("headers", "token", "status"),
    [
        ({}, "x" * 20, 401),
        ({}, "", 401),
        ({}, None, 401),
        ({}, "ü" * 20, 401),
        ({"Host": "evil.example:80"}, "s" * 20, 401),
        ({"Host": "127.0.0.1.evil.example:80"}, "s" * 20, 401),
        ({"Origin": "https://evil.example"}, "s" * 20, 401),
        ({}, OWN, 404),  # the agent's own token has to say which unit
    ],
)
def test_nobody_else_is_answered(
    place: Place, headers: dict[str, str], token: str | None, status: int
) -> None:
    assert place.ask("GET", "/v1/unit", token=token, **headers)[0] == status
    assert place.ask("POST", "/v1/unit/health", {"is_healthy": True}, token=token, **headers)[0] == status
    assert place.desk.heard("station", "s" * 20) == Heard()


def test_the_agents_own_token_speaks_for_each(place: Place) -> None:
    assert place.ask("GET", "/v1/unit?unit=viewer", token=OWN)[1]["unit"] == "viewer"
    status, seen = place.ask("GET", "/v1/units", token=OWN)
    assert (status, sorted(seen["units"])) == (200, ["station", "viewer"])
    assert place.ask("GET", "/v1/units")[0] == 401


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b"1",
        b'{"is_healthy": "yes"}',
        b"{}",
        b'{"is_healthy": true, "problem": 5}',
        b"\xff",
        b"[" * 5000,
    ],
)
def test_a_body_that_says_nothing_changes_nothing(place: Place, body: bytes) -> None:
    status, said = place.ask("POST", "/v1/unit/health", body)
    assert (status, said["code"]) == (422, "bad-body")
    assert place.desk.heard("station", "s" * 20) == Heard()


def test_a_body_that_is_too_long_is_not_read(place: Place) -> None:
    assert place.ask("POST", "/v1/unit/health", b"x" * 9000)[0] == 422


@pytest.mark.parametrize("query", ["after=x", "wait=1.5", "after=99999999999", "wait=--1"])
def test_a_query_is_numbers(place: Place, query: str) -> None:
    assert place.ask("GET", f"/v1/unit?{query}")[0] == 422


def test_a_path_that_is_not_there_is_said(place: Place) -> None:
    assert place.ask("GET", "/v1/none")[0] == 404
    assert place.ask("POST", "/v1/unit/none")[0] == 404


def test_whoever_waits_hears_of_a_change_at_once(place: Place) -> None:
    number = place.ask("GET", "/v1/unit")[1]["number"]
    heard: list[dict[str, Any]] = []
    waiting = threading.Thread(
        target=lambda: heard.append(place.ask("GET", f"/v1/unit?after={number}&wait=25")[1])
    )
    waiting.start()
    place.desk.show("station", DOWNLOADING, is_ending=False)
    waiting.join(60)
    assert heard
    assert heard[0]["phase"] == "downloading"
    assert heard[0]["number"] > number


def test_the_same_state_is_no_change(place: Place) -> None:
    number = place.desk.view("station")["number"]
    place.desk.show("station", UnitState(running="1.0.0"), is_ending=False)
    assert place.desk.view("station")["number"] == number
    place.desk.show("station", UnitState(running="1.0.0"), is_ending=True)
    assert place.desk.view("station")["number"] == number + 1


def test_events_stream_each_change_and_end_with_the_agent(place: Place) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", place.server.server_address[1], timeout=30)
    connection.request("GET", "/v1/unit/events", headers={"Authorization": f"Bearer {'s' * 20}"})
    answer = connection.getresponse()
    first = json.loads(answer.readline().removeprefix(b"data: "))
    assert answer.readline() == b"\n"
    place.desk.show("station", DOWNLOADING, is_ending=False)
    second = json.loads(answer.readline().removeprefix(b"data: "))
    assert [first["phase"], second["phase"]] == ["idle", "downloading"]
    place.desk.close()
    while answer.readline():
        continue
    connection.close()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=200))
def test_any_bytes_on_the_socket_leave_it_serving(place: Place, data: bytes) -> None:
    with (
        contextlib.suppress(ConnectionError),
        socket.create_connection(("127.0.0.1", place.server.server_address[1]), 10) as raw,
    ):
        raw.sendall(data + b"\r\n\r\n")
        raw.shutdown(socket.SHUT_WR)
        while raw.recv(65536):
            continue
    assert place.ask("GET", "/v1/unit")[0] == 200


def test_address_and_token_stay_over_a_restart(tmp_path: Path) -> None:
    home, disk, flow = Home(tmp_path), RealDisk(), Flow(lambda: datetime.now(UTC), lambda: 0.0)
    token = local_place.token_of(home, disk)
    addresses = []
    for _ in range(2):
        desk = Desk("line-1-test", local_place.token_of(home, disk), flow, lambda: None)
        server = local_place.serve(
            home, disk, desk, local_place.token_of(home, disk) if addresses else token, 0
        )
        addresses.append(desk.address)
        server.stop()
    assert addresses[0] == addresses[1]
    assert local_place.token_of(home, disk) == token
    assert (home.local.stat().st_mode & 0o777) == 0o600


def test_a_port_that_another_took_is_given_up(tmp_path: Path) -> None:
    home, disk, flow = Home(tmp_path), RealDisk(), Flow(lambda: datetime.now(UTC), lambda: 0.0)
    first = local_place.serve(home, disk, Desk("s", OWN, flow, lambda: None), OWN, 0)
    second = local_place.serve(home, disk, Desk("s", OWN, flow, lambda: None), OWN, 0)
    kept = local_place.recall(home, disk)
    assert kept is not None
    assert kept.address == second.address != first.address
    first.stop()
    second.stop()


@given(st.binary(max_size=200))
@settings(max_examples=40, deadline=None)
def test_a_local_json_of_any_bytes_is_ignored(tmp_path_factory: pytest.TempPathFactory, raw: bytes) -> None:
    home = Home(tmp_path_factory.mktemp("home"))
    home.local.write_bytes(raw)
    assert local_place.recall(home, RealDisk()) is None


@pytest.mark.parametrize("phase", list(Phase))
@pytest.mark.parametrize("is_ending", [False, True])
def test_each_situation_has_a_sentence_in_both_languages(phase: Phase, is_ending: bool) -> None:
    state = UnitState(
        phase=phase, running="1.0.0", wanted="1.1.0", progress=0.5, reason="it died three times"
    )
    said = sentence(state, is_ending=is_ending)
    assert set(said) == {"en", "ko"}
    assert said["en"].isascii()
    assert any("가" <= each <= "힣" for each in said["ko"])
    assert all("None" not in each for each in said.values())


def test_a_version_that_was_taken_back_is_said_with_its_reason() -> None:
    state = UnitState(phase=Phase.FAILED, running="1.0.0", wanted="1.1.0", reason="it died three times")
    assert sentence(state)["en"] == (
        "Version 1.1.0 was taken back because it died three times. Version 1.0.0 runs."
    )


def test_status_says_why_a_unit_waits_and_that_its_station_was_retired(place: Place) -> None:
    waiting = UnitState(running="1.0.0", wanted="1.1.0", phase=Phase.READY, reason="a serial is open")
    given_up = UnitState(wanted="1.1.0", phase=Phase.FAILED, reason="No such file")
    place.desk.show("station", waiting, is_ending=False)
    place.desk.show("viewer", given_up, is_ending=False)
    refused = Reached("the control plane answered 403: line-1-test was retired", code="station-retired")
    place.desk.set_online(is_online=refused.is_online, problem=refused.sentence)
    found = {"home": "/h", "station": "line-1-test", "is_running": True, "problem": "", **place.desk.views()}
    told = status.lines(found)
    assert "    why: a serial is open" in told
    assert sum("No such file" in each for each in told) == 1
    assert sum(each.startswith("    this station was retired: ") for each in told) == 2
    place.desk.set_online(is_online=True, problem="")
    assert not any("retired" in each for each in status.lines({**found, **place.desk.views()}))


RUNS = UnitState(running="1.0.0", wanted="1.0.0", pid=7)


@pytest.mark.parametrize(
    ("state", "is_online", "code"),
    [
        (RUNS, True, status.GOOD),
        (RUNS, False, status.INCONCLUSIVE),
        (RUNS.model_copy(update={"wanted": "1.1.0", "phase": Phase.READY}), True, status.INCONCLUSIVE),
        (RUNS.model_copy(update={"wanted": "1.1.0"}), True, status.INCONCLUSIVE),
        (RUNS.model_copy(update={"phase": Phase.WATCHING}), True, status.INCONCLUSIVE),
        (RUNS.model_copy(update={"wanted": "1.1.0", "phase": Phase.FAILED}), True, status.BAD),
        (RUNS.model_copy(update={"phase": Phase.HELD}), True, status.BAD),
        (RUNS.model_copy(update={"is_drifted": True}), True, status.BAD),
        (RUNS.model_copy(update={"pid": None}), True, status.BAD),
        (RUNS.model_copy(update={"pid": None}), False, status.BAD),
        (UnitState(), True, status.GOOD),
    ],
)
def test_status_ends_with_what_a_person_has_to_do(
    place: Place, state: UnitState, is_online: bool, code: int
) -> None:
    for unit in ("station", "viewer"):
        place.desk.show(unit, RUNS, is_ending=False)
    place.desk.show("viewer", state, is_ending=False)
    place.desk.set_online(is_online=is_online, problem="" if is_online else "nobody answers")
    there = {"home": "/h", "station": "line-1-test", "is_running": True, "problem": ""}
    found = {**there, **place.ask("GET", "/v1/units", token=OWN)[1]}
    assert status.exit_code({**found, "problem": ""}) == code
    assert status.exit_code({**found, "problem": "the agent does not run", "is_running": False}) == status.BAD


def test_status_of_an_agent_alone_says_that_nobody_hears_it_and_is_good_once_one_does() -> None:
    there = {"home": "/h", "station": "line-1-test", "is_running": True, "problem": "", "units": {}}
    away = {**there, "is_online": False, "offline": "the control plane did not answer"}
    assert status.exit_code(away) == status.INCONCLUSIVE
    assert "  the control plane did not answer" in status.lines(away)
    assert status.exit_code({**there, "is_online": True, "offline": ""}) == status.GOOD
    own = {"phase": "idle", "running": "0.1.0", "wanted": "0.1.0", "has_process": False, "is_drifted": False}
    assert status.exit_code({**there, "is_online": True, "units": {"agent": own}}) == status.GOOD
    older = {"phase": "idle", "running": "1.0.0", "wanted": "1.0.0"}
    assert status.exit_code({**there, "is_online": True, "units": {"station": older}}) == status.GOOD

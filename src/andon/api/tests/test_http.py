"""What the API promises to every caller: answers, refusals, and nothing that leaks."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest
from structlog.testing import capture_logs

from andon.api.http import create, describe
from andon.api.services import Probe
from andon.kernel.errors import Unavailable
from andon.kernel.supervise import LoopHealth
from andon.targets.model import InstanceState
from andon.testing import scenes
from andon.testing.access import PASSWORD, client_as
from andon.testing.services import FakePlant


@pytest.fixture
def plant() -> FakePlant:
    return scenes.a_busy_morning(FakePlant())


@pytest.fixture
async def client(plant: FakePlant) -> AsyncIterator[httpx.AsyncClient]:
    async with client_as(plant, "admin") as opened:
        yield opened


async def test_status_shows_every_unit_with_its_light(client):
    units = {
        (each["unit"], each["environment"]): each
        for each in (await client.get("/api/v1/status")).json()["units"]
    }
    mes = units["mes", "production"]
    assert mes["light"] == {
        "colour": "amber",
        "word": "rolling-out",
        "reason": "1.3.0 has 50 %; soaking, and yield needs about 23 more failed serials",
    }
    assert [(each["version"], each["role"], each["share"]) for each in mes["releases"]] == [
        ("1.1.0", "stable", 0.5),
        ("1.3.0", "candidate", 0.5),
    ]
    assert mes["metrics"][0]["good_rate"] == pytest.approx(1 - 265 / 9120)
    assert units["mes", "staging"]["light"]["colour"] == "green"
    assert units["roastery", "production"]["light"]["word"] == "degraded"


@pytest.mark.parametrize(
    "path",
    [
        "/health",
        "/ready",
        "/api/v1/units",
        "/api/v1/releases?unit=mes",
        "/api/v1/releases/mes/1.1.0",
        "/api/v1/runs",
        f"/api/v1/runs/{scenes.SHIPPED}",
        "/api/v1/rollouts?unit=mes&environment=production&limit=2",
        f"/api/v1/rollouts/{scenes.UNDER_WAY}",
        f"/api/v1/rollouts/{scenes.UNDER_WAY}/looks?after=60",
        "/api/v1/instances?unit=mes",
        "/api/v1/instances/mes-production-1.1.0-0/log?lines=3",
        "/api/v1/timeline?severity=alert&limit=5",
        "/api/v1/cord",
        "/api/v1/doctor",
        "/api/v1/openapi.json",
    ],
)
async def test_every_page_of_the_api_answers_json(client, path):
    answer = await client.get(path)
    assert answer.status_code == 200, answer.text
    assert answer.json() is not None


async def test_aborting_a_damaged_rollout_closes_it_and_has_nothing_to_show(client, plant):
    plant.damaged.add("ro-broken")
    closed = await client.post("/api/v1/rollouts/ro-broken/abort", json={"reason": "disk"})
    assert (closed.status_code, closed.content) == (204, b"")
    assert (await client.post("/api/v1/rollouts/ro-broken/pause", json={"reason": "x"})).status_code == 500
    assert (await client.post("/api/v1/rollouts/ro-none/pause", json={"reason": "x"})).status_code == 404


@pytest.mark.asvs("2.2.2")
async def test_a_rollout_is_begun_watched_and_aborted(client, plant):
    body = {"unit": "mes", "environment": "staging", "version": "1.2.0"}
    shown = await client.post("/api/v1/rollouts", json=body | {"dry_run": True})
    assert shown.status_code == 200
    assert [each["share"] for each in shown.json()["steps"]] == [0.1, 0.5, 1.0]
    begun = await client.post("/api/v1/rollouts", json=body, headers={"X-Andon-Actor": "somebody"})
    assert begun.status_code == 201
    assert begun.json()["actor"] == "admin"
    again = await client.post("/api/v1/rollouts", json=body)
    assert (again.status_code, again.json()["code"], again.json()["hint"]) == (
        409, "rollout-active", "andon abort",
    )  # fmt: skip
    url = f"/api/v1/rollouts/{begun.json()['id']}/abort"
    without = await client.post(url, json={})
    assert (without.status_code, without.json()["code"]) == (422, "bad-field")
    blank = await client.post(url, json={"reason": "  "})
    assert blank.json()["detail"] == "reason '  ': say why in a few words; it goes on the timeline"
    aborted = await client.post(url, json={"reason": "wrong torque"})
    assert (aborted.status_code, aborted.json()["phase"]) == (202, "returning")
    assert plant.records[-1].event.reason == "wrong torque"


async def test_the_cord_is_pulled_and_released_with_a_reason(client):
    body = {"environment": "production", "return": True, "reason": "smoke at EOL"}
    unsigned = await client.request("POST", "/api/v1/cord", json=body)
    assert (unsigned.status_code, unsigned.json()["needs"]["action"]) == (403, "abort")
    assert unsigned.json()["needs"]["document"]["returns"] is True
    signature = {"login": "admin", "password": PASSWORD, "meaning": "responsible"}
    pulled = await client.request("POST", "/api/v1/cord", json=body | {"signature": signature})
    assert [(each["environment"], each["returns"], each["actor"]) for each in pulled.json()] == [
        ("production", True, "admin")
    ]
    tiles = (await client.get("/api/v1/status")).json()["units"]
    assert {each["light"]["word"] for each in tiles if each["environment"] == "production"} == {"corded"}
    body = {"environment": "production", "reason": "false alarm"}
    unsigned = await client.request("DELETE", "/api/v1/cord", json=body)
    assert (unsigned.status_code, unsigned.json()["code"]) == (403, "signature-required")
    needs = unsigned.json()["needs"]
    assert len(needs.pop("document_hash")) == 64
    assert needs == {
        "action": "release-cord",
        "environment": "production",
        "document": {"environment": "production"},
        "login": False,
        "meanings": ["author", "reviewed", "approved", "responsible"],
    }
    signature = {"login": "admin", "password": PASSWORD, "meaning": "responsible"}
    released = await client.request("DELETE", "/api/v1/cord", json=body | {"signature": signature})
    assert released.json() == []


@pytest.mark.asvs("1.4.2")
@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/api/v1/nothing", 404, "no-such-page"),
        ("PUT", "/api/v1/status", 405, "wrong-method"),
        ("GET", "/api/v1/rollouts/ro-none", 404, "no-such-rollout"),
        ("GET", "/api/v1/rollouts?unit=Not%20A%20Name", 422, "bad-name"),
        ("GET", "/api/v1/timeline?after=99999999999999999999", 422, "bad-field"),
        ("POST", f"/api/v1/rollouts/{scenes.UNDER_WAY}/destroy", 404, "no-such-page"),
    ],
)
async def test_a_refusal_is_a_problem_with_a_code(client, method, path, status, code):
    answer = await client.request(method, path, json={"reason": "x"} if method == "POST" else None)
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.json()["detail"]


@pytest.mark.asvs("16.3.4", "16.5.1")
async def test_an_unexpected_error_says_nothing_of_our_insides(client, plant):
    plant.desired = None  # type: ignore[assignment]
    with capture_logs() as logged:
        answer = await client.get("/api/v1/status")
    assert [each["event"] for each in logged] == ["request failed"]
    assert answer.status_code == 500
    assert answer.json()["code"] == "unexpected"
    assert "NoneType" not in answer.text
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert answer.headers["x-request-id"]


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "192.168.0.7:8460", ""])
async def test_a_name_that_is_not_the_loopback_is_refused(client, host):
    answer = await client.get("/api/v1/status", headers={"Host": host})
    assert (answer.status_code, answer.json()["code"]) == (403, "foreign-host")


@pytest.mark.parametrize("host", ["127.0.0.1:1", "localhost:8460", "[::1]:8460", "LOCALHOST"])
async def test_every_name_of_the_loopback_is_served(client, host):
    assert (await client.get("/health", headers={"Host": host})).status_code == 200


@pytest.mark.asvs("3.5.1")
@pytest.mark.part11("11.10(h)")
@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:9999"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
async def test_a_page_of_another_origin_may_not_act(client, headers, plant):
    answer = await client.post("/api/v1/cord", json={"reason": "x"}, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (403, "foreign-origin")
    assert plant.cords == []


async def test_the_board_itself_may_act(client):
    headers = {"Origin": "http://127.0.0.1:8460", "Sec-Fetch-Site": "same-origin"}
    assert (await client.post("/api/v1/cord", json={"reason": "x"}, headers=headers)).status_code == 200


@pytest.mark.asvs("3.4.3", "3.4.4")
async def test_every_answer_carries_the_security_headers(client):
    for path in ("/health", "/api/v1/none"):
        headers = (await client.get(path)).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert "'unsafe-inline'" not in headers["content-security-policy"]
        assert headers["content-security-policy"].startswith("default-src 'none'")


async def test_ready_names_the_part_that_fails(client, plant):
    plant.problems = [
        Probe("database"),
        Probe("gateway", problem="Envoy is not running", hint="andon doctor"),
    ]
    answer = await client.get("/ready")
    assert answer.status_code == 503
    failed = [each for each in answer.json()["checks"] if not each["is_good"]]
    assert [(each["name"], each["detail"]) for each in failed] == [("gateway", "Envoy is not running")]


async def test_a_loop_that_failed_three_times_in_a_row_is_not_ready(client, plant):
    plant.loops = [LoopHealth("rollouts", failures_in_a_row=3, last_error="disk full")]
    assert (await client.get("/ready")).status_code == 503


async def test_metrics_count_requests_and_loops(client):
    await client.get("/health")
    page = (await client.get("/metrics")).text
    assert 'andon_http_requests_total{method="GET",status="200"} 1.0' in page
    assert 'andon_loop_failures_in_a_row{loop="rollouts"} 0.0' in page


async def test_unavailable_says_when_to_come_back(plant):
    class Down:
        async def list(self):
            raise Unavailable("database-unavailable", "it is away", retry_after=timedelta(seconds=7))

    services = plant.services()
    app = create(replace(services, desired=Down()))
    async with client_as(plant, "viewer", app=app) as client:
        answer = await client.get("/api/v1/status")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "7")


@pytest.mark.asvs("2.1.1")
def test_the_description_names_every_endpoint_and_its_problems():
    whole = describe()
    assert len(whole["paths"]) >= 20
    for path, operations in whole["paths"].items():
        for operation in operations.values():
            assert operation["summary"], path
    assert "HTTPValidationError" not in str(whole)
    assert "application/problem+json" in whole["paths"]["/api/v1/cord"]["post"]["responses"]["422"]["content"]


async def test_doctor_names_each_part_once(client, plant):
    plant.loops = [LoopHealth("rollouts")]
    names = [each["name"] for each in (await client.get("/api/v1/doctor")).json()["checks"]]
    assert sorted(names) == ["database", "gateway", "loop rollouts"]


async def test_what_was_given_up_is_tried_again_with_a_reason(client, plant):
    plant.instances = [
        replace(each, state=InstanceState.CRASH_LOOP) if each.version == "1.1.0" else each
        for each in plant.instances
    ]
    url = "/api/v1/units/mes/environments/production/retry"
    assert (await client.post(url, json={})).status_code == 422
    body = {"reason": "the disk has room", "version": "1.1.0"}
    tried = await client.post(url, json=body)
    assert tried.status_code == 202
    assert {(each["version"], each["state"]) for each in tried.json()} == {("1.1.0", "installing")}
    told = plant.records[-1].event
    assert (told.kind, told.actor, told.reason) == ("instance.retried", "admin", "the disk has room")
    again = await client.post(url, json=body)
    assert (again.status_code, again.json()["code"]) == (409, "nothing-given-up")

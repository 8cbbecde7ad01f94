"""What stands around every request: networks, hosts, limits, CSRF, and secrets that stay secret."""

import contextlib
import ipaddress
import json
import logging as stdlib

import httpx
import pytest
from structlog.testing import capture_logs

from andon.access.model import Grant
from andon.api.guard import Protection, networks, source
from andon.api.http import create
from andon.kernel import logging
from andon.kernel.errors import InvalidInput
from andon.testing import scenes
from andon.testing.access import PASSWORD, client_as, headers_as
from andon.testing.services import FakePlant

_CANARY = "Xq7-canary-Zw3"


@pytest.fixture
def plant() -> FakePlant:
    return scenes.a_busy_morning(FakePlant())


@contextlib.contextmanager
def logging_to(path):
    root = stdlib.getLogger()
    handlers, level = root.handlers[:], root.level
    logging.configure(file=path)
    try:
        yield
    finally:
        root.handlers[:], root.level = handlers, level


def _client(plant: FakePlant, protection: Protection, *, peer: str = "127.0.0.1", **options):
    app = create(plant.services(), protection=protection)
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False, client=(peer, 5000))
    return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8460", **options)


@pytest.mark.asvs("3.5.1", "3.5.2")
async def test_a_cookie_changes_nothing_without_the_page_s_own_value(plant):
    headers = headers_as(plant, "operator")
    other = headers_as(plant, "operator")["X-Andon-CSRF"]
    for value in ("", "x", other, "é"):
        async with client_as(plant, None) as client:
            answer = await client.post(
                "/api/v1/cord",
                json={"reason": "x"},
                headers=[("Cookie", headers["Cookie"]), ("X-Andon-CSRF", value.encode())],
            )
        assert (answer.status_code, answer.json()["code"]) == (403, "bad-csrf")
    assert plant.cords == []
    async with client_as(plant, None) as client:
        read = await client.get("/api/v1/me", headers={"Cookie": headers["Cookie"]})
    assert read.json()["login"] == "operator"


async def test_what_nobody_asked_for_is_no_use_of_a_session(plant):
    async with client_as(plant, "viewer") as client:
        await client.get("/api/v1/status", headers={"X-Andon-Unattended": "1"})
        assert plant.access.uses == 0
        await client.get("/api/v1/status")
    assert plant.access.uses == 1


async def test_a_token_needs_no_such_value(plant):
    text = plant.access.token("line-a", Grant("operator"))
    async with client_as(plant, None) as client:
        answer = await client.post(
            "/api/v1/cord", json={"reason": "x"}, headers={"Authorization": f"Bearer {text}"}
        )
    assert answer.json()[0]["actor"] == "token:line-a"


@pytest.mark.parametrize("header", ["Basic YTpi", "Bearer nonsense", "Bearer andon_pat_nonsense", "x"])
async def test_credentials_that_do_not_hold_are_told_and_the_cookie_beside_them_is_not_taken(plant, header):
    async with client_as(plant, "admin") as client:
        answer = await client.get("/api/v1/me", headers={"Authorization": header})
    assert answer.status_code == 401


async def test_nobody_learns_nothing_of_what_is_wrong_with_a_body(plant):
    async with client_as(plant, None) as client:
        for content in (b"{", b"[]", b"\xff", b'{"environment": 5}'):
            answer = await client.post(
                "/api/v1/cord", content=content, headers={"Content-Type": "application/json"}
            )
            assert (answer.status_code, answer.json()["code"]) == (401, "no-credentials"), content


@pytest.mark.part11("11.10(d)", "11.10(h)")
@pytest.mark.parametrize(
    ("peer", "status"),
    [("10.1.2.3", 401), ("127.0.0.1", 401), ("192.0.2.7", 403), ("::ffff:10.1.2.3", 401), ("", 403)],
)
async def test_callers_come_from_allowed_networks(plant, peer, status):
    protection = Protection(networks=networks(["10.0.0.0/8"]))
    async with _client(plant, protection, peer=peer) as client:
        assert (await client.get("/api/v1/me")).status_code == status


def _scope(peer: str, *said: str):
    return {
        "type": "http",
        "client": (peer, 1),
        "headers": [(b"x-forwarded-for", each.encode()) for each in said],
    }


@pytest.mark.asvs("4.1.3", "15.3.4")
@pytest.mark.parametrize(
    ("peer", "said", "expected"),
    [
        ("10.0.0.2", ["203.0.113.9"], "203.0.113.9"),
        ("10.0.0.2", ["1.1.1.1, 203.0.113.9"], "203.0.113.9"),  # only what the proxy added counts
        ("10.0.0.2", ["203.0.113.9, 10.0.0.3"], "203.0.113.9"),
        ("10.0.0.2", ["1.1.1.1", "203.0.113.9"], "203.0.113.9"),
        ("192.0.2.1", ["203.0.113.9"], "192.0.2.1"),  # no proxy of ours
        ("10.0.0.2", [], "10.0.0.2"),
        ("10.0.0.2", ["nonsense"], ""),
    ],
)
def test_only_trusted_proxies_name_another_address(peer, said, expected):
    protection = Protection(trusted_proxies=[ipaddress.ip_network("10.0.0.0/24")])
    assert source(_scope(peer, *said), protection) == expected


def test_what_is_no_network_is_refused():
    with pytest.raises(InvalidInput):
        networks(["10.0.0.1/8"])


async def test_a_configured_name_is_served_and_others_are_not(plant):
    async with _client(plant, Protection(names=["andon.plant"])) as client:
        good = await client.get("/health", headers={"Host": "andon.plant:8460"})
        bad = await client.get("/health", headers={"Host": "other.plant"})
    assert (good.status_code, bad.status_code) == (200, 403)


@pytest.mark.asvs("2.4.1")
async def test_an_address_without_credentials_asks_only_so_often(plant):
    async with _client(plant, Protection(anonymous_per_minute=3)) as client:
        statuses = [(await client.get("/api/v1/me")).status_code for _ in range(5)]
        told = await client.get("/api/v1/me")
        health = await client.get("/health")
        known = await client.get("/api/v1/me", headers=headers_as(plant, "viewer"))
    assert statuses == [401, 401, 401, 429, 429]
    assert (told.json()["code"], told.headers["retry-after"]) == ("too-many-requests", "60")
    assert (health.status_code, known.status_code) == (200, 200)


@pytest.mark.asvs("2.4.1")
async def test_a_machine_gets_no_further_with_its_other_ipv6_addresses(plant):
    protection = Protection(anonymous_per_minute=1)
    app = create(plant.services(), protection=protection)

    async def status(peer: str) -> int:
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False, client=(peer, 5000))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8460") as client:
            return (await client.get("/api/v1/me")).status_code

    asked = ["fd00::1", "fd00::2", "fd00:0:0:1::1"]
    assert [await status(each) for each in asked] == [401, 429, 401]


async def test_signing_in_counts_for_the_address_also_with_a_session(plant):
    body = {"login": "viewer", "password": "wrong"}
    async with _client(plant, Protection(anonymous_per_minute=3)) as client:
        headers = headers_as(plant, "viewer")
        answers = [await client.post("/api/v1/login", json=body, headers=headers) for _ in range(4)]
    assert [each.status_code for each in answers] == [403, 403, 403, 429]


@pytest.mark.asvs("2.4.1")
async def test_a_session_asks_only_so_often_and_others_are_not_held_up(plant):
    async with _client(plant, Protection(signed_in_per_minute=2)) as client:
        headers = headers_as(plant, "viewer")
        answers = [await client.get("/api/v1/me", headers=headers) for _ in range(3)]
        other = await client.get("/api/v1/me", headers=headers_as(plant, "viewer"))
    assert [each.status_code for each in answers] == [200, 200, 429]
    assert other.status_code == 200


@pytest.mark.asvs("15.2.2", "4.2.1")
async def test_a_body_that_is_too_large_is_refused_whatever_its_length_says(plant):
    async def pieces():
        for _ in range(20):
            yield b"x" * 100

    async with _client(
        plant, Protection(largest_body_bytes=1000), headers=headers_as(plant, "admin")
    ) as client:
        said = await client.post("/api/v1/cord", content=b"x" * 1001)
        unsaid = await client.post(
            "/api/v1/cord", content=pieces(), headers={"Content-Type": "application/json"}
        )
        nonsense = await client.post("/api/v1/cord", content=b"{}", headers={"Content-Length": "-5"})
    assert [each.status_code for each in (said, unsaid, nonsense)] == [413, 413, 413]
    assert said.json()["code"] == unsaid.json()["code"] == "body-too-large"


@pytest.mark.asvs("3.3.1", "3.3.2", "3.3.3", "3.3.4", "3.4.1")
async def test_with_tls_browsers_are_told_to_stay_with_it(plant):
    async with _client(plant, Protection(is_tls=True)) as client:
        answer = await client.post("/api/v1/login", json={"login": "viewer", "password": PASSWORD})
    assert answer.headers["strict-transport-security"].startswith("max-age=63072000")
    cookie = answer.headers["set-cookie"].lower()
    assert cookie.startswith("__host-andon_session=")
    assert all(each in cookie for each in ("httponly", "secure", "samesite=strict", "path=/"))
    assert "domain" not in cookie


@pytest.mark.asvs("7.4.1")
async def test_a_person_signs_in_acts_and_signs_out(plant):
    async with client_as(plant, None) as client:
        answer = await client.post("/api/v1/login", json={"login": "operator", "password": PASSWORD})
        said = answer.json()
        assert said["user"]["permissions"]["cord.pull"] == [
            {"environment": "*", "unit": "*", "line": "*", "outside_production": False}
        ]
        acted = await client.post(
            "/api/v1/cord", json={"reason": "x"}, headers={"X-Andon-CSRF": said["csrf"]}
        )
        assert acted.json()[0]["actor"] == "operator"
        cookie = client.cookies["andon_session"]
        out = await client.post("/api/v1/logout", headers={"X-Andon-CSRF": said["csrf"]})
        assert out.status_code == 204
        assert out.headers["clear-site-data"] == '"cache", "storage"'
        again = await client.get("/api/v1/me", headers={"Cookie": f"andon_session={cookie}"})
    assert again.status_code == 401


@pytest.mark.asvs("7.2.4")
async def test_signing_in_again_ends_the_session_that_this_browser_had(plant):
    body = {"login": "operator", "password": PASSWORD}
    async with client_as(plant, None) as client:
        await client.post("/api/v1/login", json=body)
        former = client.cookies["andon_session"]
        assert (await client.post("/api/v1/login", json=body)).status_code == 200
        assert client.cookies["andon_session"] != former
    async with client_as(plant, None) as client:
        again = await client.get("/api/v1/me", headers={"Cookie": f"andon_session={former}"})
    assert again.status_code == 401


@pytest.mark.asvs("16.3.2")
async def test_a_refusal_is_logged_with_who_asked_for_what_from_where(plant):
    async with client_as(plant, "viewer") as client:
        with capture_logs() as logged:
            await client.post("/api/v1/cord", json={"reason": "x"})
    (refusal,) = [each for each in logged if each["event"] == "request refused"]
    assert (refusal["method"], refusal["path"], refusal["source"]) == ("POST", "/api/v1/cord", "127.0.0.1")
    assert refusal["correlation"]


@pytest.mark.asvs("6.4.1")
async def test_a_one_time_password_opens_nothing_until_it_is_changed(plant):
    async with client_as(plant, "admin") as admin:
        reason = {"reason": "forgot it"}
        once = (await admin.post("/api/v1/users/viewer/password", json=reason)).json()["one_time_password"]
    body = {"login": "viewer", "password": once}
    async with client_as(plant, None) as client:
        refused = await client.post("/api/v1/login", json=body)
        assert (refused.status_code, refused.json()["code"]) == (403, "password-change-required")
        assert "set-cookie" not in refused.headers
        entered = await client.post("/api/v1/login", json=body | {"new_password": "a longer one of my own"})
    assert entered.status_code == 200


async def test_a_terminal_signs_in_by_a_person_elsewhere(plant):
    async with client_as(plant, None) as terminal, client_as(plant, "engineer") as person:
        begun = (await terminal.post("/api/v1/login/device")).json()
        assert begun["verification_uri"] == "http://127.0.0.1:8460/device"
        ask = {"device_code": begun["device_code"]}
        waits = await terminal.post("/api/v1/login/device/token", json=ask)
        assert (waits.status_code, waits.json()["code"]) == (409, "authorization-pending")
        code = begun["user_code"]
        assert (await person.get(f"/api/v1/login/device/{code}")).json()["source"] == "127.0.0.1"
        assert (await person.post(f"/api/v1/login/device/{code}/approve")).status_code == 204
        pair = (await terminal.post("/api/v1/login/device/token", json=ask)).json()
        bearer = {"Authorization": f"Bearer {pair['access_token']}"}
        assert (await terminal.get("/api/v1/me", headers=bearer)).json()["login"] == "engineer"
        body = {"refresh_token": pair["refresh_token"]}
        assert (await terminal.post("/api/v1/login/refresh", json=body)).status_code == 200
        assert (await terminal.post("/api/v1/login/refresh", json=body)).status_code == 401


_WITH_SECRETS = [
    ("POST", "/api/v1/login", {"login": "x", "password": [_CANARY]}),
    ("POST", "/api/v1/login", {"login": 5, "password": _CANARY, "passwrd": _CANARY}),
    ("POST", "/api/v1/login", {"login": _CANARY * 90, "password": "x"}),
    ("POST", "/api/v1/login", [_CANARY]),
    ("POST", "/api/v1/login", _CANARY),
    ("POST", "/api/v1/login", {"login": "x", "passwrd": _CANARY}),
    ("POST", "/api/v1/login", {"login": "x", "password": _CANARY * 900}),
    ("POST", "/api/v1/login", {"login": "viewer", "password": _CANARY}),
    ("POST", "/api/v1/me/password", {"old": _CANARY, "new": {"a": _CANARY}}),
    ("POST", "/api/v1/me/password", {"old": _CANARY, "new": _CANARY}),
    ("PUT", "/api/v1/secrets/smtp", {"value": _CANARY}),
    ("PUT", "/api/v1/secrets/smtp", {"value": _CANARY, "reason": "x"}),
    ("PUT", "/api/v1/secrets/smtp", {"value": [_CANARY], "reason": _CANARY * 90}),
    ("POST", "/api/v1/login/refresh", {"refresh_token": _CANARY}),
    ("DELETE", "/api/v1/cord", {"reason": "", "signature": {"password": _CANARY, "meaning": "no"}}),
    ("DELETE", "/api/v1/cord", {"reason": "x", "signature": {"password": _CANARY, "meaning": _CANARY}}),
    ("DELETE", "/api/v1/cord", {"reason": "x", "signature": {"password": _CANARY, "meaning": "author"}}),
]


@pytest.mark.asvs("14.2.4", "16.2.5")
@pytest.mark.parametrize(("method", "path", "body"), _WITH_SECRETS)
async def test_no_answer_shows_a_secret_that_was_sent(plant, method, path, body, capsys, caplog):
    async with client_as(plant, "admin") as client:
        answer = await client.request(method, path, json=body)
    assert _CANARY not in answer.text
    assert _CANARY not in str(plant.records)
    assert _CANARY not in capsys.readouterr().out + caplog.text


@pytest.mark.asvs("16.2.1")
async def test_a_caller_s_own_id_is_answered_back_and_logged_beside_ours(plant, tmp_path):
    asked, log = "line-a-4711", tmp_path / "andon.log"
    with logging_to(log):
        async with client_as(plant, "operator") as client:
            answers = [
                await client.post(
                    "/api/v1/cord",
                    json={"environment": environment, "reason": "x"},
                    headers={"X-Request-Id": asked},
                )
                for environment in ("staging", "production")
            ]
    ours = [each.headers["x-request-id"] for each in answers]
    assert [each.headers["x-client-request-id"] for each in answers] == [asked, asked]
    assert len({asked, *ours}) == 3
    assert [each.event.correlation for each in plant.records[-2:]] == ours
    lines = [json.loads(each) for each in log.read_text().splitlines()]
    assert [(each["request"], each["client_request"]) for each in lines] == [(each, asked) for each in ours]


@pytest.mark.parametrize("asked", ["", "short", "a b c d e f g h", "x" * 65, "evil\r\nSet-Cookie: a=b"])
async def test_a_request_id_that_is_not_sane_is_dropped(plant, asked):
    async with client_as(plant, None) as client:
        headers = [("X-Request-Id", asked.encode().replace(b"\r\n", b" "))]
        answer = await client.get("/health", headers=headers)
    assert "x-client-request-id" not in answer.headers
    assert len(answer.headers["x-request-id"]) == 16


@pytest.mark.asvs("8.2.3", "13.4.5")
async def test_ready_shows_details_only_to_those_who_may_see_the_system(plant):
    async with client_as(plant, None) as client:
        names = (await client.get("/ready")).json()["checks"]
    assert {each["detail"] + each["hint"] for each in names} == {""}
    async with client_as(plant, "engineer") as client:
        assert any(each["detail"] for each in (await client.get("/ready")).json()["checks"])


@pytest.mark.asvs("13.4.5")
@pytest.mark.parametrize(("is_open", "peer", "status"), [
    (True, "127.0.0.1", 200), (False, "127.0.0.1", 401), (True, "10.0.0.9", 401),
])  # fmt: skip
async def test_metrics_are_open_to_this_machine_only_where_the_settings_say_so(plant, is_open, peer, status):
    async with _client(plant, Protection(open_metrics=is_open), peer=peer) as client:
        assert (await client.get("/metrics")).status_code == status


async def test_a_proposal_for_production_waits_at_a_gate_until_somebody_signs(plant):
    plant.rollouts.clear()
    body = {"unit": "mes", "environment": "production", "version": "1.2.0"}
    async with client_as(plant, "engineer") as engineer:
        begun = (await engineer.post("/api/v1/rollouts", json=body)).json()
    assert (begun["stage"], begun["gate"]["approvals_needed"], begun["gate"]["may_approve"]) == (
        "gated",
        1,
        False,
    )
    url = f"/api/v1/rollouts/{begun['id']}/approve"
    async with client_as(plant, "approver") as approver:
        asked = await approver.post(url, json={"reason": "tests seen"})
        assert (asked.status_code, asked.json()["code"]) == (403, "signature-required")
        shown = asked.json()["needs"]
        assert shown["document"]["candidate"] == "1.2.0"
        signature = {"login": "approver", "password": PASSWORD, "meaning": "approved"}
        other = {**signature, "document_hash": "0" * 64}
        stale = await approver.post(url, json={"reason": "tests seen", "signature": other})
        assert (stale.status_code, stale.json()["code"]) == (409, "signature-stale")
        signature["document_hash"] = shown["document_hash"]
        signed = await approver.post(url, json={"reason": "tests seen", "signature": signature})
        assert signed.status_code == 202, signed.text
        made = (await approver.get("/api/v1/signatures")).json()
    assert [(each["signer"], each["meaning"], each["standing"]) for each in made] == [
        ("approver", "approved", "valid")
    ]
    text = plant.access.token("robot", Grant("admin"))
    async with client_as(plant, None) as robot:
        refused = await robot.post(
            url,
            json={"reason": "x", "signature": signature},
            headers={"Authorization": f"Bearer {text}"},
        )
    assert (refused.status_code, refused.json()["code"]) == (403, "token-cannot-sign")


_FORMS = {"jsonl": "application/jsonl", "csv": "text/csv", "pdf": "application/pdf", "zip": "application/zip"}


@pytest.mark.asvs("3.2.1")
@pytest.mark.part11("11.10(b)")
@pytest.mark.parametrize(("form", "kind"), _FORMS.items())
async def test_the_timeline_is_exported_in_each_form(plant, form, kind):
    async with client_as(plant, "auditor") as client:
        answer = await client.get(f"/api/v1/timeline/export?format={form}&unit=mes")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith(kind)
    assert f".{form}" in answer.headers["content-disposition"]
    assert answer.content

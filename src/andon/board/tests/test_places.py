"""No page shows more than the API: for every page and caller the same decision, and nothing from elsewhere.

All callers ask one application, the one who sees everything first, so that what is cached is tried, too.
"""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace

import httpx
import pytest
from fastapi import FastAPI

from andon.access.model import Grant, Permission, Role, Scope, Where
from andon.access.policies.model import Policy
from andon.access.signatures.model import Action, Document, Meaning, Signature
from andon.api.declared import routes
from andon.api.guard import Protection
from andon.api.http import create
from andon.board import pages
from andon.kernel.ids import EnvironmentName, RolloutId
from andon.rollouts.model import Cord
from andon.testing import scenes
from andon.testing.access import client_as
from andon.testing.pledges import FakeStoredPolicy
from andon.testing.services import FakePlant
from andon.testing.sets import a_set_under_way
from andon.testing.shelves import a_rollout
from andon.timeline.records import Event, Record

MARK, SHOWN = scenes.MARK, "in-the-scope"
ELSEWHERE, ADDRESS, TOKEN = "canary-hall", "203.0.113.77", "canary-token"
OWN = RolloutId("ro-own-000000000001")
SCOPE = Scope(environment="staging", unit="mes")
ROLES = ("admin", "viewer", "operator", "engineer", "approver", "auditor")
NARROW = ("scoped", "scoped-admin", "scoped-operator", "of-a-line")
CALLERS = (*ROLES, *NARROW, "floor-only", "nobody")


class Scene:
    """A plant with canaries, the application over it, and the records that matter."""

    def __init__(self) -> None:
        plant = self.plant = scenes.a_hidden_unit(scenes.a_busy_morning(FakePlant()))
        access = plant.access
        for who, role in (("scoped-admin", "admin"), ("scoped-operator", "operator")):
            access.add(who, Grant(role, SCOPE))
        access.roles["floor-only"] = Role("floor-only", {Permission.FLOOR_VIEW: Where.ANYWHERE})
        access.add("floor-only", Grant("floor-only"))
        access.add("of-a-line", Grant("viewer", Scope(line="line-1")))
        access.add("canary", display_name=MARK)
        access.open(access.users["us-admin"], kind="browser", source=ADDRESS, agent=MARK, method="password")
        access.token(TOKEN, Grant("viewer"))
        whole = plant.desired[scenes.MES, scenes.STAGING]
        hall = EnvironmentName(ELSEWHERE)
        plant.desired[scenes.MES, hall] = replace(whole, environment=hall)
        plant.cords.append(Cord(hall, False, MARK, MARK, plant.clock.now()))
        plant.rollouts[OWN] = a_rollout(
            plant.clock.now(), id=OWN, environment=scenes.STAGING, candidate="1.3.0", reason=SHOWN
        )
        self.signature(f"rollout/{OWN}", SHOWN, unit="mes", environment="staging")
        elsewhere = self.signature(
            f"rollout/{scenes.HIDDEN_ROLLOUT}", MARK, unit=scenes.HIDDEN, environment="production"
        )
        version = Policy("staging", version=1, approvals=0)
        changed = self.signature("policy/staging", MARK, environment="staging")
        access.policies["staging"] = version
        access.policy_history["staging"] = [FakeStoredPolicy(version, changed, plant.clock.now(), "admin")]
        self.signature("cord", MARK)
        plant.set_rollouts.append(a_set_under_way(plant.clock.now(), scenes.STAGING))
        hidden = a_set_under_way(plant.clock.now(), hall, id="rs-2", name="canaries", reason=MARK, actor=MARK)
        plant.set_rollouts.append(hidden)
        self.own, self.following = self.tell(SHOWN, "staging", elsewhere), self.tell(MARK, "production", "")
        self.app = board(plant)

    def tell(self, reason: str, environment: str, signature: str) -> Record:
        event = Event(
            "cord.released", "cord", reason, reason, "mes", environment, after={"signature": signature}
        )
        return self.plant.tell(event)

    def signature(self, subject: str, reason: str, **values: str) -> str:
        access = self.plant.access
        document = Document(Action.PROMOTE, subject, values)
        made = Signature(
            id=f"sg-{len(access.signatures)}", document=document, document_hash=document.hash,
            signer_id="us-canary", signer="canary", display_name=reason, meaning=Meaning.REVIEWED,
            reason=reason, at=self.plant.clock.now(), method="password", seal="sealed",
        )  # fmt: skip
        access.signatures.append(made)
        return made.id

    def client(self, who: str) -> httpx.AsyncClient:
        return client_as(self.plant, None if who == "nobody" else who, app=self.app)


def board(plant: FakePlant) -> FastAPI:
    services = plant.services()
    # Nobody asks for more pages here in a minute than anybody may.
    app = create(services, protection=Protection(anonymous_per_minute=10_000))
    pages.install(app, services)
    return app


@pytest.fixture(scope="module")
def scene() -> Scene:
    return Scene()


@pytest.fixture(params=CALLERS)
async def asked(scene: Scene, request: pytest.FixtureRequest) -> AsyncIterator[tuple[str, httpx.AsyncClient]]:
    async with scene.client("admin") as first:
        for page, _decided in _pages(scene):
            await first.get(page)
    async with scene.client(request.param) as client:
        yield request.param, client


Decision = Callable[[httpx.AsyncClient], Awaitable[int]]


def _by(address: str) -> Decision:
    async def decided(client: httpx.AsyncClient) -> int:
        return (await client.get(f"/api/v1{address}")).status_code

    return decided


def _by_tile(unit: str, environment: str) -> Decision:
    async def decided(client: httpx.AsyncClient) -> int:
        answer = await client.get("/api/v1/status")
        if not answer.is_success:
            return answer.status_code
        tiles = {(each["unit"], each["environment"]) for each in answer.json()["units"]}
        return 200 if (unit, environment) in tiles else 403

    return decided


def _by_preview(unit: str, environment: str) -> Decision:
    """A plan is shown to who may propose it there."""

    async def decided(client: httpx.AsyncClient) -> int:
        body = {"unit": unit, "environment": environment, "version": "1.1.0", "dry_run": True}
        status = (await client.post("/api/v1/rollouts", json=body)).status_code
        return status if status in {401, 403} else 200

    return decided


def _pages(scene: Scene) -> list[tuple[str, Decision]]:
    """Each page with the API's decision about the same data."""
    same = (
        *(f"/rollouts/{each}" for each in (OWN, scenes.UNDER_WAY, scenes.HIDDEN_ROLLOUT, "ro-none")),
        *(f"/runs/{each}" for each in (scenes.SHIPPED, scenes.HIDDEN_RUN)),
        *(f"/timeline/{each.number}" for each in (scene.own, scene.following)),
        "/users", "/users/admin", "/users/canary", "/users/none-such", "/roles", "/tokens", "/policies",
        "/timeline", f"/timeline?unit={scenes.HIDDEN}", "/signatures", "/signatures?subject=cord",
    )  # fmt: skip
    units = (("mes", "staging"), ("mes", "production"), ("mes", ELSEWHERE), (scenes.HIDDEN, "production"))
    return [
        ("/", _by("/status")),
        ("/me", _by("/me/sessions")),
        ("/fleet", _by("/fleet/stations")),
        ("/fleet/settings", _by("/fleet/rings")),
        ("/registry", _by("/registry")),
        *((f"/stations/{each}", _by(f"/fleet/stations/{each}")) for each in ("press-1", "oven-1", "none")),
        *(
            (f"/sets/{name}/{place}", _by(f"/sets/{name}/environments/{place}/approval"))
            for name, place in (("line", "staging"), ("canaries", ELSEWHERE), ("none", "staging"))
        ),
        ("/device", _by("/me/sessions")),
        *((each, _by(each)) for each in same),
        *((f"/units/{unit}/{place}", _by_tile(unit, place)) for unit, place in units),
        *((f"/units/{unit}/{place}/compare", _by_tile(unit, place)) for unit, place in units),
        *((f"/units/{unit}/{place}/deploy", _by_preview(unit, place)) for unit, place in units),
    ]


_OPEN = {"/login", "/login/device", "/static/{name}", "/favicon.ico"}


def test_every_page_of_the_board_is_tried(scene):
    tried = {page.split("?")[0] for page, _ in _pages(scene)} | _OPEN
    parts = [each.split("/") for each in tried]
    for route in routes(scene.app):
        if route.path.startswith(("/api/", "/health", "/ready", "/metrics", "/registry/")):
            continue
        own = route.path.split("/")
        assert any(
            len(each) == len(own) and all(a == b or a.startswith("{") for a, b in zip(own, each, strict=True))
            for each in parts
        ), route.path


@pytest.mark.asvs("8.2.1", "8.2.2", "8.3.1", "8.4.1")
@pytest.mark.part11("11.10(d)", "11.10(g)")
async def test_a_page_is_refused_where_the_api_refuses_the_same_data(scene, asked):
    _who, client = asked
    for page, decided in _pages(scene):
        wanted = await decided(client)
        joiner = "&" if "?" in page else "?"
        for address in (page, f"{page}{joiner}fragment=true"):
            assert (await client.get(address)).status_code == wanted, address


def _hidden(scene: Scene, who: str) -> list[str]:
    """What `who` may read on no page."""
    everybodys = [] if who in {"admin"} else [ADDRESS, TOKEN]
    if who in NARROW:
        link = f'href="/timeline/{scene.following.number}"'
        return [*everybodys, MARK, ELSEWHERE, scenes.HIDDEN, scenes.ROASTERY, link]
    return [*everybodys, SHOWN] if who == "nobody" else everybodys


@pytest.mark.asvs("8.2.2", "8.2.3", "8.4.1", "14.2.2")
@pytest.mark.part11("11.10(d)")
async def test_no_page_names_what_is_outside_the_scope_of_its_reader(scene, asked):
    who, client = asked
    hidden = _hidden(scene, who)
    for page, _decided in _pages(scene):
        for address in (page, f"{page}{'&' if '?' in page else '?'}fragment=true"):
            text = (await client.get(address, headers={"Accept": "text/html"})).text
            # What they typed themselves comes back to them.
            found = [each for each in hidden if each in text and each not in address]
            assert not found, (address, found)


async def test_what_is_within_the_scope_is_shown(scene):
    async with scene.client("scoped") as client:
        for page in ("/timeline", f"/timeline/{scene.own.number}", f"/rollouts/{OWN}", "/signatures"):
            assert SHOWN in (await client.get(page)).text, page
        assert "policy-staging" in (await client.get("/policies")).text
    async with scene.client("scoped-operator") as client:
        assert 'name="environment" value="staging"' in (await client.get("/")).text


async def test_who_may_not_read_records_reads_no_signature(scene):
    async with scene.client("floor-only") as client:
        for page in (f"/rollouts/{OWN}", f"/rollouts/{scenes.HIDDEN_ROLLOUT}", "/policies"):
            answer = await client.get(page)
            assert answer.status_code == 200
            assert 'class="signature"' not in answer.text, page


async def test_who_was_given_a_line_sees_its_stations_and_no_other(scene):
    async with scene.client("of-a-line") as client:
        fleet = (await client.get("/fleet")).text
        assert "/stations/press-1" in fleet
        assert "oven-1" not in fleet
        assert ">screen 2.0.0<" in fleet, "what runs on the line"
        assert (await client.get("/stations/oven-1")).status_code == 404


@pytest.mark.asvs("1.2.3", "3.4.3", "3.7.1")
async def test_no_page_has_inline_script_or_style_for_anybody(scene, asked):
    _who, client = asked
    for page in (*(each for each, _ in _pages(scene)), "/login", "/no-such-page"):
        answer = await client.get(page, headers={"Accept": "text/html"}, follow_redirects=True)
        policy = answer.headers["content-security-policy"]
        assert "unsafe" not in policy, page
        assert "script-src 'self'" in policy, page
        text = answer.text
        for forbidden in (" style=", "<style", "javascript:", "<script>"):
            assert forbidden not in text, (page, forbidden)
        assert not re.search(r"<[^>]* on[a-z]+=", text), page
        assert text.count("<script") == text.count('<script src="/static/'), page

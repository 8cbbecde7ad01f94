"""Every route, for every role, for nobody, and for those whose rights are narrow: what is declared, holds."""

from dataclasses import dataclass, replace
from datetime import timedelta

import httpx
import pytest
from fastapi import APIRouter, FastAPI

from andon.access import rights
from andon.access.model import NOWHERE, ON_LINES, Grant, Permission, Place, Principal, PrincipalKind, Scope
from andon.api import declared
from andon.api.declared import Needs, Open, SignedIn, needs, open_to_all
from andon.api.guard import Protection
from andon.api.http import create
from andon.api.matrix import matrix
from andon.api.stations import BySignature
from andon.api.streams import Streams
from andon.fleet.reports.model import Tally
from andon.kernel.errors import InvalidInput
from andon.kernel.ids import EnvironmentName, UnitName, Version
from andon.testing import scenes
from andon.testing.access import PASSWORD, PEOPLE, client_as, headers_as
from andon.testing.services import FakePlant
from andon.timeline.records import Event

_REASON = {"reason": "to see whether it is allowed"}
_GRANT = [{"role": "viewer"}]
_SIGNATURE = {"login": "admin", "password": PASSWORD, "meaning": "approved"}
# What stands in the path of a sample request, and what its body says.
_PATH = {
    "unit": "mes", "environment": "production", "version": "1.1.0", "rollout": scenes.UNDER_WAY,
    "run": scenes.SHIPPED, "stage": "test", "instance": "mes-production-1.1.0-0", "number": "3",
    "user": "target", "user_code": "BCDF-GHJK", "session": "se-none", "token": "tk-none", "name": "night",
    "signature": "sg-none", "gate": "board", "task": "front", "station": "press-1", "scope": "line",
    "enrolment": "et-none", "path:path": "metadata/timestamp.json",
}  # fmt: skip
_BODIES = {
    "POST /api/v1/rollouts": {"unit": "mes", "environment": "production", "version": "1.2.0"},
    "POST /api/v1/agents/enrol": None,
    "POST /api/v1/agents/reports": None,
    "POST /api/check-update": {
        "current_version": "1.1.0",
        "client_id": "m-1",
        "platform": "linux",
        "arch": "x86_64",
        "unit": "screen",
    },
    "POST /api/v1/fleet/tokens": _REASON | {"environment": "production"},
    "PUT /api/v1/fleet/rings": _REASON | {"names": ["lab", "pilot", "line", "plant"]},
    "PUT /api/v1/fleet/windows/{scope}/{name}": _REASON | {"calendar": {"zone": "Asia/Seoul"}},
    "PUT /api/v1/units/{unit}/environments/{environment}/recalls/{version}": _REASON | {"to": "1.0.0"},
    "POST /api/v1/cord": _REASON | {"environment": "production"},
    "DELETE /api/v1/cord": _REASON | {"environment": "production"},
    "POST /api/v1/rollouts/{rollout}/gates/{gate}": {"answer": "yes"},
    "POST /api/v1/runs": {"path": "/srv/mes"},
    "POST /api/v1/sets": {
        "name": "line",
        "version": "1.0.0",
        "members": [{"unit": "mes", "version": "1.2.0"}, {"unit": "roastery", "version": "2.4.1"}],
    },
    "POST /api/v1/login": {"login": "viewer", "password": PASSWORD},
    "POST /api/v1/login/terminal": {"login": "viewer", "password": PASSWORD},
    "POST /api/v1/login/refresh": {"refresh_token": "none"},
    "POST /api/v1/login/device": None,
    "POST /api/v1/login/device/token": {"device_code": "none"},
    "POST /api/v1/login/device/{user_code}/approve": None,
    "POST /api/v1/login/device/{user_code}/deny": None,
    "POST /api/v1/logout": None,
    "POST /api/v1/me/password": {"old": PASSWORD, "new": PASSWORD},
    "POST /api/v1/me/tokens": _REASON | {"name": "x", "grants": _GRANT, "expires_in_days": 1},
    "POST /api/v1/tokens": _REASON | {"name": "x", "grants": _GRANT, "expires_in_days": 1},
    "POST /api/v1/users": _REASON | {"login": "kim", "display_name": "Kim", "grants": _GRANT},
    "PUT /api/v1/roles/{name}": _REASON | {"permissions": {"floor.view": "anywhere"}},
    "PUT /api/v1/secrets/{name}": _REASON | {"value": "x"},
    "PUT /api/v1/policies/{environment}": _REASON
    | {"approvals": 1, "is_production": True, "signed": ["edit-policy"], "signature": _SIGNATURE},
}
_MES_THERE = Place(environment="production", unit="mes")
_PLACES = {
    "nowhere": NOWHERE,
    "everywhere": Place(environment="*", unit="*"),
    "body": _MES_THERE,
    "rollout": _MES_THERE,
    "instance": _MES_THERE,
    "run": Place(unit="mes"),
    "cord": Place(environment="production"),
    "whole_cord": Place(environment="production", unit="*"),
    "whole_environment": Place(environment="production", unit="*"),
    "query": Place(environment="*", unit="*"),
    "stations": ON_LINES,
    "station": Place(environment="production", line="line-1"),
    "new_station": Place(environment="production", unit="*", line=""),
    "enrolment": Place(environment="production", unit="*", line="line-1"),
    "window": Place(environment="*", unit="*"),
}
_NAMED_BY_ID = {"rollout", "instance", "run"}
_REFUSED = {"not-permitted", "person-only", "no-credentials", "bad-token", "session-ended"}
_TOKENS = {
    "machine": [Grant("engineer", Scope(environment="staging"))],
    "narrowed": [Grant("viewer")],
    "expired": [Grant("admin")],
    "board": [Grant("gatekeeper", Scope(environment="production", unit="mes"))],
}
CALLERS = ("nobody", *PEOPLE, *_TOKENS)


@dataclass(frozen=True)
class Asked:
    """One route, as it is asked."""

    method: str
    path: str
    declaration: declared.Declaration

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"


def _plant() -> FakePlant:
    return scenes.a_hidden_unit(scenes.a_busy_morning(FakePlant()))


def _headers(plant: FakePlant, caller: str) -> dict[str, str]:
    if caller == "nobody":
        return {}
    if caller in _TOKENS:
        life = timedelta(hours=-1 if caller == "expired" else 1)
        owner = "admin" if caller == "narrowed" else ""
        text = plant.access.token(caller, *_TOKENS[caller], owner=owner, expires_in=life)
        return {"Authorization": f"Bearer {text}"}
    return headers_as(plant, caller)


def _principal(plant: FakePlant, caller: str) -> Principal | None:
    if caller in {"nobody", "expired"}:
        return None
    if caller in {"machine", "board"}:
        return Principal(PrincipalKind.TOKEN, f"token:{caller}", "", tuple(_TOKENS[caller]))
    if caller == "narrowed":
        owner = plant.access.users["us-admin"]
        return Principal(
            PrincipalKind.TOKEN, "admin", "", owner.grants, user_id=owner.id, limits=tuple(_TOKENS[caller])
        )
    user = plant.access.users[f"us-{caller}"]
    return Principal(PrincipalKind.PERSON, caller, "", user.grants, user_id=user.id)


def _is_expected(asked: Asked, principal: Principal | None) -> bool:
    """What the declaration and the rights say, worked out here from the sample's place."""
    match asked.declaration:
        case Open():
            return True
        case BySignature():
            return False
        case SignedIn(person=person):
            return principal is not None and (principal.may_sign or not person)
        case Needs(wanted=wanted, at=at, others=others):
            if principal is None:
                return False
            place = _place(asked, at.__name__)
            if at.__name__ == "station":
                unit = "mes" if "{unit}" in asked.path else None
                place = replace(place, unit=unit)
                if not rights.permitted(principal, Permission.FLEET_VIEW, place).is_allowed:
                    return False
                if unit is None and asked.method != "GET":  # it changes all of its units
                    place = replace(place, unit="*")
            if (
                at.__name__ in _NAMED_BY_ID
                and not rights.permitted(principal, Permission.FLOOR_VIEW, place).is_allowed
            ):
                return False
            return any(rights.permitted(principal, each, place).is_allowed for each in (wanted, *others))
    raise AssertionError(asked)


def _place(asked: Asked, locator: str) -> Place:
    if locator == "path":
        return Place(
            environment="production" if "{environment}" in asked.path else None,
            unit="mes" if "{unit}" in asked.path else None,
        )
    return _PLACES[locator]


def _routes(app: FastAPI) -> list[Asked]:
    found = []
    for each in declared.routes(app):
        assert each.declaration is not None
        found += [Asked(method, each.path, each.declaration) for method in each.methods]
    return found


async def _ask(client: httpx.AsyncClient, asked: Asked, headers: dict[str, str]) -> httpx.Response:
    path = asked.path
    for name, value in _PATH.items():
        path = path.replace(f"{{{name}}}", value)
    assert "{" not in path, f"say in _PATH what stands in {asked.path}"
    body = _BODIES.get(asked.name, None if asked.method == "GET" else _REASON)
    return await client.request(asked.method, path, json=body, headers=headers)


def _is_allowed(answer: httpx.Response, asked: Asked) -> bool:
    if answer.status_code not in {401, 403, 404} or "problem" not in answer.headers.get("content-type", ""):
        return True
    if asked.method == "HEAD":
        return answer.status_code == 404  # says no more than that
    code = answer.json()["code"]
    hidden = {
        "no-such-rollout",
        "no-such-run",
        "no-such-instance",
        "no-such-station",
    }  # they exist, so they are hidden
    # What is open looks at the credentials in the body itself.
    refused = {"no-credentials", "not-permitted"} if isinstance(asked.declaration, Open) else _REFUSED
    return code not in refused | hidden


@pytest.mark.asvs("8.2.1", "8.3.1")
@pytest.mark.part11("11.10(d)", "11.10(g)")
@pytest.mark.parametrize("caller", CALLERS)
async def test_every_route_is_allowed_exactly_where_the_matrix_says_so(caller, monkeypatch):
    monkeypatch.setattr("andon.api.http.Streams", lambda: Streams(most=0))  # an open stream would never end
    plant = _plant()
    plant.access.add("target", Grant("viewer"))
    app = create(plant.services(), protection=Protection(anonymous_per_minute=10_000))
    wrong = []
    for asked in sorted(_routes(app), key=lambda each: each.method != "GET"):
        async with client_as(plant, None, app=app) as client:
            answer = await _ask(client, asked, _headers(plant, caller))
        assert answer.status_code < 500 or answer.status_code == 503, (asked.name, answer.text)
        if _is_allowed(answer, asked) != _is_expected(asked, _principal(plant, caller)):
            wrong.append((asked.name, answer.status_code, answer.text[:200]))
    assert not wrong


# Written by hand: what one would not guess, or must never change unnoticed.
ORACLE = [
    ("viewer", "POST /api/v1/cord", False),
    ("operator", "POST /api/v1/cord", True),
    ("operator", "DELETE /api/v1/cord", False),
    ("engineer", "DELETE /api/v1/cord", False),  # in production
    ("approver", "DELETE /api/v1/cord", True),
    ("engineer", "POST /api/v1/rollouts", True),  # proposes; it waits at a gate
    ("engineer", "POST /api/v1/rollouts/{rollout}/promote", False),
    ("engineer", "POST /api/v1/rollouts/{rollout}/abort", True),
    ("engineer", "POST /api/v1/rollouts/{rollout}/approve", False),
    ("approver", "PUT /api/v1/policies/{environment}", False),
    ("auditor", "GET /api/v1/timeline/export", True),
    ("auditor", "GET /api/v1/users", True),
    ("auditor", "GET /api/v1/secrets", False),
    ("auditor", "POST /api/v1/cord", False),
    ("approver", "POST /api/v1/rollouts/{rollout}/gates/{gate}", False),  # it is an outside system's word
    ("machine", "POST /api/v1/rollouts/{rollout}/gates/{gate}", False),
    ("board", "POST /api/v1/rollouts/{rollout}/gates/{gate}", True),
    ("board", "POST /api/v1/rollouts/{rollout}/approve", False),
    ("board", "POST /api/v1/rollouts/{rollout}/abort", False),
    ("viewer", "GET /api/v1/rollouts/{rollout}/gates", True),
    ("viewer", "GET /api/v1/rollouts/{rollout}/tasks/{task}/log", False),
    ("approver", "POST /api/v1/users/{user}/confirm", True),
    ("engineer", "POST /api/v1/users/{user}/confirm", False),
    ("approver", "GET /api/v1/users", False),
    ("viewer", "GET /metrics", False),
    ("nobody", "GET /health", True),
    ("nobody", "GET /api/v1/status", False),
    ("scoped", "GET /api/v1/rollouts/{rollout}", False),
    ("scoped", "GET /api/v1/status", True),
    ("machine", "POST /api/v1/me/tokens", False),
    ("machine", "POST /api/v1/rollouts", False),  # its grant is for staging
    ("narrowed", "POST /api/v1/users", False),
    ("expired", "GET /api/v1/me", False),
]


@pytest.mark.asvs("8.3.1", "13.3.2")
@pytest.mark.part11("11.10(g)")
@pytest.mark.parametrize(("caller", "name", "is_allowed"), ORACLE)
async def test_surprising_cells_are_as_somebody_wrote_them_down(caller, name, is_allowed):
    plant = _plant()
    app = create(plant.services())
    asked = next(each for each in _routes(app) if each.name == name)
    async with client_as(plant, None, app=app) as client:
        assert _is_allowed(await _ask(client, asked, _headers(plant, caller)), asked) is is_allowed


@pytest.mark.asvs("8.2.1")
@pytest.mark.part11("11.10(d)")
def test_a_route_that_declares_nothing_does_not_start():
    app = create(_plant().services())

    @app.get("/planted")
    async def planted() -> None: ...

    with pytest.raises(InvalidInput, match="GET /planted"):
        declared.check_declared(app)


async def test_a_page_that_was_added_later_is_checked_at_the_start():
    app = create(_plant().services())
    late = APIRouter()
    late.add_api_route("/late", lambda: None)
    app.include_router(late)
    with pytest.raises(InvalidInput, match="GET /late"):
        async with app.router.lifespan_context(app):
            pass


@pytest.mark.parametrize("add", ["mount", "add_route", "twice"])
def test_files_plain_routes_and_double_declarations_do_not_start(add, tmp_path):
    app = create(_plant().services())
    if add == "mount":
        app.mount("/files", FastAPI())
    elif add == "add_route":
        app.add_route("/plain", lambda _request: None)
    else:
        both = [needs(Permission.FLOOR_VIEW), open_to_all("no")]
        app.add_api_route("/twice", lambda: None, dependencies=both)
    with pytest.raises(InvalidInput, match="no single declaration"):
        declared.check_declared(app)


async def test_refusals_say_what_is_missing_where_and_who_can_help():
    plant = _plant()
    async with client_as(plant, "engineer") as client:
        body = _REASON | {"environment": "production"}
        refused = await client.request("DELETE", "/api/v1/cord", json=body)
    assert refused.json()["detail"] == "engineer lacks cord.release in production"
    assert "approver, admin" in refused.json()["hint"]
    assert refused.json()["needs"] == {
        "permission": "cord.release",
        "environment": "production",
        "unit": "*",
    }
    async with client_as(plant, None) as client:
        nobody = await client.get("/api/v1/me")
    assert (nobody.status_code, nobody.headers["www-authenticate"]) == (401, "Bearer")


@pytest.mark.asvs("8.2.2")
@pytest.mark.parametrize(
    "path",
    [
        "/rollouts/{}",
        "/rollouts/{}/looks",
        "/runs/{}",
        "/runs/{}/log/test",
        "/instances/{}/log",
    ],
)
async def test_what_one_may_not_know_of_is_as_if_there_were_none(path):
    kinds = {
        "rollouts": scenes.HIDDEN_ROLLOUT,
        "runs": scenes.HIDDEN_RUN,
        "instances": scenes.HIDDEN_INSTANCE,
    }
    hidden = kinds[path.split("/")[1]]
    plant = _plant()
    plant.access.add("mesop", Grant("operator", Scope(unit="mes")))
    async with client_as(plant, "mesop") as client:
        there = await client.get(f"/api/v1{path.format(hidden)}")
        missing = await client.get(f"/api/v1{path.format('x' * len(hidden))}")
    assert there.status_code == missing.status_code == 404
    assert there.text.replace(hidden, "") == missing.text.replace("x" * len(hidden), "")


_LISTS = (
    "status", "units", "instances", "releases", "runs", "rollouts", "timeline", "signatures", "policies",
    "cord", "me", "timeline/1", "rollouts?unit=canaryfish", "timeline?unit=canaryfish",
    "timeline?text=CANARY", "releases?unit=canaryfish", "instances?unit=canaryfish", "runs?unit=canaryfish",
)  # fmt: skip


@pytest.mark.asvs("8.2.2", "8.4.1")
@pytest.mark.parametrize("path", _LISTS)
async def test_a_scoped_viewer_never_reads_of_other_units(path):
    plant = _plant()
    async with client_as(plant, "scoped") as client:
        answer = await client.get(f"/api/v1/{path}")
    assert scenes.MARK not in answer.text
    assert "canaryfish" not in answer.text
    assert "roastery" not in answer.text
    async with client_as(plant, "admin") as client:
        seen = await client.get(f"/api/v1/{path}")
    assert seen.status_code == 200


async def test_a_scoped_viewer_still_gets_whole_pages_of_what_they_may_see():
    plant = _plant()
    plant.tell(Event("instance.died", "unit/mes", "andon", "the one to see", "mes", "staging"))
    for _ in range(700):
        plant.tell(Event("instance.died", "unit/roastery", "andon", "x", "roastery", "production"))
    async with client_as(plant, "scoped") as client:
        found = (await client.get("/api/v1/timeline?limit=1")).json()
    assert [each["reason"] for each in found] == ["the one to see"]


@pytest.mark.asvs("16.2.1", "16.2.4")
async def test_records_name_the_right_the_address_and_the_request():
    plant = _plant()
    async with client_as(plant, "operator") as client:
        answer = await client.post("/api/v1/cord", json=_REASON, headers={"X-Request-Id": "line-a-4711"})
    own = answer.headers["x-request-id"]
    assert own != "line-a-4711"
    told = plant.records[-1].event
    assert (told.actor, told.role, told.source, told.correlation) == (
        "operator", "operator", "127.0.0.1", own,
    )  # fmt: skip


@pytest.mark.asvs("8.1.1")
def test_the_matrix_has_a_row_for_every_route():
    app = create(_plant().services())
    rows = {(row.path, row.methods): row for row in matrix(app)}
    assert len(rows) == len([*declared.routes(app)])
    assert rows["/api/v1/cord", ("DELETE",)].who == {
        "engineer": "outside-production", "approver": "anywhere", "admin": "anywhere",
    }  # fmt: skip


async def test_a_grant_for_one_line_sees_and_changes_the_stations_of_that_line_alone() -> None:
    plant = _plant()
    plant.access.add("sora", Grant("engineer", Scope(line="line-1")), Grant("approver", Scope(line="line-1")))
    key = (UnitName("screen"), EnvironmentName("production"), Version("2.0.0"))
    plant.stations.tallies[key] = Tally(installs_ok=1)
    stations = "/api/v1/fleet/stations"
    async with client_as(plant, "sora") as client:
        seen = (await client.get(stations)).json()
        assert [(each["name"], len(each["units"])) for each in seen] == [("press-1", 1), ("press-2", 1)]
        assert (await client.get(f"{stations}/oven-1")).status_code == 404
        assert (await client.patch(f"{stations}/press-1", json=_REASON | {"ring": "pilot"})).is_success
        away = await client.patch(f"{stations}/press-1", json=_REASON | {"line": "line-2"})
        assert away.status_code == 403
        assert (await client.post("/api/v1/fleet/tokens", json=_REASON | {"line": "line-1"})).is_success
        assert (await client.post("/api/v1/fleet/tokens", json=_REASON)).status_code == 403
        assert (await client.get("/api/v1/rollouts")).status_code == 403
        versions = (await client.get("/api/v1/fleet/versions")).json()
        assert [(each["version"], each["stations"]) for each in versions] == [("2.0.0", 2)]
        assert {each["installs_ok"] for each in versions} == {0}, "counted over all lines"
    async with client_as(plant, "admin") as client:
        (whole,) = (await client.get("/api/v1/fleet/versions")).json()
        assert (whole["stations"], whole["installs_ok"]) == (3, 1)


async def test_who_was_given_one_unit_changes_no_station_whole() -> None:
    plant = _plant()
    only_screen = Scope("production", "screen")
    plant.access.add("sora", Grant("engineer", only_screen), Grant("approver", only_screen))
    station = "/api/v1/fleet/stations/press-1"
    async with client_as(plant, "sora") as client:
        assert (await client.put(f"{station}/pins/screen", json=_REASON)).is_success
        assert (await client.put(f"{station}/pins/mes", json=_REASON)).status_code in {403, 404}
        assert (await client.post(f"{station}/retire", json=_REASON)).status_code == 403
        assert (await client.post("/api/v1/fleet/tokens", json=_REASON)).status_code == 403

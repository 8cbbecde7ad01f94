"""Who may do what: the table, devices and their credentials, and that every endpoint asks."""

import itertools
import sqlite3
from datetime import timedelta

import pytest
import sqlalchemy as sa
from andon_mes.access import rights
from andon_mes.access.devices import store as devices
from andon_mes.access.devices.store import NewDevice
from andon_mes.access.model import Action, Permission, Resource, Role
from andon_mes.api import access, routes
from fastapi import APIRouter, FastAPI

OPERATOR = {("process", "create"), ("process", "read")}
SUPERVISOR = OPERATOR | {("process", "update"), ("report", "read"), ("lot", "create"), ("lot", "read")}
ADMIN = SUPERVISOR | set(itertools.product(("lot", "serial", "user"), Action))


def of(role):
    return {tuple(map(str, cell)) for each, cell in rights.rows() if each is role}


@pytest.mark.parametrize(
    ("role", "least"),
    [(Role.OPERATOR, OPERATOR), (Role.LINE_LEAD, SUPERVISOR), (Role.ADMIN, ADMIN)],
)
def test_the_table_gives_what_the_requirement_gives(role, least):
    assert {(str(resource), str(action)) for resource, action in least} <= of(role)


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.STATION])
def test_whoever_scans_may_read_what_is_scanned(role):
    needed = ("serial", "lot", "process", "defect", "configuration")
    assert {(each, "read") for each in needed} <= of(role)


def test_the_administrator_may_do_everything_and_the_auditor_read_everything():
    assert of(Role.ADMIN) == set(itertools.product(map(str, Resource), map(str, Action)))
    assert of(Role.AUDITOR) == {(str(each), "read") for each in Resource}


def test_no_role_but_the_administrator_changes_who_may_do_what():
    changing = set(itertools.product(("user", "device"), ("create", "update", "delete")))
    assert [role for role in Role if of(role) & changing] == [Role.ADMIN]


def test_no_cell_stands_twice_in_the_table():
    found = list(rights.rows())
    assert len(found) == len(set(found))


@pytest.mark.parametrize(
    ("said", "role"),
    [
        ("OPERATOR", Role.OPERATOR),
        ("SUPERVISOR", Role.LINE_LEAD),
        ("ADMIN", Role.ADMIN),
        ("quality", Role.QUALITY),
        ("Quality", None),
        ("", None),
        ("root", None),
        ("supervisor", None),
    ],
)
def test_a_role_is_named_as_ours_or_as_the_sources(said, role):
    assert rights.find_role(said) is role


async def test_every_endpoint_and_page_asks_who_it_is_or_has_a_reason_not_to(plant):
    app = plant.client._transport.app
    while not isinstance(app, FastAPI):
        app = app._app
    assert access.unguarded(app.routes) == []
    paths = {each.path for each in app.routes}
    assert set(access.OPEN) <= paths, "a reason for an endpoint that is gone"


def test_a_route_without_a_check_is_found():
    router = APIRouter()
    router.get("/secrets")(lambda: None)
    assert access.unguarded(router.routes) == ["['GET'] /secrets"]


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ("", "NOT_SIGNED_IN"),
        ("Bearer", "NOT_SIGNED_IN"),
        ("Bearer ", "NOT_SIGNED_IN"),
        ("Basic YTpi", "NOT_SIGNED_IN"),
        ("mesd_of-admin-in-the-tests", "NOT_SIGNED_IN"),
        ("Bearer mesd_wrong", "DEVICE_REFUSED"),
        ("Bearer x.y.z", "TOKEN_INVALID"),
    ],
)
async def test_whoever_is_not_known_is_told_how_to_be(plant, header, code):
    answer = await plant.acting(None).client.get("/api/v1/lots", headers={"Authorization": header})
    assert (answer.status_code, answer.json()["code"]) == (401, code)
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert "auth/login" in answer.json()["detail_ko"]


async def test_what_is_not_permitted_is_refused_with_the_permission_that_is_missing(plant):
    answer = await plant.acting("operator").post("/api/v1/lots", {"target_quantity": 1})
    document = answer.json()
    assert (answer.status_code, document["code"]) == (403, "NOT_PERMITTED")
    assert all("lot:create" in document[each] for each in ("detail", "detail_ko"))


async def test_the_table_is_kept_for_every_role_at_every_endpoint(plant):
    """No body is valid here: whoever may go on is told so (404, 422), whoever may not, 403."""
    guarded = [
        (method, each, access.permission_of(each))
        for each in routes.endpoints()
        for method in getattr(each, "methods", ())
        if access.permission_of(each) not in {None, access.ANYBODY_KNOWN}
    ]
    may = {(role, cell) for role, cell in rights.rows()}
    for role in Role:
        caller = plant.acting(role.value).client
        for method, route, needed in guarded:
            path = route.path.replace("{lot_id}", "999").replace("{", "").replace("}", "")
            answer = await caller.request(method, path, json={"no": "such"})
            is_let_in = (role, needed) in may
            assert (answer.status_code != 403) == is_let_in, (role, method, path, answer.text)


async def test_a_device_that_was_revoked_is_let_in_no_more(plant, database_path):
    station = plant.acting("station")
    assert (await station.get("/api/v1/processes")).status_code == 200
    with engine_on(database_path) as connection:  # as another instance, or the command, would
        devices.revoke(connection, "station-device", "Kim", plant.clock.now())
    plant.clock.advance(timedelta(seconds=1))
    assert (await station.get("/api/v1/processes")).status_code == 401


async def test_a_device_with_a_new_credential_is_not_let_in_by_its_old_one(plant, database_path):
    with engine_on(database_path) as connection:
        devices.rotate(connection, "station-device", "mesd_new")
    new = {"Authorization": "Bearer mesd_new"}
    assert (await plant.acting("station").get("/api/v1/processes")).status_code == 401
    assert (await plant.acting(None).client.get("/api/v1/processes", headers=new)).status_code == 200


async def test_a_device_is_let_in_until_it_expires(plant, database_path):
    ends = plant.clock.now() + timedelta(minutes=1)
    with engine_on(database_path) as connection:
        new = NewDevice("short", Role.STATION, "LMA", ends)
        devices.issue(connection, new, "mesd_short", "Kim", plant.clock.now())
    short = {"Authorization": "Bearer mesd_short"}
    seen = []
    for _ in range(2):
        seen.append((await plant.acting(None).client.get("/api/v1/processes", headers=short)).status_code)
        plant.clock.advance(timedelta(minutes=1))
    assert seen == [200, 401]


async def test_a_permission_that_was_taken_is_taken_at_once_by_hand_within_half_a_minute(
    plant, database_path
):
    station = plant.acting("station")
    assert (await station.get("/api/v1/defect-codes")).status_code == 200
    with sqlite3.connect(database_path) as connection:
        connection.execute("delete from permissions where role = 'station' and resource = 'defect'")
    plant.clock.advance(timedelta(seconds=30))
    assert (await station.get("/api/v1/defect-codes")).status_code == 403


def test_only_the_hash_of_a_credential_is_kept(database_path):
    with sqlite3.connect(database_path) as connection:
        kept = str(connection.execute("select * from devices").fetchall())
    assert "mesd_" not in kept


def test_a_permission_that_does_not_exist_cannot_be_needed():
    with pytest.raises(ValueError, match="lots"):
        access.needs("lots", "create")
    assert rights.check("lot", "create") == Permission("lot", "create")


def engine_on(path):
    return sa.create_engine(f"sqlite:///{path}").begin()

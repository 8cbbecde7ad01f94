"""Administrators say who may do what, and cannot lock everybody out."""

import sqlite3

import pytest
from andon_mes.access.model import Role, User
from andon_mes.access.people.decide import check_change
from andon_mes.access.people.model import UserChange
from andon_mes.kernel.errors import Conflict


def a_user(role, *, is_active=True):
    return User(1, "kim", "Kim", role, is_active, must_change_password=False)


@pytest.mark.parametrize("change", [UserChange(is_active=False), UserChange(role=Role.QUALITY)])
def test_the_last_administrator_remains(change):
    with pytest.raises(Conflict, match="LAST_ADMIN"):
        check_change(a_user("admin"), change, active_admins=1)
    check_change(a_user("admin"), change, active_admins=2)
    check_change(a_user("quality"), change, active_admins=1)
    check_change(a_user("admin", is_active=False), change, active_admins=1)


@pytest.mark.parametrize("change", [UserChange(full_name="K"), UserChange(role=Role.ADMIN)])
def test_the_last_administrator_may_be_named_otherwise(change):
    check_change(a_user("admin"), change, active_admins=1)


async def test_the_last_administrator_is_kept_over_http_too(plant):
    kim = await plant.user("kim", "admin")
    refused = await kim.patch("/api/v1/users/kim", {"is_active": False})
    assert (refused.status_code, refused.json()["code"]) == (409, "LAST_ADMIN")
    await plant.user("lee", "admin")
    assert (await kim.patch("/api/v1/users/kim", {"role": "OPERATOR"})).json()["data"]["role"] == "operator"
    assert (await kim.get("/api/v1/users")).status_code == 403


async def test_a_name_is_given_once(plant):
    body = {"username": "kim", "full_name": "Kim", "role": "quality"}
    assert (await plant.post("/api/v1/users", body)).status_code == 201
    again = await plant.post("/api/v1/users", body)
    assert (again.status_code, again.json()["code"]) == (409, "USER_EXISTS")
    assert (await plant.post("/api/v1/users", body | {"username": "Kim Lee"})).status_code == 422
    unknown = await plant.post("/api/v1/users", body | {"username": "lee", "role": "boss"})
    assert (unknown.status_code, unknown.json()["code"]) == (422, "ROLE_UNKNOWN")
    assert (await plant.get("/api/v1/users/nobody")).json()["code"] == "USER_UNKNOWN"


@pytest.mark.parametrize(
    ("path", "body", "secret"),
    [
        ("/api/v1/users", {"username": "kim", "full_name": "Kim", "role": "admin"}, "one_time_password"),
        ("/api/v1/devices", {"name": "LMA-1", "process": "LMA"}, "credential"),
        ("/api/v1/devices/station-device/rotate", {}, "credential"),
    ],
)
async def test_a_secret_is_shown_once_and_kept_nowhere(plant, database_path, path, body, secret):
    first = await plant.post(path, body, key="k")
    shown = first.json()["data"][secret]
    again = await plant.post(path, body, key="k")
    assert again.headers["Idempotent-Replayed"] == "true"
    assert secret not in again.json()["data"]
    assert first.headers["Cache-Control"] == "no-store"
    await plant._mes().journal.flush()
    with sqlite3.connect(database_path) as connection:
        assert shown not in "\n".join(connection.iterdump())


async def test_a_device_is_issued_used_rotated_and_revoked(plant):
    issued = (await plant.post("/api/v1/devices", {"name": "LMA-1", "process": "LMA"})).json()["data"]
    assert (issued["role"], issued["process"], issued["created_by"]) == (
        "station", "LMA", "device:admin-device",
    )  # fmt: skip

    async def status(credential):
        headers = {"Authorization": f"Bearer {credential}"}
        return (await plant.acting(None).client.get("/api/v1/auth/me", headers=headers)).status_code

    assert await status(issued["credential"]) == 200
    rotated = (await plant.post("/api/v1/devices/LMA-1/rotate", {})).json()["data"]["credential"]
    assert (await status(issued["credential"]), await status(rotated)) == (401, 200)
    revoked = (await plant.post("/api/v1/devices/LMA-1/revoke", {})).json()["data"]
    assert revoked["revoked_by"] == "device:admin-device"
    assert await status(rotated) == 401
    taken = await plant.post("/api/v1/devices", {"name": "LMA-1"})
    closed = await plant.post("/api/v1/devices/LMA-1/rotate", {})
    assert (taken.json()["code"], closed.json()["code"]) == ("DEVICE_EXISTS", "DEVICE_REVOKED")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"name": "x", "role": "admin"}, "ROLE_UNKNOWN"),
        ({"name": "x", "process": "NOPE"}, "PROCESS_UNKNOWN"),
        ({"name": "a:b"}, "INVALID_INPUT"),
    ],
)
async def test_no_device_is_an_administrator_or_serves_what_is_not_there(plant, body, code):
    refused = await plant.post("/api/v1/devices", body)
    assert (refused.status_code, refused.json()["code"]) == (422, code)


async def test_a_right_is_granted_and_taken_for_everybody_at_once(plant):
    station = plant.acting("station")
    assert (await station.get("/api/v1/users")).status_code == 403
    cell = {"role": "station", "resource": "user", "action": "read"}
    for _ in range(2):
        assert (await plant.post("/api/v1/permissions", cell)).status_code == 201
    assert (await station.get("/api/v1/users")).status_code == 200
    assert cell in (await plant.get("/api/v1/permissions")).json()["data"]
    taken = await plant.client.delete("/api/v1/permissions/station/user/read")
    assert (taken.status_code, (await station.get("/api/v1/users")).status_code) == (200, 403)


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("admin/user/update", 409, "ADMIN_KEEPS"),
        ("ADMIN/user/read", 409, "ADMIN_KEEPS"),
        ("admin/users/read", 422, "PERMISSION_UNKNOWN"),
        ("admin/user/own", 422, "PERMISSION_UNKNOWN"),
        ("boss/user/read", 422, "ROLE_UNKNOWN"),
        ("admin/report/delete", 200, None),
    ],
)
async def test_administrators_keep_what_gives_rights_back(plant, path, status, code):
    answer = await plant.client.delete(f"/api/v1/permissions/{path}")
    assert (answer.status_code, answer.json().get("code")) == (status, code)


async def test_what_administrators_do_is_in_the_audit_under_their_name_without_secrets(plant, database_path):
    kim = await plant.user("kim", "admin")
    await kim.post("/api/v1/users", {"username": "lee", "full_name": "Lee", "role": "operator"})
    await kim.post("/api/v1/devices", {"name": "LMA-1"})
    await kim.client.delete("/api/v1/permissions/operator/spc/read")
    with sqlite3.connect(database_path) as connection:
        kept = connection.execute(
            "select table_name, action, coalesce(new_data, old_data) from audit_log where changed_by = 'kim'"
        ).fetchall()
    done = {(table, action) for table, action, _ in kept}
    assert {("users", "INSERT"), ("devices", "INSERT"), ("permissions", "DELETE")} <= done
    assert not any("hash" in data for _, _, data in kept)


async def test_a_user_writes_in_their_own_name_and_a_device_in_the_operators(plant):
    lee = await plant.user("lee", "line_lead")
    refused = await lee.post("/api/v1/lots", {"target_quantity": 1, "created_by": "kim"})
    assert (refused.status_code, refused.json()["code"]) == (422, "NOT_YOUR_NAME")
    assert (await lee.lot(1))["created_by"] == "lee"
    assert (await lee.lot(1, created_by="lee"))["created_by"] == "lee"
    by_device = plant.acting("line_lead")
    assert (await by_device.lot(1, created_by="OP-7"))["created_by"] == "OP-7"
    assert (await by_device.lot(1))["created_by"] == "device:line_lead-device"


async def test_quality_signs_with_their_own_password(plant):
    kim = await plant.user("kim", "quality")
    _, [serial] = await plant.released_lot(1)
    for _ in range(3):
        await plant.fail(serial, "SPRING", "D001")
    [defect] = (await plant.get("/api/v1/defects?is_live=true")).json()["data"]["defects"]
    where = f"/api/v1/defects/{defect['id']}"
    body = {"action": "disposition", "disposition": "USE_AS_IS", "reason": "measured again"}
    signature = {"password": "coffee under grey rain", "meaning": "approved"}  # pragma: allowlist secret
    wrong = await kim.patch(where, body | {"signature": signature | {"password": "x"}})
    assert (wrong.status_code, wrong.json()["code"]) == (403, "SIGNATURE_REFUSED")
    right = await kim.patch(where, body | {"signature": signature})
    assert right.status_code == 200, right.text
    assert right.json()["data"]["signature"]["user"] == "kim"

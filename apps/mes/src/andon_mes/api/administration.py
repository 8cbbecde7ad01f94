"""Who may do what, over HTTP: users, permissions, devices. What is secret is shown once and kept nowhere:
an answer under an Idempotency-Key is kept without it.
"""

import asyncio
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from andon_mes.access import rights
from andon_mes.access import store as table
from andon_mes.access.devices import store as devices
from andon_mes.access.devices.store import NewDevice
from andon_mes.access.model import Device, Permission
from andon_mes.access.people import passwords
from andon_mes.access.people import store as people
from andon_mes.access.people.model import Account, NewUser, UserChange
from andon_mes.access.tokens import new_device_token
from andon_mes.api.access import Caller, needs
from andon_mes.api.access_documents import (
    DeviceShown,
    NewDeviceBody,
    NewUserBody,
    PermissionBody,
    PermissionShown,
    UserChangeBody,
    UserShown,
)
from andon_mes.api.context import Mes, ThisMes, question_of, reply
from andon_mes.api.documents import READS, WRITES, Data
from andon_mes.api.once import answer_once, write_once
from andon_mes.api.views import instant, row_view
from andon_mes.idempotency.store import Answer, Question, question, success
from andon_mes.store.engine import Connection, Work

_NO_STORE = {"Cache-Control": "no-store"}


@dataclass(frozen=True, slots=True)
class Writing:
    """A write that is asked for."""

    mes: Mes
    caller: Caller
    request: Request
    asked: Question


router = APIRouter(prefix="/api/v1", tags=["administration"])


@router.get("/users", response_model=Data[list[UserShown]], responses=READS)
async def list_users(mes: ThisMes, _caller: Annotated[Caller, needs("user", "read")]) -> Response:
    """Everybody, by name, those who are not let in as well."""
    found = await mes.database.read(people.list_all)
    return JSONResponse({"data": [_user(each) for each in found]})


@router.get("/users/{username}", response_model=Data[UserShown], responses=READS)
async def get_user(
    mes: ThisMes, _caller: Annotated[Caller, needs("user", "read")], username: str
) -> Response:
    """One person."""
    return JSONResponse({"data": _user(await mes.database.read(lambda each: people.get(each, username)))})


@router.post("/users", status_code=201, response_model=Data[UserShown], responses=WRITES)
async def add_user(
    mes: ThisMes, caller: Annotated[Caller, needs("user", "create")], body: NewUserBody, request: Request
) -> Response:
    """Let a person in. The answer has a one-time password, shown once."""
    asked, _ = await question_of(request, mes, "users")
    new = NewUser(body.username, body.full_name, rights.get_role(body.role))

    def work(connection: Connection, hashed: str) -> dict[str, Any]:
        return _user(people.add(connection, new, hashed, asked.asked_at))

    return await _with_password(Writing(mes, caller, request, asked), work, 201)


@router.patch("/users/{username}", response_model=Data[UserShown], responses=WRITES)
async def change_user(
    mes: ThisMes,
    caller: Annotated[Caller, needs("user", "update")],
    username: str,
    body: UserChangeBody,
    request: Request,
) -> Response:
    """Change a person's name, role, or whether they are let in. Nobody is deleted."""
    asked, _ = await question_of(request, mes, f"change users/{username}")
    role = rights.get_role(body.role) if body.role is not None else None
    change = UserChange(body.full_name, role, body.is_active, body.unlock)

    def work(connection: Connection) -> Answer:
        return success(200, _user(people.change(connection, username, change, asked.asked_at)))

    response = await write_once(mes, caller, request, asked, work)
    mes.directory.forget()
    return response


@router.post("/users/{username}/password", response_model=Data[UserShown], responses=WRITES)
async def reset_password(
    mes: ThisMes, caller: Annotated[Caller, needs("user", "update")], username: str, request: Request
) -> Response:
    """Give a person a one-time password, shown once; their sign-ins end."""
    asked = _empty_question(request, mes, f"password of users/{username}")

    def work(connection: Connection, hashed: str) -> dict[str, Any]:
        return _user(people.set_password(connection, username, hashed, asked.asked_at, must_change=True))

    return await _with_password(Writing(mes, caller, request, asked), work, 200)


@router.get("/permissions", response_model=Data[list[PermissionShown]], responses=READS)
async def list_permissions(mes: ThisMes, _caller: Annotated[Caller, needs("user", "read")]) -> Response:
    """The permission table: who may do what."""
    found = await mes.database.read(table.list_permissions)
    return JSONResponse({"data": [_cell(role, each) for role, each in found]})


@router.post("/permissions", status_code=201, response_model=Data[PermissionShown], responses=WRITES)
async def grant(
    mes: ThisMes, caller: Annotated[Caller, needs("user", "update")], body: PermissionBody, request: Request
) -> Response:
    """Let a role do something; again changes nothing."""
    asked, _ = await question_of(request, mes, "permissions")
    role, cell = rights.get_role(body.role), Permission(body.resource, body.action)

    def work(connection: Connection) -> Answer:
        table.grant(connection, role, cell)
        return success(201, _cell(role, cell))

    response = await write_once(mes, caller, request, asked, work)
    mes.directory.forget()
    return response


@router.delete(
    "/permissions/{role}/{resource}/{action}", response_model=Data[PermissionShown], responses=WRITES
)
async def revoke(
    mes: ThisMes, caller: Annotated[Caller, needs("user", "update")], role: str, resource: str, action: str
) -> Response:
    """Let a role do something no more. The administrators keep what gives rights back."""
    known, cell = rights.get_role(role), rights.get_cell(resource, action)
    rights.check_revoke(known, cell)
    await mes.database.write(lambda each: table.revoke(each, known, cell), caller.actor)
    mes.directory.forget()
    return JSONResponse({"data": _cell(known, cell)})


@router.get("/devices", response_model=Data[list[DeviceShown]], responses=READS)
async def list_devices(mes: ThisMes, _caller: Annotated[Caller, needs("device", "read")]) -> Response:
    """Every device, by name, those that were revoked as well."""
    found = await mes.database.read(devices.list_all)
    return JSONResponse({"data": [_device(each) for each in found]})


@router.post("/devices", status_code=201, response_model=Data[DeviceShown], responses=WRITES)
async def issue_device(
    mes: ThisMes, caller: Annotated[Caller, needs("device", "create")], body: NewDeviceBody, request: Request
) -> Response:
    """Let a device in. The answer has its credential, shown once."""
    asked, _ = await question_of(request, mes, "devices")
    new = NewDevice(body.name, rights.device_role(rights.get_role(body.role)), body.process, body.expires_at)

    def work(connection: Connection, token: str) -> Device:
        return devices.issue(connection, new, token, caller.actor.name, asked.asked_at)

    return await _with_credential(Writing(mes, caller, request, asked), work, 201)


@router.post("/devices/{name}/rotate", response_model=Data[DeviceShown], responses=WRITES)
async def rotate_device(
    mes: ThisMes, caller: Annotated[Caller, needs("device", "update")], name: str, request: Request
) -> Response:
    """Give a device a new credential, shown once; the one before ends."""
    asked = _empty_question(request, mes, f"rotate devices/{name}")

    def work(connection: Connection, token: str) -> Device:
        return devices.rotate(connection, name, token)

    return await _with_credential(Writing(mes, caller, request, asked), work, 200)


@router.post("/devices/{name}/revoke", response_model=Data[DeviceShown], responses=WRITES)
async def revoke_device(
    mes: ThisMes, caller: Annotated[Caller, needs("device", "delete")], name: str, request: Request
) -> Response:
    """Let a device in no more; every instance knows within two seconds."""
    asked = _empty_question(request, mes, f"revoke devices/{name}")

    def work(connection: Connection) -> Answer:
        revoked = devices.revoke(connection, name, caller.actor.name, asked.asked_at)
        return success(200, _device(revoked))

    response = await write_once(mes, caller, request, asked, work)
    mes.directory.forget()
    return response


async def _with_password(
    writing: Writing, work: Callable[[Connection, str], dict[str, Any]], status_code: int
) -> Response:
    once = passwords.one_time_password()
    hashed = await asyncio.to_thread(passwords.hash_password, once)
    return await _shown_once(
        writing, lambda each: success(status_code, work(each, hashed)), "one_time_password", once
    )


async def _with_credential(
    writing: Writing, work: Callable[[Connection, str], Device], status_code: int
) -> Response:
    token = new_device_token()
    return await _shown_once(
        writing, lambda each: success(status_code, _device(work(each, token))), "credential", token
    )


async def _shown_once(writing: Writing, work: Work[Answer], name: str, secret: str) -> Response:
    """Do `work`, and put the secret into this answer alone: what is kept, and told again, is without it."""
    answer = await answer_once(writing.mes, writing.caller, writing.request, writing.asked, work)
    writing.mes.directory.forget()
    if answer.is_replayed:
        return reply(answer)
    shown = json.loads(answer.body)
    shown["data"][name] = secret
    return JSONResponse(shown, answer.status_code, _NO_STORE)


def _empty_question(request: Request, mes: Mes, operation: str) -> Question:
    """The question of a request that says everything by its address."""
    return question(operation, {}, request.headers.get("Idempotency-Key"), mes.clock.now())


def _user(account: Account) -> dict[str, Any]:
    return {
        "username": account.user.username,
        "full_name": account.user.full_name,
        "role": account.user.role,
        "is_active": account.user.is_active,
        "must_change_password": account.user.must_change_password,
        "failed_attempts": account.failed_attempts,
        "locked_until": instant(account.locked_until),
        "last_login_at": instant(account.last_login_at),
        "created_at": instant(account.created_at),
        "updated_at": instant(account.updated_at),
    }


def _device(device: Device) -> dict[str, Any]:
    return row_view(asdict(device), without=frozenset({"id"}))


def _cell(role: str, cell: Permission) -> dict[str, str]:
    return {"role": role, "resource": cell.resource, "action": cell.action}

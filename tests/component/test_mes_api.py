"""Whatever a station, a vendor or a stranger sends, the MES answers as its description says, and never fails.

Half of what is generated talks about serials that are really there, or everything would end at "unknown".
"""

import asyncio
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
import schemathesis
import sqlalchemy as sa
from andon_mes.access import rights
from andon_mes.access.devices import store as devices
from andon_mes.access.devices.store import NewDevice
from andon_mes.access.model import Role
from andon_mes.api import routes
from andon_mes.api.access import ANYBODY_KNOWN, permission_of
from andon_mes.app import create_app
from andon_mes.kernel.clock import ManualClock
from andon_mes.settings import Settings
from andon_mes.store.migrate import migrate
from fastapi.openapi.utils import get_openapi
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

_NOON = datetime(2025, 11, 10, 3, 0, tzinfo=UTC)
_LOT = {"lot_number": "FN-KR-20251110-D-000001", "lot_id": 1}
_SERIALS = [f"FN-KR-251110D-001-000{place}" for place in range(1, 7)]
_CREDENTIALS = {role.value: f"mesd_of-{role}-in-the-tests" for role in Role}
_HEADERS = {"Authorization": f"Bearer {_CREDENTIALS[Role.ADMIN]}"}
_NOBODY = ""
_ASKING = [*_CREDENTIALS, _NOBODY, *[Role.ADMIN.value] * 8]
"""Who asks: every role and nobody, and half of the time somebody who may."""
_CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
_TABLE = {(role.value, cell) for role, cell in rights.rows()}
_TABLE |= {(role, ANYBODY_KNOWN) for role in _CREDENTIALS}
_NEEDED = {
    (method, route.path): permission_of(route)
    for route in routes.endpoints()
    for method in getattr(route, "methods", ())
}
_schema = schemathesis.openapi.from_dict(
    get_openapi(title="Andon MES", version="1", routes=routes.endpoints())
).exclude(path="/api/v1/configuration/import")  # a file and no JSON; apps/mes/tests has its own for it


@_schema.hook
def map_path_parameters(_context: Any, path_parameters: Any) -> Any:
    real = {**_LOT, "serial_number": _chosen(path_parameters)}
    known = {name: value for name, value in real.items() if name in (path_parameters or {})}
    return {**path_parameters, **known} if known and _is_every_other(path_parameters) else path_parameters


@_schema.hook
def map_body(_context: Any, body: Any) -> Any:
    if not isinstance(body, dict) or "serial_number" not in body or _is_every_other(body):
        return body
    return {**body, "serial_number": _chosen(body), "process_code": ("SPRING", "LMA")[len(str(body)) % 2]}


def _chosen(generated: Any) -> str:
    return _SERIALS[len(str(generated)) % len(_SERIALS)]


def _is_every_other(generated: Any) -> bool:
    return sum(str(generated).encode(errors="replace")) % 2 == 0


@pytest.fixture(scope="module")
def mes(tmp_path_factory):
    """The MES with a released lot: a serial that passed and is contested, one in rework, others that wait."""
    path = tmp_path_factory.mktemp("mes") / "mes.db"
    migrate(path)
    engine = sa.create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        for role, token in _CREDENTIALS.items():
            devices.issue(connection, NewDevice(f"of-{role}", Role(role)), token, "tests", _NOON)
    engine.dispose()
    app = create_app(Settings(database=path, release="1.0.0", durability="NORMAL"), ManualClock(_NOON))
    assert asyncio.run(_make_lot(app)) == [200, 200, 409]
    yield _OneLife(app)
    asyncio.run(_end(app))


class _OneLife:
    """The application for many clients, each of which would end it: their lifespans are not its own."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            for answer in ("startup", "shutdown"):
                await receive()
                await send({"type": f"lifespan.{answer}.complete"})
            return
        await self._app(scope, receive, send)


async def _end(app: Any) -> None:
    """Start and stop it as a server does, which lets go of the database."""
    said: asyncio.Queue[Any] = asyncio.Queue()
    for word in ("startup", "shutdown"):
        said.put_nowait({"type": f"lifespan.{word}"})
    await app({"type": "lifespan", "asgi": {}, "state": {}}, said.get, asyncio.Queue().put)


async def _make_lot(app: Any) -> list[int]:
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(
        transport=transport, base_url="http://mes/api/v1", headers=_HEADERS
    ) as client:
        await client.post("/lots", json={"target_quantity": 8})
        await client.patch(f"/lots/{_LOT['lot_number']}", json={"action": "release"})
        await client.post("/lots/1/serials/generate", json={"quantity": len(_SERIALS)})
        events = [(_SERIALS[0], True), (_SERIALS[1], False), (_SERIALS[0], False)]
        answers = [
            await client.post("/process/complete", json=_completion(serial, minute, is_pass=is_pass))
            for minute, (serial, is_pass) in enumerate(events)
        ]
    return [each.status_code for each in answers]


@_schema.parametrize()
@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
def test_every_answer_is_as_described_and_only_to_whom_the_table_lets(case: schemathesis.Case, mes) -> None:
    asking = _ASKING[len(str((case.body, case.query, case.path_parameters))) % len(_ASKING)]
    headers = {"Authorization": f"Bearer {_CREDENTIALS[asking]}"} if asking else {}
    answer = case.call(app=mes, headers=headers)
    case.validate_response(answer, checks=_CHECKS)
    needed = _NEEDED.get((case.method, case.path))  # a method that there is not is a 405 for everybody
    if answer.status_code < 400 or answer.status_code in {404, 409}:
        assert needed is None or (asking, needed) in _TABLE


def _completion(serial: str, minute: int, *, is_pass: bool) -> dict[str, Any]:
    return {
        "serial_number": serial,
        "process_code": "SPRING",
        "operator_id": "OP-1",
        "timestamp": f"2025-11-10T12:0{minute}:00+09:00",
        "is_pass": is_pass,
        "defect_code": None if is_pass else "D001",
    }

"""The plant that the tests talk to: the real application on its own database, over HTTP without a network.

A test that says nothing else asks as a device with every right; `plant.acting("quality")` asks as a device
of another role, `await plant.user("kim", "quality")` as a person.
"""

import asyncio
import contextlib
import functools
import itertools
import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from andon_mes.access.devices import store as devices
from andon_mes.access.devices.store import NewDevice
from andon_mes.access.model import Role
from andon_mes.access.people import store as people
from andon_mes.access.people.model import Kept, NewUser
from andon_mes.access.people.passwords import hash_password
from andon_mes.access.people.store import Ages
from andon_mes.access.tokens import Claims, new_refresh_token, new_sign_in
from andon_mes.app import create_app
from andon_mes.kernel.clock import ManualClock
from andon_mes.settings import Settings
from andon_mes.store.engine import make_engine
from andon_mes.store.migrate import migrate
from hypothesis import HealthCheck, settings

# How long an example takes says something of the machine, not of the code; speed is measured in bench/.
# The examples are the same each time, as a build must not fail by chance; ANDON_CHANCE draws others.
settings.register_profile(
    "mes",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize="ANDON_CHANCE" not in os.environ,
)
settings.load_profile("mes")

NOON = datetime(2025, 11, 10, 3, 0, tzinfo=UTC)  # noon in Seoul
SECRET = Path(tempfile.gettempdir()) / f"andon-mes-tests-{os.getuid()}.secret"
MES = "http://mes"
CREDENTIALS = {role.value: f"mesd_of-{role}-in-the-tests" for role in Role}
PASSWORD = "coffee under grey rain"  # pragma: allowlist secret
_keys = itertools.count()


@pytest.fixture(scope="session")
def template(tmp_path_factory):
    """A migrated database, empty but for one device of each role."""
    path = tmp_path_factory.mktemp("template") / "mes.db"
    migrate(path)
    enrol_in(path)
    return path


def enrol_in(database):
    """Let a device of each role in, at the path or URL of a migrated database."""
    engine = make_engine(database, busy_timeout=timedelta(seconds=60), durability="NORMAL")
    with engine.connect() as connection:  # each statement is committed by itself
        for role, token in CREDENTIALS.items():
            devices.issue(connection, NewDevice(f"{role}-device", Role(role)), token, "tests", NOON)
    engine.dispose()


@pytest.fixture(scope="session")
def enrol():
    """Lets a device of each role in: `enrol(path_or_url)`; the databases of the other fixtures have them."""
    return enrol_in


@pytest.fixture(scope="session")
def credentials():
    """The credential of a device of each role."""
    return CREDENTIALS


@functools.cache
def hashed_password():
    """The hash of PASSWORD, made once."""
    return hash_password(PASSWORD)


@pytest.fixture
def database_path(template, tmp_path):
    """A migrated, empty database of this test's own."""
    return shutil.copy(template, tmp_path / "mes.db")


@pytest.fixture
async def plant(database_path):
    """One running instance."""
    async with running(database_path) as instance:
        yield instance


@pytest.fixture(scope="session")
def run_instance():
    """For tests of more than one instance: `async with run_instance(path, release=...) as plant`."""
    return running


@dataclass
class Plant:
    """One instance, and what a station does with it."""

    client: httpx.AsyncClient
    clock: ManualClock
    event_at: datetime = field(default=NOON)

    def acting(self, role: str | None) -> "Plant":
        """The same plant, asked by a device of that role; by nobody for None."""
        transport = self.client._transport
        headers = {"Authorization": f"Bearer {CREDENTIALS[role]}"} if role else {}
        return replace(self, client=httpx.AsyncClient(transport=transport, base_url=MES, headers=headers))

    async def user(self, username: str, role: str) -> "Plant":
        """The same plant, asked by a person of that role, who has signed in; the password is PASSWORD."""
        mes, now, sign_in = self._mes(), self.clock.now(), new_sign_in()

        def work(connection: Any) -> None:
            people.add(connection, NewUser(username, username.title(), Role(role)), "", now)
            hashed = hashed_password()
            user = people.set_password(connection, username, hashed, now, must_change=False).user
            kept = Kept(user.id, sign_in, new_refresh_token())
            people.keep(connection, kept, now, Ages(timedelta(hours=12), timedelta(days=7)))

        await mes.database.write(work)
        mes.directory.forget()
        headers = {"Authorization": f"Bearer {mes.tokens.make(Claims(username, sign_in), now)}"}
        transport = self.client._transport
        return replace(self, client=httpx.AsyncClient(transport=transport, base_url=MES, headers=headers))

    def _mes(self) -> Any:
        app: Any = self.client._transport.app
        while not hasattr(app, "state"):
            app = app._app
        return app.state.mes

    async def sign_in(self, username: str, password: str, **more: Any) -> httpx.Response:
        """Sign in as a program does, without a cookie."""
        body = {"username": username, "password": password, **more}
        return await self.acting(None).post("/api/v1/auth/login", body)

    async def get(self, path: str) -> httpx.Response:
        return await self.client.get(path)

    async def post(self, path: str, body: Any, *, key: str | None = None) -> httpx.Response:
        headers = {"Idempotency-Key": key} if key else {}
        return await self.client.post(path, json=body, headers=headers)

    async def patch(self, path: str, body: Any) -> httpx.Response:
        return await self.client.patch(path, json=body)

    async def lot(self, target: int = 3, **more: Any) -> dict[str, Any]:
        answer = await self.post("/api/v1/lots", {"target_quantity": target, **more})
        assert answer.status_code == 201, answer.text
        return answer.json()["data"]

    async def released_lot(self, size: int) -> tuple[dict[str, Any], list[str]]:
        """A released lot with all of its serials."""
        lot = await self.lot(size)
        await self.patch(f"/api/v1/lots/{lot['lot_number']}", {"action": "release"})
        made = await self.post(f"/api/v1/lots/{lot['id']}/serials/generate", {"quantity": size})
        assert made.status_code == 201, made.text
        return lot, [each["serial_number"] for each in made.json()["data"]["serials"]]

    async def start(self, serial: str, process: str, **more: Any) -> httpx.Response:
        key = more.pop("key", f"start-{next(_keys)}")
        return await self.post("/api/v1/process/start", self.body(serial, process, **more), key=key)

    async def complete(self, serial: str, process: str, **more: Any) -> httpx.Response:
        key = more.pop("key", f"complete-{next(_keys)}")
        body = {"is_pass": True, **self.body(serial, process, **more)}
        return await self.post("/api/v1/process/complete", body, key=key)

    async def fail(self, serial: str, process: str, defect_code: str) -> httpx.Response:
        await self.start(serial, process)
        return await self.complete(serial, process, is_pass=False, defect_code=defect_code)

    async def pass_process(self, serial: str, process: str) -> httpx.Response:
        await self.start(serial, process)
        answer = await self.complete(serial, process)
        assert answer.json()["data"]["result"] == "PASS", answer.text
        return answer

    async def serial(self, number: str) -> dict[str, Any]:
        return (await self.get(f"/api/v1/serials/{number}")).json()["data"]

    async def metrics(self) -> str:
        self.clock.advance(timedelta(seconds=1))
        return (await self.get("/metrics")).text

    def body(self, serial: str, process: str, **more: Any) -> dict[str, Any]:
        """A scan; each is ten seconds after the last by the station's clock."""
        self.event_at += timedelta(seconds=10)
        return {
            "serial_number": serial,
            "process_code": process,
            "operator_id": "OP-1",
            "timestamp": self.event_at.isoformat(),
            **more,
        }


@contextlib.asynccontextmanager
async def running(path, *, release: str = "1.0.0", at: datetime = NOON, **more: Any) -> AsyncIterator[Plant]:
    """An instance of `release` on the database at `path`; `more` are settings."""
    clock = ManualClock(at)
    more.setdefault("busy_timeout", timedelta(seconds=60))  # on a busy machine others write for long
    settings = Settings(database=path, release=release, durability="NORMAL", secret_file=SECRET, **more)
    app = create_app(settings, clock)
    to_app: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    from_app: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    scope = {"type": "lifespan", "asgi": {}, "state": {}}
    lifespan = asyncio.create_task(app(scope, to_app.get, from_app.put))
    to_app.put_nowait({"type": "lifespan.startup"})
    assert (await from_app.get())["type"] == "lifespan.startup.complete"
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    try:
        headers = {"Authorization": f"Bearer {CREDENTIALS['admin']}"}
        async with httpx.AsyncClient(transport=transport, base_url=MES, headers=headers) as client:
            yield Plant(client, clock)
    finally:
        to_app.put_nowait({"type": "lifespan.shutdown"})
        await lifespan


@pytest.fixture(scope="session")
def exported(template, tmp_path_factory):
    """The configuration of the demonstrated plant as files, by their forms."""
    from andon_mes.configuration.exchange import Form, give
    from andon_mes.demo_data.controller import Wanted, set_up

    engine = make_engine(
        shutil.copy(template, tmp_path_factory.mktemp("exported") / "mes.db"),
        busy_timeout=timedelta(seconds=60),
        durability="NORMAL",
    )
    with engine.connect() as opened:
        set_up(opened, Wanted(1, 1, NOON, "KR", "1.0.0"))
        files = {form: give(opened, form) for form in Form}
    engine.dispose()
    return files


@pytest.fixture
def connection(database_path):
    """A connection to this test's own database; each statement is committed by itself."""
    engine = make_engine(database_path, busy_timeout=timedelta(seconds=60), durability="NORMAL")
    with engine.connect() as opened:
        yield opened
    engine.dispose()

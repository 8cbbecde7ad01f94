"""A real agent's outside and the real API of the control plane understand each other, over HTTP."""

import asyncio
import contextlib
import random
import socket
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from andon.api.http import create
from andon.fleet.model import Standing
from andon.fleet.tokens.enrolling import Asked
from andon.kernel.ids import EnvironmentName, StationName
from andon.testing.services import FakePlant
from andon_agent import enrolling
from andon_agent.artifacts import RegistryArtifacts
from andon_agent.asking import Asking, Tools
from andon_agent.buffer import Buffer
from andon_agent.client import Client, Place, Refused
from andon_agent.engine.model import Now
from andon_agent.flow import Flow
from andon_agent.home import Home
from andon_agent.settings import load
from andon_agent.telling import Telling
from andon_agent.witness import TimelineWitness
from andon_wire.disk import RealDisk
from andon_wire.enrolment import Token
from andon_wire.errors import Untrusted
from andon_wire.protocol import EventKind, Sample, UnitState

pytestmark = pytest.mark.contract

LATE = timedelta(days=400)  # a station whose clock was never set


class Watch:
    def now(self) -> Now:
        return Now(datetime.now(UTC), time.monotonic(), "boot")


class Plant:
    """A control plane with its API behind a real server; only its tables are in memory."""

    def __init__(self) -> None:
        self.plant = FakePlant()
        self.services = self.plant.services()
        self.url = ""

    @property
    def rows(self) -> Any:
        return self.plant.stations

    async def token(self, station: str = "line-1-test") -> Token:
        asked = Asked(EnvironmentName("production"), station=station)
        _, text = await self.services.fleet.enrolling.make(asked, "jiwoo", "a new screen")
        return Token.parse(text)


@pytest.fixture
async def plant() -> AsyncIterator[Plant]:
    found = Plant()
    listener = socket.create_server(("127.0.0.1", 0))
    found.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    config = uvicorn.Config(create(found.services), log_config=None, timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    running = asyncio.create_task(server.serve(sockets=[listener]))
    async with asyncio.timeout(60):
        while not server.started:
            await asyncio.sleep(0.01)
    yield found
    server.should_exit = True
    await running


class Station:
    """An enrolled station without an engine."""

    def __init__(self, home: Home, url: str, *, late: timedelta = timedelta()) -> None:
        disk = RealDisk()
        identity, settings = enrolling.load(home, disk), load(home.folder)
        flow = Flow(lambda: datetime.now(UTC), time.monotonic)

        def clock() -> float:
            return (datetime.now(UTC) - late).timestamp()

        place = Place(url)
        self.acted: list[Any] = []
        self.tools = Tools(
            home=home,
            disk=disk,
            settings=settings.model_copy(update={"nudge_s": 0}),
            context=place.context(),
            registries=identity.registries,
            client=Client(place, clock),
            who=identity.station,
            buffer=Buffer(home.buffer, disk),
            flow=flow,
            artifacts=RegistryArtifacts(
                home.trust, identity.root, disk=disk, flow=flow, monotonic=time.monotonic
            ),
            witness=TimelineWitness(home.witness, [], disk),
            watch=Watch(),
        )
        self.asking = Asking(self.tools, self.acted.append, random.Random(1))
        states = {"station": UnitState(running="1.1.0", confirmed="1.1.0")}
        self.telling = Telling(
            self.tools, self.asking, lambda: states, random.Random(1), ask_now=lambda: None
        )


async def enrolled(home: Home, plant: Plant, token: Token) -> None:
    client = Client(Place(plant.url), time.time)
    try:
        await enrolling.enrol(home, client, token, place=Place(plant.url), disk=RealDisk())
    finally:
        await client.close()


async def test_a_machine_becomes_a_station_and_speaks(plant: Plant, tmp_path: Path) -> None:
    home = Home(tmp_path)
    await enrolled(home, plant, await plant.token())
    station = Station(home, plant.url)
    await plant.services.fleet.controller.tick()
    await station.asking.turn()
    assert station.asking.reached.is_online
    assert [each.station for each in station.acted] == ["line-1-test"]
    station.tools.buffer.add(EventKind.CRASHED, datetime.now(UTC), unit="station", version="1.1.0")
    station.tools.buffer.measure(Sample(at=datetime.now(UTC), cpu=0.1, memory=0.2, disk=0.3))
    await station.telling.turn()
    await station.tools.client.close()
    assert station.tools.buffer.waiting == (0, 0)
    seen = plant.services.fleet.roster.seen[StationName("line-1-test")]
    assert seen.units["station"].running == "1.1.0"
    assert seen.seq == 1


async def test_a_clock_that_was_never_set_does_not_matter(plant: Plant, tmp_path: Path) -> None:
    home = Home(tmp_path)
    await enrolled(home, plant, await plant.token())
    station = Station(home, plant.url, late=LATE)
    await plant.services.fleet.controller.tick()
    await station.asking.turn()
    await station.tools.client.close()
    assert station.asking.reached.is_online
    assert abs(station.tools.client.ahead_s - LATE.total_seconds()) < 30


async def test_a_token_lets_one_machine_in(plant: Plant, tmp_path: Path) -> None:
    token = await plant.token()
    await enrolled(Home(tmp_path / "one"), plant, token)
    with pytest.raises(Refused) as caught:
        await enrolled(Home(tmp_path / "two"), plant, token)
    assert caught.value.code == "bad-enrolment-token"
    assert not enrolling.is_enrolled(Home(tmp_path / "two"), RealDisk())


async def test_an_answer_that_was_lost_costs_no_second_token(plant: Plant, tmp_path: Path) -> None:
    token, home, disk = await plant.token(), Home(tmp_path), RealDisk()
    await enrolled(home, plant, token)
    kept = {each.name: each.read_bytes() for each in home.identity.iterdir()}
    key = next(name for name in kept if name.startswith("key-"))
    (home.identity / "station.json").unlink()  # as if the answer had never come
    (home.identity / "pending").write_text(key)
    await enrolled(home, plant, token)
    assert {each.name: each.read_bytes() for each in home.identity.iterdir()}.keys() == kept.keys()
    assert enrolling.load(home, disk).station.name == "line-1-test"


async def test_a_token_of_another_plant_enrols_nobody(plant: Plant, tmp_path: Path) -> None:
    token = await plant.token()
    other = Token(token.secret, "0" * 32)
    with contextlib.suppress(Refused), pytest.raises(Untrusted):
        await enrolled(Home(tmp_path), plant, other)
    assert not enrolling.is_enrolled(Home(tmp_path), RealDisk())


async def test_to_enrol_again_makes_a_new_key_and_leaves_the_old_identity_until_then(
    plant: Plant, tmp_path: Path
) -> None:
    home, disk = Home(tmp_path), RealDisk()
    await enrolled(home, plant, await plant.token())
    before = enrolling.load(home, disk)
    with pytest.raises(Refused):
        await enrolled(home, plant, Token("1" * 32, "0" * 32))
    assert enrolling.load(home, disk).station.key.public == before.station.key.public
    await enrolled(home, plant, await plant.token("line-2-test"))
    after = enrolling.load(home, disk)
    assert after.station.name == "line-2-test"
    assert after.station.key.public != before.station.key.public
    keys = [each.name for each in home.identity.iterdir() if each.name.startswith("key-")]
    assert len(keys) == 1
    assert (home.identity / keys[0]).stat().st_mode & 0o777 == 0o600


async def test_a_request_that_was_read_on_the_way_is_worth_nothing(plant: Plant, tmp_path: Path) -> None:
    home = Home(tmp_path)
    await enrolled(home, plant, await plant.token())
    station = Station(home, plant.url)
    caught: list[httpx.Request] = []

    async def listen(request: httpx.Request) -> None:
        caught.append(request)

    station.tools.client._http.event_hooks["request"] = [listen]
    await plant.services.fleet.controller.tick()
    await station.telling.turn()
    await station.tools.client.close()
    (stolen,) = caught
    async with httpx.AsyncClient(trust_env=False) as thief:
        headers = {"Authorization": stolen.headers["Authorization"]}
        again = await thief.post(stolen.url, content=stolen.content, headers=headers)
        other = await thief.post(stolen.url, content=stolen.content + b" ", headers=headers)
        asked = await thief.get(f"{plant.url}/api/v1/agents/wanted?have=0&wait=0", headers=headers)
    assert [each.status_code for each in (again, other, asked)] == [401, 401, 401]


async def test_a_station_that_was_taken_off_is_refused_and_goes_on_with_what_it_has(
    plant: Plant, tmp_path: Path
) -> None:
    home = Home(tmp_path)
    await enrolled(home, plant, await plant.token())
    station = Station(home, plant.url)
    await plant.services.fleet.controller.tick()
    await station.asking.turn()
    name = StationName("line-1-test")
    found = plant.rows.stations[name]
    plant.rows.stations[name] = replace(found, standing=Standing.RETIRED)
    plant.services.fleet.roster.put(plant.rows.stations[name])
    await station.asking.turn()
    await station.tools.client.close()
    assert not station.asking.reached.is_online
    assert station.asking.reached.sentence.startswith("this station was retired: ")
    assert len(station.acted) == 1
    (event,) = station.tools.buffer.take().events
    assert event.kind is EventKind.REFUSED

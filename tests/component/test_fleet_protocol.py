"""A station's own client against the API by real HTTP and signatures, over a real database."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import uvicorn

from andon.access.model import Grant
from andon.api.http import create
from andon.app import Server, release
from andon.fleet.assign import Wish
from andon.fleet.reports.store import ReportStore
from andon.fleet.stations.store import StationStore
from andon.fleet.tokens.enrolling import Asked
from andon.fleet.tokens.store import EnrolmentTokenStore
from andon.fleet.wanting.store import WantingStore
from andon.fleet.whole import Fleet, FleetStores
from andon.kernel.clock import SystemClock
from andon.kernel.ids import EnvironmentName, UnitName, Version
from andon.kernel.supervise import Loop
from andon.store.engine import Database
from andon.testing.access import headers_as
from andon.testing.fleet import fleet_over
from andon.testing.services import FakePlant
from andon.timeline.store import Filter, TimelineStore
from andon_agent.client import Client, Place, Refused, Station
from andon_wire.enrolment import Token, check_enrolled
from andon_wire.identity import PrivateKey
from andon_wire.protocol import Enrol, EventKind, Machine, Report, Sample, StationEvent, UnitState

UNIT, HERE = UnitName("screen"), EnvironmentName("production")
OLD, NEW = Version("1.0.0"), Version("1.1.0")
PLACE = (UNIT, HERE)


@dataclass
class Plant:
    """A running control plane. rows: what is told that changes no row."""

    fleet: Fleet
    fake: FakePlant
    database: Database
    url: str
    server: Server

    def client(self) -> Client:
        return Client(Place(self.url), lambda: datetime.now(UTC).timestamp())

    async def token(self, **others: Any) -> str:
        asked = replace(Asked(HERE, "lab", "line-1"), **others)
        return (await self.fleet.enrolling.make(asked, "minsu", "a new press"))[1]

    async def enrolled(self, client: Client, key: PrivateKey, token: str, host: str = "press-1") -> Station:
        machine = Machine(id=f"m-{host}", hostname=host, platform="linux-x86_64")
        enrol = Enrol(token=token, public_key=key.public, machine=machine)
        answer = await client.enrol(enrol, key)
        check_enrolled(Token.parse(token), answer)
        return Station(answer.station, key, answer.wanted_key)

    async def kinds(self) -> list[str]:
        found = await TimelineStore(self.database).list(Filter(), newest_first=False)
        return [each.event.kind for each in found]


@contextlib.asynccontextmanager
async def running(database: Database, key: PrivateKey) -> AsyncIterator[Plant]:
    """The API over `database`, with the loops of the fleet, as the root wires them."""
    fake, clock = FakePlant(), SystemClock()
    stores = FleetStores(
        StationStore(database), EnrolmentTokenStore(database), WantingStore(database), ReportStore(database)
    )
    fake.fleet = fleet_over(stores, clock, fake.stations, key=key)
    await fake.fleet.controller.load()
    ticks = (fake.fleet.controller.tick, fake.fleet.inbox.tick)
    loops = [
        Loop(str(number), each, interval=timedelta(seconds=1), clock=clock)
        for number, each in enumerate(ticks)
    ]
    fake.fleet.wake_by(loops[0].wake, loops[1].wake)
    api = create(fake.services())
    config = uvicorn.Config(api, port=0, log_config=None, lifespan="off")
    server = Server(config, lambda: release(api))
    tasks = [asyncio.create_task(each.run()) for each in loops]
    serving = asyncio.create_task(server.serve())
    async with asyncio.timeout(30):
        while not server.started:
            await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield Plant(fake.fleet, fake, database, f"http://127.0.0.1:{port}", server)
    server.should_exit = True
    await serving
    for each in tasks:
        each.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@pytest.fixture
def key() -> PrivateKey:
    return PrivateKey.generate()


@pytest.fixture
async def plant(database: Database, key: PrivateKey) -> AsyncIterator[Plant]:
    async with running(database, key) as made:
        yield made


def a_report(*events: StationEvent, running: str = OLD, **others: Any) -> Report:
    state = UnitState(running=running, confirmed=running, wanted=running)
    return Report(at=datetime.now(UTC), boot="b1", units={"screen": state}, events=list(events), **others)


def an_event(seq: int, kind: EventKind, version: str = NEW, **others: Any) -> StationEvent:
    return StationEvent(seq=seq, at=datetime.now(UTC), kind=kind, unit="screen", version=version, **others)


async def test_a_machine_enrols_is_told_what_to_run_and_reports(plant: Plant) -> None:
    plant.fleet.controller.want(PLACE, Wish(OLD))
    client, key = plant.client(), PrivateKey.generate()
    who = await plant.enrolled(client, key, await plant.token())
    first = await client.wanted(who, have=0, wait_s=30)
    assert first is not None
    assert first.wanted.units["screen"].version == OLD
    asked = asyncio.create_task(client.wanted(who, have=first.wanted.revision, wait_s=30))
    answer = await client.report(who, a_report(an_event(1, EventKind.CONFIRMED, OLD)))
    assert (answer.seq, answer.revision) == (1, first.wanted.revision)
    plant.fleet.controller.want(PLACE, Wish(OLD, NEW, 1.0, "ro-1"))
    second = await asked
    assert second is not None
    assert second.wanted.revision == first.wanted.revision + 1
    assert (second.wanted.units["screen"].version, second.wanted.units["screen"].rollout) == (NEW, "ro-1")
    assert await client.wanted(who, have=second.wanted.revision, wait_s=0) is None
    assert await plant.kinds() == ["fleet.token-made", "station.enrolled", "station.installed"]
    await client.close()


async def test_a_stolen_token_is_useless_twice_and_its_second_use_is_an_alert(plant: Plant) -> None:
    client, token = plant.client(), await plant.token()
    await plant.enrolled(client, PrivateKey.generate(), token)
    with pytest.raises(Refused) as caught:
        await plant.enrolled(client, PrivateKey.generate(), token, "thief")
    assert caught.value.code == "bad-enrolment-token"
    (alert,) = plant.fake.stations.told
    assert (alert.kind, alert.severity) == ("fleet.token-refused", "alert")
    assert "was used by press-1 already" in alert.reason
    assert len(plant.fleet.roster.stations) == 1
    await client.close()


async def test_an_answer_that_was_lost_costs_no_second_token(plant: Plant) -> None:
    client, token, key = plant.client(), await plant.token(), PrivateKey.generate()
    first = await plant.enrolled(client, key, token)
    assert await plant.enrolled(client, key, token) == first
    assert plant.fake.stations.told == []
    await client.close()


async def test_nobody_enrols_a_key_that_he_does_not_have(plant: Plant) -> None:
    client, token = plant.client(), await plant.token()
    machine = Machine(id="m", hostname="press-1")
    foreign = Enrol(token=token, public_key=PrivateKey.generate().public, machine=machine)
    with pytest.raises(Refused) as caught:
        await client.enrol(foreign, PrivateKey.generate())
    assert caught.value.code == "bad-signature"
    assert plant.fleet.roster.stations == {}
    await client.close()


async def test_a_station_that_waits_is_told_nothing_until_a_person_lets_it_in(plant: Plant) -> None:
    plant.fleet.controller.want(PLACE, Wish(OLD))
    client, key = plant.client(), PrivateKey.generate()
    who = await plant.enrolled(client, key, await plant.token(needs_approval=True))
    assert await client.wanted(who, have=0, wait_s=0.5) is None
    await plant.fleet.commands.approve("press-1", "jiwoo", "seen on site")
    assert await client.wanted(who, have=0, wait_s=30) is not None
    await client.close()


async def test_a_retired_key_is_worth_nothing(plant: Plant) -> None:
    client, key = plant.client(), PrivateKey.generate()
    who = await plant.enrolled(client, key, await plant.token())
    await plant.fleet.commands.retire("press-1", "jiwoo", "scrapped")
    with pytest.raises(Refused) as caught:
        await client.report(who, a_report())
    assert caught.value.code == "station-retired"
    await client.close()


async def test_a_machine_takes_the_place_of_another_and_the_revision_goes_on(plant: Plant) -> None:
    plant.fleet.controller.want(PLACE, Wish(OLD))
    client, old, new = plant.client(), PrivateKey.generate(), PrivateKey.generate()
    former = await plant.enrolled(client, old, await plant.token())
    await client.report(former, a_report(an_event(7, EventKind.STARTED)))
    first = await client.wanted(former, have=0, wait_s=30)
    token = await plant.token(station="press-1", replaces=True)
    who = await plant.enrolled(client, new, token, "another-host")
    assert who.name == "press-1"
    with pytest.raises(Refused):
        await client.report(former, a_report())
    assert (await client.report(who, a_report(an_event(1, EventKind.STARTED)))).seq == 1
    again = await client.wanted(who, have=0, wait_s=30)
    assert first is not None
    assert again is not None
    assert again.wanted.revision >= first.wanted.revision
    await client.close()


async def test_a_machine_that_takes_a_place_is_told_nothing_of_it_before_a_person_lets_it_in(
    plant: Plant,
) -> None:
    plant.fleet.controller.want(PLACE, Wish(OLD))
    client, key = plant.client(), PrivateKey.generate()
    former = await plant.enrolled(client, PrivateKey.generate(), await plant.token())
    assert await client.wanted(former, have=0, wait_s=30) is not None
    token = await plant.token(station="press-1", replaces=True, needs_approval=True)
    who = await plant.enrolled(client, key, token)
    assert await client.wanted(who, have=0, wait_s=0.5) is None
    await plant.fleet.commands.approve("press-1", "jiwoo", "seen on site")
    assert await client.wanted(who, have=0, wait_s=30) is not None
    await client.close()


async def test_an_event_counts_once_however_often_it_is_sent(plant: Plant) -> None:
    plant.fleet.controller.want(PLACE, Wish(OLD, NEW, 1.0))
    client, key = plant.client(), PrivateKey.generate()
    who = await plant.enrolled(client, key, await plant.token())
    assert await client.wanted(who, have=0, wait_s=30)
    events = [an_event(1, EventKind.SWITCHED), an_event(2, EventKind.CRASHED), an_event(3, EventKind.GAVE_UP)]
    sample = Sample(at=datetime.now(UTC), cpu=0.2, memory=0.4, disk=0.5)
    for _ in range(3):
        answer = await client.report(who, a_report(*events, samples=[sample]))
        assert answer.seq == 3
    tallies = await plant.fleet.reports.tallies()
    counted = tallies[UNIT, HERE, NEW]
    assert (counted.starts, counted.crashes, counted.installs_failed) == (1, 1, 1)
    name = next(iter(plant.fleet.roster.stations))
    since = datetime.now(UTC) - timedelta(hours=1)
    assert await plant.fleet.reports.samples(name, since) == [sample]
    assert (await plant.kinds()).count("station.gave-up") == 1
    await client.close()


async def test_revisions_and_events_go_on_after_a_restart(database: Database, key: PrivateKey) -> None:
    own = PrivateKey.generate()
    async with running(database, key) as plant:
        plant.fleet.controller.want(PLACE, Wish(OLD))
        client = plant.client()
        who = await plant.enrolled(client, own, await plant.token())
        await client.report(who, a_report(an_event(5, EventKind.STARTED)))
        before = await client.wanted(who, have=0, wait_s=30)
        await client.close()
    assert before is not None
    async with running(database, key) as plant:
        client = plant.client()
        # Nothing is wished yet: what was told stands, and nothing is taken off.
        same = await client.wanted(who, have=0, wait_s=30)
        assert same is not None
        assert same.wanted == before.wanted
        assert (await client.report(who, a_report(an_event(5, EventKind.STARTED)))).seq == 5
        plant.fleet.controller.want(PLACE, Wish(NEW))
        after = await client.wanted(who, have=before.wanted.revision, wait_s=30)
        assert after is not None
        assert after.wanted.revision == before.wanted.revision + 1
        await client.close()


async def test_an_older_copy_of_the_database_tells_nobody_anything_older(plant: Plant) -> None:
    plant.fleet.controller.want(PLACE, Wish(OLD))
    client, key = plant.client(), PrivateKey.generate()
    who = await plant.enrolled(client, key, await plant.token())
    assert await client.wanted(who, have=40, wait_s=30)
    found = await client.wanted(who, have=0, wait_s=0)
    assert found is not None
    assert found.wanted.revision == 41
    await client.close()


async def test_a_request_that_is_sent_again_is_refused(plant: Plant) -> None:
    client, key = plant.client(), PrivateKey.generate()
    who = await plant.enrolled(client, key, await plant.token())
    request = client._request(who, "GET", "/api/v1/agents/wanted?have=0&wait=0", b"", 30)
    async with httpx.AsyncClient() as plain:
        answers = [await plain.send(request) for _ in range(2)]
        assert [each.status_code for each in answers][1] == 401
        assert answers[1].json()["code"] == "replayed-request"
        other = httpx.Request("GET", str(request.url).replace("have=0", "have=9"), headers=request.headers)
        assert (await plain.send(other)).json()["code"] == "other-request"
        assert (await plain.get(f"{plant.url}/api/v1/agents/wanted")).status_code == 401
    await client.close()


async def test_what_is_told_already_is_not_sent_again_by_its_tag(plant: Plant) -> None:
    plant.fleet.controller.want(PLACE, Wish(OLD))
    client, key = plant.client(), PrivateKey.generate()
    who = await plant.enrolled(client, key, await plant.token())
    assert await client.wanted(who, have=0, wait_s=30)
    target = "/api/v1/agents/wanted?have=0&wait=0"
    async with httpx.AsyncClient() as plain:
        first = await plain.send(client._request(who, "GET", target, b"", 30))
        assert first.status_code == 200
        request = client._request(who, "GET", target, b"", 30)
        request.headers["If-None-Match"] = first.headers["ETag"]
        assert (await plain.send(request)).status_code == 304
    await client.close()


async def test_stations_of_one_line_take_turns(plant: Plant) -> None:
    plant.fleet.controller.want(PLACE, Wish(NEW, most_of_a_line=1))
    client = plant.client()
    whos = [
        await plant.enrolled(client, PrivateKey.generate(), await plant.token(), f"press-{number}")
        for number in (1, 2)
    ]
    for who in whos:
        await client.report(who, a_report())
    first = [await client.wanted(who, have=0, wait_s=30) for who in whos]
    allowed = [bool(each and each.wanted.units["screen"].may_switch) for each in first]
    assert sorted(allowed) == [False, True]
    done, waits = whos[allowed.index(True)], whos[allowed.index(False)]
    had = first[allowed.index(False)]
    assert had is not None
    await client.report(done, a_report(running=NEW))
    turn = await client.wanted(waits, have=had.wanted.revision, wait_s=30)
    assert turn is not None
    assert turn.wanted.units["screen"].may_switch
    await client.close()


async def test_an_andon_that_ends_answers_who_waits_and_cuts_nobody_off(plant: Plant) -> None:
    plant.fleet.controller.want(PLACE, Wish(OLD))
    client, key = plant.client(), PrivateKey.generate()
    who = await plant.enrolled(client, key, await plant.token())
    first = await client.wanted(who, have=0, wait_s=30)
    assert first is not None
    plant.fake.access.add("viewer-1", Grant("viewer"))
    cookies = headers_as(plant.fake, "viewer-1")
    async with asyncio.timeout(45), httpx.AsyncClient(base_url=plant.url, timeout=60) as browser:
        asked = asyncio.create_task(client.wanted(who, have=first.wanted.revision, wait_s=60))
        async with browser.stream("GET", "/api/v1/events", headers=cookies) as events:
            lines = events.aiter_lines()
            assert [await anext(lines) for _ in range(2)] == ["retry: 1000", "event: hello"]
            while not plant.fleet.roster.waiting:
                await asyncio.sleep(0.01)
            plant.server.should_exit = True
            rest = [each async for each in lines]  # to its proper end, or httpx raises
        assert await asked is None
    assert "event: changed" not in rest
    await client.close()

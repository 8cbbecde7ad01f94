"""Stations, tokens, what is wanted and what was reported, on both databases."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from andon.access.policies.calendar import Calendar
from andon.fleet.model import Opened, Ring, Scope, Seen, Station, Window
from andon.fleet.reports.model import Taken, Tally
from andon.fleet.reports.store import ReportStore
from andon.fleet.stations import store as stations
from andon.fleet.stations.store import StationStore
from andon.fleet.tests.worlds import HERE, NEW, NOW, OLD, UNIT, a_pin, a_recall, a_station, runs
from andon.fleet.tokens.model import EnrolmentToken
from andon.fleet.tokens.store import EnrolmentTokenStore
from andon.fleet.wanting.store import Document, WantingStore
from andon.kernel.errors import Conflict, NotFound
from andon.kernel.ids import StationName
from andon.store.engine import Database
from andon.store.schema import metadata
from andon.timeline.records import Event
from andon.timeline.store import Filter, TimelineStore
from andon_wire.protocol import Machine, Sample


@pytest.fixture(params=["sqlite", "postgresql"])
async def either(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    if request.param == "sqlite":
        opened = Database.open(f"sqlite:///{tmp_path / 'andon.db'}")
        async with opened.transaction() as tx:
            await tx.run_sync(metadata.create_all)
        yield opened
        await opened.close()
        return
    with request.getfixturevalue("postgres").fresh_database() as fresh:
        opened = Database.open(fresh)
        async with opened.transaction() as tx:
            await tx.run_sync(metadata.create_all)
        yield opened
        await opened.close()


def told(kind: str = "fleet.test") -> Event:
    return Event(kind, "station/press-1", "minsu", "because")


def a_token(**others: Any) -> EnrolmentToken:
    values: dict[str, Any] = {
        "id": "et-1", "environment": HERE, "ring": "lab", "line": "line-1", "created_at": NOW,
        "created_by": "minsu", "reason": "a new press", "expires_at": NOW + timedelta(hours=24),
    }  # fmt: skip
    return EnrolmentToken(**(values | others))


async def enrolled(database: Database, station: Station, number: int = 1) -> None:
    store, token = EnrolmentTokenStore(database), a_token(id=f"et-{number}")
    await store.add(token, f"{number:064}", told())
    assert await store.use(token, station, told("fleet.enrolled"), NOW)


async def test_a_token_lets_one_machine_in_and_no_other(either: Database) -> None:
    store = EnrolmentTokenStore(either)
    await store.add(a_token(labels={"kind": "press"}), "a" * 64, told())
    found = await store.find("a" * 64)
    assert found == a_token(labels={"kind": "press"})
    assert await store.use(found, a_station(), told("fleet.enrolled"), NOW)
    assert not await store.use(found, a_station("press-2"), told("fleet.enrolled"), NOW)
    assert [each.name for each in await StationStore(either).list()] == ["press-1"]
    assert (await store.list())[0].used_by == "press-1"
    kinds = [each.event.kind for each in await TimelineStore(either).list(Filter())]
    assert kinds == ["fleet.enrolled", "fleet.test"]


async def test_a_token_whose_station_cannot_be_made_is_not_used(either: Database) -> None:
    await enrolled(either, a_station())
    store = EnrolmentTokenStore(either)
    await store.add(a_token(id="et-2"), "b" * 64, told())
    token = await store.find("b" * 64)
    assert token is not None
    with pytest.raises(Conflict):
        await store.use(token, replace(a_station(), public_key="c" * 64), told(), NOW)
    assert await store.find("b" * 64) == token


async def test_a_revoked_token_lets_nobody_in(either: Database) -> None:
    store = EnrolmentTokenStore(either)
    await store.add(a_token(), "a" * 64, told())
    assert await store.revoke("et-1", "jiwoo", told(), NOW)
    assert not await store.revoke("et-1", "jiwoo", told(), NOW)
    assert not await store.use(a_token(), a_station(), told(), NOW)


async def test_a_station_is_read_as_it_was_written(either: Database) -> None:
    station = a_station(labels={"kind": "press"}, token="et-1")
    await enrolled(either, station)
    store = StationStore(either)
    assert await store.get(station.name) == station
    moved = stations.retired(station, NOW)
    await store.change(moved, told(), NOW)
    assert await store.list() == [moved]
    with pytest.raises(NotFound):
        await store.change(a_station("press-8"), told(), NOW)


async def test_rings_stand_in_their_usual_order_until_somebody_sets_others(either: Database) -> None:
    store = StationStore(either)
    assert [each.name for each in await store.rings()] == ["lab", "pilot", "line", "plant"]
    await store.set_rings(["bench", "all"], told(), NOW)
    assert await store.rings() == [Ring("bench", 0), Ring("all", 1)]


async def test_what_people_said_is_read_as_it_was_written(either: Database) -> None:
    store = WantingStore(either)
    pin, recall = a_pin("press-1", OLD, expires_at=NOW + timedelta(days=2)), a_recall(NEW, OLD, direct=True)
    window = Window(Scope.LINE, "line-1", Calendar("Asia/Seoul", ("Mon-Fri 22:00-05:00",)))
    await store.pin(pin, told())
    await store.recall(recall, told())
    await store.set_window((Scope.LINE, "line-1"), window, told(), NOW)
    await store.raise_attempts({(StationName("press-1"), UNIT): 3}, told(), NOW)
    said = await store.said()
    assert (said.pins, said.recalls, said.windows) == ([pin], [recall], [window])
    assert said.attempts == {(StationName("press-1"), UNIT): 3}
    assert await store.unpin(pin.station, pin.unit, told(), NOW)
    assert not await store.unpin(pin.station, pin.unit, told(), NOW)
    assert await store.lift((recall.unit, recall.environment, recall.version), told(), NOW)
    await store.set_window((Scope.LINE, "line-1"), None, told(), NOW)
    said = await store.said()
    assert (said.pins, said.recalls, said.windows) == ([], [], [])


async def test_what_was_told_last_is_there_after_a_restart(either: Database) -> None:
    store = WantingStore(either)
    opened = Opened(NEW, 0.3, frozenset({StationName("press-1")}), frozenset({StationName("press-1")}))
    await store.tell({(UNIT, HERE): opened}, [Document(StationName("press-1"), 1, "{}")])
    await store.tell({(UNIT, HERE): opened}, [Document(StationName("press-1"), 2, '{"a": 1}')])
    assert await store.opened() == {(UNIT, HERE): opened}
    assert await store.documents() == [Document(StationName("press-1"), 2, '{"a": 1}')]


def a_sample(minutes: float = 0) -> Sample:
    return Sample(at=NOW + timedelta(minutes=minutes), cpu=0.5, memory=0.25, disk=0.125, sent=1 << 40)


async def test_samples_are_kept_once_and_for_their_time(either: Database) -> None:
    await enrolled(either, a_station())
    store, name = ReportStore(either), StationName("press-1")
    await store.take([Taken(name, Seen(at=NOW), samples=[a_sample(each) for each in range(5)])], NOW)
    await store.take([Taken(name, Seen(at=NOW), samples=[a_sample(each) for each in range(3, 8)])], NOW)
    assert await store.samples(name, NOW) == [a_sample(each) for each in range(8)]
    assert await store.samples(name, NOW, limit=2) == [a_sample(6), a_sample(7)]
    assert await store.forget_samples(NOW + timedelta(minutes=6)) == 6
    assert await store.samples(name, NOW) == [a_sample(6), a_sample(7)]


async def test_many_reports_are_taken_at_once_and_tallies_add_up(either: Database) -> None:
    await enrolled(either, a_station())
    store, key = ReportStore(either), (UNIT, HERE, NEW)
    machine = Machine(id="m", hostname="press", memory=8 << 30)
    first = Seen(at=NOW, boot="b1", revision=4, seq=7, units={"screen": runs(OLD)}, address="10.0.0.4")
    reports = [
        Taken(StationName("press-1"), first, tallies={key: Tally(starts=1, run_s=30.0)}),
        Taken(StationName("press-1"), replace(first, seq=9), machine, tallies={key: Tally(crashes=2)}),
        Taken(StationName("press-2"), first, told=[told("fleet.crashed")]),
    ]
    await store.take(reports, NOW)
    await store.take([Taken(StationName("press-2"), first, tallies={key: Tally(starts=1)})], NOW)
    seen = await store.seen()
    assert (seen[StationName("press-1")], seen[StationName("press-2")]) == (replace(first, seq=9), first)
    assert await store.tallies(UNIT, HERE) == {key: Tally(starts=2, crashes=2, run_s=30.0)}
    assert (await StationStore(either).get(StationName("press-1"))).machine == machine
    last = (await TimelineStore(either).list(Filter(), limit=1))[0]
    assert last.event.kind == "fleet.crashed"

"""The store on both databases: transactions, leases, timeline, desired state."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from andon.kernel.errors import Conflict
from andon.kernel.ids import EnvironmentName, UnitName, Version
from andon.store import leases
from andon.store.engine import Database
from andon.store.leases import LeaseStore
from andon.timeline import store as timeline
from andon.timeline.records import Event, Severity
from andon.timeline.store import Filter, TimelineStore
from andon.units.desired import Desired, DesiredRelease
from andon.units.store import DesiredStore, write_desired

AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
LONG = timedelta(seconds=60)
OVER = timedelta(seconds=-1)


def an_event(**changes: object) -> Event:
    values = {"kind": "test", "subject": "unit/mes", "actor": "kim", "reason": "because"} | changes
    return Event(**values)


async def test_a_transaction_that_raises_leaves_nothing(any_database: Database) -> None:
    with pytest.raises(RuntimeError):
        async with any_database.transaction() as tx:
            await timeline.append(tx, an_event(), AT)
            raise RuntimeError
    assert await TimelineStore(any_database).list(Filter()) == []


async def test_the_timeline_keeps_order_zone_and_content(any_database: Database) -> None:
    store = TimelineStore(any_database)
    event = an_event(unit="mes", environment="production", severity=Severity.ALERT, after={"share": 0.1})
    await store.record(an_event(), AT)
    await store.record(event, AT)
    first, second = await store.list(Filter(), newest_first=False)
    assert first.number < second.number
    assert (second.at, second.event) == (AT, event)
    assert await store.list(Filter(severity=Severity.ALERT)) == [second]
    assert await store.list(Filter(after=first.number)) == [second]


async def test_many_writers_lose_nothing(any_database: Database) -> None:
    store = TimelineStore(any_database)
    await asyncio.gather(*(store.record(an_event(reason=str(n)), AT) for n in range(40)))
    assert {each.event.reason for each in await store.list(Filter())} == {str(n) for n in range(40)}


async def test_only_one_holder_has_a_lease(any_database: Database) -> None:
    store = LeaseStore(any_database)
    mine = await store.acquire("rollouts", "a", LONG)
    assert mine is not None
    assert await store.acquire("rollouts", "b", LONG) is None
    assert await store.acquire("rollouts", "a", LONG) == mine


async def test_a_lease_that_ran_out_goes_to_another_with_a_higher_token(any_database: Database) -> None:
    store = LeaseStore(any_database)
    mine = await store.acquire("rollouts", "a", OVER)
    theirs = await store.acquire("rollouts", "b", LONG)
    assert mine is not None
    assert theirs is not None
    assert theirs.token > mine.token
    async with any_database.transaction() as tx:
        await leases.guard(tx, theirs)
    with pytest.raises(Conflict, match="took over"):
        async with any_database.transaction() as tx:
            await leases.guard(tx, mine)


@pytest.mark.asvs("2.3.4")
async def test_a_holder_that_slept_through_its_lease_is_fenced_from_its_own_past(
    any_database: Database,
) -> None:
    store = LeaseStore(any_database)
    before = await store.acquire("rollouts", "a", OVER)
    after = await store.acquire("rollouts", "a", LONG)
    assert before is not None
    assert after is not None
    assert after.token > before.token


async def test_who_knows_that_the_former_holder_is_dead_need_not_wait(any_database: Database) -> None:
    store = LeaseStore(any_database)
    dead = await store.acquire("rollouts", "host-home-1", LONG)
    await store.acquire("backups", "host-homes-2", LONG)
    await store.end_of_former("host-home-")
    mine = await store.acquire("rollouts", "host-home-3", LONG)
    assert dead is not None
    assert mine is not None
    assert mine.token > dead.token
    assert await store.acquire("backups", "host-home-3", LONG) is None


async def test_a_released_lease_is_free_at_once(any_database: Database) -> None:
    store = LeaseStore(any_database)
    mine = await store.acquire("rollouts", "a", LONG)
    assert mine is not None
    await store.release(mine)
    assert await store.acquire("rollouts", "b", LONG) is not None


def wanted(revision: int, share: float) -> Desired:
    return Desired(
        UnitName("mes"),
        EnvironmentName("production"),
        revision,
        Version("1.0.0"),
        (DesiredRelease(Version("1.0.0"), 2, 1 - share), DesiredRelease(Version("1.1.0"), 2, share)),
    )


async def test_desired_state_is_changed_by_one_revision_at_a_time(any_database: Database) -> None:
    store = DesiredStore(any_database)
    for revision, share in ((1, 0.0), (2, 0.5)):
        async with any_database.transaction() as tx:
            await write_desired(tx, wanted(revision, share))
    assert await store.find(UnitName("mes"), EnvironmentName("production")) == wanted(2, 0.5)
    for stale in (1, 2, 4):
        with pytest.raises(Conflict):
            async with any_database.transaction() as tx:
                await write_desired(tx, wanted(stale, 0.9))
    assert await store.list() == [wanted(2, 0.5)]

"""The timeline's rows on both databases: the chain under load, the triggers, what is found."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from andon.kernel.errors import Conflict, Damaged, InvalidInput, NotFound, Unavailable
from andon.store.engine import Database
from andon.timeline import chain, origin
from andon.timeline.records import Event, Severity
from andon.timeline.store import Filter, TimelineStore, append

AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def an_event(**changes: object) -> Event:
    values = {"kind": "test", "subject": "unit/mes", "actor": "kim", "reason": "because"} | changes
    return Event(**values)


async def numbers(store: TimelineStore, wanted: Filter) -> list[int]:
    return [each.number for each in await store.list(wanted, newest_first=False)]


@pytest.mark.part11("11.10(e)")
async def test_forty_writers_at_once_make_one_chain(any_database: Database) -> None:
    store = TimelineStore(any_database)
    await asyncio.gather(*(store.record(an_event(reason=str(n)), AT) for n in range(40)))
    records = await store.list(Filter(), newest_first=False)
    assert [each.number for each in records] == list(range(1, 41))
    previous = chain.GENESIS.hex()
    for each in records:
        made = chain.link(each.number, previous, each.at, each.event)
        assert made.hash == each.hash
        previous = made.hash
    assert await store.head() == (40, previous)


async def test_a_transaction_that_fails_leaves_no_gap(any_database: Database) -> None:
    store = TimelineStore(any_database)
    await store.record(an_event(), AT)
    with pytest.raises(RuntimeError):
        async with any_database.transaction() as tx:
            await append(tx, an_event(), AT)
            raise RuntimeError
    assert await store.record(an_event(), AT) == 2


async def test_a_transaction_may_tell_several_things(any_database: Database) -> None:
    async with any_database.transaction() as tx:
        assert [await append(tx, an_event(), AT) for _ in range(3)] == [1, 2, 3]


@pytest.mark.asvs("16.4.2")
@pytest.mark.part11("11.10(c)", "11.10(e)")
@pytest.mark.parametrize("statement", ["UPDATE timeline SET actor = 'lee'", "DELETE FROM timeline"])
async def test_a_slip_cannot_change_a_record(any_database: Database, statement: str) -> None:
    await TimelineStore(any_database).record(an_event(), AT)
    with pytest.raises((Conflict, Unavailable), match="append-only"):
        async with any_database.transaction() as tx:
            await tx.execute(text(statement))
    assert (await TimelineStore(any_database).get(1)).event == an_event()


@pytest.mark.asvs("16.4.2")
@pytest.mark.part11("11.10(c)")
async def test_a_table_cannot_be_emptied_at_once(any_database: Database) -> None:
    if any_database.is_sqlite:
        pytest.skip("SQLite has no TRUNCATE")
    with pytest.raises(Unavailable, match="append-only"):
        async with any_database.transaction() as tx:
            await tx.execute(text("TRUNCATE timeline"))


@pytest.mark.asvs("16.2.1")
@pytest.mark.part11("11.10(e)", "11.10(h)")
async def test_a_record_says_where_it_came_from(any_database: Database) -> None:
    store = TimelineStore(any_database)
    with origin.coming_from(origin.Origin("approver@production", "10.0.0.7", "req-1")):
        await store.record(an_event(), AT)
        await store.record(an_event(role="agent@line-1"), AT)
    await store.record(an_event(), AT)
    found = [each.event for each in await store.list(Filter(), newest_first=False)]
    assert [each.role for each in found] == ["approver@production", "agent@line-1", ""]
    assert [each.source for each in found] == ["10.0.0.7", "10.0.0.7", ""]
    assert [each.correlation for each in found] == ["req-1", "req-1", ""]


async def test_an_earlier_time_is_taken_as_given(any_database: Database) -> None:
    store = TimelineStore(any_database)
    await store.record(an_event(), AT)
    await store.record(an_event(), AT - timedelta(days=1))
    assert (await store.get(2)).at == AT - timedelta(days=1)


@pytest.mark.parametrize(
    "event",
    [an_event(after={"share": float("nan")}), an_event(reason="\ud800"), an_event(before={"a": {1, 2}})],
    ids=["not a number", "half a character", "a set"],
)
async def test_what_cannot_be_written_the_same_everywhere_is_refused(
    any_database: Database, event: Event
) -> None:
    store = TimelineStore(any_database)
    with pytest.raises(InvalidInput, match="cannot be recorded"):
        await store.record(event, AT)
    assert await store.record(an_event(), AT) == 1


async def test_a_timeline_without_its_head_takes_nothing(any_database: Database) -> None:
    async with any_database.transaction() as tx:
        await tx.execute(text("DELETE FROM timeline_head"))
    with pytest.raises(Damaged, match="head"):
        await TimelineStore(any_database).record(an_event(), AT)


async def test_a_record_that_is_not_there_is_not_found(any_database: Database) -> None:
    with pytest.raises(NotFound):
        await TimelineStore(any_database).get(1)


@pytest.mark.asvs("1.2.4")
async def test_each_field_of_a_filter_narrows(any_database: Database) -> None:
    store = TimelineStore(any_database)
    for number, event in enumerate(
        [
            an_event(kind="access.login", actor="kim", reason="Badge 50% read", role="viewer"),
            an_event(kind="access.refused", actor="lee", severity=Severity.WARNING, reason="50x wrong"),
            an_event(kind="accession", subject="unit/a_b", reason='with "quotes"', unit="mes"),
        ]
    ):
        await store.record(event, AT + timedelta(hours=number))
    for wanted, expected in [
        (Filter(kind="access."), [1, 2]),
        (Filter(kind="access.login"), [1]),
        (Filter(actor="lee"), [2]),
        (Filter(role="viewer"), [1]),
        (Filter(text="badge"), [1]),
        (Filter(text="50%"), [1]),
        (Filter(text="A_B"), [3]),
        (Filter(text='"quotes"'), [3]),
        (Filter(text="kim"), []),
        (Filter(since=AT + timedelta(hours=1)), [2, 3]),
        (Filter(until=AT + timedelta(hours=1)), [1]),
        (Filter(severity=Severity.WARNING), [2]),
        (Filter(unit="mes"), [3]),
        (Filter(after=1, before=3), [2]),
        (Filter(), [1, 2, 3]),
    ]:
        assert await numbers(store, wanted) == expected, wanted


async def test_rows_are_read_in_batches_up_to_a_number(any_database: Database) -> None:
    store = TimelineStore(any_database)
    for _ in range(7):
        await store.record(an_event(), AT)
    batches = [[row.number for row in batch] async for batch in store.rows(until=6, batch=2)]
    assert batches == [[1, 2], [3, 4], [5, 6]]


async def test_one_unreadable_record_does_not_hide_the_others(database: Database) -> None:
    store = TimelineStore(database)
    await store.record(an_event(), AT)
    await store.record(an_event(), AT)
    async with database.transaction() as tx:
        await tx.execute(text("DROP TRIGGER timeline_is_not_updated"))
        await tx.execute(text("UPDATE timeline SET body = '{' WHERE number = 1"))
    first, second = await store.list(Filter(), newest_first=False)
    assert (first.event.kind, first.event.severity) == ("timeline.damaged", Severity.ALERT)
    assert second.event == an_event()

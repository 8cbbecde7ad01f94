"""What a database says of its own columns, as a verification reads it, on both databases."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from andon.kernel.clock import ManualClock
from andon.store.engine import Database
from andon.timeline import chain, checks, verify
from andon.timeline.checks import Verification
from andon.timeline.records import Event
from andon.timeline.store import TimelineStore, append
from andon.timeline.walk import Row

AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
ODD = ["", "김민준", 'a "b"', "a\\b", "a/b", "t\tab\n\r\b\f", "\x01\x1f\x7f\u2028", "😀 x'y", "}", "%s :x"]


async def written(database: Database, names: list[str]) -> None:
    async with database.transaction() as tx:
        for number, name in enumerate(names):
            event = Event("test", name, name, name, unit=name, environment=name)
            await append(tx, event, AT + timedelta(microseconds=number))


async def verified(database: Database) -> Verification:
    return await verify.verify(database, checks.Trust([]), [], ManualClock(AT))


async def test_the_database_tells_a_row_as_its_body_begins(any_database: Database) -> None:
    await written(any_database, ODD)
    rows = [Row(*each) async for batch in TimelineStore(any_database).kept(batch=3) for each in batch]
    assert [each.number for each in rows] == list(range(1, len(ODD) + 1))
    for row, name in zip(rows, ODD, strict=True):
        record = chain.parse(row.body.decode())
        assert record.event.subject == name
        columns = ("test", name, name, name, name, "info")
        begins = chain.head(row.number, chain.stamp(record.at), columns)
        assert row.told.decode()[:-1] + "," == begins
    assert (await verified(any_database)).is_intact


@pytest.mark.parametrize("width", [9, 10, 11, 99, 100, 101, 1003])
async def test_any_number_of_records_is_walked(database: Database, width: int) -> None:
    await written(database, ["x"] * width)
    found = await verified(database)
    assert (found.is_intact, found.records) == (True, width)
    assert not any("clock" in each for each in found.notes), "times are found whatever a number's width"


@pytest.mark.parametrize(
    "change",
    [
        'severity = \'info","role":"\'',  # what follows in the body is no part of a column
        'kind = \'test","subject":"\'',
        "actor = 'a\\nb'",
        "at = '2026-03-01 12:00:00.000009'",
    ],
)
async def test_a_column_does_not_pass_for_what_the_body_says(any_database: Database, change: str) -> None:
    await written(any_database, ["a\nb", "a\nb", ""])
    drops = ["DROP TRIGGER timeline_is_not_updated"]
    if not any_database.is_sqlite:
        drops = [
            "DROP TRIGGER timeline_is_not_changed ON timeline",
            "ALTER TABLE timeline ALTER severity TYPE text",
            "SET LOCAL TimeZone TO UTC",
        ]
    async with any_database.transaction() as tx:
        for each in (*drops, f"UPDATE timeline SET {change} WHERE number = 2"):
            await tx.execute(text(each.replace(":", "\\:")))
    found = await verified(any_database)
    assert [(each.what, each.record) for each in found.findings] == [("columns-differ", 2)]

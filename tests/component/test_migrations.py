"""Migrations bring both databases to the tables that the code has, and back."""

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, inspect, text

from andon import fleet_parts, parts  # noqa: F401  they import every store, and so every table
from andon.store import migrate
from andon.store.schema import metadata
from andon.timeline import chain


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'andon.db'}"
        return
    with request.getfixturevalue("postgres").fresh_database() as fresh:
        yield fresh


def plain(url: str) -> Any:
    return create_engine(url.replace("postgresql://", "postgresql+psycopg://"))


def differences(url: str) -> list[Any]:
    engine = plain(url)
    with engine.connect() as connection:
        found = compare_metadata(MigrationContext.configure(connection), metadata)
    engine.dispose()
    return found


def tables(url: str) -> set[str]:
    engine = plain(url)
    found = set(inspect(engine).get_table_names())
    engine.dispose()
    return found


async def test_migrated_is_what_the_code_has(url: str) -> None:
    await migrate.upgrade(url)
    assert differences(url) == []
    await migrate.upgrade(url)
    assert differences(url) == []


async def test_down_and_up_again(url: str) -> None:
    await migrate.upgrade(url)
    before = tables(url)
    await migrate.downgrade(url, "base")
    assert tables(url) == {"alembic_version"}
    await migrate.upgrade(url)
    assert tables(url) == before


def triggers(url: str) -> set[tuple[str, str]]:
    """Table and name of each trigger."""
    engine = plain(url)
    query = (
        "SELECT tbl_name, name FROM sqlite_master WHERE type = 'trigger'"
        if engine.dialect.name == "sqlite"
        else "SELECT DISTINCT event_object_table, trigger_name FROM information_schema.triggers "
        "UNION SELECT c.relname, t.tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid "
        "WHERE NOT t.tgisinternal"
    )
    with engine.connect() as connection:
        found = {(str(table), str(name)) for table, name in connection.execute(text(query))}
    engine.dispose()
    return found


async def test_migrated_tables_refuse_the_same_changes_as_the_code_says(url: str) -> None:
    await migrate.upgrade(url)
    migrated = triggers(url)
    engine = plain(url)
    with engine.begin() as connection:
        metadata.drop_all(connection)
        metadata.create_all(connection)
    engine.dispose()
    assert migrated == triggers(url)
    assert {table for table, _ in migrated} == {"timeline", "signatures", "policies"}


FORMER = (
    "INSERT INTO timeline (number, at, kind, subject, actor, reason, unit, environment, severity, before, "
    "after, correlation) VALUES (:number, '2026-03-01 08:30:00.000123+00:00', 'cord.pulled', 'cord/all', "
    ":actor, :reason, '', 'production', 'warning', '{\"b\": 1, \"a\": 2.5}', '{}', '')"
)


async def test_former_records_become_a_chain_in_their_order_and_go_back(url: str) -> None:
    await migrate.upgrade(url, "0001")
    engine = plain(url)
    with engine.begin() as connection:
        for number, actor in ((1, "민수"), (2, 'o"k'), (7, "jiwoo")):
            values = {"number": number, "actor": actor, "reason": f"이유 {number}\n\\"}
            connection.execute(text(FORMER), values)
    await migrate.upgrade(url)
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT number, body, hash FROM timeline ORDER BY number")).all()
        head = connection.execute(text("SELECT number, hash FROM timeline_head")).one()
    previous = chain.GENESIS
    for number, row in enumerate(rows, start=1):
        previous = chain.digest(previous, row.body.encode())
        record = chain.parse(row.body)
        assert (row.number, row.hash) == (number, previous.hex())
        assert chain.body(record.number, record.at, record.event) == row.body
    assert tuple(head) == (3, previous.hex())
    assert [chain.parse(each.body).event.reason for each in rows] == [
        f"이유 {each}\n\\" for each in (1, 2, 7)
    ]

    await migrate.downgrade(url, "0001")
    with engine.connect() as connection:
        former = connection.execute(text("SELECT number, actor, reason FROM timeline ORDER BY number")).all()
    engine.dispose()
    assert [tuple(each) for each in former] == [
        (1, "민수", "이유 1\n\\"), (2, 'o"k', "이유 2\n\\"), (3, "jiwoo", "이유 7\n\\")
    ]  # fmt: skip


async def test_processes_that_migrate_at_once_take_turns(url: str) -> None:
    code = "import asyncio, sys; from andon.store import migrate; asyncio.run(migrate.upgrade(sys.argv[1]))"
    running = [await asyncio.create_subprocess_exec(sys.executable, "-c", code, url) for _ in range(3)]
    assert [await each.wait() for each in running] == [0, 0, 0]
    assert differences(url) == []

"""The schema, the one writer with its groups, and instances that take turns."""

import asyncio
import sqlite3
from datetime import timedelta

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from andon_mes.kernel.errors import Unavailable
from andon_mes.store import counters, schema
from andon_mes.store.engine import open_database
from andon_mes.store.migrate import migrate


@pytest.fixture
def database(database_path):
    opened = open_database(database_path, busy_timeout=timedelta(seconds=60), durability="NORMAL")
    yield opened
    opened.close()


def test_the_migrations_make_the_schema(database_path):
    engine = sa.create_engine(f"sqlite:///{database_path}")
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), schema.metadata) == []
    engine.dispose()


def test_migrating_again_changes_nothing(database_path):
    migrate(database_path)
    with sqlite3.connect(database_path) as connection:
        assert connection.execute("select count(*) from processes").fetchone() == (7,)


def test_the_schema_can_be_written_for_postgresql():
    from sqlalchemy.dialects import postgresql

    for table in schema.metadata.sorted_tables:
        assert str(sa.schema.CreateTable(table).compile(dialect=postgresql.dialect()))


async def test_a_failing_unit_of_work_takes_nothing_of_its_group_with_it(database):
    def fail(connection):
        counters.next_value(connection, "x")
        raise LookupError("mine")

    results = await asyncio.gather(
        *(
            database.write(fail if number % 3 == 0 else lambda c: counters.next_value(c, "x"))
            for number in range(30)
        ),
        return_exceptions=True,
    )
    assert sorted(each for each in results if isinstance(each, int)) == list(range(1, 21))
    assert sum(isinstance(each, LookupError) for each in results) == 10
    assert await database.read(lambda c: counters.current_value(c, "x")) == 20


async def test_an_answer_leaves_after_the_commit(database, database_path):
    with sqlite3.connect(database_path) as other:
        for number in range(1, 20):
            await database.write(lambda c: counters.next_value(c, "x"))
            seen = other.execute("select value from counters where name = 'x'").fetchone()
            assert seen == (number,)


async def test_a_database_that_stays_locked_is_unavailable_and_then_works_again(database_path):
    database = open_database(database_path, busy_timeout=timedelta(milliseconds=50))
    other = sqlite3.connect(database_path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unavailable):
        await database.write(lambda c: counters.next_value(c, "x"))
    other.execute("ROLLBACK")
    assert await database.write(lambda c: counters.next_value(c, "x")) == 1
    other.close()
    database.close()


async def test_two_writers_on_one_file_lose_nothing(database_path):
    pair = [open_database(database_path, busy_timeout=timedelta(seconds=60)) for _ in range(2)]
    numbers = await asyncio.gather(
        *(database.write(lambda c: counters.next_value(c, "x")) for _ in range(100) for database in pair)
    )
    assert sorted(numbers) == list(range(1, 201))
    for database in pair:
        database.close()


async def test_closing_commits_what_waits(database_path):
    database = open_database(database_path, busy_timeout=timedelta(seconds=60))
    waiting = [asyncio.create_task(database.write(lambda c: counters.next_value(c, "x"))) for _ in range(50)]
    await asyncio.sleep(0)
    database.close()
    assert sorted(await asyncio.gather(*waiting)) == list(range(1, 51))


async def test_a_closed_database_says_so_instead_of_letting_its_caller_wait(database_path):
    database = open_database(database_path, busy_timeout=timedelta(seconds=60))
    database.close()
    async with asyncio.timeout(60):
        for ask in (database.write, database.read):
            with pytest.raises(Unavailable, match="This instance is ending"):
                await ask(lambda c: counters.current_value(c, "x"))
    database.close()  # again, as after a failed start


async def test_a_client_that_left_does_not_stop_the_writer(database):
    leaving = asyncio.create_task(database.write(lambda c: counters.next_value(c, "x")))
    await asyncio.sleep(0)
    leaving.cancel()
    assert await database.write(lambda c: counters.next_value(c, "x")) in {1, 2}

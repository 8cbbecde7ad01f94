"""What holds on both databases: the schema and its steps, units of work, scans beside each other."""

import asyncio
import re
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from andon_mes.kernel.errors import Unavailable
from andon_mes.store import counters, schema
from andon_mes.store.engine import make_engine, open_database
from andon_mes.store.later import later
from andon_mes.store.migrate import downgrade, migrate
from andon_mes.store.sqlite import SqliteDatabase

NOON = datetime(2025, 11, 10, 3, tzinfo=UTC)
PATIENCE = timedelta(seconds=60)


@pytest.fixture
def database(any_database):
    opened = open_database(any_database, busy_timeout=PATIENCE, durability="NORMAL")
    yield opened
    opened.close()


@pytest.fixture
def look_at():
    """Makes what runs a statement on a connection of its own, outside of the application."""
    engines = []

    def make(database):
        engines.append(make_engine(database, busy_timeout=PATIENCE))

        def run(statement):
            with engines[-1].connect() as connection:
                result = connection.execute(sa.text(statement))
                return result.all() if result.returns_rows else []

        return run

    yield make
    for each in engines:
        each.dispose()


@pytest.fixture
def look(any_database, look_at):
    """Runs a statement on the test's database."""
    return look_at(any_database)


def test_the_migrations_make_the_schema(any_database):
    engine = make_engine(any_database, busy_timeout=PATIENCE)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), schema.metadata) == []
    engine.dispose()


def test_the_steps_go_down_to_nothing_and_up_again(any_database, look):
    downgrade(any_database, "base")
    kinds = "('table', 'trigger', 'view')"
    names = f"select name from sqlite_master where type in {kinds} and name not like 'sqlite%'"
    if any_database.startswith("postgresql"):
        names = (
            "select tablename from pg_tables where schemaname = 'public' "
            "union all select viewname from pg_views where schemaname = 'public' "
            "union all select proname from pg_proc where pronamespace = 'public'::regnamespace"
        )
    assert look(names) == [("alembic_version",)]
    migrate(any_database)
    test_the_migrations_make_the_schema(any_database)


async def test_the_steps_go_down_and_up_again_around_the_rows(any_database, run_instance, look, enrol):
    async with run_instance(any_database) as plant:
        _, [serial] = await plant.released_lot(1)
        await plant.pass_process(serial, "SPRING")
    counted = "select count(*) from {}"
    tables = ("lots", "serials", "process_data", "processes", "defect_codes", "product_models")
    before = [look(counted.format(each)) for each in tables]
    for step in ("0003", "0002", "0001"):
        downgrade(any_database, step)
    migrate(any_database)
    assert [look(counted.format(each)) for each in tables] == before
    enrol(any_database)  # the first release knew no devices
    async with run_instance(any_database) as plant:
        assert (await plant.serial(serial))["current_process"] == "LMA"
        await plant.pass_process(serial, "LMA")


async def test_a_failing_unit_of_work_writes_nothing(database):
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


async def test_two_instances_make_lots_at_once_without_a_gap_or_a_double(any_database, run_instance):
    async with run_instance(any_database) as one, run_instance(any_database) as two:
        made = await asyncio.gather(*(plant.lot(1) for plant in (one, two) for _ in range(40)))
    numbers = sorted(int(re.search(r"(\d+)$", each["lot_number"])[1]) for each in made)
    assert numbers == list(range(1, 81))


async def test_of_many_starts_at_once_exactly_one_gets_through(any_plant):
    _, serials = await any_plant.released_lot(4)
    answers = await asyncio.gather(*(any_plant.start(serials[n % 4], "SPRING") for n in range(64)))
    assert sorted(each.status_code for each in answers) == [201] * 4 + [409] * 60


async def test_one_key_at_once_is_one_event_and_one_answer(any_plant, look):
    _, [serial] = await any_plant.released_lot(1)
    body = any_plant.body(serial, "SPRING")
    answers = await asyncio.gather(
        *(any_plant.post("/api/v1/process/start", body, key="same") for _ in range(16))
    )
    assert {each.status_code for each in answers} == {201}
    assert len({each.text for each in answers}) == 1
    assert look("select count(*) from process_data") == [(1,)]


async def test_a_lot_begins_once_and_closes_with_its_last_serials_finished_at_once(any_plant, look):
    lot, serials = await any_plant.released_lot(8)
    for process in ("SPRING", "LMA", "LASER", "EOL", "ROBOT", "PRINT", "PACK"):
        await asyncio.gather(*(any_plant.pass_process(each, process) for each in serials))
    shown = (await any_plant.get(f"/api/v1/lots/{lot['lot_number']}")).json()["data"]
    assert (shown["status"], shown["actual_quantity"]) == ("CLOSED", 8)
    changes = look("select new_status from status_history where entity_type = 'lot' order by id")
    assert [each[0] for each in changes] == ["DRAFT", "RELEASED", "IN_PROGRESS", "CLOSED"]


async def first_passed(plant, wanted):
    """What /metrics counts once it has come to `wanted`: a transaction under way anywhere on the server, such
    as another test's, holds the count back. It never passes it."""
    async with asyncio.timeout(60):
        while True:
            found = re.search(r'mes_first_pass_total\{.*result="pass"\} (\S+)', await plant.metrics())
            seen = found[1] if found else "0.0"
            assert float(seen) <= float(wanted)
            if seen == wanted:
                return seen


async def test_every_completion_is_evidence_exactly_once(any_plant):
    _, serials = await any_plant.released_lot(12)
    counts = []
    for group in range(3):
        await asyncio.gather(*(any_plant.pass_process(each, "SPRING") for each in serials[group::3]))
        counts.append(await first_passed(any_plant, f"{4.0 * (group + 1)}"))
    assert counts == ["4.0", "8.0", "12.0"]


async def test_a_connection_that_died_between_two_events_is_no_trouble_of_the_client(
    postgres_plant, postgres_url
):
    _, serials = await postgres_plant.released_lot(6)
    for serial in serials:
        with psycopg.connect(postgres_url, autocommit=True) as other:
            other.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity "
                "where application_name = 'andon-mes' and datname = current_database()"
            )
        answer = await postgres_plant.start(serial, "SPRING")
        assert answer.status_code == 201, answer.text


async def test_a_server_that_is_away_is_unavailable_and_nothing_is_half_written(postgres_url):
    database = open_database(postgres_url, busy_timeout=PATIENCE)
    gone = open_database(postgres_url.replace("host=", "host=/nowhere"), busy_timeout=PATIENCE)

    def die_in_the_middle(connection):
        counters.next_value(connection, "x")
        connection.exec_driver_sql("select pg_terminate_backend(pg_backend_pid())")

    for ask in (gone.read, gone.write):
        with pytest.raises(Unavailable):
            await ask(lambda c: counters.current_value(c, "x"))
    with pytest.raises(Unavailable):
        await database.write(die_in_the_middle)
    assert await database.write(lambda c: counters.next_value(c, "x")) == 1
    for each in (database, gone):
        each.close()


async def test_a_value_beyond_its_column_is_the_callers_not_a_fault(postgres_plant):
    _, [serial] = await postgres_plant.released_lot(1)
    answer = await postgres_plant.complete(serial, "SPRING", process_data_id=2**40)
    assert 400 <= answer.status_code < 500


async def test_what_is_written_later_is_read_in_order_and_fails_its_own_unit_of_work(database):
    insert, update = sa.insert(schema.counters), sa.update(schema.counters).values(value=2)
    history = sa.insert(schema.status_history).inline()
    change = {
        "entity_type": "lot",
        "entity_id": 1,
        "old_status": None,
        "new_status": "DRAFT",
        "changed_at": NOON,
    }

    def work(connection):
        later(connection, insert, {"name": "y", "value": 1})
        later(connection, history, change)
        later(connection, update, {})
        return counters.current_value(connection, "y")

    assert await database.write(work) == 2
    with pytest.raises(sa.exc.IntegrityError if isinstance(database, SqliteDatabase) else psycopg.Error):
        await database.write(lambda c: later(c, insert, {"name": "y", "value": 1}))
    assert await database.write(lambda c: counters.next_value(c, "y")) == 3


async def test_in_another_server_completions_go_on_behind_the_rows(postgres_url, run_instance, look_at):
    """As after a restored dump: the other server's transactions have lower numbers."""
    async with run_instance(postgres_url) as plant:
        _, serials = await plant.released_lot(2)
        await plant.pass_process(serials[0], "SPRING")
    run = look_at(postgres_url)
    run("alter table process_data disable trigger user")
    run("update process_data set completion_seq = completion_seq + 1000000000")
    run("alter table process_data enable trigger user")
    migrate(postgres_url)
    async with run_instance(postgres_url) as plant:
        await plant.pass_process(serials[1], "SPRING")
        assert await first_passed(plant, "2.0") == "2.0"
    assert run("select count(*) from audit_log where transaction > 1000000000") != [(0,)]

"""`andon-mes verify`: it finds nothing where nothing was done, and names what was done, on both databases."""

import asyncio
import functools
import json
import os
import shutil
import subprocess
import sys
from datetime import timedelta

import psycopg
import pytest
import sqlalchemy as sa
from andon_mes.audit.controller import Sealing
from andon_mes.kernel.clock import SystemClock
from andon_mes.store.engine import is_postgresql, make_engine, open_database
from andon_mes.verify.controller import verify

PATIENCE = timedelta(seconds=60)


async def a_shift(plant):
    """Two lots: one finished with a rework on the way, one under way with a fail and a hold."""
    lot, serials = await plant.released_lot(2)
    await plant.fail(serials[0], "SPRING", "D001")
    for process in ("SPRING", "LMA", "LASER", "EOL", "ROBOT", "PRINT", "PACK"):
        for serial in serials:
            answer = await plant.start(serial, process)
            if answer.status_code == 201:
                await plant.complete(serial, process)
    _, others = await plant.released_lot(3)
    await plant.fail(others[0], "SPRING", "D001")
    await plant.pass_process(others[1], "SPRING")
    await plant.start(others[1], "LMA")
    await plant.patch(f"/api/v1/lots/{lot['lot_number']}", {"notes": "done"})
    return serials, others


@pytest.fixture
async def shift(any_database, run_instance):
    """A shift's rows, sealed in more than one seal."""
    async with run_instance(any_database) as plant:
        made = await a_shift(plant)
    await seal(any_database)
    database = open_database(any_database, busy_timeout=PATIENCE)
    note = sa.text("update lots set notes = 'sealed apart' where id = 2")
    await database.write(lambda c: c.execute(note))
    await seal(any_database)
    again = sa.text("update lots set notes = 'twice'")
    await database.write(lambda c: c.execute(again))
    database.close()
    await seal(any_database)
    return made


async def seal(path):
    database = open_database(path, busy_timeout=PATIENCE)
    await Sealing(database, SystemClock()).tick()
    database.close()


async def report_of(path, head=None):
    database = open_database(path, busy_timeout=PATIENCE)
    try:
        return await database.read(lambda c: verify(c, head=head, progress=lambda _: None))
    finally:
        database.close()


@pytest.fixture(scope="module")
def one_shift(template, tmp_path_factory, run_instance):
    """A shift's rows on SQLite, to be copied."""
    path = shutil.copy(template, tmp_path_factory.mktemp("shift") / "mes.db")

    async def work():
        async with run_instance(path) as plant:
            await a_shift(plant)
        await seal(path)

    asyncio.run(work())
    return path


@pytest.fixture
def tamper(any_database):
    """Does what nobody should, on the database of the test."""
    return functools.partial(tamper_with, any_database)


def tamper_with(database, *statements):
    """The owner of the database takes the guards away and writes."""
    engine = make_engine(database, busy_timeout=PATIENCE)
    with engine.connect() as connection:
        for table in ("audit_log", "audit_seals", "status_history", "process_data", "serials"):
            if is_postgresql(database):
                connection.exec_driver_sql(f"alter table {table} disable trigger user")
                connection.exec_driver_sql(f"grant all on {table} to current_user")
            else:
                for action in ("update", "delete"):
                    connection.exec_driver_sql(f"drop trigger if exists keep_{table}_{action}")
        for each in statements:
            connection.exec_driver_sql(each)
    engine.dispose()


async def test_a_shift_that_nobody_touched_holds(shift, any_database):
    report = await report_of(any_database)
    assert report.found == {}, [each.words().en for each in report.named]
    assert report.seals >= 3
    assert report.records > 40
    assert (await report_of(any_database, head=report.head)).is_whole


FORGED = "update audit_log set changed_by = 'somebody else' where id = 5"
DATA = 'update audit_log set new_data = \'{"status": "PASS"}\' where id = 7'
GONE = "delete from audit_log where id = 6"
ADDED = (
    'insert into audit_log (id, table_name, record_id, action, changed_by, changed_at, "transaction") '
    "select {id}, 'lots', '1', 'UPDATE', 'nobody', max(changed_at), {transaction} from audit_log"
)
EXCHANGED = [
    "update audit_log set id = -1 where id = 5",
    "update audit_log set id = 5 where id = 6",
    "update audit_log set id = 6 where id = -1",
]
SEALS_EXCHANGED = [
    "update audit_seals set id = -1 where id = 1",
    "update audit_seals set id = 1 where id = 2",
    "update audit_seals set id = 2 where id = -1",
]


@pytest.mark.parametrize(
    ("statements", "code", "subject"),
    [
        ([FORGED], "CHAIN_ALTERED", "audit record 5"),
        ([DATA], "CHAIN_ALTERED", "audit record 7"),
        ([GONE], "CHAIN_MISSING", "audit record 6"),
        (EXCHANGED, "CHAIN_REORDERED", "audit record 5"),
        (
            ["update audit_seals set records = records, previous = digest where id = 2"],
            "CHAIN_ALTERED",
            "audit seal 2",
        ),
        (["delete from audit_seals where id = 2"], "CHAIN_MISSING", "audit seal 2"),
        (SEALS_EXCHANGED, "CHAIN_REORDERED", "audit seal 1"),
    ],
    ids=["who", "data", "missing", "exchanged", "seal altered", "seal missing", "seals exchanged"],
)
async def test_what_was_done_to_the_audit_is_named(shift, any_database, tamper, statements, code, subject):
    tamper(*statements)
    report = await report_of(any_database)
    assert (code, subject) in {(each.check.code, each.subject) for each in report.named}


@pytest.mark.parametrize("place", ["under an old seal", "beside all seals"])
async def test_a_record_that_was_put_in_is_named(shift, any_database, tamper, place):
    if is_postgresql(any_database):
        transaction = "min(transaction)" if place == "under an old seal" else "null"
        tamper(ADDED.format(id="max(id) + 1000", transaction=transaction))
    else:
        tamper(ADDED.format(id="-5", transaction="null"))
    assert (await report_of(any_database)).found["CHAIN_INSERTED"] == 1


async def test_a_chain_that_was_cut_off_does_not_hold_the_digest_that_was_noted(shift, any_database, tamper):
    head = (await report_of(any_database)).head
    last = "select max(id) from audit_seals"
    tamper(f"delete from audit_seals where id = ({last})")
    assert "CHAIN_CUT" in (await report_of(any_database, head=head)).found


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("update serials set status = 'SHIPPED' where id = 1", "SERIAL_STATE"),
        ("update lots set status = 'RELEASED' where id = 1", "LOT_NOT_CLOSED"),
        (
            "update status_history set old_status = 'SCRAPPED' where id > 6 and old_status = 'WAITING'",
            "HISTORY_GAP",
        ),
        ("update process_data set attempt = 3 where attempt = 2", "ATTEMPT_NUMBERS"),
        ("update serials set status = 'WAITING' where status = 'IN_PROCESS'", "ATTEMPT_OPEN"),
        ("update process_data set is_pass = false where id = 3", "ATTEMPT_RESULT"),
        ("update serials set status = 'WAITING' where id = 2", "LOT_CLOSED_EARLY"),
        ("update serials set status = 'WAITING' where id = 2", "LOT_QUANTITIES"),
        ("update process_data set completion_seq = completion_seq + 1000000 where id = 1", "FIRST_PASS"),
        ("update reworks set is_completed = false", "REWORKS"),
        ("update defects set status = 'DISPOSITIONED', disposition = null", "DISPOSITIONS"),
    ],
    ids=lambda each: each if each.isupper() else "",
)
async def test_each_rule_of_the_rows_is_recounted(one_shift, database_path, statement, code):
    """On SQLite; that each query runs on PostgreSQL shows the shift that nobody touched."""
    shutil.copy(one_shift, database_path)
    tamper_with(database_path, statement)
    assert code in (await report_of(database_path)).found


async def test_a_row_changed_beside_the_audit_is_named(postgres_url, run_instance):
    async with run_instance(postgres_url) as plant:
        await a_shift(plant)
    with psycopg.connect(postgres_url, autocommit=True) as owner:
        owner.execute("alter table process_data disable trigger user")
        owner.execute("update process_data set process_specific_data = '{\"torque\": 1.2}' where id = 4")
        owner.execute("alter table process_data enable trigger user")
    named = (await report_of(postgres_url)).named
    assert [(each.check.code, each.subject) for each in named] == [("UNAUDITED", "process_data 4")]


async def test_instances_seal_at_once_without_a_double(any_database, run_instance):
    pair = [open_database(any_database, busy_timeout=PATIENCE) for _ in range(2)]
    async with run_instance(any_database) as plant:
        await plant.released_lot(3)
        for _ in range(3):
            await plant.lot(1)
            await asyncio.gather(*(Sealing(each, SystemClock()).tick() for each in pair))
    for each in pair:
        each.close()
    await seal(any_database)
    report = await report_of(any_database)
    assert report.is_whole
    engine = make_engine(any_database, busy_timeout=PATIENCE)
    with engine.connect() as connection:
        assert connection.exec_driver_sql("select count(*) from audit_log").scalar_one() == report.records
    engine.dispose()


def test_the_command_says_so_in_numbers_sentences_and_its_exit_code(database_path):
    def run(*arguments):
        environment = {**os.environ, "ANDON_MES_DATABASE": str(database_path)}
        command = [sys.executable, "-m", "andon_mes", "verify", *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    done = run("--json")
    assert (done.returncode, json.loads(done.stdout)["is_whole"]) == (0, True)
    engine = make_engine(database_path, busy_timeout=PATIENCE)
    with engine.connect() as connection:
        connection.exec_driver_sql(
            "insert into status_history (entity_type, entity_id, old_status, new_status, changed_at) "
            "values ('lot', 1, null, 'DRAFT', '2025-01-01'), ('lot', 1, 'HOLD', 'CLOSED', '2025-01-01')"
        )
    engine.dispose()
    done = run("--lang", "ko")
    assert done.returncode == 1
    assert "상태 이력이 이어지지 않습니다" in done.stdout
    assert "histories without a gap" in done.stderr

"""Every change of a watched row is a record of who made it, from where, before and after; on both."""

import json
from datetime import timedelta

import psycopg
import pytest
import sqlalchemy as sa
from andon_mes.store.actor import Actor
from andon_mes.store.engine import make_engine, open_database
from andon_mes.store.guarded import AUDITED, KEPT, RECORDS, SECRETS, key_of, shown
from andon_mes.store.migrate import migrate
from andon_mes.store.schema import audit_log, devices, lots, plant_settings, users

KIM = Actor("kim", "10.0.0.7", "a browser")
PATIENCE = timedelta(seconds=60)
NOW = sa.func.now()


@pytest.fixture
def database(any_database):
    opened = open_database(any_database, busy_timeout=PATIENCE, durability="NORMAL")
    yield opened
    opened.close()


@pytest.fixture
def outside(any_database):
    """A connection that is not the application's."""
    engine = make_engine(any_database, busy_timeout=PATIENCE)
    with engine.connect() as connection:
        yield connection
    engine.dispose()


async def records(database, table):
    query = sa.select(audit_log).where(audit_log.c.table_name == table).order_by(audit_log.c.id)
    return await database.read(lambda c: [dict(row) for row in c.execute(query).mappings()])


async def test_what_is_made_changed_and_taken_away_is_recorded_with_its_author(database):
    row = {"name": "calendar", "document": {"shifts": [1, None], "ko": "주간"}, "updated_at": sa.func.now()}
    await database.write(lambda c: c.execute(sa.insert(plant_settings).values(**row)), KIM)
    await database.write(lambda c: c.execute(sa.update(plant_settings).values(document={"shifts": []})), KIM)
    await database.write(lambda c: c.execute(sa.delete(plant_settings)))
    made, changed, gone = await records(database, "plant_settings")
    assert [each["action"] for each in (made, changed, gone)] == ["INSERT", "UPDATE", "DELETE"]
    assert made["record_id"] == "calendar"
    assert (made["old_data"], made["new_data"]["document"]) == (None, row["document"])
    assert (changed["old_data"], changed["new_data"]["document"]) == (made["new_data"], {"shifts": []})
    assert (gone["old_data"], gone["new_data"]) == (changed["new_data"], None)
    assert {(each["changed_by"], each["ip_address"], each["user_agent"]) for each in (made, changed)} == {
        ("kim", "10.0.0.7", "a browser")
    }
    assert gone["changed_by"] == "system"


async def test_a_change_that_is_rolled_back_leaves_no_record(database):
    def fail(connection):
        connection.execute(sa.insert(plant_settings).values(name="x", document={}, updated_at=NOW))
        raise LookupError

    with pytest.raises(LookupError):
        await database.write(fail, KIM)
    assert await records(database, "plant_settings") == []


async def test_no_secret_stands_in_a_record_but_its_change_is_one(database):
    person = {
        "username": "kim",
        "password_hash": "s3cret-hash",  # pragma: allowlist secret
        "full_name": "Kim",
        "role": "admin",
        "is_active": True,
        "failed_attempts": 0,
        "created_at": NOW,
        "updated_at": NOW,
    }
    await database.write(lambda c: c.execute(sa.insert(users).values(**person)), KIM)
    await database.write(lambda c: c.execute(sa.update(users).values(password_hash="0ther-hash")), KIM)
    found = await records(database, "users")
    assert [each["action"] for each in found] == ["INSERT", "UPDATE"]
    assert found[0]["new_data"]["is_active"] is True
    assert not any(secret in json.dumps(found, default=str) for secret in ("s3cret-hash", "0ther-hash"))
    assert not any(column.name in SECRETS for table in AUDITED for column in shown(table))


async def test_that_a_device_was_seen_is_no_change_worth_a_record(database):
    device = {"name": "S9", "token_hash": "h", "role": "station", "created_at": NOW}
    it = sa.update(devices).where(devices.c.name == "S9")
    await database.write(lambda c: c.execute(sa.insert(devices).values(**device)), KIM)
    await database.write(lambda c: c.execute(it.values(last_seen_at=NOW)), KIM)
    await database.write(lambda c: c.execute(it.values(role="station")), KIM)
    await database.write(lambda c: c.execute(it.values(revoked_at=NOW)), KIM)
    found = [each for each in await records(database, "devices") if each["new_data"]["name"] == "S9"]
    assert [each["action"] for each in found] == ["INSERT", "UPDATE"]


async def test_a_scan_is_recorded_as_its_caller_made_it(any_plant, any_database):
    _, [serial] = await any_plant.released_lot(1)
    await any_plant.pass_process(serial, "SPRING")
    database = open_database(any_database, busy_timeout=PATIENCE)
    attempts = await records(database, "process_data")
    made, states = await records(database, "lots"), await records(database, "serials")
    database.close()
    assert [each["action"] for each in attempts] == ["INSERT", "UPDATE"]
    assert [each["new_data"]["status"] for each in attempts] == ["IN_PROGRESS", "PASS"]
    assert attempts[1]["old_data"] == attempts[0]["new_data"]
    assert [each["new_data"]["status"] for each in made] == ["DRAFT", "RELEASED", "IN_PROGRESS"]
    assert [each["new_data"]["status"] for each in states] == ["CREATED", "IN_PROCESS", "WAITING"]
    assert all(each["new_data"]["created_at"].startswith("2025-11-10T03:00:00") for each in states)
    assert {each["user_agent"].split("/")[0] for each in attempts} == {"python-httpx"}


@pytest.mark.parametrize("table", RECORDS, ids=lambda each: each.name)
@pytest.mark.parametrize("action", ["UPDATE", "DELETE"])
async def test_nobody_changes_or_deletes_a_record(any_plant, outside, table, action):
    _, [serial] = await any_plant.released_lot(1)
    await any_plant.start(serial, "SPRING")
    column = next(each.name for each in table.columns if not each.primary_key)
    if not outside.execute(sa.select(sa.func.count()).select_from(table)).scalar_one():
        trigger = (
            "sqlite_master where type = 'trigger' and tbl_name"
            if outside.dialect.name == "sqlite"
            else ("information_schema.triggers where action_timing = 'BEFORE' and event_object_table")
        )
        assert outside.exec_driver_sql(f"select count(*) from {trigger} = '{table.name}'").scalar_one() >= 2
        return
    statement = f'UPDATE {table.name} SET "{column}" = "{column}"'
    with pytest.raises(sa.exc.DBAPIError, match=r"is a record|permission denied"):
        outside.exec_driver_sql(statement if action == "UPDATE" else f"DELETE FROM {table.name}")


@pytest.mark.parametrize("table", ["lots", "serials", "process_data"])
async def test_nothing_of_production_is_deleted(any_plant, outside, table):
    _, [serial] = await any_plant.released_lot(1)
    await any_plant.start(serial, "SPRING")
    with pytest.raises(sa.exc.DBAPIError, match="is a record"):
        outside.exec_driver_sql(f"DELETE FROM {table}")


async def test_a_release_that_knows_no_actor_still_writes_the_shared_file(database_path, run_instance):
    """As 1.0.0 does during a rollout: the audit's triggers are each writer's own."""
    async with run_instance(database_path) as plant:
        _, [serial] = await plant.released_lot(1)
        engine = make_engine(database_path, busy_timeout=PATIENCE)
        with engine.connect() as older:
            older.execute(sa.update(lots).values(notes="from the older release"))
        engine.dispose()
        assert (await plant.start(serial, "SPRING")).status_code == 201


async def test_the_applications_role_can_write_no_record_of_its_own(
    postgres_template, postgres_url, run_instance
):
    server, _ = postgres_template
    with psycopg.connect(server.url(), autocommit=True) as admin:
        admin.execute(
            "do $$ begin create role mes_app login; exception when duplicate_object then null; end $$"
        )
    migrate(postgres_url, application="mes_app")
    as_application = postgres_url.replace("andon@", "mes_app@")
    async with run_instance(as_application) as plant:
        _, [serial] = await plant.released_lot(1)
        await plant.pass_process(serial, "SPRING")
    with psycopg.connect(as_application, autocommit=True) as application:
        assert application.execute("select count(*) from audit_log").fetchone()[0] > 5
        for forbidden in (
            "insert into audit_log (changed_by) values ('somebody')",
            "delete from serials",
            "alter table audit_log disable trigger all",
            *(f"{action} {each.name}" for each in RECORDS for action in ("truncate", "delete from")),
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                application.execute(forbidden)


def test_every_watched_table_has_one_key_that_names_its_rows():
    assert {key_of(table) for table in AUDITED} == {"id", "name"}
    assert not set(RECORDS) & {*AUDITED, *KEPT}

"""Who asked for what is kept, in batches and for a time; what failed is kept for a person to deal with."""

import asyncio
import sqlite3
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from andon_mes.access.logs.controller import Journal
from andon_mes.access.logs.model import LEAST_AGE, Fault, Request, Severity
from andon_mes.kernel.clock import ManualClock
from andon_mes.kernel.errors import Unavailable
from andon_mes.store.engine import open_database
from andon_mes.store.guarded import LOG_DAYS

NOW = datetime(2025, 11, 10, 3, tzinfo=UTC)


async def flushed(plant, path="/api/v1/access-logs"):
    await plant._mes().journal.flush()
    return (await plant.get(path)).json()["data"]


async def test_every_request_is_kept_with_who_from_where_and_how_it_ended(plant):
    kim = await plant.user("kim", "quality")
    headers = {"User-Agent": "a browser", "X-Forwarded-For": "10.1.2.3"}
    await kim.client.get("/api/v1/lots/nothing", headers=headers)
    await plant.acting("station").post("/api/v1/lots", {"target_quantity": 1})
    await plant.acting(None).get("/api/v1/users")
    await plant.acting(None).get("/health")
    said = (await flushed(plant))["requests"][:3]
    seen = [(each["user"], each["action"], each["resource"], each["status_code"]) for each in said[::-1]]
    assert seen == [
        ("kim", "GET", "/api/v1/lots/nothing", 404),
        ("device:station-device", "POST", "/api/v1/lots", 403),
        (None, "GET", "/api/v1/users", 401),
    ]
    assert (said[2]["ip"], said[2]["user_agent"]) == ("10.1.2.3", "a browser")


async def test_access_records_are_read_page_by_page_and_by_user(plant):
    for _ in range(5):
        await plant.acting("station").get("/api/v1/processes")
    await plant.get("/api/v1/processes")
    page = await flushed(plant, "/api/v1/access-logs?limit=3&user=device:station-device")
    rest = await flushed(
        plant, f"/api/v1/access-logs?limit=3&user=device:station-device&before={page['next']}"
    )
    assert (len(page["requests"]), len(rest["requests"]), rest["next"]) == (3, 2, None)


async def test_what_waits_is_written_when_the_instance_ends(database_path, run_instance):
    async with run_instance(database_path) as plant:
        await plant.get("/api/v1/processes")
    with sqlite3.connect(database_path) as connection:
        kept = connection.execute("select user, resource from access_logs").fetchall()
    assert ("device:admin-device", "/api/v1/processes") in kept


async def test_when_a_device_was_seen_last_is_kept(plant):
    await plant.acting("station").get("/api/v1/processes")
    await flushed(plant)
    found = (await plant.get("/api/v1/devices")).json()["data"]
    seen = {each["name"]: each["last_seen_at"] for each in found}
    assert seen["station-device"] == plant.clock.now().isoformat()
    assert seen["quality-device"] is None


def a_request(at=NOW):
    return Request("kim", "/x", "GET", "10.1.2.3", None, 200, at)


@pytest.fixture
def database(database_path):
    opened = open_database(database_path, busy_timeout=timedelta(seconds=60), durability="NORMAL")
    yield opened
    opened.close()


async def test_memory_is_bounded_and_what_is_dropped_is_told(database, caplog):
    journal = Journal(database, ManualClock(NOW), LEAST_AGE)
    for number in range(20_100):
        journal.note(a_request())
        journal.fault(Fault(f"F{number}", Severity.ERROR, "x", NOW))
    assert (len(journal._requests), len(journal._faults)) == (20_000, 200)
    await journal.flush()
    assert caplog.records[-1].count == 100 + 20_100 - 200


async def test_what_is_written_by_two_at_once_is_written_once(database, database_path):
    journal = Journal(database, ManualClock(NOW), LEAST_AGE)
    for _ in range(3000):
        journal.note(a_request())
    await asyncio.gather(*(journal.flush() for _ in range(3)))
    with sqlite3.connect(database_path) as connection:
        assert connection.execute("select count(*) from access_logs").fetchone() == (3000,)


async def test_what_cannot_be_written_waits(database):
    journal = Journal(database, ManualClock(NOW), LEAST_AGE)
    journal.note(a_request())
    journal.fault(Fault("F", Severity.ERROR, "x", NOW))
    database.close()
    with pytest.raises(Unavailable):
        await journal.flush()
    assert (len(journal._requests), len(journal._faults)) == (1, 1)


async def test_access_records_are_forgotten_when_they_are_old_and_not_before(database, database_path):
    clock = ManualClock(NOW + LEAST_AGE)
    journal = Journal(database, clock, timedelta(days=1))
    for age in (31, 29):
        journal.note(a_request(clock.now() - timedelta(days=age)))
    await journal.flush()
    await journal.forget()
    with sqlite3.connect(database_path) as connection:
        assert connection.execute("select count(*) from access_logs").fetchone() == (1,)
    assert timedelta(days=LOG_DAYS) == LEAST_AGE


async def test_no_young_access_record_is_changed_or_deleted_by_anybody(database, database_path):
    journal = Journal(database, ManualClock(NOW), LEAST_AGE)
    journal.note(a_request(datetime.now(UTC)))
    await journal.flush()
    for statement in ("delete from access_logs", "update access_logs set user = 'lee'"):
        with sqlite3.connect(database_path) as connection, pytest.raises(sqlite3.IntegrityError):
            connection.execute(statement)


async def test_a_fault_is_kept_with_its_place_and_without_what_was_sent(plant, monkeypatch, caplog):
    sent = uuid4().hex

    def fail(*_):
        raise RuntimeError(sent)

    monkeypatch.setattr("andon_mes.api.administration.people.list_all", fail)
    for _ in range(3):
        assert (await plant.get("/api/v1/users")).status_code == 500
    [fault] = (await flushed(plant, "/api/v1/error-logs?severity=ERROR"))["errors"]
    assert (fault["error_code"], fault["message"], fault["context"]["count"]) == (
        "INTERNAL", "RuntimeError", 3,
    )  # fmt: skip
    assert (fault["context"]["path"], fault["context"]["user"]) == ("/api/v1/users", "device:admin-device")
    whole = (await plant.get(f"/api/v1/error-logs/{fault['id']}")).json()["data"]
    assert "in fail" in whole["stack_trace"]
    assert sent not in str(whole)
    assert sent not in caplog.text + str([vars(each) for each in caplog.records])


async def test_refusals_that_may_be_an_attack_are_kept_and_others_are_not(plant):
    header = {"Authorization": "Bearer mesd_wrong"}
    await plant.acting(None).client.get("/api/v1/lots", headers=header)
    await plant.acting("operator").post("/api/v1/lots", {"target_quantity": 1})
    found = (await flushed(plant, "/api/v1/error-logs"))["errors"]
    assert [(each["error_code"], each["severity"]) for each in found] == [("DEVICE_REFUSED", "WARNING")]


async def test_an_error_is_dealt_with_once_by_somebody_with_notes(plant):
    await plant.acting(None).client.get("/api/v1/lots", headers={"Authorization": "Bearer x.y.z"})
    [fault] = (await flushed(plant, "/api/v1/error-logs"))["errors"]
    kim = await plant.user("kim", "engineer")
    where = f"/api/v1/error-logs/{fault['id']}"
    assert (await kim.patch(where, {})).status_code == 422
    done = (await kim.patch(where, {"notes": "an old bookmark"})).json()["data"]
    assert (done["resolved"], done["resolved_by"], done["notes"]) == (True, "kim", "an old bookmark")
    assert (await kim.patch(where, {"notes": "again"})).json()["code"] == "ERROR_RESOLVED"
    assert (await flushed(plant, "/api/v1/error-logs?resolved=false"))["errors"] == []


async def test_every_answer_tells_browsers_what_they_may_not_do(plant):
    answers = [await plant.get("/api/v1/lots"), await plant.get("/nothing"), await plant.get("/health")]
    for each in answers:
        assert each.headers["X-Content-Type-Options"] == "nosniff"
        assert each.headers["X-Frame-Options"] == "DENY"
        assert "default-src 'none'" in each.headers["Content-Security-Policy"]
        assert "Access-Control-Allow-Origin" not in each.headers
    page = await plant.client.get("/login", headers={"Accept": "text/html"})
    assert page.headers.get_list("Content-Security-Policy") == [page.headers["Content-Security-Policy"]]
    assert "script-src 'self'" in page.headers["Content-Security-Policy"]


async def test_an_open_page_that_refreshes_itself_is_logged_once_a_minute(plant):
    page = {"Accept": "text/html"}
    for _ in range(5):
        await plant.client.get("/lots?fragment=true", headers=page)
    await plant.client.get("/lots", headers=page)
    plant.clock.advance(timedelta(minutes=1))
    await plant.client.get("/lots?fragment=true", headers=page)
    found = (await flushed(plant))["requests"]
    assert len([each for each in found if each["resource"] == "/lots"]) == 3

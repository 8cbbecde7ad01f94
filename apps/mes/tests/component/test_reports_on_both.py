"""Figures and reports on both databases: the naive count, the views, a long report in little memory."""

import sys
import tracemalloc
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from andon_mes.exports import controller as exports
from andon_mes.exports import files
from andon_mes.exports.model import Form
from andon_mes.reports import controller
from andon_mes.store.engine import make_engine
from hypothesis import HealthCheck, given, settings

sys.path.insert(0, str(Path(__file__).parents[1]))
import ledger
from ledger import BEGINS, DAY, NOW
from test_exports import SEOUL, a_head, asked, check_reports
from test_summary import check_against_rows

ON_BOTH = settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def connection(any_database):
    """What a test writes is rolled back."""
    engine = make_engine(any_database, busy_timeout=timedelta(seconds=60), durability="NORMAL")
    with engine.connect() as opened:
        yield opened
    engine.dispose()


@given(past=ledger.a_past())
@ON_BOTH
def test_the_summary_says_what_a_naive_count_of_the_rows_says(connection, past):
    connection.exec_driver_sql("BEGIN")
    try:
        ledger.write(connection, past)
        check_against_rows(controller.summary(connection, SEOUL, NOW), past)
    finally:
        connection.exec_driver_sql("ROLLBACK")


@given(past=ledger.a_past())
@ON_BOTH
def test_reports_and_views_say_what_a_naive_count_of_the_rows_says(connection, past):
    connection.exec_driver_sql("BEGIN")
    try:
        ledger.write(connection, past)
        check_reports(connection, past)
    finally:
        connection.exec_driver_sql("ROLLBACK")


def write_long_past(connection, serials):
    """`serials` of one lot, each with three attempts of the day."""
    tries = tuple(
        ledger.Try(process, 1, True, BEGINS + timedelta(minutes=place), 60.0)
        for place, process in enumerate(("SPRING", "LMA", "LASER"))
    )
    units = tuple(ledger.Unit("WAITING", "EOL", False, tries) for _ in range(serials))
    ledger.write(connection, [ledger.Past(ledger.MODELS[0], DAY, "IN_PROGRESS", serials, units)])


def peak_of(work):
    """The most memory that `work` took, in bytes."""
    tracemalloc.start()
    work()
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return most


def test_a_long_report_is_not_read_into_memory(connection):
    def report():
        table, rows = exports.attempts(connection, SEOUL, asked())
        files.write(a_head(table), rows, Form.CSV).file.close()

    connection.exec_driver_sql("BEGIN")
    try:
        write_long_past(connection, 500)
        report()  # what is imported and compiled once
        short = peak_of(report)
        write_long_past(connection, 3_500)
        assert connection.execute(sa.text("select count(*) from process_data")).scalar_one() == 12_000
        assert peak_of(report) < short + 1_000_000
    finally:
        connection.exec_driver_sql("ROLLBACK")


@pytest.mark.parametrize("form", [Form.JSON, Form.CSV, Form.XLSX])
def test_a_long_report_is_not_written_in_memory(form):
    def report(count):
        rows = ((f"serial {number}", number, 1.0, 1.0, DAY, NOW) for number in range(count))
        files.write(a_head(), rows, form).file.close()

    report(10)
    short = peak_of(lambda: report(500))
    assert peak_of(lambda: report(5_000)) < short + 400_000


@pytest.mark.parametrize("name", ["production", "quality", "defects", "cycle-times", "attempts", "oee"])
async def test_each_report_is_given_by_the_running_mes(any_plant, name):
    _, serials = await any_plant.released_lot(2)
    await any_plant.fail(serials[0], "SPRING", "D001")
    await any_plant.pass_process(serials[1], "SPRING")
    for form in Form:
        answer = await any_plant.get(f"/api/v1/reports/{name}?format={form}&lang=ko")
        assert answer.status_code == 200, answer.text
    shown = (await any_plant.get(f"/api/v1/reports/{name}")).json()["data"]
    assert bool(shown["rows"]) == (name != "oee")


async def test_the_floor_and_oee_are_given_by_the_running_mes(any_plant):
    for path in ("dashboard/summary", "floor", "oee"):
        answer = await any_plant.get(f"/api/v1/{path}")
        assert answer.status_code == 200, answer.text

"""Reports: the same rows in every form, read back; recounted naively; harmless in a spreadsheet."""

import csv
import io
import json
import sys
from collections import Counter
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import openpyxl
import pytest
import sqlalchemy as sa
from andon_mes.api.report_documents import ReportShown
from andon_mes.exports import controller, files, tables
from andon_mes.exports.controller import Asked
from andon_mes.exports.form_csv import harmless
from andon_mes.exports.model import Column, Form, Head, Kind, Language, Table, with_shares
from andon_mes.exports.store import Chosen
from andon_mes.kernel.errors import InvalidInput, Words
from andon_mes.numbers.calendar import plain_calendar
from andon_mes.store.engine import make_engine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))
import ledger
from ledger import BEGINS, DAY, NOW

SEOUL = plain_calendar(ZoneInfo("Asia/Seoul"), time(8), time(20))
NASTY = [
    "=1+1",
    "+82 10",
    "-5",
    "@SUM(A1)",
    "\tx",
    "＝1",
    'a "b", c',
    "two\nlines",
    "한글 불량",
    "#N/A",
    "",
    "\x01ok",
]
ALL = Table(
    "sample",
    Words("Sample", "표본"),
    (
        Column("text", Kind.TEXT, Words("Text", "글"), 20),
        Column("count", Kind.COUNT, Words("Count", "수량")),
        Column("share", Kind.PERCENT, Words("Share [%]", "비율 [%]")),
        Column("seconds", Kind.SECONDS, Words("Time [s]", "시간 [초]")),
        Column("on", Kind.DATE, Words("Date", "날짜")),
        Column("at", Kind.INSTANT, Words("At", "시각"), 20),
    ),
)


def a_head(table=ALL, language=Language.EN):
    return Head(table, language, ZoneInfo("Asia/Seoul"), "KR", DAY, DAY, {"model": "M"}, NOW)


def made(rows, form, head=None):
    """The bytes of a report."""
    return b"".join(files.write(head or a_head(), iter(rows), form).chunks())


def rows_of_json(content, kinds):
    shown = json.loads(content)["data"]
    ReportShown.model_validate(shown)
    return [
        tuple(_read(value, kind) for value, kind in zip(row.values(), kinds, strict=True))
        for row in shown["rows"]
    ]


def rows_of_csv(content, kinds):
    assert content.startswith(b"\xef\xbb\xbf"), "Excel knows UTF-8 by its BOM"
    _, *rows = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""))
    return [tuple(_read(value, kind) for value, kind in zip(row, kinds, strict=True)) for row in rows]


def rows_of_xlsx(content, kinds):
    sheet = openpyxl.load_workbook(io.BytesIO(content)).worksheets[0]
    rows = list(sheet.iter_rows(min_row=2, values_only=True))
    return [tuple(_read(value, kind) for value, kind in zip(row, kinds, strict=True)) for row in rows]


def _read(value, kind):
    """What a form says, as a value: empty is unknown, plant time is an instant again."""
    if value is None or value == "":
        return None
    if kind is Kind.TEXT:
        return value.removeprefix("'") if value[1:].startswith(tuple("=+-@\t＝")) else value
    if kind is Kind.DATE:
        if isinstance(value, date):
            return value.date() if isinstance(value, datetime) else value
        return date.fromisoformat(value)
    if kind is Kind.INSTANT:
        at = datetime.fromisoformat(value) if isinstance(value, str) else value
        return (at if at.tzinfo else at.replace(tzinfo=ZoneInfo("Asia/Seoul"))).astimezone(UTC)
    return float(value)


READERS = {Form.JSON: rows_of_json, Form.CSV: rows_of_csv, Form.XLSX: rows_of_xlsx}
TEXTS = st.sampled_from(NASTY[:-2]) | st.text(
    st.characters(min_codepoint=32, exclude_categories=["Cs", "Cc"]), min_size=1, max_size=8
)
A_ROW = st.tuples(
    TEXTS,
    st.none() | st.integers(-5, 10**6),
    st.none() | st.integers(0, 10_000).map(lambda n: n / 100),
    st.none() | st.integers(0, 10**6).map(lambda n: n / 1000),
    st.none() | st.dates(date(2001, 1, 1), date(2099, 1, 1)),
    st.none() | st.integers(0, 10**8).map(lambda n: BEGINS + timedelta(seconds=n)),
)


@given(st.lists(A_ROW, max_size=5))
@settings(max_examples=25)
def test_every_form_gives_back_the_same_rows(rows):
    kinds = [each.kind for each in ALL.columns]
    expected = [tuple(_read(value, kind) for value, kind in zip(row, kinds, strict=True)) for row in rows]
    for form, read in READERS.items():
        assert read(made(rows, form), kinds) == expected, form


@pytest.mark.parametrize("text", [each for each in NASTY if each[:1] in set("=+-@\t＝")])
def test_no_spreadsheet_runs_what_a_station_wrote(text):
    assert harmless(text) == f"'{text}"
    content = made([(text, 1, 1.0, 1.0, DAY, NOW)], Form.CSV).decode("utf-8-sig")
    _, [cell, *_] = csv.reader(io.StringIO(content, newline=""))
    assert cell == f"'{text}"
    book = openpyxl.load_workbook(io.BytesIO(made([(text, 1, 1.0, 1.0, DAY, NOW)], Form.XLSX)))
    assert book.worksheets[0]["A2"].data_type == "s"


def test_a_workbook_has_typed_cells_a_frozen_heading_and_a_sheet_about_itself():
    book = openpyxl.load_workbook(
        io.BytesIO(made([("x", 1, 99.5, 2.5, DAY, NOW)], Form.XLSX, a_head(language=Language.KO)))
    )
    sheet, about = book.worksheets
    assert [each.value for each in sheet[1]] == ["글", "수량", "비율 [%]", "시간 [초]", "날짜", "시각"]
    assert sheet.freeze_panes == "A2"
    assert [each.data_type for each in sheet[2]] == ["s", "n", "n", "n", "d", "d"]
    assert sheet["F2"].value == datetime(2025, 11, 10, 18, 0)  # noqa: DTZ001  Excel knows no zones
    assert sheet.column_dimensions["A"].width == 22
    assert ("공장", "KR") in list(about.iter_rows(values_only=True))


def test_what_is_no_character_of_a_workbook_does_not_stop_it():
    [row] = rows_of_xlsx(
        made([("\x01ok", 1, 1.0, 1.0, DAY, NOW)], Form.XLSX), [each.kind for each in ALL.columns]
    )
    assert row[0] == "�ok"


def test_a_report_with_more_rows_than_its_form_takes_is_refused(monkeypatch):
    most = files.MOST_ROWS[Form.PDF]
    row = ("x", 1, 1.0, 1.0, DAY, NOW)
    with pytest.raises(InvalidInput, match="REPORT_TOO_LARGE"):
        made([row] * (most + 1), Form.PDF)


def test_shares_add_up_to_all():
    assert list(with_shares([3, 1])) == [(3, 75.0, 75.0), (1, 25.0, 100.0)]
    assert list(with_shares([0])) == [(0, None, None)]


@pytest.fixture(scope="module")
def connection(template, tmp_path_factory):
    """A migrated database; what a test writes into it is rolled back."""
    path = tmp_path_factory.mktemp("exports") / "mes.db"
    path.write_bytes(template.read_bytes())
    engine = make_engine(path, busy_timeout=timedelta(seconds=60), durability="NORMAL")
    with engine.connect() as opened:
        yield opened
    engine.dispose()


def asked(**more):
    return Asked(DAY - timedelta(days=1), DAY, NOW, **more)


def check_reports(connection, past):
    """The reports of `past`, which is in the database, against a naive count."""
    lots_by_number = {row[0]: row for row in controller.production(connection, SEOUL, asked())[1]}
    assert sorted(row[6] for row in lots_by_number.values()) == sorted(lot.target for lot in past)
    finished = {"COMPLETED", "SHIPPED"}
    actual = [sum(unit.counted_as in finished for unit in lot.units) for lot in past]
    assert sorted(row[8] for row in lots_by_number.values()) == sorted(actual)
    from_view = sa.text(
        "select lot_number, generated_quantity, actual_quantity, defect_quantity, completion_rate, "
        "defect_rate from production_summary"
    )
    for number, *figures in connection.execute(from_view):
        expected = lots_by_number[number][7:12]
        assert [None if each is None else float(each) for each in figures] == [
            None if each is None else pytest.approx(float(each), abs=0.0051) for each in expected
        ]
    tries = [
        (lot, unit, each)
        for lot in past
        for unit in lot.units
        for each in unit.tries
        if BEGINS - timedelta(days=1) <= each.at < BEGINS + timedelta(days=1)
    ]
    check_progress_view(connection, past)
    check_quality(connection, tries)
    failed = Counter(each.process for _, _, each in tries if not each.passed)
    _, rows = controller.defects(connection, SEOUL, asked())
    assert {row[4]: row[5] for row in rows} == dict(failed)
    _, rows = controller.attempts(connection, SEOUL, asked())
    assert [row[7] for row in rows] == sorted(each.at for _, _, each in tries)
    _, rows = controller.cycle_times(connection, SEOUL, asked())
    timed = Counter(each.process for _, _, each in tries if each.seconds is not None)
    classes = Counter()
    for process, _, _, _, count, *_ in rows:
        classes[process] += count
    assert classes == timed


def check_progress_view(connection, past):
    """The view by production date of the lots and process, against a naive count."""
    expected = {}
    for lot in past:
        for each in (each for unit in lot.units for each in unit.tries):
            expected.setdefault((str(lot.on), each.process), []).append(each)
    query = sa.text(
        "select production_date, process, processed, passed, failed, average_cycle_time from process_progress"
    )
    rows = {(str(row[0]), row[1]): row[2:] for row in connection.execute(query)}
    assert rows.keys() == expected.keys()
    for group, (processed, passed, failed, average) in rows.items():
        own = expected[group]
        times = [each.seconds for each in own if each.seconds is not None]
        assert (processed, passed) == (len(own), sum(each.passed for each in own))
        assert failed == processed - passed
        assert average is None if not times else abs(float(average) - sum(times) / len(times)) <= 0.0051


def check_quality(connection, tries):
    keys = {
        "day": lambda lot, each: SEOUL.shift_at(each.at)[0],
        "shift": lambda lot, each: SEOUL.shift_at(each.at)[1],
        "process": lambda lot, each: each.process,
        "model": lambda lot, each: lot.model,
        "release": lambda lot, each: each.release,
    }
    for by in (("day", "shift"), ("process",), ("shift", "model"), ("day", "release"), tuple(keys)):
        _, rows = controller.quality(connection, SEOUL, asked(by=by))
        counted, first = Counter(), Counter()
        for lot, _, each in tries:
            group = tuple(key(lot, each) for name, key in keys.items() if name in by)
            counted[group] += 1
            first[group] += each.number == 1 and each.passed
        seen = {row[: len(by)]: (row[len(by)], row[len(by) + 4]) for row in rows}
        assert seen == {group: (counted[group], first[group]) for group in counted}, by


@given(ledger.a_past())
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_reports_say_what_a_naive_count_of_the_rows_says(connection, past):
    connection.exec_driver_sql("BEGIN")
    try:
        ledger.write(connection, past)
        check_reports(connection, past)
    finally:
        connection.exec_driver_sql("ROLLBACK")


@pytest.mark.parametrize(
    ("chosen", "count"),
    [
        (Chosen(), 4),
        (Chosen(process="LMA"), 1),
        (Chosen(model="NH-F2X-002"), 1),
        (Chosen(release="1.1.0"), 2),
        (Chosen(lot="FN-NONE"), 0),
        (Chosen(process="SPRING", release="1.0.0"), 2),
    ],
)
def test_a_filter_leaves_what_it_names(connection, chosen, count):
    old = [ledger.Try("SPRING", 1, False, BEGINS, 10.0), ledger.Try("SPRING", 2, True, BEGINS, 10.0)]
    new = ledger.Try("LMA", 1, True, BEGINS, 10.0, release="1.1.0")
    other = ledger.Try("SPRING", 1, True, BEGINS, 10.0, release="1.1.0")
    past = [
        ledger.Past(
            ledger.MODELS[0], DAY, "IN_PROGRESS", 5, (ledger.Unit("WAITING", "LASER", False, (*old, new)),)
        ),
        ledger.Past(
            ledger.MODELS[1], DAY, "IN_PROGRESS", 5, (ledger.Unit("WAITING", "LMA", False, (other,)),)
        ),
    ]
    connection.exec_driver_sql("BEGIN")
    try:
        ledger.write(connection, past)
        _, rows = controller.attempts(connection, SEOUL, asked(chosen=chosen))
        assert len(list(rows)) == count
    finally:
        connection.exec_driver_sql("ROLLBACK")


@pytest.mark.parametrize("name", ["production", "quality", "defects", "cycle-times", "attempts", "oee"])
async def test_each_report_comes_in_each_form(plant, name):
    _, serials = await plant.released_lot(2)
    await plant.fail(serials[0], "SPRING", "D001")
    await plant.pass_process(serials[1], "SPRING")
    for form in Form:
        answer = await plant.get(f"/api/v1/reports/{name}?from=2025-11-09&to={DAY}&format={form}&lang=ko")
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"] == files.MEDIA_TYPES[form]
        assert int(answer.headers["content-length"]) == len(answer.content)
        assert f'filename="{name}_2025-11-09_{DAY}.{form}"' in answer.headers["content-disposition"]
    shown = (await plant.get(f"/api/v1/reports/{name}")).json()["data"]
    ReportShown.model_validate(shown)
    assert bool(shown["rows"]) == (name != "oee")


async def test_the_pareto_names_the_defect_in_the_language_asked_for(plant, database_path):
    _, [serial] = await plant.released_lot(1)
    await plant.fail(serial, "SPRING", "D001")
    [row] = (await plant.get("/api/v1/reports/defects")).json()["data"]["rows"]
    assert row == {
        "rank": 1, "defect_code": "D001", "name": row["name"], "severity": "MAJOR", "process": "SPRING",
        "failed": 1, "serials": 1, "share": 100.0, "cumulative_share": 100.0,
    }  # fmt: skip


async def test_the_life_of_a_serial_is_told_in_the_order_of_time_and_alike_in_every_form(plant):
    _, [serial] = await plant.released_lot(1)
    await plant.fail(serial, "SPRING", "D001")
    await plant.start(serial, "SPRING")
    await plant.complete(serial, "SPRING", process_specific_data={"spring_force": 45.0})
    path = f"/api/v1/reports/genealogy?serial={serial}"
    kinds = [each.kind for each in tables.GENEALOGY.columns]
    rows = rows_of_json((await plant.get(path)).content, kinds)
    assert [row[0] for row in rows] == sorted(row[0] for row in rows)
    seen = Counter(row[1] for row in rows)
    assert (seen["START"], seen["ATTEMPT"], seen["MEASUREMENT"], seen["REWORK"]) == (2, 2, 1, 2)
    [measured] = [row for row in rows if row[1] == "MEASUREMENT"]
    assert measured[3:6] == ("spring_force", None, "45.0 N")
    assert "40 ... 50 N" in measured
    for form, read in READERS.items():
        assert read((await plant.get(f"{path}&format={form}")).content, kinds) == rows


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("genealogy", 422, "INVALID_INPUT"),
        ("genealogy?serial=FN-KR-NONE", 404, "SERIAL_UNKNOWN"),
        ("genealogy?serial=FN-KR-NONE&from=2025-11-10", 422, "FILTER_UNKNOWN"),
        ("salaries", 404, "REPORT_UNKNOWN"),
        ("production?process=EOL", 422, "FILTER_UNKNOWN"),
        ("quality?by=moon", 422, "INVALID_INPUT"),
        ("quality?colour=red", 422, "UNKNOWN_FIELD"),
        ("quality?format=doc", 422, "INVALID_INPUT"),
        ("attempts?from=2024-01-01&to=2025-11-10", 422, "PERIOD_TOO_LONG"),
    ],
)
async def test_a_report_that_cannot_be_made_says_why(plant, path, status, code):
    answer = await plant.get(f"/api/v1/reports/{path}")
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_a_group_of_the_quality_report_is_a_column():
    keys = [each.key for each in tables.quality(("release", "day")).columns]
    assert keys[:3] == ["production_date", "release", "processed"]

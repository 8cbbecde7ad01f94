"""Workbooks of any configuration come back as they were, and a damaged one is an error in words."""

import io
import sys
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from andon_mes.configuration import toml_file, workbook, workbook_reading
from andon_mes.configuration.exchange import Form
from andon_mes.configuration.files import plant_in
from andon_mes.demo_data.controller import shipped_plant
from andon_mes.kernel.errors import InvalidInput
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent.parent))

from plants import PLANTS, take

NOON = datetime(2025, 11, 10, 3, 0, tzinfo=UTC)
SEOUL = ZoneInfo("Asia/Seoul")
STEADY = {"deadline": None, "derandomize": True, "suppress_health_check": list(HealthCheck)}


@settings(max_examples=40, **STEADY)
@given(PLANTS)
def test_any_configuration_comes_back_from_its_workbook(plant):
    content = workbook.render(plant)
    read = plant_in(workbook_reading.read(content, SEOUL))
    assert read.rows == plant.rows
    assert read.settings == plant.settings
    assert workbook.render(read) == content


@settings(max_examples=150, **STEADY)
@given(PLANTS)
def test_any_configuration_comes_back_from_its_toml_file(plant):
    content = toml_file.render(plant)
    read = plant_in(toml_file.read(content))
    assert (read.rows, read.settings) == (plant.rows, plant.settings)
    assert toml_file.render(read) == content


@pytest.fixture(scope="module")
def demonstrated():
    """The workbook of the demonstrated plant."""
    return workbook.render(shipped_plant(NOON))


@settings(max_examples=60, **STEADY)
@given(at=st.integers(0, 20_000), size=st.integers(0, 40), bytes_=st.binary(max_size=12))
def test_a_damaged_workbook_is_read_or_refused(demonstrated, at, size, bytes_):
    content = demonstrated
    try:
        plant_in(workbook_reading.read(content[:at] + bytes_ + content[at + size :], SEOUL))
    except InvalidInput:
        return


def in_workbook(content, change):
    from openpyxl import load_workbook

    book = load_workbook(io.BytesIO(content))
    change(book)
    written = io.BytesIO()
    book.save(written)
    return written.getvalue()


def put(sheet, cell, value):
    return lambda book: book[sheet].__setitem__(cell, value)


def find(book, sheet, text):
    return next(cell for row in book[sheet].iter_rows() for cell in row if cell.value == text)


def misspell_reference(book):
    find(book, "defect_codes", "LASER").value = "LASR"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (put("processes", "E3", "=1+1"), "processes!E3: a formula"),
        (put("processes", "D3", "soon"), "processes!D3: sequence_order is 'soon'"),
        (put("processes", "ZZ1", "colour"), "more than 100 columns"),
        (put("processes", "A3", "LMA"), "LMA stands there twice"),
        (misspell_reference, "defect_codes!D5: There is no 'LASR'"),
        (put("product_models.bom", "C4", "LMB"), "product_models.bom!C4: There is no 'LMB'"),
        (put("settings", "B4", "shifts[[1"), "settings!B4"),
        (put("read me", "B1", 7), "format 7"),
        (lambda book: book.create_sheet("prozesse"), "nothing called 'prozesse'"),
        (lambda book: book.remove(book["product_models.bom"]), "sheet product_models.bom is missing"),
    ],
)  # fmt: skip
def test_an_error_in_a_workbook_is_said_with_its_cell(connection, exported, change, says):
    with pytest.raises(InvalidInput) as caught:
        take(connection, in_workbook(exported[Form.XLSX], change))
    problem = caught.value.problem
    said = " ".join(each.detail.en for each in (problem, *problem.others))
    assert says in said


def test_what_excel_makes_of_a_cell_is_understood(connection, exported):
    take(connection, exported[Form.XLSX])

    def change(book):
        book["operators"].append([9001, "Kim", None, "TRUE"])
        book["qualifications"].append([9001, "EOL", datetime(2027, 1, 1)])  # noqa: DTZ001  as Excel keeps it

    steps = take(connection, in_workbook(exported[Form.XLSX], change))
    added = {step.kind: step.row for step in steps}
    assert added["operators"]["badge"] == "9001"
    assert added["operators"]["is_active"] is True
    assert added["qualifications"]["valid_until"] == datetime(2026, 12, 31, 15, tzinfo=UTC)


def test_what_is_large_or_becomes_so_is_refused_before_it_is_read(connection):
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("xl/workbook.xml", b"<workbook/>")
        made.writestr("xl/sheet.xml", b" " * 70_000_000)
    for content in (b"# " + b"x" * 17_000_000, written.getvalue()):
        with pytest.raises(InvalidInput, match="FILE_UNREADABLE"):
            take(connection, content)

"""Workbooks of any configuration come back as they were, and a damaged one is an error in words."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from andon_mes.configuration import toml_file, workbook, workbook_reading
from andon_mes.configuration.files import plant_in
from andon_mes.demo_data.controller import shipped_plant
from andon_mes.kernel.errors import InvalidInput
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent.parent))

from plants import PLANTS

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

"""Limits on measurements."""

import json
import math
import sqlite3

import pytest
from andon_mes.kernel.errors import InvalidInput
from andon_mes.processes import units
from andon_mes.processes.limits import Characteristic, breaches
from hypothesis import given, settings
from hypothesis import strategies as st

TORQUE = Characteristic("torque", "N·m", 1.10, 1.30, "D002")
FORCE = Characteristic("spring_force", "N", 40.0, None, "D001")


def within(data):
    return not breaches(data, [TORQUE, FORCE])


@pytest.mark.parametrize("value", [1.10, 1.2, 1.30])
def test_a_value_between_or_on_its_limits_is_within(value):
    assert within({"torque": value})


@pytest.mark.parametrize("value", [1.0999, 1.3001, -1.2, 0, 120])
def test_a_value_outside_is_a_breach_with_the_defect_code_of_its_characteristic(value):
    found = breaches({"torque": value}, [TORQUE, FORCE])
    assert [each.as_document()["defect_code"] for each in found] == ["D002"]


def test_what_was_not_measured_breaches_nothing():
    assert within({})
    assert within({"torque": None, "colour": "black"})


def test_a_side_without_a_limit_is_open():
    assert within({"spring_force": 1e9})
    assert not within({"spring_force": 39.9})


def test_a_gauge_may_report_in_its_own_unit():
    assert within({"torque": 10.6, "torque_unit": "lbf·in"})
    assert not within({"torque": 12.0, "torque_unit": "lbf·in"})
    assert within({"spring_force": 4.2, "spring_force_unit": "kgf"})


@pytest.mark.parametrize("unit", ["N", "furlong", None, 7, [], ""])
def test_a_unit_that_does_not_fit_names_those_that_do(unit):
    with pytest.raises(InvalidInput) as caught:
        within({"torque": 1.2, "torque_unit": unit})
    assert caught.value.problem.code == "UNIT_UNKNOWN"
    assert "lbf·in" in caught.value.problem.fix.en


@pytest.mark.parametrize("value", ["1.2", True, math.nan, math.inf, [1.2], {}, 10**400])
def test_a_measurement_is_a_finite_number(value):
    with pytest.raises(InvalidInput) as caught:
        within({"torque": value})
    assert caught.value.problem.field == "process_specific_data.torque"


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.floats(-1e6, 1e6), st.sampled_from(units.known("N")))
def test_a_conversion_there_and_back_changes_nothing(value, unit):
    assert units.convert(units.convert(value, "N", unit), unit, "N") == pytest.approx(value)


async def test_measurements_fit_the_schema_of_their_process_and_model(plant, database_path):
    everywhere = {"type": "object", "required": ["lma_model"]}
    own = everywhere | {"properties": {"lma_model": {"enum": ["LMA-1"]}}}
    insert = (
        "insert into data_schemas "
        "(process_id, product_model_id, document, is_active, created_at, updated_at) "
        "values (1, ?, ?, 1, '2025-01-01', '2025-01-01')"
    )
    with sqlite3.connect(database_path) as connection:
        connection.execute(insert, (None, json.dumps(everywhere)))
        connection.execute(insert, (1, json.dumps(own)))
    _, (number,) = await plant.released_lot(1)
    await plant.start(number, "SPRING")
    missing = await plant.complete(number, "SPRING")
    assert (missing.status_code, missing.json()["code"]) == (422, "DATA_SCHEMA")
    other = await plant.complete(number, "SPRING", process_specific_data={"lma_model": "LMA-9"})
    assert other.json()["field"] == "process_specific_data.lma_model"
    assert "LMA-1" in other.json()["detail_ko"]
    good = await plant.complete(number, "SPRING", process_specific_data={"lma_model": "LMA-1"})
    assert good.json()["data"]["result"] == "PASS"

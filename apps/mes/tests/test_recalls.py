"""Recalls: from a component to every unit that contains it, and holding them all at once."""

import csv
import importlib.util
import io
import json
import sqlite3
from pathlib import Path

import pytest
import sqlalchemy as sa
from andon_mes.recalls.model import Outcome, outcome_of
from andon_mes.serials.model import SerialStatus
from hypothesis import HealthCheck, given, settings

_spec = importlib.util.spec_from_file_location("genealogies", Path(__file__).parent / "genealogies.py")
genealogies = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(genealogies)

BOM = [
    {"component": "REEL", "process": "SPRING", "kind": "LOT", "required": False},
    {"component": "SUB", "process": "SPRING", "kind": "SERIAL", "quantity": 2, "required": False},
]


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(drawn=genealogies.units)
def test_a_recall_finds_what_going_through_all_units_finds(database_path, drawn):
    engine = sa.create_engine(f"sqlite:///{database_path}")
    with engine.connect() as connection:
        genealogies.check_recall(connection, drawn)
    engine.dispose()


def test_what_is_in_the_house_is_held_and_the_rest_is_listed():
    listed = {each: outcome_of(each) for each in SerialStatus if outcome_of(each) is not Outcome.HELD}
    assert listed == {
        SerialStatus.SHIPPED: Outcome.SHIPPED,
        SerialStatus.SCRAPPED: Outcome.SCRAPPED,
        SerialStatus.HOLD: Outcome.ALREADY_HELD,
    }


@pytest.fixture
async def line(plant, database_path):
    """Three serials: the first two with parts of reel R1, the second shipped."""
    with sqlite3.connect(database_path) as connection:
        connection.execute("update product_models set bom = ?", (json.dumps(BOM),))
    _, numbers = await plant.released_lot(3)
    for number, reel in zip(numbers, ("R1", "R1", "R2"), strict=True):
        assert (await put(plant, number, reel)).status_code == 201
    with sqlite3.connect(database_path) as connection:
        connection.execute("update serials set status = 'SHIPPED' where serial_number = ?", (numbers[1],))
    return plant, numbers


async def put(plant, serial, reel):
    body = {
        "process_code": "SPRING",
        "operator_id": "OP-1",
        "components": [{"component": "REEL", "component_lot": reel}],
    }
    return await plant.post(f"/api/v1/serials/{serial}/components", body)


async def test_looking_holds_nothing(line):
    plant, (one, two, _) = line
    seen = (await plant.post("/api/v1/recalls", {"component_lot": "R1"})).json()["data"]
    assert (seen["affected"], seen["to_hold"], seen["held"], seen["shipped"]) == (2, 1, 0, 1)
    assert [(each["serial_number"], each["outcome"]) for each in seen["units"]] == [
        (one, "WOULD_BE_HELD"),
        (two, "SHIPPED"),
    ]
    assert "number" not in seen
    assert (await plant.serial(one))["status"] == "CREATED"
    assert (await plant.get("/api/v1/recalls")).json()["data"]["total"] == 0


async def test_a_recall_holds_with_its_reason_once_under_its_key(line):
    plant, (one, _, other) = line
    body = {"component_lot": "R1", "hold": True, "reason": "cracked springs"}
    answers = [await plant.post("/api/v1/recalls", body, key="recall-1") for _ in range(2)]
    assert answers[0].content == answers[1].content
    made = answers[0].json()["data"]
    assert (answers[0].status_code, made["number"], made["held"], made["to_hold"]) == (
        201,
        "RC-000001",
        1,
        0,
    )
    held = await plant.serial(one)
    assert held["status"] == "HOLD"
    assert held["history"][-1]["reason"] == "RC-000001: cracked springs"
    assert (await plant.serial(other))["status"] == "CREATED"
    assert (await plant.start(one, "SPRING")).json()["code"] == "SERIAL_HOLD"
    again = (await plant.get("/api/v1/recalls/RC-000001")).json()["data"]
    assert [each["status"] for each in again["units"]] == ["HOLD", "SHIPPED"]
    page = (await plant.get("/api/v1/recalls")).json()["data"]
    assert [each["number"] for each in page["recalls"]] == ["RC-000001"]


async def test_what_was_held_already_stays_held_by_the_recall_alone(line):
    """Neither an event from offline that explains its hold nor a grant of quality lets a recalled unit go."""
    plant, (one, _, other) = line
    first = "2025-11-10T03:05:00+00:00"
    await plant.complete(one, "LMA", timestamp=first, is_offline=True)
    for _ in range(3):
        await plant.fail(other, "SPRING", "D001")
    for reel in ("R1", "R2"):
        body = {"component_lot": reel, "hold": True, "reason": "cracked"}
        made = (await plant.post("/api/v1/recalls", body)).json()["data"]
        assert (made["held"], made["already_held"]) == (0, 1)
    await plant.complete(one, "SPRING", timestamp="2025-11-10T03:00:00+00:00", is_offline=True)
    granted = {"serial_number": other, "process_code": "SPRING", "defect_code": "D001", "reason": "once more"}
    assert (await plant.acting("quality").post("/api/v1/reworks", granted)).status_code == 201
    for serial, after in ((one, "WAITING"), (other, "REWORK")):
        assert (await plant.serial(serial))["status"] == "HOLD"
        released = await plant.patch(f"/api/v1/serials/{serial}", {"action": "release"})
        assert released.json()["data"]["status"] == after
    assert (await plant.pass_process(other, "SPRING")).json()["data"]["result"] == "PASS"


async def test_what_is_recalled_goes_into_nothing_until_the_recall_ends(line):
    plant, _ = line
    _, (fresh,) = await plant.released_lot(1)
    await plant.post("/api/v1/recalls", {"component_lot": "R1", "hold": True, "reason": "cracked"})
    refused = await put(plant, fresh, "R1")
    assert (refused.status_code, refused.json()["code"]) == (409, "COMPONENT_RECALLED")
    assert "RC-000001" in refused.json()["detail"]
    ended = await plant.post("/api/v1/recalls/RC-000001/end", {"reason": "measured: good"})
    assert ended.json()["data"]["end_reason"] == "measured: good"
    assert (await put(plant, fresh, "R1")).status_code == 201
    again = await plant.post("/api/v1/recalls/RC-000001/end", {"reason": "again"})
    assert (again.status_code, again.json()["code"]) == (409, "RECALL_ENDED")


async def test_the_units_of_a_recall_are_a_file(line):
    plant, (one, two, _) = line
    await plant.post("/api/v1/recalls", {"component_lot": "R1", "hold": True, "reason": "cracked"})
    for where in ("RC-000001/units.csv", "units.csv?component_lot=R1"):
        answer = await plant.get(f"/api/v1/recalls/{where}")
        assert answer.headers["content-type"].startswith("text/csv")
        rows = list(csv.DictReader(io.StringIO(answer.text)))
        assert [each["serial_number"] for each in rows] == [one, two]
        assert rows[0]["status"] == "HOLD"


async def test_the_page_counts_and_names_only_what_would_be_held(line):
    plant, _ = line
    before = (await plant.get("/recall?number=R1")).text
    assert "Recall and hold 1<" in before
    assert "Would be held" in before
    await plant.post("/api/v1/recalls", {"component_lot": "R1", "hold": True, "reason": "cracked"})
    after = (await plant.get("/recall?kind=component_lot&number=R1")).text
    assert 'aria-disabled="true" title="There is no unit of it to hold."' in after
    kept = (await plant.get("/recall/RC-000001")).text
    assert "Would be held" not in kept
    assert "<td>Held</td>" in kept


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({}, 422, "INVALID_INPUT"),
        ({"component_lot": "A", "component_serial": "B"}, 422, "INVALID_INPUT"),
        ({"component_lot": "A", "hold": True}, 422, "INVALID_INPUT"),
        ({"component_lot": "A", "prefix": True}, 422, "UNKNOWN_FIELD"),
    ],
)
async def test_a_recall_that_is_not_clear_is_refused(plant, body, status, code):
    answer = await plant.post("/api/v1/recalls", body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_a_recall_that_is_not_there_says_so(plant):
    for where in ("RC-000009", "RC-000009/units.csv"):
        answer = await plant.get(f"/api/v1/recalls/{where}")
        assert (answer.status_code, answer.json()["code"]) == (404, "RECALL_UNKNOWN")


async def test_a_number_that_nothing_contains_is_no_unit(plant):
    seen = (await plant.post("/api/v1/recalls", {"component_serial": "NOBODY"})).json()["data"]
    assert (seen["affected"], seen["units"]) == (0, [])


async def finished_and_recalled(plant, numbers):
    for number in numbers:
        for process in ("SPRING", "LMA", "LASER", "EOL", "ROBOT", "PRINT", "PACK"):
            await plant.pass_process(number, process)
    await plant.post("/api/v1/recalls", {"component_lot": "R2", "hold": True, "reason": "cracked"})


async def test_what_an_open_recall_names_is_released_by_quality_alone_and_not_shipped(line):
    plant, (one, _, other) = line
    await finished_and_recalled(plant, [one, other])
    where, lead, quality = f"/api/v1/serials/{other}", plant.acting("line_lead"), plant.acting("quality")
    refused = await lead.patch(where, {"action": "release"})
    assert (refused.status_code, refused.json()["code"]) == (409, "RECALL_OPEN")
    assert "RC-000001" in refused.json()["detail"]
    assert "RC-000001" in refused.json()["detail_ko"]
    assert (await lead.post("/api/v1/recalls/RC-000001/end", {"reason": "x"})).status_code == 403
    assert (await quality.patch(where, {"action": "release"})).json()["data"]["status"] == "COMPLETED"
    for person in (lead, quality, plant):
        assert (await person.patch(where, {"action": "ship"})).json()["code"] == "RECALL_OPEN"
    assert (await lead.patch(f"/api/v1/serials/{one}", {"action": "ship"})).status_code == 200
    assert (await quality.post("/api/v1/recalls/RC-000001/end", {"reason": "good"})).status_code == 200
    assert (await lead.patch(where, {"action": "ship"})).json()["data"]["status"] == "SHIPPED"


async def test_once_a_recall_has_ended_whoever_may_release_releases_what_it_held(line):
    plant, (_, _, other) = line
    await finished_and_recalled(plant, [])
    await plant.post("/api/v1/recalls/RC-000001/end", {"reason": "good"})
    released = await plant.acting("line_lead").patch(f"/api/v1/serials/{other}", {"action": "release"})
    assert released.json()["data"]["status"] == "CREATED"


async def test_a_lot_ships_without_what_an_open_recall_names(line):
    plant, (one, _, other) = line
    await finished_and_recalled(plant, [one, other])
    await plant.acting("quality").patch(f"/api/v1/serials/{other}", {"action": "release"})
    lot = (await plant.serial(one))["lot_number"]
    assert (await plant.patch(f"/api/v1/lots/{lot}", {"action": "ship"})).status_code == 200
    assert [(await plant.serial(each))["status"] for each in (one, other)] == ["SHIPPED", "COMPLETED"]
    again = await plant.patch(f"/api/v1/lots/{lot}", {"action": "ship"})
    assert (again.status_code, again.json()["code"]) == (409, "NOTHING_TO_SHIP")


async def test_what_quality_released_from_an_open_recall_still_goes_into_nothing(line):
    """Else it would leave the plant inside of another."""
    plant, (_, _, other) = line
    await finished_and_recalled(plant, [other])
    await plant.acting("quality").patch(f"/api/v1/serials/{other}", {"action": "release"})
    _, (outer,) = await plant.released_lot(1)
    parts = [{"component": "SUB", "component_serial": other}]
    body = {"process_code": "SPRING", "operator_id": "OP-1", "components": parts}
    refused = await plant.post(f"/api/v1/serials/{outer}/components", body)
    assert (refused.status_code, refused.json()["code"]) == (409, "COMPONENT_RECALLED")
    await plant.post("/api/v1/recalls/RC-000001/end", {"reason": "good"})
    assert (await plant.post(f"/api/v1/serials/{outer}/components", body)).status_code == 201

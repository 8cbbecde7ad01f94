"""Components, certificates and recalls on SQLite and on PostgreSQL."""

import json
import sys
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from andon_mes.recalls import store as recalls
from andon_mes.recalls.model import Target
from andon_mes.recalls.store import Opened
from andon_mes.store.actor import Actor
from andon_mes.store.engine import make_engine, open_database
from andon_mes.store.schema import audit_log, product_models
from hypothesis import HealthCheck, given, settings

sys.path.insert(0, str(Path(__file__).parents[1]))
import genealogies

BOM = [
    {"component": "REEL", "process": "SPRING", "kind": "LOT", "required": False},
    {"component": "SUB", "process": "SPRING", "kind": "SERIAL", "required": False},
]


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(drawn=genealogies.units)
def test_a_recall_finds_what_going_through_all_units_finds(postgres_url, drawn):
    engine = make_engine(postgres_url, busy_timeout=timedelta(seconds=60), durability="NORMAL")
    with engine.connect() as connection:
        connection.exec_driver_sql("BEGIN")
        genealogies.check_recall(connection, drawn)
        connection.exec_driver_sql("ROLLBACK")
    engine.dispose()


async def test_every_held_unit_has_an_audit_record_of_who_held_it(any_database):
    database = open_database(any_database, busy_timeout=timedelta(seconds=60), durability="NORMAL")
    drawn = [
        ("WAITING", [], [("A", False)]),
        ("COMPLETED", [0], []),
        ("SHIPPED", [1], []),
        ("CREATED", [], []),
    ]
    await database.write(lambda each: genealogies.insert(each, drawn), Actor("filler"))
    opened = Opened("Kim", genealogies.T0, "cracked")
    await database.write(
        lambda each: recalls.open_recall(each, Target(component_lot="A"), opened), Actor("Kim", "10.0.0.7")
    )
    query = sa.select(audit_log).where(audit_log.c.changed_by == "Kim", audit_log.c.table_name == "serials")
    rows = await database.read(lambda each: each.execute(query.order_by(audit_log.c.id)).all())
    database.close()
    assert [(each.action, each.ip_address) for each in rows] == [("UPDATE", "10.0.0.7")] * 2
    assert [each.old_data["status"] for each in rows] == ["WAITING", "COMPLETED"]
    assert [(each.new_data["status"], each.new_data["held_from"]) for each in rows] == [
        ("HOLD", "WAITING"),
        ("HOLD", "COMPLETED"),
    ]


async def test_parts_certificates_and_recalls_are_the_same_on_both(any_plant, any_database):
    plant = any_plant
    engine = make_engine(any_database, busy_timeout=timedelta(seconds=60), durability="NORMAL")
    with engine.connect() as connection:
        connection.exec_driver_sql("BEGIN")
        connection.execute(sa.update(product_models).values(bom=BOM))
        connection.exec_driver_sql("COMMIT")
    engine.dispose()
    _, (one, two) = await plant.released_lot(2)
    body = {"process_code": "SPRING", "operator_id": "OP-1"}
    part = {"component": "REEL", "component_lot": "R1"}
    for serial in (one, two):
        made = await plant.post(f"/api/v1/serials/{serial}/components", body | {"components": [part]})
        assert made.status_code == 201, made.text
    refused = await plant.post(
        f"/api/v1/serials/{two}/components",
        body | {"components": [{"component": "SUB", "component_serial": one}]},
    )
    assert refused.json()["code"] == "COMPONENT_NOT_FINISHED"
    answer = await plant.complete(one, "SPRING", components=[])
    assert answer.status_code == 200, answer.text
    held = await plant.post("/api/v1/recalls", {"component_lot": "R1", "hold": True, "reason": "cracked"})
    assert (held.status_code, held.json()["data"]["held"]) == (201, 2), held.text
    known = (await plant.get(f"/api/v1/serials/{one}/certificate")).json()["data"]
    assert known["components"][0]["component_lot"] == "R1"
    assert known["recalls"][0]["number"] == "RC-000001"
    assert known["holds"][0]["to"] is None
    assert known["audit"]["last_record"] is not None
    printed = await plant.post(f"/api/v1/serials/{one}/labels", {"template": "SERIAL-ZPL"}, key="p")
    assert printed.status_code == 201, printed.text
    listed = (await plant.get("/api/v1/recalls/RC-000001")).json()["data"]
    assert json.dumps([each["status"] for each in listed["units"]]) == '["HOLD", "HOLD"]'


@pytest.mark.parametrize("quantity", [1, 2])
async def test_a_part_is_in_one_product_also_when_two_stations_scan_it_at_once(
    any_plant, any_database, quantity
):
    import asyncio

    engine = make_engine(any_database, busy_timeout=timedelta(seconds=60), durability="NORMAL")
    bom = [{"component": "BATTERY", "process": "SPRING", "kind": "SERIAL", "quantity": quantity}]
    with engine.connect() as connection:
        connection.exec_driver_sql("BEGIN")
        connection.execute(sa.update(product_models).values(bom=bom))
        connection.exec_driver_sql("COMMIT")
    engine.dispose()
    _, numbers = await any_plant.released_lot(8)
    body = {"process_code": "SPRING", "operator_id": "OP-1"}
    body["components"] = [{"component": "BATTERY", "component_serial": "B-1"}]
    answers = await asyncio.gather(
        *(any_plant.post(f"/api/v1/serials/{each}/components", body) for each in numbers)
    )
    assert sorted(each.status_code for each in answers) == [201] + [409] * 7
    assert {each.json()["code"] for each in answers if each.status_code == 409} == {"COMPONENT_IN_USE"}

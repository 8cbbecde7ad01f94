"""What a plant configures, row by row: nothing that cannot work is taken, and nobody overwrites another."""

import asyncio
import json

from andon_mes.configuration.model import Kind
from andon_mes.configuration.shapes import SHAPES
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

API = "/api/v1"
PROCESS = {"code": "GLUE", "name": "Gluing", "sequence_order": 8, "standard_cycle_time": 90}
MODEL = {"code": "NH-2", "name": "Second", "target_cycle_time": 600}
DEFECT = {"code": "D100", "name": "Loose", "process": "SPRING", "severity": "MINOR"}
MEASURED = {"process": "LMA", "name": "gap", "unit": "mm", "defect_code": "D002", "lower": 1.0, "upper": 2.0}
SCHEMA = {"process": "LMA", "document": {"type": "object", "required": ["lma_model"]}}
LABEL = {"code": "BOX", "name": "Box", "kind": "ZPL", "body": "^XA\n^FD{{ serial_number }}^FS\n^XZ\n"}
OPERATOR = {"badge": "OP-1", "full_name": "김민준"}
GRANT = {"operator": "OP-1", "process": "LMA", "valid_until": "2026-12-31T00:00:00+09:00"}
MACHINE = {"code": "EOL-01", "name": "EOL tester 1", "process": "EOL"}
NEW = {
    "processes": PROCESS, "product-models": MODEL, "defect-codes": DEFECT, "characteristics": MEASURED,
    "data-schemas": SCHEMA, "label-templates": LABEL, "operators": OPERATOR, "equipment": MACHINE,
}  # fmt: skip


async def made(plant, kind, body):
    answer = await plant.post(f"{API}/{kind}", body)
    assert answer.status_code == 201, answer.text
    return answer


async def change(plant, path, body, etag="*"):
    return await plant.client.patch(f"{API}/{path}", json=body, headers={"If-Match": etag} if etag else {})


async def test_a_row_that_was_made_is_listed_read_and_deactivated(plant):
    for kind, body in NEW.items():
        answer = await made(plant, kind, body)
        row = answer.json()["data"]
        shape = SHAPES[Kind(kind.replace("-", "_"))]
        path = f"{kind}/" + "/".join(row[name] or "*" for name in shape.key)
        read = await plant.get(f"{API}/{path}")
        assert (read.json()["data"], read.headers["ETag"]) == (row, answer.headers["ETag"])
        changed = await change(plant, path, {"is_active": False}, read.headers["ETag"])
        assert changed.json()["data"] == {**row, "is_active": False}
        listed = (await plant.get(f"{API}/{kind}?is_active=false")).json()["data"]
        assert [each for each in listed if shape.key_of(each) == shape.key_of(row)]
        assert (await plant.post(f"{API}/{kind}", body)).json()["code"] == "ALREADY_THERE"


async def test_what_is_not_given_has_its_default_and_a_change_leaves_what_it_does_not_say(plant):
    row = (await made(plant, "processes", PROCESS)).json()["data"]
    assert (row["infers_start"], row["needs_equipment"], row["recipe"]) == (True, False, None)
    recipe = {"minimum_version": "2.1.0", "configuration_hash": None}
    changed = await change(plant, "processes/GLUE", {"recipe": recipe})
    assert changed.json()["data"] == {**row, "recipe": recipe}
    back = await change(plant, "processes/GLUE", {"recipe": None})
    assert back.json()["data"] == row


async def test_of_two_who_change_the_same_row_the_second_is_told(plant):
    etag = (await plant.get(f"{API}/processes/LMA")).headers["ETag"]
    changes = ({"standard_cycle_time": seconds} for seconds in (170, 175))
    answers = await asyncio.gather(*(change(plant, "processes/LMA", each, etag) for each in changes))
    assert sorted(each.status_code for each in answers) == [200, 412]
    assert (await change(plant, "processes/LMA", {"name": "x"}, None)).status_code == 428
    winner = next(each for each in answers if each.status_code == 200)
    assert (await plant.get(f"{API}/processes/LMA")).json()["data"] == winner.json()["data"]


async def test_of_many_who_make_the_same_row_one_does(plant):
    answers = await asyncio.gather(*(plant.post(f"{API}/data-schemas", SCHEMA) for _ in range(5)))
    assert sorted(each.status_code for each in answers) == [201, 409, 409, 409, 409]


async def test_the_same_key_makes_one_row(plant):
    first = await plant.post(f"{API}/operators", OPERATOR, key="k")
    again = await plant.post(f"{API}/operators", OPERATOR, key="k")
    assert (again.content, again.headers["ETag"]) == (first.content, first.headers["ETag"])
    assert (await plant.post(f"{API}/operators", {**OPERATOR, "badge": "OP-2"}, key="k")).status_code == 422


BOM = {"component": "BATTERY", "process": "LMA"}
BAD = [
    ("processes", {**PROCESS, "sequence_order": 3}, "sequence_order"),
    ("processes", {**PROCESS, "code": "glue"}, "code"),
    ("processes", {**PROCESS, "code": "GLUE/2"}, "code"),
    ("processes", {**PROCESS, "standard_cycle_time": "90"}, "standard_cycle_time"),
    ("processes", {**PROCESS, "standard_cycle_time": True}, "standard_cycle_time"),
    ("processes", {**PROCESS, "name": " "}, "name"),
    ("processes", {**PROCESS, "name": "a\x07"}, "name"),
    ("processes", {**PROCESS, "colour": 1}, "colour"),
    ("processes", {**PROCESS, "recipe": {"minimum_version": "new"}}, "recipe.minimum_version"),
    ("processes", {**PROCESS, "recipe": {"version": "1"}}, "recipe.version"),
    ("processes", {key: PROCESS[key] for key in PROCESS if key != "name"}, "name"),
    ("product-models", {**MODEL, "route": []}, "route"),
    ("product-models", {**MODEL, "route": [{"process": "LMA", "optional": True}]}, "route"),
    ("product-models", {**MODEL, "route": [{"process": "LMA"}, {"process": "LMA"}]}, "route.2.process"),
    ("product-models", {**MODEL, "route": [{"process": "LMB"}]}, "route.1.process"),
    (
        "product-models",
        {**MODEL, "route": [{"process": "LMA"}, {"process": "EOL", "optional": True}]},
        "route.2.optional",
    ),
    ("product-models", {**MODEL, "route": [{"optional": False}]}, "route.1.process"),
    ("product-models", {**MODEL, "route": [{"process": "EOL"}], "bom": [BOM]}, "bom.1.process"),
    ("product-models", {**MODEL, "bom": [BOM, BOM]}, "bom.2.component"),
    ("product-models", {**MODEL, "bom": [{**BOM, "pattern": "[0-9"}]}, "bom.1.pattern"),
    ("product-models", {**MODEL, "bom": [{**BOM, "quantity": 1.5}]}, "bom.1.quantity"),
    ("product-models", {**MODEL, "bom": [{**BOM, "quantity": 0}]}, "bom.1.quantity"),
    ("product-models", {**MODEL, "lot_pattern": "LOT-{seq:3}"}, "lot_pattern"),
    ("product-models", {**MODEL, "specification": {"weight": None}}, "specification"),
    ("defect-codes", {**DEFECT, "process": "NONE"}, "process"),
    ("defect-codes", {**DEFECT, "severity": "BAD"}, "severity"),
    ("characteristics", {**MEASURED, "lower": 3}, "lower"),
    ("characteristics", {**MEASURED, "target": 3}, "target"),
    ("characteristics", {**MEASURED, "lower": 1e400}, "body"),
    ("characteristics", {**MEASURED, "defect_code": "D001"}, "defect_code"),
    ("characteristics", {**MEASURED, "chart": "xbar-r"}, "subgroup_size"),
    ("characteristics", {**MEASURED, "chart": "xbar-r", "subgroup_size": 11}, "subgroup_size"),
    ("characteristics", {**MEASURED, "chart": "p"}, "chart"),
    ("data-schemas", {**SCHEMA, "document": {"type": "objekt"}}, "document"),
    ("data-schemas", {**SCHEMA, "document": {"$ref": "https://x.example/s.json"}}, "document"),
    ("data-schemas", {**SCHEMA, "document": {"properties": {"a": {"pattern": "["}}}}, "document"),
    ("data-schemas", {**SCHEMA, "document": []}, "document"),
    ("label-templates", {**LABEL, "kind": "EPL"}, "kind"),
    ("label-templates", {**LABEL, "body": "^XA^FD{colour}^FS^XZ"}, "body"),
    ("operators", {**OPERATOR, "username": "nobody"}, "username"),
    ("equipment", {**MACHINE, "process": "NONE"}, "process"),
]  # fmt: skip


async def test_a_row_that_cannot_work_is_refused_with_its_field(plant):
    for kind, body, field in BAD:
        answer = await plant.client.post(
            f"{API}/{kind}", content=json.dumps(body), headers={"Content-Type": "application/json"}
        )
        assert (answer.status_code, answer.json()["field"]) == (422, field), (body, answer.text)
        assert any("가" <= letter <= "힣" for letter in answer.json()["detail_ko"])


async def test_all_that_is_wrong_is_said_at_once(plant):
    answer = (await plant.post(f"{API}/processes", {"code": "glue", "sequence_order": "8"})).json()
    said = [answer["field"], *(each["field"] for each in answer["others"])]
    assert said == ["code", "name", "sequence_order", "standard_cycle_time"]


async def test_what_a_route_needs_is_not_taken_out_of_use(plant):
    await made(plant, "product-models", {**MODEL, "route": [{"process": "LASER"}, {"process": "PACK"}]})
    answer = await change(plant, "processes/LASER", {"is_active": False})
    assert (answer.status_code, answer.json()["code"]) == (422, "REFERENCE_INACTIVE")
    await change(plant, "product-models/NH-2", {"is_active": False})
    for characteristic in ("characteristics/LASER/marking_contrast", "defect-codes/D003"):
        assert (await change(plant, characteristic, {"is_active": False})).status_code == 200
    assert (await change(plant, "processes/LASER", {"is_active": False})).status_code == 200


async def test_a_key_never_changes(plant):
    answer = await change(plant, "processes/LMA", {"code": "LMB"})
    assert (answer.status_code, answer.json()["code"]) == (422, "KEY_CHANGES")
    assert (await change(plant, "processes/LMA", {"code": "LMA"})).status_code == 200


async def test_rows_are_found_by_what_they_are_of_and_by_their_text(plant):
    listed = (await plant.get(f"{API}/defect-codes?process=EOL&q=tof")).json()["data"]
    assert [each["code"] for each in listed] == ["D005"]
    assert (await plant.get(f"{API}/operators?process=EOL")).json()["field"] == "process"
    assert (await plant.get(f"{API}/operators/OP-9")).status_code == 404


CALENDAR = {
    "zone": "Asia/Seoul",
    "shifts": [{"code": "D", "starts": "06:00"}, {"code": "N", "starts": "18:00"}],
    "working_days": ["MON"],
    "holidays": [],
}


async def test_the_calendar_of_the_plant_dates_the_next_lot_on_every_instance(database_path, run_instance):
    async with run_instance(database_path) as one, run_instance(database_path) as two:
        assert (await two.lot())["shift"] == "D"
        put = await one.client.put(f"{API}/settings/calendar", json={**CALENDAR, "shifts": [
            {"code": "D", "starts": "13:00"}, {"code": "N", "starts": "23:00"}]})  # fmt: skip
        assert put.status_code == 200, put.text
        lot = await two.lot()  # noon: the night shift of the day before
        assert (lot["shift"], lot["production_date"]) == ("N", "2025-11-09")
        stale = await one.client.put(f"{API}/settings/calendar", json=CALENDAR, headers={"If-Match": '"x"'})
        assert stale.status_code == 412


async def test_a_calendar_that_cannot_be_used_is_refused(plant):
    answer = await plant.client.put(f"{API}/settings/calendar", json={**CALENDAR, "zone": "Seoul"})
    assert (answer.status_code, answer.json()["field"]) == (422, "zone")
    assert (await plant.get(f"{API}/settings/calendar")).json()["data"] is None


async def test_a_plant_may_demand_known_operators_and_nothing_else(plant):
    for document, status in (
        ({"known_operators": 1}, 422),
        ({"known": True}, 422),
        ({"known_operators": True}, 200),
    ):
        answer = await plant.client.put(f"{API}/settings/enforcement", json=document)
        assert answer.status_code == status, answer.text


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=12),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["process", "component", "quantity", "type", "$ref"]), inner, max_size=3
        )
    ),
    max_leaves=6,
)


@settings(
    max_examples=20, deadline=None, derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)  # fmt: skip
@given(data=st.data(), kind=st.sampled_from(sorted(NEW)))
async def test_no_body_makes_the_configuration_fail(plant, data, kind):
    names = [each.name for each in SHAPES[Kind(kind.replace("-", "_"))].fields]
    body = NEW[kind] | data.draw(st.dictionaries(st.sampled_from(names), anything, min_size=1, max_size=3))
    answer = await plant.client.post(
        f"{API}/{kind}", content=json.dumps(body).encode(), headers={"Content-Type": "application/json"}
    )
    assert answer.status_code < 500, (body, answer.text)

"""What clients get wrong: one clear sentence with field, value and fix, and never a 5xx."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

START = "/api/v1/process/start"
COMPLETE = "/api/v1/process/complete"


@pytest.mark.parametrize(
    ("path", "change", "field"),
    [
        (START, {"timestamp": "2025-11-10T12:00:00"}, "timestamp"),
        (START, {"timestamp": "yesterday"}, "timestamp"),
        (START, {"serial_number": "short"}, "serial_number"),
        (START, {"operator_id": ""}, "operator_id"),
        (START, {"operator_id": None}, "operator_id"),
        (START, {"checksum": "a!"}, "checksum"),
        (COMPLETE, {"is_pass": "perhaps"}, "is_pass"),
        (COMPLETE, {"cycle_time": -1}, "cycle_time"),
        (COMPLETE, {"process_data_id": 0}, "process_data_id"),
        (COMPLETE, {"process_specific_data": [1]}, "process_specific_data"),
        (
            COMPLETE,
            {"process_specific_data": {"spring_force": "tight"}},
            "process_specific_data.spring_force",
        ),
        (COMPLETE, {"is_pass": True, "defect_code": "D001"}, "defect_code"),
        (COMPLETE, {"serial_number": None}, "serial_number"),
    ],
)
async def test_a_bad_field_is_named_with_its_value_and_a_fix(plant, path, change, field):
    _, [serial] = await plant.released_lot(1)
    body = {"is_pass": True, **plant.body(serial, "SPRING"), **change}
    answer = await plant.post(path, body)
    document = answer.json()
    assert (answer.status_code, document["field"]) == (422, field)
    assert "value" in document
    assert document["detail_ko"]
    assert answer.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"serial_number": "\\ud800", "x": 1}',
        b'{"a": NaN}',
        b"\xff\xfe",
        b"[" * 100_000,
    ],
)
@pytest.mark.parametrize("path", [START, COMPLETE, "/api/v1/lots"])
async def test_bytes_that_are_no_document_are_refused(plant, path, raw):
    answer = await plant.client.post(path, content=raw, headers={"Content-Type": "application/json"})
    assert 400 <= answer.status_code < 500, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("value", ["\ud800", float("nan"), {"deep": float("inf")}])
async def test_what_no_database_could_keep_is_refused(plant, value):
    import json

    _, [serial] = await plant.released_lot(1)
    body = {"is_pass": True, **plant.body(serial, "SPRING"), "inspection_result": {"note": value}}
    answer = await plant.client.post(
        COMPLETE, content=json.dumps(body).encode(), headers={"Content-Type": "application/json"}
    )
    assert (answer.status_code, answer.json()["code"]) == (422, "INVALID_INPUT")
    assert (await plant.serial(serial))["attempts"] == []


@pytest.mark.parametrize("key", ["", "x" * 201])
async def test_a_key_has_a_length(plant, key):
    _, [serial] = await plant.released_lot(1)
    answer = await plant.client.post(
        START, json=plant.body(serial, "SPRING"), headers={"Idempotency-Key": key}
    )
    assert (answer.status_code, answer.json()["field"]) == (422, "Idempotency-Key")


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    path=st.sampled_from([START, COMPLETE]),
    change=st.dictionaries(
        st.sampled_from(
            [
                "serial_number",
                "process_code",
                "process_data_id",
                "operator_id",
                "timestamp",
                "is_pass",
                "cycle_time",
                "process_specific_data",
                "inspection_result",
                "defect_code",
                "defect_description",
            ]
        ),
        anything,
        max_size=3,
    ),
)
async def test_no_body_makes_the_mes_fail(plant, path, change):
    import json

    body = {"is_pass": True, **plant.body("FN-KR-251110D-001-0001", "SPRING"), **change}
    answer = await plant.client.post(
        path, content=json.dumps(body).encode(), headers={"Content-Type": "application/json"}
    )
    assert answer.status_code < 500, (body, answer.text)

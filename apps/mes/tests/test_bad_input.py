"""What clients get wrong: one clear sentence with field, value and fix, and never a 5xx."""

import shutil

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytestmark = pytest.mark.asyncio(loop_scope="module")

START = "/api/v1/process/start"
COMPLETE = "/api/v1/process/complete"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def plant(template, tmp_path_factory, run_instance):
    """One instance for all of these: what is refused leaves nothing behind."""
    path = shutil.copy(template, tmp_path_factory.mktemp("bad-input") / "mes.db")
    async with run_instance(path) as instance:
        yield instance


@pytest.mark.parametrize(
    ("path", "change", "field"),
    [
        (START, {"timestamp": "2025-11-10T12:00:00"}, "timestamp"),
        (START, {"timestamp": "yesterday"}, "timestamp"),
        (START, {"serial_number": "short"}, "serial_number"),
        (START, {"operator_id": ""}, "operator_id"),
        (START, {"operator_id": None}, "operator_id"),
        (START, {"checksum": "a!"}, "checksum"),
        (START, {"timestamp": 1762743600}, "timestamp"),
        (START, {"timestamp": "1762743600"}, "timestamp"),
        (START, {"timestamp": "0001-01-01T00:00:00+23:00"}, "timestamp"),
        (START, {"timestamp": "9999-12-31T23:59:59-23:00"}, "timestamp"),
        (START, {"operator_id": "OP\u00001"}, "operator_id"),
        (START, {"operator_id": "OP\x1b[31m"}, "operator_id"),
        (START, {"operator_id": 7}, "operator_id"),
        (START, {"operator_id": "x" * 101}, "operator_id"),
        (START, {"equipment_id": ["E"] * 1000}, "equipment_id"),
        (COMPLETE, {"is_pass": "perhaps"}, "is_pass"),
        (COMPLETE, {"is_pass": "no"}, "is_pass"),
        (COMPLETE, {"is_pass": 0}, "is_pass"),
        (COMPLETE, {"cycle_time": "12"}, "cycle_time"),
        (COMPLETE, {"cycle_time": True}, "cycle_time"),
        (COMPLETE, {"cycle_time": 10**400}, "cycle_time"),
        (COMPLETE, {"process_data_id": 2**63}, "process_data_id"),
        (COMPLETE, {"process_data_id": 1.0}, "process_data_id"),
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
    result = {"is_pass": True} if path == COMPLETE else {}
    answer = await plant.post(path, {**result, **plant.body(serial, "SPRING"), **change})
    document = answer.json()
    assert (answer.status_code, document["field"]) == (422, field)
    assert "value" in document
    assert any(
        "가" <= letter <= "힣" for letter in document["detail_ko"].partition("수정하세요:")[2] or "항목"
    )
    assert len(answer.content) < 2000
    assert answer.headers["Content-Type"] == "application/problem+json"


async def test_a_field_of_a_newer_release_does_not_stop_a_station(plant):
    _, [serial] = await plant.released_lot(1)
    started = await plant.start(serial, "SPRING", driver_firmware="7.2")
    completed = await plant.complete(serial, "SPRING", driver_firmware={"version": "7.2"})
    assert (started.status_code, completed.status_code) == (201, 200), completed.text
    assert completed.json()["data"]["result"] == "PASS"


async def test_only_a_report_of_a_station_may_have_a_field_that_is_not_known(plant):
    lot, [serial] = await plant.released_lot(1)
    refused = [
        await plant.post("/api/v1/lots", {"target_quantity": 1, "colour": "red"}),
        await plant.patch(f"/api/v1/lots/{lot['lot_number']}", {"notes": "x", "colour": "red"}),
        await plant.post(f"/api/v1/lots/{lot['id']}/serials/generate", {"quantity": 1, "colour": "red"}),
        await plant.patch(f"/api/v1/serials/{serial}", {"action": "hold", "reason": "x", "colour": "red"}),
        await plant.get("/api/v1/lots?colour=red"),
    ]
    said = [(each.status_code, each.json()["code"], each.json()["field"]) for each in refused]
    assert said == [(422, "UNKNOWN_FIELD", "colour")] * len(refused)


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
        b"[" * 500 + b"]" * 500,
        b'{"x":' * 500 + b"1" + b"}" * 500,
        b'{"x": 1' + b"0" * 5000 + b"}",
    ],
)
@pytest.mark.parametrize("path", [START, COMPLETE, "/api/v1/lots"])
async def test_bytes_that_are_no_document_are_refused(plant, path, raw):
    answer = await plant.client.post(path, content=raw, headers={"Content-Type": "application/json"})
    assert 400 <= answer.status_code < 500, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    document = answer.json()
    assert document["detail"]
    assert any("가" <= letter <= "힣" for letter in document["detail_ko"])


async def chunks(total):
    for _ in range(total // 65536):
        yield b" " * 65536


@pytest.mark.parametrize(
    "content", [b" " * 2_000_000, chunks(2_000_000)], ids=["with its length", "in chunks"]
)
async def test_a_document_that_is_too_long_is_refused_before_it_is_read(plant, content):
    answer = await plant.client.post(COMPLETE, content=content, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (413, "BODY_TOO_LARGE")
    assert (answer.headers["X-Release"], answer.headers["Connection"]) == ("1.0.0", "close")


async def test_a_document_of_the_greatest_length_is_read(plant):
    answer = await plant.client.post(
        COMPLETE, content=b"{}".ljust(1_048_576), headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 422


def nested(depth):
    return {"x": nested(depth - 1)} if depth else 1


@pytest.mark.parametrize(
    "value", ["\ud800", "\x00", "\\\x00", {"\x00": 1}, nested(40), float("nan"), {"deep": float("inf")}]
)
async def test_what_no_database_could_keep_is_refused(plant, value):
    import json

    _, [serial] = await plant.released_lot(1)
    body = {"is_pass": True, **plant.body(serial, "SPRING"), "inspection_result": {"note": value}}
    answer = await plant.client.post(
        COMPLETE, content=json.dumps(body).encode(), headers={"Content-Type": "application/json"}
    )
    assert (answer.status_code, answer.json()["field"]) == (422, "body")
    assert (await plant.serial(serial))["attempts"] == []


async def test_what_only_looks_like_a_null_byte_is_kept(plant):
    _, [serial] = await plant.released_lot(1)
    note = {"path": "C:\\u0000\\log", "deep": nested(20)}
    assert (await plant.complete(serial, "SPRING", inspection_result=note)).status_code == 200
    assert (await plant.serial(serial))["attempts"][0]["inspection_result"] == note


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/v1/lots/99999999999999999999/serials/generate", 422),
        ("/api/v1/lots/0/serials/generate", 422),
        ("/api/v1/lots/7000000/serials/generate", 404),
        ("/api/v1/nothing", 404),
        ("/api/v1/production", 405),
    ],
)
async def test_an_address_that_is_none_says_so(plant, path, status):
    answer = await plant.post(path, {"quantity": 1})
    assert answer.status_code == status
    assert any("가" <= letter <= "힣" for letter in answer.json()["detail_ko"])


@pytest.mark.parametrize(
    "query", ["page=0", "pagesize=3", "date=20251110", "date=0001-01-01", "status=NONE", "page=x"]
)
async def test_a_bad_query_is_refused(plant, query):
    answer = await plant.get(f"/api/v1/lots?{query}")
    assert (answer.status_code, answer.json()["field"]) == (422, query.partition("=")[0])


@pytest.mark.parametrize(
    "change",
    [{"target_quantity": True}, {"target_quantity": "3"}, {"target_quantity": 10**30}, {"production_date": 0},
     {"production_date": "1999-12-31"}, {"notes": "\x00"}],
)  # fmt: skip
async def test_a_lot_is_made_of_what_was_said_not_of_what_was_guessed(plant, change):
    answer = await plant.post("/api/v1/lots", {"target_quantity": 1, **change})
    assert (answer.status_code, answer.json()["field"]) == (422, next(iter(change)))


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
    max_examples=25,
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


BATCHES = [
    "/api/v1/process/start-batch",
    "/api/v1/process/complete-batch",
    "/api/v1/lots/create-batch",
    "/api/v1/serials/change-batch",
]


@settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    path=st.sampled_from([*BATCHES, "/api/v1/process/validate", "/api/v1/serials/lookup"]),
    items=anything | st.lists(anything, max_size=3),
    change=st.dictionaries(
        st.sampled_from(
            [
                "serial_number",
                "idempotency_key",
                "action",
                "reason",
                "target_quantity",
                "is_offline",
                "station",
                "application_version",
                "configuration_hash",
                "units",
                "operator_id",
            ]
        ),
        anything,
        max_size=3,
    ),
)
async def test_no_batch_and_no_question_makes_the_mes_fail(plant, path, items, change):
    import json

    item = {"is_pass": True, "is_offline": True, **plant.body("FN-KR-251110D-001-0001", "SPRING"), **change}
    body = {"process_code": "SPRING", "units": items, "serial_numbers": items, **change}
    if path in BATCHES:
        body = {"items": [item, *items] if isinstance(items, list) else items}
    answer = await plant.client.post(
        path, content=json.dumps(body).encode(), headers={"Content-Type": "application/json"}
    )
    assert answer.status_code < 500, (body, answer.text)
    for each in answer.json().get("data", {}).get("results", []):
        assert each["status"] < 500, (body, each)

"""Defects and reworks over HTTP: from a failed attempt to a serial that goes on, or does not."""

import pytest


async def defects(plant, **query):
    asked = "&".join(f"{key}={value}" for key, value in query.items())
    answer = await plant.get(f"/api/v1/defects?{asked}")
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]["defects"]


async def change(plant, defect, action, **more):
    body = {"action": action, "reason": "because of the fixture", **more}
    return await plant.patch(f"/api/v1/defects/{defect['id']}", body)


async def held_for_quality(plant):
    """A serial that failed three times at SPRING, and its live defect."""
    _, [serial] = await plant.released_lot(1)
    for _ in range(3):
        await plant.fail(serial, "SPRING", "D001")
    [live] = await defects(plant, is_live="true")
    return serial, live


async def test_a_failed_attempt_opens_a_defect_with_its_rework_and_the_pass_verifies_it(plant):
    _, [serial] = await plant.released_lot(1)
    failed = (await plant.fail(serial, "SPRING", "D001")).json()["data"]
    [defect] = await defects(plant, serial_number=serial)
    assert (defect["status"], defect["disposition"]) == ("DISPOSITIONED", "REWORK")
    assert (defect["process_data_id"], defect["defect_code"]) == (failed["process_data_id"], "D001")
    assert (defect["severity"], defect["dispositioned_by"]) == ("MAJOR", "automatic")
    [rework] = (await plant.get("/api/v1/reworks?status=OPEN")).json()["data"]["reworks"]
    assert rework["id"] == defect["rework_id"]
    early = await change(plant, defect, "verify")
    assert (early.status_code, early.json()["code"]) == (409, "REWORK_NOT_PASSED")
    await plant.pass_process(serial, "SPRING")
    shown = (await plant.get(f"/api/v1/defects/{defect['id']}")).json()["data"]
    assert (shown["status"], shown["verified_by"]) == ("VERIFIED", "OP-1")
    assert [each["new_status"] for each in shown["history"]] == [
        "OPEN", "CONTAINED", "DISPOSITIONED", "VERIFIED",
    ]  # fmt: skip
    closed = (await change(plant, defect, "close")).json()["data"]
    assert (closed["status"], closed["closed_by"]) == ("CLOSED", "device:admin-device")


async def test_a_rework_that_fails_gives_way_to_the_defect_of_its_attempt(plant):
    serial, live = await held_for_quality(plant)
    found = await defects(plant, serial_number=serial)
    assert [each["status"] for each in found] == ["CONTAINED", "CLOSED", "CLOSED"]
    assert found[0]["id"] == live["id"]


async def test_quality_grants_one_more_attempt_past_the_limit(plant):
    serial, live = await held_for_quality(plant)
    granted = await change(plant, live, "disposition", disposition="REWORK")
    assert granted.json()["data"]["status"] == "DISPOSITIONED", granted.text
    rework = (await plant.get(f"/api/v1/reworks/{granted.json()['data']['rework_id']}")).json()["data"]
    assert rework["is_granted"]
    assert (await plant.serial(serial))["status"] == "REWORK"


async def test_scrap_ends_the_serial_its_lot_and_every_defect_in_its_way(plant):
    serial, live = await held_for_quality(plant)
    also = {"serial_number": serial, "process_code": "LMA", "defect_code": "D002"}
    await plant.post("/api/v1/defects", also)
    scrapped = await change(plant, live, "disposition", disposition="SCRAP")
    assert scrapped.status_code == 200, scrapped.text
    assert (await plant.serial(serial))["status"] == "SCRAPPED"
    left = await defects(plant, is_live="true")
    assert [(each["status"], each["disposition"]) for each in left] == [("DISPOSITIONED", "SCRAP")] * 2
    assert (await plant.get("/api/v1/lots")).json()["data"]["lots"][0]["status"] == "CLOSED"


async def test_a_persons_scrap_is_the_disposition_of_its_defects(plant):
    _, [serial] = await plant.released_lot(1)
    await plant.fail(serial, "SPRING", "D001")
    await plant.patch(f"/api/v1/serials/{serial}", {"action": "scrap", "reason": "beyond repair"})
    [defect] = await defects(plant, serial_number=serial)
    assert (defect["status"], defect["disposition"]) == ("DISPOSITIONED", "SCRAP")
    assert defect["reason"] == "beyond repair"


@pytest.mark.parametrize(
    "signature",
    [
        None,
        {"password": "wrong", "meaning": "approved"},  # pragma: allowlist secret
    ],
)
async def test_nothing_is_used_as_it_is_without_a_signature(plant, signature):
    serial, live = await held_for_quality(plant)
    refused = await change(plant, live, "disposition", disposition="USE_AS_IS", signature=signature)
    assert refused.status_code in {403, 422}
    assert refused.json()["code"] in {"SIGNATURE_REQUIRED", "SIGNATURE_REFUSED", "SIGNATURE_ROLE"}
    assert "wrong" not in refused.text
    assert (await plant.serial(serial))["status"] == "HOLD"


async def test_a_defect_found_by_a_person_holds_its_serial_until_the_repair_passes(plant):
    _, [serial] = await plant.released_lot(1)
    body = {"serial_number": serial, "process_code": "SPRING", "defect_code": "D001", "operator_id": "QA-7"}
    opened = await plant.post("/api/v1/defects", body)
    assert (opened.status_code, opened.json()["data"]["status"]) == (201, "CONTAINED")
    assert opened.json()["data"]["opened_by"] == "QA-7"
    assert (await plant.start(serial, "SPRING")).json()["code"] == "SERIAL_HOLD"
    decided = (await change(plant, opened.json()["data"], "disposition", disposition="REWORK")).json()["data"]
    where = f"/api/v1/reworks/{decided['rework_id']}"
    done = await plant.patch(where, {"action": "complete", "final_result": "PASS", "notes": "polished"})
    assert (done.json()["data"]["final_result"], done.json()["data"]["notes"]) == ("PASS", "polished")
    assert [each["status"] for each in await defects(plant)] == ["VERIFIED"]
    assert (await plant.serial(serial))["status"] == "CREATED"
    again = await plant.patch(where, {"action": "complete", "final_result": "PASS"})
    assert (again.status_code, again.json()["code"]) == (409, "REWORK_STATE")


async def test_somebody_elses_hold_is_not_released_with_the_defect(plant):
    _, [serial] = await plant.released_lot(1)
    await plant.patch(f"/api/v1/serials/{serial}", {"action": "hold", "reason": "recall"})
    body = {"serial_number": serial, "process_code": "SPRING", "defect_code": "D001"}
    opened = (await plant.post("/api/v1/defects", body)).json()["data"]
    decided = (await change(plant, opened, "disposition", disposition="REWORK")).json()["data"]
    where = f"/api/v1/reworks/{decided['rework_id']}"
    await plant.patch(where, {"action": "complete", "final_result": "PASS"})
    assert (await plant.serial(serial))["status"] == "HOLD"


@pytest.mark.parametrize(
    ("ending", "result"),
    [
        ({"action": "cancel", "reason": "no spare part"}, "CANCELLED"),
        ({"action": "complete", "final_result": "FAIL", "notes": "cracked"}, "FAIL"),
    ],
)
async def test_a_rework_that_came_to_nothing_gives_its_defect_back_to_quality(plant, ending, result):
    _, [serial] = await plant.released_lot(1)
    await plant.fail(serial, "SPRING", "D001")
    [defect] = await defects(plant)
    ended = await plant.patch(f"/api/v1/reworks/{defect['rework_id']}", ending)
    assert ended.json()["data"]["final_result"] == result
    [back] = await defects(plant)
    assert (back["status"], back["disposition"], back["rework_id"]) == ("CONTAINED", None, None)
    assert (await plant.start(serial, "SPRING")).json()["code"] == "REWORK_REQUIRED"
    body = {"serial_number": serial, "process_code": "SPRING", "defect_code": "D001", "reason": "spare came"}
    assert (await plant.post("/api/v1/reworks", body)).status_code == 201
    assert len(await defects(plant)) == 1
    assert (await plant.pass_process(serial, "SPRING")).json()["data"]["serial_status"] == "WAITING"
    assert (await defects(plant))[0]["status"] == "VERIFIED"


async def test_a_rework_cannot_be_ended_by_hand_while_its_attempt_is_open(plant):
    _, [serial] = await plant.released_lot(1)
    await plant.fail(serial, "SPRING", "D001")
    [defect] = await defects(plant)
    await plant.start(serial, "SPRING")
    refused = await plant.patch(
        f"/api/v1/reworks/{defect['rework_id']}", {"action": "cancel", "reason": "too late"}
    )
    assert (refused.status_code, refused.json()["code"]) == (409, "REWORK_RUNNING")


async def test_a_contested_report_is_settled_once_with_a_reason(plant):
    _, [serial] = await plant.released_lot(1)
    await plant.pass_process(serial, "SPRING")
    await plant.complete(serial, "SPRING", is_pass=False, defect_code="D001")
    [waiting] = (await plant.get("/api/v1/contested-events")).json()["data"]["contested_events"]
    where = f"/api/v1/contested-events/{waiting['id']}"
    settled = (await plant.patch(where, {"reason": "the vendor sent it twice"})).json()["data"]
    assert (settled["resolved"], settled["resolution"]) == (True, "the vendor sent it twice")
    assert (await plant.patch(where, {"reason": "once more"})).json()["code"] == "CONTESTED_RESOLVED"
    assert (await plant.get("/api/v1/contested-events")).json()["data"]["total"] == 0
    assert (await plant.serial(serial))["contested"] == []


async def test_the_same_key_decides_once(plant):
    _, [serial] = await plant.released_lot(1)
    body = {"serial_number": serial, "process_code": "SPRING", "defect_code": "D001"}
    first = await plant.post("/api/v1/defects", body, key="found")
    again = await plant.post("/api/v1/defects", body, key="found")
    assert first.content == again.content
    assert len(await defects(plant)) == 1


QUERIES = {
    "process=SPRING": 1,
    "process=LMA": 0,
    "code=D001": 1,
    "status=DISPOSITIONED": 1,
    "status=OPEN": 0,
    "is_live=false": 0,
    "date=2025-11-10": 1,
    "date=2025-11-09": 0,
    "lot=FN-KR-20251110-D-000001": 1,
    "disposition=SCRAP": 0,
}


async def test_defects_are_found_by_what_is_asked(plant):
    _, [serial] = await plant.released_lot(1)
    await plant.fail(serial, "SPRING", "D001")
    for query, count in QUERIES.items():
        shown = (await plant.get(f"/api/v1/defects?{query}")).json()["data"]
        assert (shown["total"], len(shown["defects"])) == (count, count), query


UNCLEAR = [
    ({"action": "disposition"}, "disposition"),
    ({"action": "verify", "disposition": "SCRAP"}, "disposition"),
    ({"action": "disposition", "disposition": "SCRAP", "reason": ""}, "reason"),
    ({"action": "forget"}, "action"),
]


async def test_a_decision_that_is_not_clear_is_refused(plant):
    _, live = await held_for_quality(plant)
    for body, field in UNCLEAR:
        answer = await plant.patch(f"/api/v1/defects/{live['id']}", {"reason": "because", **body})
        assert (answer.status_code, answer.json()["field"]) == (422, field)

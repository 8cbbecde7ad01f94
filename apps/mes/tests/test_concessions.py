"""Use as is: what is signed, whether it still stands, and a serial that goes on past what it failed."""

import sqlite3
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from andon_mes.defects import controller, store
from andon_mes.defects.controller import Choice
from andon_mes.defects.model import DefectStatus, Disposition, Meaning
from andon_mes.defects.signature import SignatureStanding, Signer, sign, standing
from andon_mes.idempotency.store import question
from andon_mes.store.engine import open_database
from andon_mes.store.history import Change
from hypothesis import given, settings
from hypothesis import strategies as st

NOW = datetime(2025, 11, 10, 9, tzinfo=UTC)
KIM = Signer("kim", "Kim Min-ji", Meaning.APPROVED, "the customer accepts the scratch")
CONCESSION = Choice(Disposition.USE_AS_IS, KIM, may_grant=True)


@pytest.fixture
def database(database_path):
    opened = open_database(database_path, busy_timeout=timedelta(seconds=60), durability="NORMAL")
    yield opened
    opened.close()


async def failed_at(plant, serial, process, code):
    for _ in range(3):
        await plant.fail(serial, process, code)
    shown = (await plant.get(f"/api/v1/defects?is_live=true&serial_number={serial}")).json()["data"][
        "defects"
    ]
    return shown[0]["id"]


async def concede(database, defect_id):
    change = Change("kim", NOW, KIM.reason)
    return await database.write(
        lambda each: controller.dispose(each, store.get(each, defect_id), CONCESSION, change)
    )


async def test_a_serial_goes_on_past_the_process_at_which_it_was_accepted(plant, database):
    lot, [serial] = await plant.released_lot(1)
    defect = await failed_at(plant, serial, "SPRING", "D001")
    accepted = await concede(database, defect)
    assert (accepted.status, accepted.dispositioned_by) == (DefectStatus.DISPOSITIONED, "kim")
    shown = await plant.serial(serial)
    assert (shown["status"], shown["current_process"], shown["is_defective"]) == ("WAITING", "LMA", False)
    assert (await plant.start(serial, "SPRING")).json()["code"] == "ROUTE_ALREADY_PASSED"
    for process in ("LMA", "LASER", "EOL", "ROBOT", "PRINT", "PACK"):
        await plant.pass_process(serial, process)
    assert (await plant.serial(serial))["status"] == "COMPLETED"
    assert (await plant.get(f"/api/v1/lots/{lot['lot_number']}")).json()["data"]["status"] == "CLOSED"


async def test_a_defect_is_open_while_it_waits_for_a_decision_or_a_rework(plant, database):
    _, (reworked, conceded, scrapped) = await plant.released_lot(3)
    assert await open_defects(plant, database) == 0
    await plant.fail(reworked, "SPRING", "D001")
    assert await open_defects(plant, database) == 1
    accepted = await failed_at(plant, conceded, "SPRING", "D001")
    assert await open_defects(plant, database) == 2
    await concede(database, accepted)
    assert await open_defects(plant, database) == 1
    over = await failed_at(plant, scrapped, "SPRING", "D001")
    body = {"action": "disposition", "disposition": "SCRAP", "reason": "broken"}
    assert (await plant.patch(f"/api/v1/defects/{over}", body)).status_code == 200
    assert await open_defects(plant, database) == 1
    page = (await plant.get("/defects")).text
    assert f"/serials/{reworked}" in page
    assert f"/serials/{conceded}" not in page
    assert f"/serials/{scrapped}" not in page


async def open_defects(plant, database):
    """What the summary says, which is what the page counts."""
    summary = (await plant.get("/api/v1/dashboard/summary")).json()["data"]
    assert summary["open_defects"] == await database.read(store.count_waiting)
    return summary["open_defects"]


async def test_a_concession_at_the_last_process_finishes_the_serial(plant, database):
    lot, [serial] = await plant.released_lot(1)
    await database.write(lambda each: each.exec_driver_sql(
        "insert into defect_codes (code, name, process_id, severity, is_active) "
        "select 'D009', 'Packing', id, 'MINOR', true from processes where code = 'PACK'"
    ))  # fmt: skip
    for process in ("SPRING", "LMA", "LASER", "EOL", "ROBOT", "PRINT"):
        await plant.pass_process(serial, process)
    await concede(database, await failed_at(plant, serial, "PACK", "D009"))
    assert (await plant.serial(serial))["status"] == "COMPLETED"
    assert (await plant.get(f"/api/v1/lots/{lot['lot_number']}")).json()["data"]["actual_quantity"] == 1


async def test_what_a_person_found_aside_from_the_route_lets_no_process_be_left_out(plant, database):
    _, [serial] = await plant.released_lot(1)
    await plant.fail(serial, "SPRING", "D001")
    await plant.pass_process(serial, "SPRING")
    body = {"serial_number": serial, "process_code": "LMA", "defect_code": "D002"}
    found = (await plant.post("/api/v1/defects", body)).json()["data"]
    await concede(database, found["id"])
    shown = await plant.serial(serial)
    assert (shown["status"], shown["current_process"]) == ("WAITING", "LMA")
    refused = await plant.start(serial, "LASER")
    assert refused.json()["code"] == "ROUTE_PREVIOUS_NOT_PASSED"


async def test_a_signature_is_of_what_was_signed(plant, database):
    _, [serial] = await plant.released_lot(1)
    accepted = await concede(database, await failed_at(plant, serial, "SPRING", "D001"))
    shown = (await plant.get(f"/api/v1/defects/{accepted.id}")).json()["data"]["signature"]
    assert (shown["user"], shown["meaning"], shown["standing"]) == ("kim", "approved", "valid")
    assert shown["document"]["serial_number"] == serial
    assert len(shown["digest"]) == 64
    assert standing(replace(accepted, defect_code="D003")) is SignatureStanding.UNSIGNED
    assert standing(replace(accepted, disposition=Disposition.REWORK)) is SignatureStanding.UNSIGNED
    forged = {**accepted.signature, "document": {**accepted.signature["document"], "reason": "none"}}
    assert standing(replace(accepted, signature=forged)) is SignatureStanding.FORGED
    assert standing(replace(accepted, signature=None)) is None


@settings(max_examples=40)
@given(st.text('ab "{}한', max_size=20), st.text("cd\\,:글", max_size=20), st.integers(1, 10**9))
def test_every_signature_stands_until_something_of_it_changes(reason, description, number):
    from andon_mes.defects.model import Defect

    known = Defect(
        number, 1, "FN-1", 1, "LOT-1", 1, "SPRING", None, None, "D001", None, description,
        DefectStatus.CONTAINED, Disposition.USE_AS_IS, "OP-1", NOW, None, None, None, None, None, None,
        None, None, None, None,
    )  # fmt: skip
    signed = replace(known, signature=sign(known, replace(KIM, reason=reason), NOW))
    assert standing(signed) is SignatureStanding.VALID
    assert standing(replace(signed, description=description + ".")) is SignatureStanding.UNSIGNED


CONCEDING = {"action": "disposition", "disposition": "USE_AS_IS", "reason": "the customer agreed"}


async def test_only_quality_signs_and_only_with_their_own_password(plant, database_path):
    password = "coffee under grey rain"  # pragma: allowlist secret
    _, [serial] = await plant.released_lot(1)
    where = f"/api/v1/defects/{await failed_at(plant, serial, 'SPRING', 'D001')}"
    kim = await plant.user("kim", "quality")
    signed = {**CONCEDING, "signature": {"password": password, "meaning": "responsible"}}
    for other in (await plant.user("boss", "admin"), plant.acting("quality")):
        refused = await other.patch(where, signed)
        assert (refused.status_code, refused.json()["code"]) == (403, "SIGNATURE_ROLE")
    wrong = await kim.patch(
        where, {**CONCEDING, "signature": {"password": "no", "meaning": "approved"}}
    )  # pragma: allowlist secret
    assert (wrong.status_code, wrong.json()["code"]) == (403, "SIGNATURE_REFUSED")
    assert (await kim.patch(where, CONCEDING)).json()["code"] == "SIGNATURE_REQUIRED"
    assert (await plant.serial(serial))["status"] == "HOLD"
    done = (await kim.client.patch(where, json=signed, headers={"Idempotency-Key": "signing"})).json()["data"]
    assert (done["signature"]["user"], done["signature"]["meaning"]) == ("kim", "responsible")
    assert (done["dispositioned_by"], done["signature"]["standing"]) == ("kim", "valid")
    with sqlite3.connect(database_path) as rows:
        [kept] = rows.execute("select fingerprint from answers where key = 'signing'").fetchone()
    said = {**CONCEDING, "signature": {"meaning": "responsible"}}
    assert kept == question(f"change {where.removeprefix('/api/v1/')}", said, None, NOW).fingerprint
    assert password.encode() not in database_path.read_bytes()
    assert password not in str(done)


async def test_a_rework_past_the_limit_is_granted_by_who_may_change_defects(plant):
    _, [serial] = await plant.released_lot(1)
    defect = await failed_at(plant, serial, "SPRING", "D001")
    body = {"serial_number": serial, "process_code": "SPRING", "defect_code": "D001", "reason": "once more"}
    refused = await plant.acting("operator").post("/api/v1/reworks", body)
    assert (refused.status_code, refused.json()["code"]) == (403, "GRANT_REFUSED")
    granted = (await plant.acting("quality").post("/api/v1/reworks", body)).json()["data"]
    assert (granted["is_granted"], granted["status"]) == (True, "OPEN")
    assert (await plant.fail(serial, "SPRING", "D001")).json()["data"]["serial_status"] == "HOLD"
    assert (await plant.get(f"/api/v1/defects/{defect}")).json()["data"]["status"] == "CLOSED"


async def test_a_grant_lets_the_serial_pass_and_go_on(plant):
    _, [serial] = await plant.released_lot(1)
    defect = await failed_at(plant, serial, "SPRING", "D001")
    body = {"action": "disposition", "disposition": "REWORK", "reason": "new spring"}
    await plant.acting("quality").patch(f"/api/v1/defects/{defect}", body)
    assert (await plant.pass_process(serial, "SPRING")).json()["data"]["attempt"] == 4
    assert (await plant.get(f"/api/v1/defects/{defect}")).json()["data"]["status"] == "VERIFIED"

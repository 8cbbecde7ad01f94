"""An attempt that somebody ends without a result: it counts nowhere, and its serial is where it was."""

import html
import json
import re
from datetime import UTC, datetime

import pytest
from andon_mes.aborts.decide import Abort, decide_abort
from andon_mes.lots.model import LotStatus
from andon_mes.processes.decide import decide_start
from andon_mes.processes.model import Attempt, AttemptStatus, Begin, Situation
from andon_mes.processes.refusals import Refusal, Refuse
from andon_mes.serials.model import SerialStatus
from andon_mes.verify.controller import verify

T0 = datetime(2025, 11, 10, 3, tzinfo=UTC)
ROUTE = ("SPRING", "LMA")
WAITING, REWORK, HOLD, DEFECTIVE, COMPLETED = (
    SerialStatus.WAITING,
    SerialStatus.REWORK,
    SerialStatus.HOLD,
    SerialStatus.DEFECTIVE,
    SerialStatus.COMPLETED,
)


def a_situation(said, *, serial=SerialStatus.IN_PROCESS, reworks=0):
    """`said` is attempts as "SPRING+ LMA- LMA~ LMA?": passed, failed, aborted, open."""
    kinds = dict(zip("?+-~", AttemptStatus, strict=True))
    made = []
    for place, each in enumerate(said.split(), start=1):
        process, number = each[:-1], 1 + sum(one.process == each[:-1] for one in made)
        made.append(Attempt(place, process, number, kinds[each[-1]], T0))
    held_from = SerialStatus.IN_PROCESS if serial is HOLD else None
    return Situation(LotStatus.IN_PROGRESS, serial, held_from, ROUTE, tuple(made), reworks)


@pytest.mark.parametrize(
    ("said", "serial", "expected"),
    [
        ("SPRING?", SerialStatus.IN_PROCESS, (WAITING, None, "SPRING")),
        ("SPRING+ LMA?", SerialStatus.IN_PROCESS, (WAITING, None, "LMA")),
        ("SPRING- SPRING?", SerialStatus.IN_PROCESS, (REWORK, None, "SPRING")),
        ("SPRING~ SPRING?", SerialStatus.IN_PROCESS, (WAITING, None, "SPRING")),
        ("SPRING- SPRING~ SPRING?", SerialStatus.IN_PROCESS, (REWORK, None, "SPRING")),
        ("SPRING?", HOLD, (HOLD, WAITING, "SPRING")),
        ("SPRING- SPRING?", HOLD, (HOLD, REWORK, "SPRING")),
        ("SPRING- SPRING- SPRING- SPRING?", SerialStatus.IN_PROCESS, (HOLD, DEFECTIVE, "SPRING")),
        ("SPRING+ LMA+ LMA?", SerialStatus.IN_PROCESS, (COMPLETED, None, None)),
    ],
)
def test_a_serial_whose_attempt_is_aborted_is_where_its_other_attempts_put_it(said, serial, expected):
    seen = a_situation(said, serial=serial)
    process = seen.attempts[-1].process
    assert decide_abort(seen, process, T0, attempt_id=None) == Abort(seen.attempts[-1], *expected)


@pytest.mark.parametrize(
    ("said", "process", "attempt_id", "code"),
    [
        ("", "SPRING", None, Refusal.ATTEMPT_NOT_OPEN),
        ("SPRING+", "SPRING", None, Refusal.ATTEMPT_NOT_OPEN),
        ("SPRING+", "SPRING", 1, Refusal.ATTEMPT_NOT_OPEN),
        ("SPRING+ LMA?", "SPRING", None, Refusal.ATTEMPT_NOT_OPEN),
        ("SPRING- SPRING?", "SPRING", 1, Refusal.ATTEMPT_NOT_OPEN),
        ("SPRING+ LMA?", "LMA", 1, Refusal.ATTEMPT_DISAGREES),
        ("SPRING?", "SPRING", 9, Refusal.ATTEMPT_DISAGREES),
    ],
)
def test_only_what_is_open_can_be_aborted(said, process, attempt_id, code):
    refused = decide_abort(a_situation(said), process, T0, attempt_id=attempt_id)
    assert isinstance(refused, Refuse)
    assert refused.code is code


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("SPRING~", Begin(2)),
        ("SPRING~ SPRING~ SPRING~ SPRING~", Begin(5)),
        ("SPRING- SPRING~ SPRING-", Begin(4)),
        ("SPRING- SPRING~ SPRING- SPRING-", Refusal.REWORK_LIMIT),
    ],
)
def test_an_aborted_attempt_keeps_its_number_and_is_none_of_the_three(said, expected):
    decided = decide_start(a_situation(said, serial=REWORK), "SPRING")
    assert (decided.code if isinstance(decided, Refuse) else decided) == expected


async def abort(plant, serial, process="SPRING", *, key=None, **more):
    body = {"serial_number": serial, "process_code": process, "reason": "wrong machine", **more}
    return await plant.post("/api/v1/process/abort", body, key=key)


async def test_an_abort_is_on_the_history_and_in_the_audit_and_happens_once_under_its_key(plant):
    _, [serial] = await plant.released_lot(1)
    await plant.start(serial, "SPRING")
    lead = plant.acting("line_lead")
    answers = [await abort(lead, serial, key="abort-1", operator_id="OP-7") for _ in range(2)]
    assert answers[0].content == answers[1].content
    data = answers[0].json()["data"]
    assert (answers[0].status_code, data["attempt"], data["status"]) == (200, 1, "ABORTED")
    shown = await plant.serial(serial)
    assert (shown["status"], shown["current_process"]) == ("WAITING", "SPRING")
    assert [(each["status"], each["is_pass"]) for each in shown["attempts"]] == [("ABORTED", None)]
    last = shown["history"][-1]
    assert (last["old_status"], last["new_status"], last["changed_by"]) == ("IN_PROCESS", "WAITING", "OP-7")
    assert last["reason"] == "ATTEMPT_ABORTED SPRING 1: wrong machine"
    records = (await plant.get("/api/v1/audit?table=process_data")).json()["data"]["records"]
    newest = max(records, key=lambda each: each["id"])
    assert (newest["changed_by"], newest["new_data"]["status"]) == ("device:line_lead-device", "ABORTED")
    refused = await abort(lead, serial)
    assert (refused.status_code, refused.json()["code"]) == (409, "ATTEMPT_NOT_OPEN")
    assert refused.json()["detail_ko"] != refused.json()["detail"]


async def test_aborted_attempts_are_in_no_yield_and_none_of_the_three(plant, connection):
    """First-pass yield counts attempt 1; where that was aborted the serial is in none."""
    _, [serial, other] = await plant.released_lot(2)
    await plant.start(serial, "SPRING")
    assert (await abort(plant, serial)).json()["data"]["serial_status"] == "WAITING"
    for expected in ("REWORK", "REWORK", "HOLD"):
        await plant.start(serial, "SPRING")
        assert (await abort(plant, serial)).status_code == 200
        failed = await plant.fail(serial, "SPRING", "D001")
        assert failed.json()["data"]["serial_status"] == expected
    await plant.pass_process(other, "SPRING")
    counted = re.findall(r'mes_first_pass_total\{.*result="(\w+)"\} (\S+)', await plant.metrics())
    assert dict(counted) == {"pass": "1.0", "fail": "0.0"}
    assert verify(connection, head=None, progress=lambda _said: None).found == {}


async def test_what_is_held_is_aborted_too_stays_held_and_has_no_further_reason(plant):
    _, [serial] = await plant.released_lot(1)
    where = f"/api/v1/serials/{serial}"
    await plant.start(serial, "SPRING")
    await plant.patch(where, {"action": "hold", "reason": "noise"})
    done = (await abort(plant, serial)).json()["data"]
    assert (done["serial_status"], done["held_from"]) == ("HOLD", "WAITING")
    held = (await plant.get(f"{where}/certificate")).json()["data"]["holds"]
    assert [each["reason"] for each in held] == ["noise"]
    assert (await plant.patch(where, {"action": "release"})).json()["data"]["status"] == "WAITING"
    assert (await plant.start(serial, "SPRING")).json()["data"]["attempt"] == 2


async def test_an_abort_lets_a_late_event_still_explain_the_hold_of_another(plant):
    """It gives no reason to hold: LMA began offline before SPRING was known to have passed."""
    _, [serial] = await plant.released_lot(1)
    await plant.start(serial, "LMA", timestamp="2025-11-10T03:05:00+00:00", is_offline=True)
    assert (await abort(plant, serial, "LMA")).json()["data"]["held_from"] == "WAITING"
    body = {"timestamp": "2025-11-10T03:00:00+00:00", "is_offline": True}
    await plant.complete(serial, "SPRING", **body)
    shown = await plant.serial(serial)
    assert (shown["status"], shown["current_process"]) == ("WAITING", "LMA")


async def test_a_late_report_of_an_aborted_attempt_is_kept_and_takes_no_other(plant):
    _, [serial] = await plant.released_lot(1)
    began = (await plant.start(serial, "SPRING")).json()["data"]["process_data_id"]
    await abort(plant, serial, process_data_id=began)
    await plant.start(serial, "SPRING")
    late = await plant.complete(serial, "SPRING", process_data_id=began)
    assert (late.status_code, late.json()["code"]) == (409, "ATTEMPT_CLOSED_DIFFERENTLY")
    shown = await plant.serial(serial)
    assert (shown["status"], len(shown["contested"])) == ("IN_PROCESS", 1)


async def test_an_attempt_is_aborted_by_its_id_alone_and_by_who_may(plant):
    _, [serial] = await plant.released_lot(1)
    began = (await plant.start(serial, "SPRING")).json()["data"]["process_data_id"]
    body = {"process_data_id": began, "reason": "dropped", "timestamp": "2025-11-10T03:01:00+00:00"}
    for role in ("operator", "station", "quality"):
        assert (await plant.acting(role).post("/api/v1/process/abort", body)).status_code == 403
    done = await plant.acting("line_lead").post("/api/v1/process/abort", body)
    assert done.json()["data"]["serial_number"] == serial
    (shown,) = (await plant.serial(serial))["attempts"]
    assert shown["completed_at"] == "2025-11-10T03:01:00+00:00"


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"reason": "x"}, 422, "INVALID_INPUT"),
        ({"serial_number": "FN-KR-251110D-009-0001", "process_code": "SPRING", "reason": ""}, 422, None),
        ({"serial_number": "FN-KR-251110D-009-0001", "process_code": "SPRING"}, 422, None),
        (
            {"serial_number": "FN-KR-251110D-009-0001", "process_code": "SPRING", "reason": "x"},
            404,
            "SERIAL_UNKNOWN",
        ),
        ({"process_data_id": 1, "reason": "x", "why": "y"}, 422, "UNKNOWN_FIELD"),
    ],
)
async def test_an_abort_that_is_not_clear_is_refused(plant, body, status, code):
    answer = await plant.post("/api/v1/process/abort", body)
    assert (answer.status_code, answer.json()["code"]) == (status, code or answer.json()["code"])


async def test_the_page_of_a_serial_offers_it_with_a_reason_and_says_why_not(plant):
    _, [serial] = await plant.released_lot(1)
    lead, page = plant.acting("line_lead"), f"/serials/{serial}?lang=ko"

    async def button():
        text = (await lead.client.get(page, headers={"Accept": "text/html", "X-Fresh": "1"})).text
        return html.unescape(re.search(r'<button[^>]*id="verb-abort"[^>]*>', text)[0])

    assert 'aria-disabled="true"' in await button()
    assert "진행 중인 작업이 없습니다" in await button()
    await plant.start(serial, "SPRING")
    offered = await button()
    assert "/api/v1/process/abort" in offered
    assert f'"serial_number": "{serial}"' in offered
    assert '"name": "reason"' in offered
    assert json.dumps("작업 중단") in offered

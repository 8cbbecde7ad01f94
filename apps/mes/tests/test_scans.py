"""Start and complete over HTTP: keys, attempts, reworks, lots that finish."""

import sqlite3
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from andon_mes.idempotency.store import question
from andon_mes.numbers.checksum import checksum
from andon_mes.processes.closing import judged
from andon_mes.processes.model import LONGEST_CYCLE, Attempt, AttemptStatus, CompletionEvent, Serving
from hypothesis import given, settings
from hypothesis import strategies as st

ROUTE = ["SPRING", "LMA", "LASER", "EOL", "ROBOT", "PRINT", "PACK"]


async def test_a_serial_passes_its_route_and_its_lot_closes(plant):
    lot, serials = await plant.released_lot(2)
    for serial in serials:
        for process in ROUTE:
            answer = await plant.pass_process(serial, process)
    assert answer.json()["data"]["serial_status"] == "COMPLETED"
    shown = (await plant.get(f"/api/v1/lots/{lot['lot_number']}")).json()["data"]
    assert (shown["status"], shown["actual_quantity"], shown["defect_quantity"]) == ("CLOSED", 2, 0)
    assert shown["completion_rate"] == 100.0
    assert (await plant.start(serials[0], "PACK")).json()["code"] == "SERIAL_COMPLETED"


async def test_a_lot_with_serials_to_come_does_not_close(plant):
    lot = await plant.lot(2)
    await plant.patch(f"/api/v1/lots/{lot['lot_number']}", {"action": "release"})
    made = await plant.post(f"/api/v1/lots/{lot['id']}/serials/generate", {"quantity": 1})
    for process in ROUTE:
        await plant.pass_process(made.json()["data"]["serials"][0]["serial_number"], process)
    assert (await plant.get(f"/api/v1/lots/{lot['lot_number']}")).json()["data"]["status"] == "IN_PROGRESS"


async def test_the_history_names_every_change(plant):
    _, [serial] = await plant.released_lot(1)
    await plant.pass_process(serial, "SPRING")
    history = (await plant.serial(serial))["history"]
    assert [(each["old_status"], each["new_status"]) for each in history] == [
        (None, "CREATED"),
        ("CREATED", "IN_PROCESS"),
        ("IN_PROCESS", "WAITING"),
    ]


async def test_the_same_key_gives_the_same_answer_and_no_second_row(plant):
    _, [serial] = await plant.released_lot(1)
    body = plant.body(serial, "SPRING")
    first = await plant.post("/api/v1/process/start", body, key="scan-1")
    again = await plant.post("/api/v1/process/start", body, key="scan-1")
    assert (again.status_code, again.content) == (201, first.content)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert len((await plant.serial(serial))["attempts"]) == 1


async def test_the_same_key_gives_the_same_answer_after_a_restart_with_another_release(
    database_path, run_instance
):
    async with run_instance(database_path) as plant:
        _, [serial] = await plant.released_lot(1)
        body = plant.body(serial, "SPRING")
        first = await plant.post("/api/v1/process/start", body, key="scan-1")
        refused = await plant.start(serial, "LMA", key="scan-2", timestamp="2025-11-10T12:00:00Z")
    async with run_instance(database_path, release="2.0.0") as plant:
        again = await plant.post("/api/v1/process/start", body, key="scan-1")
        refused_again = await plant.start(serial, "LMA", key="scan-2", timestamp="2025-11-10T12:00:00Z")
    assert again.content == first.content
    assert (refused_again.status_code, refused_again.content) == (409, refused.content)
    assert (first.headers["X-Release"], again.headers["X-Release"]) == ("1.0.0", "2.0.0")


async def test_the_same_key_for_another_content_is_refused(plant):
    _, serials = await plant.released_lot(2)
    await plant.start(serials[0], "SPRING", key="scan-1")
    other = await plant.start(serials[1], "SPRING", key="scan-1")
    assert (other.status_code, other.json()["code"]) == (422, "KEY_REUSED")
    assert (await plant.serial(serials[1]))["attempts"] == []


async def test_without_a_key_the_content_is_the_key(plant):
    _, [serial] = await plant.released_lot(1)
    body = plant.body(serial, "SPRING")
    answers = [await plant.post("/api/v1/process/start", body) for _ in range(2)]
    assert [each.status_code for each in answers] == [201, 201]
    assert len((await plant.serial(serial))["attempts"]) == 1


async def _held_while(plant, lot, tell):
    """What is answered while the lot is held, and after its release."""
    where = f"/api/v1/lots/{lot['lot_number']}"
    await plant.patch(where, {"action": "hold", "reason": "drift"})
    held = await tell()
    await plant.patch(where, {"action": "release"})
    return held, await tell()


async def test_what_was_refused_without_a_key_is_taken_once_its_reason_is_gone(plant):
    lot, [serial] = await plant.released_lot(1)
    early = {**plant.body(serial, "LMA"), "is_pass": True}
    body = {**plant.body(serial, "SPRING"), "is_pass": True}
    before = await plant.post("/api/v1/process/complete", early)
    held, taken = await _held_while(plant, lot, lambda: plant.post("/api/v1/process/complete", body))
    after = await plant.post("/api/v1/process/complete", early)
    codes = [before.json()["code"], held.json()["code"], taken.status_code, after.status_code]
    assert codes == ["ROUTE_PREVIOUS_NOT_PASSED", "LOT_HOLD", 200, 200]
    assert (await plant.post("/api/v1/process/complete", body)).content == taken.content


async def test_what_was_refused_under_a_key_stays_refused_under_it(plant):
    lot, [serial] = await plant.released_lot(1)
    body = plant.body(serial, "SPRING")
    held, again = await _held_while(
        plant, lot, lambda: plant.post("/api/v1/process/start", body, key="scan-1")
    )
    assert (held.status_code, again.content) == (409, held.content)
    assert (await plant.post("/api/v1/process/start", body, key="scan-2")).status_code == 201


async def test_a_refusal_that_an_older_release_kept_of_a_content_is_asked_again(plant, database_path):
    _, [serial] = await plant.released_lot(1)
    body = plant.body(serial, "SPRING")
    key = question("start", body, None, datetime.now(UTC)).key
    with sqlite3.connect(database_path) as connection:
        old = (key, key.removeprefix("sha256:"), 409, '{"code": "LOT_HOLD"}', "2025-11-10 03:00:00")
        connection.execute("insert into answers values (?, ?, ?, ?, ?)", old)
    first, again = [await plant.post("/api/v1/process/start", body) for _ in range(2)]
    assert (first.status_code, again.content) == (201, first.content)
    assert again.headers["Idempotent-Replayed"] == "true"


async def test_what_contradicts_is_kept_once_however_often_it_is_sent(plant):
    _, [serial] = await plant.released_lot(1)
    await plant.pass_process(serial, "SPRING")
    body = {**plant.body(serial, "SPRING"), "is_pass": False, "defect_code": "D001"}
    for key in (None, None, "other"):
        assert (await plant.post("/api/v1/process/complete", body, key=key)).status_code == 409
    assert len((await plant.serial(serial))["contested"]) == 1


@pytest.mark.parametrize(
    ("kind", "action", "code"),
    [("serials", "scrap", "SERIAL_SCRAPPED"), ("lots", "cancel", "LOT_NOT_RELEASED")],
)
async def test_how_work_ended_is_kept_also_when_its_serial_or_lot_ended_before(plant, kind, action, code):
    lot, [serial, other] = await plant.released_lot(2)
    await plant.start(serial, "SPRING")
    if kind == "serials":
        await plant.patch(f"/api/v1/serials/{serial}", {"action": "hold", "reason": "fell"})
    where = serial if kind == "serials" else lot["lot_number"]
    ended = await plant.patch(f"/api/v1/{kind}/{where}", {"action": action, "reason": "fell"})
    assert ended.status_code == 200, ended.text
    late = await plant.complete(serial, "SPRING", cycle_time=61)
    never = await plant.complete(other, "SPRING")
    assert (late.status_code, late.json()["code"]) == (409, code)
    shown = await plant.serial(serial)
    assert [each["status"] for each in shown["attempts"]] == ["ABORTED"]
    [kept] = shown["contested"]
    assert (kept["code"], kept["content"]["cycle_time"]) == (code, 61)
    assert never.status_code == (409 if kind == "lots" else 200)
    assert (await plant.serial(other))["contested"] == []  # nobody had begun there


async def test_what_could_not_be_understood_may_be_sent_again_under_its_key(plant):
    _, [serial] = await plant.released_lot(1)
    await plant.start(serial, "SPRING")
    wrong = await plant.complete(serial, "SPRING", is_pass=False, defect_code="D999", key="k")
    right = await plant.complete(serial, "SPRING", is_pass=False, defect_code="D001", key="k")
    assert (wrong.status_code, right.status_code) == (422, 200)


async def test_other_content_for_a_closed_attempt_is_kept_and_never_overwrites(plant):
    _, [serial] = await plant.released_lot(1)
    await plant.start(serial, "SPRING")
    await plant.complete(serial, "SPRING", cycle_time=100)
    before = (await plant.serial(serial))["attempts"]
    contested = await plant.complete(serial, "SPRING", is_pass=False, defect_code="D001")
    assert (contested.status_code, contested.json()["code"]) == (409, "ATTEMPT_CLOSED_DIFFERENTLY")
    after = await plant.serial(serial)
    assert after["attempts"] == before
    [kept] = after["contested"]
    assert (kept["code"], kept["content"]["defect_code"]) == ("ATTEMPT_CLOSED_DIFFERENTLY", "D001")


async def test_the_same_content_under_another_key_is_known_already(plant):
    _, [serial] = await plant.released_lot(1)
    await plant.start(serial, "SPRING")
    body = {"is_pass": True, **plant.body(serial, "SPRING")}
    first = await plant.post("/api/v1/process/complete", body, key="station")
    again = await plant.post("/api/v1/process/complete", body, key="vendor file")
    assert again.json()["data"]["already_known"]
    assert again.json()["data"]["process_data_id"] == first.json()["data"]["process_data_id"]


async def test_a_completion_by_id_alone_finds_its_attempt(plant):
    _, [serial] = await plant.released_lot(1)
    begun = (await plant.start(serial, "SPRING")).json()["data"]
    body = {"process_data_id": begun["process_data_id"], "is_pass": True, "operator_id": "OP-1"}
    answer = await plant.post("/api/v1/process/complete", {**body, "timestamp": "2025-11-10T13:00:00+09:00"})
    assert answer.json()["data"]["serial_number"] == serial


async def test_a_completion_without_a_start_infers_it_from_the_cycle_time(plant):
    _, [serial] = await plant.released_lot(1)
    answer = await plant.complete(serial, "SPRING", cycle_time=90, timestamp="2025-11-10T12:01:30+09:00")
    assert answer.json()["data"]["start_inferred"]
    [attempt] = (await plant.serial(serial))["attempts"]
    assert (attempt["start_inferred"], attempt["started_at"]) == (True, "2025-11-10T03:00:00+00:00")


async def test_a_start_inferred_without_a_cycle_time_leaves_it_unknown_not_0(plant):
    _, [serial] = await plant.released_lot(1)
    answer = await plant.complete(serial, "SPRING")
    assert (answer.json()["data"]["start_inferred"], answer.json()["data"]["cycle_time"]) == (True, None)
    assert 'mes_cycle_time_seconds_count{process="SPRING",release="1.0.0"} 0.0' in await plant.metrics()


async def test_the_cycle_time_is_the_stations_own_and_unknown_when_its_clock_went_back(plant):
    _, [serial] = await plant.released_lot(1)
    await plant.start(serial, "SPRING", timestamp="2025-11-10T12:00:00+09:00")
    answer = await plant.complete(serial, "SPRING", timestamp="2025-11-10T12:02:00+09:00")
    assert answer.json()["data"]["cycle_time"] == 120.0
    await plant.start(serial, "LMA", timestamp="2025-11-10T12:00:00+09:00")
    answer = await plant.complete(serial, "LMA", timestamp="2025-11-10T11:59:00+09:00")
    assert answer.json()["data"]["cycle_time"] is None


async def test_a_fail_is_reworked_and_held_for_quality_after_three_attempts(plant):
    lot, [serial] = await plant.released_lot(1)
    results = [(await plant.fail(serial, "SPRING", "D001")).json()["data"]["serial_status"] for _ in range(3)]
    assert results == ["REWORK", "REWORK", "HOLD"]
    assert (await plant.start(serial, "SPRING")).json()["code"] == "REWORK_LIMIT"
    released = await plant.patch(f"/api/v1/serials/{serial}", {"action": "release"})
    assert released.json()["data"]["status"] == "DEFECTIVE"
    assert (await plant.start(serial, "SPRING")).json()["code"] == "REWORK_LIMIT"
    await plant.patch(f"/api/v1/serials/{serial}", {"action": "scrap", "reason": "beyond repair"})
    shown = (await plant.get(f"/api/v1/lots/{lot['lot_number']}")).json()["data"]
    assert (shown["status"], shown["defect_quantity"], shown["defect_rate"]) == ("CLOSED", 1, 100.0)


async def test_a_reworked_serial_that_passes_goes_on(plant):
    _, [serial] = await plant.released_lot(1)
    await plant.fail(serial, "SPRING", "D001")
    assert (await plant.serial(serial))["is_defective"]
    await plant.pass_process(serial, "SPRING")
    shown = await plant.serial(serial)
    assert (shown["status"], shown["current_process"], shown["is_defective"]) == ("WAITING", "LMA", False)


@pytest.mark.parametrize("code", [None, "D002", "nonsense"])
async def test_a_fail_needs_a_known_defect_code_of_its_process(plant, code):
    _, [serial] = await plant.released_lot(1)
    await plant.start(serial, "SPRING")
    answer = await plant.complete(serial, "SPRING", is_pass=False, defect_code=code)
    assert (answer.status_code, answer.json()["code"]) == (422, "DEFECT_CODE_UNKNOWN")
    assert "D001" in answer.json()["detail"]
    assert (await plant.serial(serial))["status"] == "IN_PROCESS"


async def test_a_part_passes_only_when_its_measurements_are_within_their_limits(plant):
    _, [serial] = await plant.released_lot(1)
    await plant.start(serial, "SPRING")
    answer = await plant.complete(serial, "SPRING", process_specific_data={"spring_force": 51.0})
    data = answer.json()["data"]
    assert (data["result"], data["defect_code"]) == ("FAIL", "D001")
    assert data["limit_breaches"][0]["upper"] == 50.0


async def test_what_is_held_is_neither_started_nor_completed_until_it_is_released(plant):
    lot, [serial] = await plant.released_lot(1)
    await plant.start(serial, "SPRING")
    where = f"/api/v1/lots/{lot['lot_number']}"
    await plant.patch(where, {"action": "hold", "reason": "supplier recall"})
    assert (await plant.complete(serial, "SPRING")).json()["code"] == "LOT_HOLD"
    await plant.patch(where, {"action": "release"})
    await plant.patch(f"/api/v1/serials/{serial}", {"action": "hold", "reason": "scratch"})
    assert (await plant.complete(serial, "SPRING")).json()["code"] == "SERIAL_HOLD"
    await plant.patch(f"/api/v1/serials/{serial}", {"action": "release"})
    assert (await plant.complete(serial, "SPRING")).json()["data"]["result"] == "PASS"


async def test_scrap_aborts_what_is_open_and_nothing_starts_again(plant):
    _, serials = await plant.released_lot(2)
    await plant.start(serials[0], "SPRING")
    where = f"/api/v1/serials/{serials[0]}"
    refused = await plant.patch(where, {"action": "scrap", "reason": "fell"})
    assert (refused.status_code, refused.json()["code"]) == (409, "SERIAL_STATE")
    await plant.patch(where, {"action": "hold", "reason": "fell"})
    shown = (await plant.patch(where, {"action": "scrap", "reason": "fell"})).json()["data"]
    assert (shown["status"], shown["attempts"][0]["status"]) == ("SCRAPPED", "ABORTED")
    assert (await plant.start(serials[0], "SPRING")).json()["code"] == "SERIAL_SCRAPPED"


@pytest.mark.parametrize("actions", [["hold"], ["cancel"]])
async def test_a_lot_that_is_held_or_cancelled_does_not_close_with_its_last_serial(plant, actions):
    lot, [serial] = await plant.released_lot(1)
    where = f"/api/v1/lots/{lot['lot_number']}"
    after = (await plant.patch(where, {"action": actions[0], "reason": "recall"})).json()["data"]["status"]
    await plant.patch(f"/api/v1/serials/{serial}", {"action": "scrap", "reason": "beyond repair"})
    assert (await plant.get(where)).json()["data"]["status"] == after
    released = await plant.patch(where, {"action": "release"})
    assert released.status_code == 409 or released.json()["data"]["status"] == "CLOSED"


async def test_scrap_ends_the_rework_that_waits(plant, database_path):
    _, [serial] = await plant.released_lot(1)
    await plant.fail(serial, "SPRING", "D001")
    await plant.patch(f"/api/v1/serials/{serial}", {"action": "scrap", "reason": "beyond repair"})
    with sqlite3.connect(database_path) as connection:
        [rework] = connection.execute("select is_completed, final_result from reworks").fetchall()
    assert rework == (1, "SCRAPPED")


async def test_a_completion_may_say_its_attempt_by_the_sources_name(plant):
    _, [serial] = await plant.released_lot(1)
    await plant.start(serial, "SPRING")
    wrong = await plant.complete(serial, "SPRING", work_order=2)
    assert (wrong.status_code, wrong.json()["code"]) == (409, "ATTEMPT_DISAGREES")
    assert (await plant.complete(serial, "SPRING", work_order=1)).status_code == 200


async def test_after_five_reworks_a_serial_is_held_for_quality(plant):
    _, [serial] = await plant.released_lot(1)
    defects = {"SPRING": "D001", "LMA": "D002", "LASER": "D003"}
    for process, fails in (("SPRING", 2), ("LMA", 2), ("LASER", 1)):
        for _ in range(fails):
            answer = await plant.fail(serial, process, defects[process])
            assert answer.json()["data"]["serial_status"] == "REWORK"
        await plant.pass_process(serial, process)
    assert (await plant.fail(serial, "EOL", "D004")).json()["data"]["serial_status"] == "HOLD"
    assert (await plant.start(serial, "EOL")).json()["code"] == "REWORK_LIMIT"


async def test_a_typed_number_needs_its_check_characters(plant):
    _, serials = await plant.released_lot(2)
    right = (await plant.serial(serials[0]))["checksum"]
    assert (await plant.start(serials[0], "SPRING", is_keyed=True)).json()["code"] == "CHECKSUM_REQUIRED"
    mistyped = await plant.start(serials[1], "SPRING", is_keyed=True, checksum=right)
    assert (mistyped.status_code, mistyped.json()["code"]) == (409, "CHECKSUM_BAD")
    assert (await plant.start(serials[0], "SPRING", is_keyed=True, checksum=right)).status_code == 201
    number = "FN-KR-251110D-999-0001"
    for check in ({}, {"is_keyed": True, "checksum": checksum(number)}):
        unknown = await plant.start(number, "SPRING", **check)
        assert (unknown.status_code, unknown.json()["code"]) == (409, "SERIAL_UNKNOWN")


AHEAD = st.timedeltas(timedelta(days=-400), timedelta(days=400))
TOLERANCES = st.timedeltas(timedelta(0), timedelta(hours=2))


@settings(max_examples=150, deadline=None)
@given(begins=AHEAD, lasts=AHEAD, later=AHEAD, tolerance=TOLERANCES, inferred=st.booleans())
def test_no_cycle_time_is_measured_by_a_clock_that_is_wrong(begins, lasts, later, tolerance, inferred):
    """`later` is how the server's clock went between start and completion: it may be set back, too."""
    now = datetime(2025, 11, 10, 3, tzinfo=UTC)
    at_end = Serving("1.0.0", now + later, tolerance)
    is_ahead = Serving("1.0.0", now, tolerance).is_ahead(now + begins)
    assert is_ahead == (begins > tolerance)
    attempt = Attempt(1, "SPRING", 1, AttemptStatus.IN_PROGRESS, now + begins, clock_ahead=is_ahead)
    event = CompletionEvent("N", "SPRING", "OP-1", True, now + begins + lasts, "digest")
    result = judged(attempt, event, at_end, inferred=inferred)
    assert result.clock_ahead == (is_ahead or begins + lasts - later > tolerance)
    if inferred or result.clock_ahead or not timedelta(0) <= lasts <= LONGEST_CYCLE:
        assert result.cycle_time is None
    else:
        assert result.cycle_time == lasts.total_seconds()
    told = replace(event, cycle_time=7.5)
    assert judged(attempt, told, at_end, inferred=inferred).cycle_time == 7.5


@pytest.mark.parametrize(
    ("minutes", "is_offline", "is_marked"), [(10, False, False), (11, False, True), (11, True, True)]
)
async def test_work_by_a_clock_that_is_far_ahead_is_taken_marked_and_not_measured(
    plant, minutes, is_offline, is_marked
):
    _, [serial] = await plant.released_lot(1)
    now, more = plant.clock.now(), {"is_offline": is_offline}
    begins, ends = [(now + timedelta(minutes=each)).isoformat() for each in (minutes - 5, minutes)]
    began = await plant.start(serial, "SPRING", timestamp=begins, **more)
    ended = await plant.complete(serial, "SPRING", timestamp=ends, **more)
    assert (began.status_code, ended.status_code) == (201, 200)
    assert ended.json()["data"]["cycle_time"] == (None if is_marked else 300.0)
    shown = await plant.serial(serial)
    [attempt] = shown["attempts"]
    assert (attempt["status"], attempt["clock_ahead"], attempt["violation"]) == ("PASS", is_marked, None)
    assert (shown["status"], attempt["cycle_time"]) == ("WAITING", None if is_marked else 300.0)


async def test_a_start_by_a_clock_that_was_ahead_stays_marked_when_the_clock_is_right_again(plant):
    _, [serial] = await plant.released_lot(1)
    await plant.start(serial, "SPRING", timestamp=(plant.clock.now() + timedelta(minutes=20)).isoformat())
    plant.clock.advance(timedelta(minutes=30))
    ended = await plant.complete(serial, "SPRING", timestamp=plant.clock.now().isoformat())
    assert ended.json()["data"]["cycle_time"] is None
    assert (await plant.serial(serial))["attempts"][0]["clock_ahead"]


async def test_what_would_have_taken_longer_than_a_month_is_not_measured(plant):
    _, serials = await plant.released_lot(2)
    for serial, days, known in ((serials[0], 30, 30 * 86_400.0), (serials[1], 31, None)):
        began = (plant.clock.now() - timedelta(days=days)).isoformat()
        await plant.start(serial, "SPRING", timestamp=began)
        ended = await plant.complete(serial, "SPRING", timestamp=plant.clock.now().isoformat())
        assert ended.json()["data"]["cycle_time"] == known

"""Events that were made while the MES could not be reached: applied, or applied and held; never lost."""

import itertools
import json
import sqlite3
from datetime import UTC, datetime, timedelta

import pytest
from andon_mes.lots.model import LotStatus
from andon_mes.offline.decide import (
    decide_offline_completion,
    decide_offline_start,
    decide_standing,
    place_of,
    worse,
)
from andon_mes.offline.model import Record, RecordClosed, Settle, Standing
from andon_mes.processes.model import Attempt, AttemptStatus, Report, Same, Situation
from andon_mes.processes.refusals import Refusal, Refuse
from andon_mes.serials.model import SerialStatus
from andon_mes.verify.controller import verify

T0 = datetime(2025, 11, 10, 3, tzinfo=UTC)
OPEN, PASS, FAIL, ABORTED = AttemptStatus
ROUTE = ("SPRING", "LMA", "PACK")


def at(minute):
    return T0 + timedelta(minutes=minute)


def an_attempt(number, process, status, began=0, ended=None, violation=None):
    end = None if ended is None else at(ended)
    digest = None if ended is None else f"{process}-{number}"
    return Attempt(number, process, 1, status, at(began), None, end, digest, violation)


def seen(*attempts, serial=SerialStatus.WAITING, held_from=None, lot=LotStatus.IN_PROGRESS, reworks=0):
    return Situation(lot, serial, held_from, ROUTE, attempts, reworks)


def test_a_start_that_would_have_been_allowed_is_a_start():
    assert decide_offline_start(seen(), "SPRING") == Record(1)


def test_a_start_that_would_have_been_refused_is_written_with_what_it_violates():
    record = decide_offline_start(seen(), "LMA")
    assert (record.violation.code, record.is_parked) == (Refusal.ROUTE_PREVIOUS_NOT_PASSED, False)


@pytest.mark.parametrize(
    "before",
    [
        seen(an_attempt(1, "SPRING", OPEN), serial=SerialStatus.IN_PROCESS),
        seen(serial=SerialStatus.SCRAPPED),
        seen(serial=SerialStatus.SHIPPED),
        seen(serial=SerialStatus.HOLD, held_from=SerialStatus.COMPLETED),
    ],
)
def test_a_start_that_cannot_be_open_is_parked(before):
    assert decide_offline_start(before, "LMA").is_parked


def completion(before, process="SPRING", minute=9, *, digest="new", infers_start=True, attempt_id=None):
    report = Report(process, digest, at(minute), attempt_id)
    return decide_offline_completion(before, report, infers_start=infers_start)


def test_a_completion_closes_what_is_open_and_says_what_it_violates():
    is_open = an_attempt(1, "SPRING", OPEN)
    assert completion(seen(is_open, serial=SerialStatus.IN_PROCESS)) == Settle(is_open)
    held = completion(seen(is_open, serial=SerialStatus.IN_PROCESS, lot=LotStatus.HOLD))
    assert (held.attempt, held.violation.code) == (is_open, Refusal.LOT_HOLD)


def test_a_completion_closes_what_was_parked_for_it():
    parked = an_attempt(2, "LMA", ABORTED, violation="ATTEMPT_OPEN_ELSEWHERE")
    before = seen(an_attempt(1, "SPRING", OPEN), parked, serial=SerialStatus.IN_PROCESS)
    decision = completion(before, "LMA")
    assert (decision.attempt, decision.violation.code) == (parked, Refusal.ATTEMPT_OPEN_ELSEWHERE)


def test_a_completion_without_a_start_is_written_by_any_policy():
    assert completion(seen()) == RecordClosed(1)
    recorded = completion(seen(), infers_start=False)
    assert (recorded.number, recorded.violation.code) == (1, Refusal.START_MISSING)
    assert completion(seen(), "LMA").violation.code is Refusal.ROUTE_PREVIOUS_NOT_PASSED


def test_what_contradicts_a_closed_attempt_is_refused_and_the_same_content_is_the_same():
    passed = an_attempt(1, "SPRING", PASS, 0, 1)
    assert isinstance(completion(seen(passed)), Refuse)
    assert completion(seen(passed), digest="SPRING-1") == Same(passed)


def test_a_completion_of_another_attempt_does_not_take_the_one_that_waits():
    before = seen(an_attempt(1, "SPRING", OPEN), serial=SerialStatus.IN_PROCESS)
    assert completion(before, attempt_id=7).code is Refusal.ATTEMPT_DISAGREES


HELD = {"serial": SerialStatus.HOLD, "held_from": SerialStatus.IN_PROCESS}


def standing(before, *attempts, new, is_held_offline=False, moves=True):
    after = seen(*attempts, serial=before.serial, held_from=before.held_from, reworks=before.reworks)
    chosen = next(each for each in attempts if each.id == new)
    return decide_standing(before, after, new=chosen, is_held_offline=is_held_offline, moves=moves)


def test_what_violates_the_route_holds_its_serial():
    wrong = an_attempt(1, "LMA", OPEN, violation="ROUTE_PREVIOUS_NOT_PASSED")
    assert standing(seen(), wrong, new=1) == Standing(SerialStatus.HOLD, SerialStatus.IN_PROCESS, "LMA")


def test_what_was_missing_arrives_later_and_lifts_the_hold():
    first = an_attempt(1, "SPRING", PASS, 0, 3)
    second = an_attempt(2, "LMA", PASS, 5, 8, violation="ATTEMPT_OPEN_ELSEWHERE")
    came = standing(seen(**HELD), first, second, new=1, is_held_offline=True)
    assert came == Standing(SerialStatus.WAITING, None, "PACK", explained=(2,))


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (None, None, None),
        ("LOT_HOLD", None, "LOT_HOLD"),
        (None, "LOT_HOLD", "LOT_HOLD"),
        ("ATTEMPT_OPEN_ELSEWHERE", "LOT_HOLD", "LOT_HOLD"),
        ("LOT_HOLD", "ATTEMPT_OPEN_ELSEWHERE", "LOT_HOLD"),
    ],
)
def test_of_two_violations_the_one_that_is_not_forgiven_stays(first, second, expected):
    assert worse(first, second) == expected


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (an_attempt(1, "SPRING", PASS, 0, 6), an_attempt(2, "LMA", PASS, 5, 8, "ATTEMPT_OPEN_ELSEWHERE")),
        (an_attempt(1, "SPRING", FAIL, 0, 3), an_attempt(2, "LMA", PASS, 5, 8, "ATTEMPT_OPEN_ELSEWHERE")),
        (an_attempt(1, "SPRING", PASS, 0, 3), an_attempt(2, "LMA", PASS, 5, 8, "OPERATOR_NOT_QUALIFIED")),
        (an_attempt(1, "SPRING", PASS, 0, 3), an_attempt(2, "PAINT", PASS, 5, 8, "ATTEMPT_OPEN_ELSEWHERE")),
    ],
    ids=["by its own time it was not before", "it failed", "it is not of the route", "it is on no route"],
)
def test_what_is_still_a_violation_stays_held(first, second):
    assert standing(seen(**HELD), first, second, new=1, is_held_offline=True).serial is SerialStatus.HOLD


def test_what_was_done_at_two_places_at_once_by_its_own_times_stays_held():
    first = an_attempt(1, "SPRING", PASS, 0, 3)
    second = an_attempt(2, "LMA", PASS, 5, 8, violation="ATTEMPT_OPEN_ELSEWHERE")
    beside = an_attempt(3, "SPRING", FAIL, 4, 6)
    came = standing(seen(**HELD), first, second, beside, new=1, is_held_offline=True)
    assert (came.serial, came.explained) == (SerialStatus.HOLD, ())


def test_a_start_that_was_parked_opens_when_what_was_missing_has_arrived():
    first = an_attempt(1, "SPRING", PASS, 0, 3)
    parked = an_attempt(2, "LMA", ABORTED, 5, violation="ATTEMPT_OPEN_ELSEWHERE")
    came = standing(seen(**HELD), first, parked, new=1, is_held_offline=True)
    assert came == Standing(SerialStatus.IN_PROCESS, None, "LMA", explained=(2,), reopened=(2,))
    by_a_person = standing(seen(**HELD), first, parked, new=1)
    assert (by_a_person.serial, by_a_person.reopened) == (SerialStatus.HOLD, ())


def test_the_hold_of_a_person_stays():
    first = an_attempt(1, "SPRING", PASS, 0, 3, "SERIAL_HOLD")
    assert standing(seen(**HELD), first, new=1) == Standing(SerialStatus.HOLD, SerialStatus.WAITING, "LMA")


def test_a_parked_start_leaves_the_serial_where_it_was():
    is_open = an_attempt(1, "SPRING", OPEN)
    parked = an_attempt(2, "LMA", ABORTED, 5, violation="ATTEMPT_OPEN_ELSEWHERE")
    before = seen(is_open, serial=SerialStatus.IN_PROCESS)
    came = standing(before, is_open, parked, new=2, moves=False)
    assert came == Standing(SerialStatus.HOLD, SerialStatus.IN_PROCESS, "SPRING")


@pytest.mark.parametrize("gone", [SerialStatus.SCRAPPED, SerialStatus.SHIPPED])
def test_what_is_gone_stays_gone(gone):
    late = an_attempt(1, "SPRING", ABORTED, violation="SERIAL_SCRAPPED")
    assert standing(seen(serial=gone), late, new=1).serial is gone


@pytest.mark.parametrize(
    ("attempts", "expected"),
    [
        ([], (SerialStatus.CREATED, "SPRING")),
        ([an_attempt(1, "SPRING", ABORTED)], (SerialStatus.WAITING, "SPRING")),
        ([an_attempt(1, "SPRING", OPEN)], (SerialStatus.IN_PROCESS, "SPRING")),
        ([an_attempt(1, "SPRING", PASS, 0, 1)], (SerialStatus.WAITING, "LMA")),
        ([an_attempt(1, "SPRING", FAIL, 0, 1)], (SerialStatus.REWORK, "SPRING")),
        ([an_attempt(n, "SPRING", FAIL, 0, 1) for n in (1, 2, 3)], (SerialStatus.DEFECTIVE, "SPRING")),
        ([an_attempt(n, p, PASS, 0, 1) for n, p in enumerate(ROUTE)], (SerialStatus.COMPLETED, None)),
    ],
)
def test_where_a_serial_is_follows_from_its_attempts(attempts, expected):
    assert place_of(seen(*attempts)) == expected


async def offline(plant, serial, process, minute, *, ends=None, **more):
    """Work that began, and ended, at these minutes, told now."""
    at_start = at(minute).isoformat()
    answers = [await plant.start(serial, process, timestamp=at_start, is_offline=True, **more)]
    if ends is not None:
        answers.append(await plant.complete(serial, process, timestamp=at(ends).isoformat(), is_offline=True))
    return [each.json().get("data") or each.json() for each in answers]


async def test_offline_work_in_its_order_is_applied_and_marked(plant):
    _, [serial] = await plant.released_lot(1)
    [started, completed] = await offline(plant, serial, "SPRING", 0, ends=2)
    assert (started["violation"], completed["violation"], completed["cycle_time"]) == (None, None, 120.0)
    shown = await plant.serial(serial)
    assert (shown["status"], shown["current_process"]) == ("WAITING", "LMA")
    assert (shown["attempts"][0]["is_offline"], shown["attempts"][0]["violation"]) == (True, None)
    assert [each["changed_at"] for each in shown["history"]][1:] == [at(0).isoformat(), at(2).isoformat()]


async def test_offline_work_against_the_route_is_applied_and_held_in_both_languages(plant):
    _, [serial] = await plant.released_lot(1)
    [started, completed] = await offline(plant, serial, "LMA", 0, ends=2)
    assert started["violation"] == completed["violation"] == "ROUTE_PREVIOUS_NOT_PASSED"
    assert "SPRING" in started["violation_detail"]
    assert "SPRING 공정" in started["violation_detail_ko"]
    shown = await plant.serial(serial)
    assert (shown["status"], shown["attempts"][0]["status"]) == ("HOLD", "PASS")
    assert shown["attempts"][0]["violation"] == "ROUTE_PREVIOUS_NOT_PASSED"
    assert shown["history"][-1]["reason"].startswith("OFFLINE_ROUTE_VIOLATION: ROUTE_PREVIOUS")
    assert (await plant.start(serial, "SPRING")).json()["code"] == "SERIAL_HOLD"
    await plant.patch(f"/api/v1/serials/{serial}", {"action": "release"})
    await plant.pass_process(serial, "SPRING")
    assert (await plant.serial(serial))["current_process"] == "LASER"


async def test_queues_that_empty_in_another_order_than_the_work_was_done_hold_nothing_at_the_end(plant):
    _, [serial] = await plant.released_lot(1)
    await plant.start(serial, "SPRING", timestamp=at(0).isoformat())
    [parked, _] = await offline(plant, serial, "LMA", 5, ends=8)
    assert (parked["violation"], parked["serial_status"]) == ("ATTEMPT_OPEN_ELSEWHERE", "HOLD")
    late = await plant.complete(serial, "SPRING", timestamp=at(3).isoformat(), is_offline=True)
    assert (late.json()["data"]["violation"], late.json()["data"]["serial_status"]) == (None, "WAITING")
    shown = await plant.serial(serial)
    assert (shown["status"], shown["current_process"]) == ("WAITING", "LASER")
    assert [(each["process"], each["status"]) for each in shown["attempts"]] == [
        ("SPRING", "PASS"),
        ("LMA", "PASS"),
    ]
    assert {each["violation"] for each in shown["attempts"]} == {None}
    assert (await plant.start(serial, "LASER")).status_code == 201


async def test_a_parked_start_is_completed_on_line_once_what_was_missing_is_there(plant):
    _, [serial] = await plant.released_lot(1)
    await plant.start(serial, "SPRING", timestamp=at(0).isoformat())
    await offline(plant, serial, "LMA", 5)
    await plant.complete(serial, "SPRING", timestamp=at(3).isoformat(), is_offline=True)
    assert (await plant.complete(serial, "LMA", timestamp=at(9).isoformat())).json()["data"][
        "result"
    ] == "PASS"


@pytest.mark.parametrize("action", ["hold", "cancel"])
async def test_offline_work_on_a_lot_that_was_stopped_is_kept_and_held(plant, action):
    lot, [serial] = await plant.released_lot(1)
    await plant.start(serial, "SPRING")
    await plant.patch(f"/api/v1/lots/{lot['lot_number']}", {"action": action, "reason": "recall"})
    done = await plant.complete(serial, "SPRING", is_offline=True)
    violation = {"hold": "LOT_HOLD", "cancel": "LOT_NOT_RELEASED"}[action]
    assert (done.status_code, done.json()["data"]["violation"]) == (200, violation)
    shown = await plant.serial(serial)
    assert (shown["status"], shown["attempts"][-1]["violation"]) == ("HOLD", violation)


async def test_offline_work_on_scrap_is_evidence_and_brings_nothing_back(plant):
    _, [serial, _] = await plant.released_lot(2)
    await plant.patch(f"/api/v1/serials/{serial}", {"action": "scrap", "reason": "fell"})
    await offline(plant, serial, "SPRING", 0, ends=1)
    shown = await plant.serial(serial)
    assert (shown["status"], shown["attempts"][0]["violation"]) == ("SCRAPPED", "SERIAL_SCRAPPED")


async def test_offline_work_on_what_is_finished_keeps_it_from_leaving(plant):
    _, [serial, _] = await plant.released_lot(2)
    for process in ("SPRING", "LMA", "LASER", "EOL", "ROBOT", "PRINT", "PACK"):
        await plant.pass_process(serial, process)
    failed = await plant.complete(
        serial, "SPRING", timestamp=at(900).isoformat(), is_offline=True, is_pass=False, defect_code="D001"
    )
    assert failed.status_code == 409  # it contradicts the attempt that is closed, and is kept
    await offline(plant, serial, "SPRING", 900)
    failed = await plant.complete(
        serial, "SPRING", timestamp=at(901).isoformat(), is_offline=True, is_pass=False, defect_code="D001"
    )
    assert failed.json()["data"]["serial_status"] == "HOLD"
    assert (await plant.serial(serial))["held_from"] == "COMPLETED"


async def test_what_can_be_applied_to_nothing_is_refused_and_kept(plant, database_path):
    _, [serial] = await plant.released_lot(1)
    unknown = await plant.start("FN-KR-991110D-001-0001", "SPRING", is_offline=True)
    nowhere = await plant.complete(serial, "PAINT", is_offline=True)
    keyed = await plant.start(serial, "SPRING", is_offline=True, checksum="ZZ")
    codes = [each.json()["code"] for each in (unknown, nowhere, keyed)]
    assert codes == ["SERIAL_UNKNOWN", "STATION_WRONG_PROCESS", "CHECKSUM_BAD"]
    with sqlite3.connect(database_path) as connection:
        kept = connection.execute("select code from contested_events order by id").fetchall()
    assert [each[0] for each in kept] == codes


FORCE = {"force": 41.5, "force_unit": "N"}
SCHEMA = {"type": "object", "properties": {"program": {"type": "string"}}, "required": ["program"]}


@pytest.mark.parametrize(
    ("said", "code", "field", "left"),
    [
        ({"is_pass": False, "defect_code": "NONE"}, "DEFECT_CODE_UNKNOWN", "defect_code", FORCE),
        ({"is_pass": False}, "DEFECT_CODE_UNKNOWN", "defect_code", FORCE),
        ({"defect_code": "D001"}, "INVALID_INPUT", "defect_code", FORCE),
        ({"measured": {"force": "much"}}, "INVALID_INPUT", "process_specific_data.force", {}),
        ({"measured": {"force_unit": "mm"}}, "UNIT_UNKNOWN", "process_specific_data.force_unit", {}),
        ({"measured": {"program": 7}}, "DATA_SCHEMA", "process_specific_data.program", FORCE),
        ({"measured": {"program": None}}, "DATA_SCHEMA", "process_specific_data.program", FORCE),
    ],
)
async def test_what_cannot_be_used_of_offline_work_is_set_aside_and_the_work_counts_and_is_held(
    plant, database_path, connection, said, code, field, left
):
    with sqlite3.connect(database_path) as database:
        limit = "(process_id, name, unit, lower, upper, defect_code, is_active)"
        database.execute(
            f"insert into characteristics {limit} select id, 'force', 'N', 1, 99, 'D001', 1"
            " from processes where code = 'SPRING'"
        )
        database.execute(
            "insert into data_schemas (process_id, document, is_active, created_at, updated_at)"
            " select id, ?, 1, '2025-11-10 00:00', '2025-11-10 00:00' from processes where code = 'SPRING'",
            [json.dumps(SCHEMA)],
        )
    _, [serial] = await plant.released_lot(1)
    more = {name: value for name, value in said.items() if name != "measured"}
    data = {**FORCE, "program": "A", **said.get("measured", {})}
    more |= {"timestamp": at(0).isoformat(), "process_specific_data": data}
    assert (await plant.complete(serial, "SPRING", **more)).status_code == 422  # on line: nothing is kept
    assert (await plant.serial(serial))["contested"] == []
    for key in ("queued-1", "queued-2"):
        done = await plant.complete(serial, "SPRING", **more, is_offline=True, key=key)
        assert done.status_code == 200, done.text
        if key == "queued-1":
            told = done.json()["data"]
    assert (told["violation"], told["serial_status"]) == (code, "HOLD")
    assert any("가" <= letter <= "힣" for letter in told["violation_detail_ko"])
    shown = await plant.serial(serial)
    [attempt] = shown["attempts"]
    assert attempt["status"] == ("PASS" if more.get("is_pass", True) else "FAIL")
    usable = {name: value for name, value in data.items() if name == "program" and code != "DATA_SCHEMA"}
    assert (attempt["process_specific_data"] or {}) == left | usable
    assert (attempt["violation"], attempt["defect_code"]) == (code, None)
    assert f"OFFLINE_ROUTE_VIOLATION: {code} ({field}): " in shown["history"][-1]["reason"]
    [kept] = shown["contested"]
    assert (kept["code"], kept["content"]["process_specific_data"]) == (code, data)
    assert verify(connection, head=None, progress=lambda _said: None).found == {}


async def test_offline_work_with_a_value_set_aside_is_not_let_go_by_what_explains_its_place(plant):
    _, [serial] = await plant.released_lot(1)
    lost = {"is_pass": False, "defect_code": "NONE", "is_offline": True}
    late = await plant.complete(serial, "EOL", **lost, timestamp=at(50).isoformat())
    assert late.json()["data"]["violation"] == "DEFECT_CODE_UNKNOWN"
    for place, process in enumerate(("SPRING", "LMA", "LASER")):
        await plant.complete(serial, process, is_offline=True, timestamp=at(place).isoformat())
    shown = await plant.serial(serial)
    assert (shown["status"], shown["held_from"]) == ("HOLD", "REWORK")
    await plant.patch(f"/api/v1/serials/{serial}", {"action": "release"})
    again = [await plant.start(serial, "EOL"), await plant.complete(serial, "EOL")]
    assert [each.status_code for each in again] == [201, 200]


async def test_offline_work_on_a_typed_number_without_its_check_characters_is_kept_once(plant):
    _, [serial] = await plant.released_lot(1)
    for _ in range(2):
        typed = await plant.complete(
            serial, "SPRING", is_keyed=True, is_offline=True, timestamp=at(0).isoformat()
        )
        assert (typed.status_code, typed.json()["code"]) == (422, "CHECKSUM_REQUIRED")
    shown = await plant.serial(serial)
    assert ([each["code"] for each in shown["contested"]], shown["attempts"]) == (["CHECKSUM_REQUIRED"], [])


async def test_a_completion_without_a_start_counts_offline_also_where_the_start_is_not_inferred(
    plant, database_path
):
    _, [serial] = await plant.released_lot(1)
    with sqlite3.connect(database_path) as connection:
        connection.execute("update processes set infers_start = 0")
    done = await plant.complete(serial, "SPRING", is_offline=True, cycle_time=60)
    data = done.json()["data"]
    assert (data["violation"], data["start_inferred"], data["serial_status"]) == (
        "START_MISSING",
        True,
        "HOLD",
    )


async def test_a_component_that_cannot_be_booked_is_kept_and_its_work_counts(plant, database_path):
    with sqlite3.connect(database_path) as connection:
        bom = '[{"component": "spring", "process": "SPRING", "kind": "LOT"}]'
        connection.execute("update product_models set bom = ?", [bom])
    _, [serial] = await plant.released_lot(1)
    [_, done] = await offline(plant, serial, "SPRING", 0, ends=1)
    assert (done["result"], done["violation"]) == ("PASS", "COMPONENT_MISSING")
    assert (await plant.serial(serial))["contested"][0]["code"] == "COMPONENT_MISSING"


async def test_the_same_key_applies_an_event_once(plant):
    _, [serial] = await plant.released_lot(1)
    body = {**plant.body(serial, "LMA"), "is_offline": True}
    answers = [await plant.post("/api/v1/process/start", body, key="queued-1") for _ in range(2)]
    assert answers[0].content == answers[1].content
    assert len((await plant.serial(serial))["attempts"]) == 1


def every_standing():
    """All situations of two attempts: which states, in which order of their times, with which violations."""
    codes = (None, "ROUTE_PREVIOUS_NOT_PASSED", "ATTEMPT_OPEN_ELSEWHERE", "LOT_HOLD")
    for serial, one, other, first, second, late in itertools.product(
        SerialStatus, AttemptStatus, AttemptStatus, codes, codes, (True, False)
    ):
        begin, end = (6, 9) if late else (0, 3)
        attempts = (
            an_attempt(1, "SPRING", one, begin, end if one in {PASS, FAIL} else None, first),
            an_attempt(2, "LMA", other, 4, 5 if other in {PASS, FAIL} else None, second),
        )
        held_from = SerialStatus.WAITING if serial is SerialStatus.HOLD else None
        if not (one is OPEN and other is OPEN):  # the database holds one open attempt of a serial at most
            yield seen(serial=serial, held_from=held_from), attempts


def test_in_every_standing_what_violates_is_held_and_nobody_is_let_out_of_a_persons_hold():
    for before, attempts in every_standing():
        for new, is_ours, moves in itertools.product((1, 2), (True, False), (True, False)):
            came = standing(before, *attempts, new=new, is_held_offline=is_ours, moves=moves)
            if before.serial in {SerialStatus.SCRAPPED, SerialStatus.SHIPPED}:
                assert came.serial is before.serial
                continue
            left = {each.id for each in attempts if each.violation} - set(came.explained)
            assert came.serial is SerialStatus.HOLD or new not in left
            assert came.serial is SerialStatus.HOLD or before.serial is not SerialStatus.HOLD or is_ours
            assert (came.held_from is None) == (came.serial is not SerialStatus.HOLD)
            assert not came.reopened or is_ours
            assert all(attempts[each - 1].violation != "LOT_HOLD" for each in came.explained)


def orders():
    """Every order in which the queues of three stations may empty, each in the order of its own work."""
    done = [
        ("SPRING", False),
        ("SPRING", True),
        ("LMA", False),
        ("LMA", True),
        ("LASER", False),
        ("LASER", True),
    ]
    for order in itertools.permutations(range(6)):
        if all(order.index(start) < order.index(start + 1) for start in (0, 2, 4)):
            yield [done[each] for each in order]


async def test_in_whatever_order_the_queues_of_stations_empty_the_end_is_that_of_the_work(plant):
    minutes = {"SPRING": (0, 3), "LMA": (5, 8), "LASER": (10, 12)}
    every = list(orders())
    assert len(every) == 90
    for order in every[::9]:
        _, [serial] = await plant.released_lot(1)
        for process, ends in order:
            when = at(minutes[process][ends]).isoformat()
            tell = plant.complete if ends else plant.start
            answer = await tell(serial, process, timestamp=when, is_offline=True)
            assert answer.status_code < 300, answer.text
        shown = await plant.serial(serial)
        attempts = [(each["process"], each["status"], each["violation"]) for each in shown["attempts"]]
        assert attempts == [(process, "PASS", None) for process in minutes], order
        assert (shown["status"], shown["current_process"]) == ("WAITING", "EOL"), order


async def test_what_ended_offline_while_a_person_held_it_is_counted_and_verified_as_what_it_is(
    plant, connection
):
    lot, [serial] = await plant.released_lot(1)
    for process in ("SPRING", "LMA", "LASER", "EOL", "ROBOT", "PRINT"):
        await plant.pass_process(serial, process)
    await plant.patch(f"/api/v1/serials/{serial}", {"action": "hold", "reason": "look at it"})
    await plant.complete(serial, "PACK", is_offline=True)
    assert (await plant.serial(serial))["held_from"] == "COMPLETED"
    shown = (await plant.get(f"/api/v1/lots/{lot['lot_number']}")).json()["data"]
    assert shown["actual_quantity"] == 1
    assert verify(connection, head=None, progress=lambda _said: None).found == {}


async def test_no_late_event_frees_what_a_person_held_once_more(plant):
    """An offline event holds it, a person finds something on it, and then the event is explained."""
    _, [serial] = await plant.released_lot(1)
    where = f"/api/v1/serials/{serial}"
    await plant.complete(serial, "LMA", timestamp="2025-11-10T03:05:00+00:00", is_offline=True)
    again = await plant.patch(where, {"action": "hold", "reason": "scratch"})
    assert (again.status_code, again.json()["data"]["held_from"]) == (200, "WAITING")
    (joined,) = [each for each in again.json()["data"]["history"] if each["reason"] == "scratch"]
    assert (joined["old_status"], joined["new_status"]) == ("HOLD", "HOLD")
    await plant.complete(serial, "SPRING", timestamp="2025-11-10T03:00:00+00:00", is_offline=True)
    assert (await plant.serial(serial))["status"] == "HOLD"
    released = (await plant.patch(where, {"action": "release"})).json()["data"]
    assert (released["status"], released["current_process"]) == ("WAITING", "LASER")

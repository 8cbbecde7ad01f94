"""Equipment: states of IPC-2591 CFX over time, and calibrations; operators' qualifications."""

import itertools
from datetime import UTC, datetime, timedelta

import pytest
from andon_mes.equipment.decide import decide_state, due_after
from andon_mes.equipment.model import (
    E10,
    Calibration,
    CalibrationResult,
    ResourceState,
    StateReport,
    StateSpan,
)
from hypothesis import given, settings
from hypothesis import strategies as st

API = "/api/v1"
NOON = datetime(2025, 11, 10, 3, 0, tzinfo=UTC)
PATH = f"{API}/equipment/EOL-01"


def minute(number):
    return (NOON + timedelta(minutes=number)).isoformat()


@pytest.fixture
async def machine(plant):
    answer = await plant.post(f"{API}/equipment", {"code": "EOL-01", "name": "EOL tester", "process": "EOL"})
    assert answer.status_code == 201, answer.text
    return plant


def test_every_state_counts_as_one_of_semi_e10():
    assert {state.e10 for state in ResourceState} == set(E10)
    down = {state for state in ResourceState if not state.is_up}
    assert {state.e10 for state in down} == {E10.SCHEDULED_DOWN, E10.UNSCHEDULED_DOWN, E10.NON_SCHEDULED}


async def test_a_state_lasts_until_the_next(machine):
    for at, state in ((-30, "PRD"), (-20, "USD_Repair"), (-15, "USD_Repair"), (-10, None)):
        answer = await machine.post(f"{PATH}/states", {"state": state, "at": minute(at)})
        assert answer.status_code == 201, answer.text
    assert answer.json()["data"]["is_up"] is None
    spans = (await machine.get(f"{PATH}/states")).json()["data"]
    assert [(each["state"], each["started_at"], each["ended_at"]) for each in spans] == [
        ("PRD", minute(-30), minute(-20)),
        ("USD_Repair", minute(-20), minute(-10)),
        (None, minute(-10), None),
    ]


async def test_a_state_that_arrives_late_lands_at_its_own_time(machine):
    for at, state in ((-30, "PRD"), (-10, "SBY"), (-20, "USD"), (-40, "NST")):
        answer = await machine.post(f"{PATH}/states", {"state": state, "at": minute(at)})
    assert (answer.json()["data"]["state"], answer.json()["data"]["e10"]) == ("SBY", "SBY")
    spans = (await machine.get(f"{PATH}/states")).json()["data"]
    assert [(each["state"], each["ended_at"]) for each in spans] == [
        ("NST", minute(-30)),
        ("PRD", minute(-20)),
        ("USD", minute(-10)),
        ("SBY", None),
    ]


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("states", {"state": "BROKEN"}, "state"),
        ("states", {"state": "PRD", "at": minute(10)}, "at"),
        ("calibrations", {"calibrated_at": minute(0), "due_at": minute(-1), "performed_by": "K"}, "due_at"),
        ("calibrations", {"calibrated_at": minute(9), "due_at": minute(99), "performed_by": "K"},
         "calibrated_at"),
    ],
)  # fmt: skip
async def test_what_cannot_be_is_refused(machine, path, body, field):
    answer = await machine.post(f"{PATH}/{path}", body)
    assert (answer.status_code, answer.json()["field"]) == (422, field)
    assert (await machine.post(f"{API}/equipment/NONE/{path}", body)).status_code in {404, 422}


async def test_a_calibration_moves_the_date_and_an_older_one_does_not_move_it_back(machine):
    for made, due, result in ((-60, 9000, "PASS"), (-600, 5000, "PASS")):
        body = {
            "calibrated_at": minute(made), "due_at": minute(due), "result": result,
            "performed_by": "KOLAS 112", "certificate": "C-1",
        }  # fmt: skip
        answer = await machine.post(f"{PATH}/calibrations", body)
        assert answer.status_code == 201, answer.text
        assert answer.json()["data"]["calibration_due_at"] == minute(9000)
    failed = await machine.post(
        f"{PATH}/calibrations", {**body, "calibrated_at": minute(-1), "result": "FAIL"}
    )
    assert failed.json()["data"]["calibration_due_at"] == minute(-1)
    listed = (await machine.get(f"{PATH}/calibrations")).json()["data"]
    assert [each["result"] for each in listed] == ["FAIL", "PASS", "PASS"]


def test_what_was_never_calibrated_has_no_date():
    assert due_after([]) is None
    made = Calibration(NOON, NOON + timedelta(days=1), CalibrationResult.FAIL, "K")
    assert due_after([made]) == NOON


@settings(max_examples=30, deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.integers(0, 12), st.sampled_from([None, *ResourceState][:4])), max_size=8))
def test_in_whatever_order_reports_arrive_their_spans_lie_side_by_side(reports):
    spans = []
    for number, (at, state) in enumerate(reports):
        report = StateReport(state, NOON + timedelta(minutes=at))
        before = [each for each in spans if each.started_at <= report.at][-1:]
        after = [each for each in spans if each.started_at > report.at][:1]
        decision = decide_state([*before, *after], report, NOON + timedelta(hours=1))
        if ends := getattr(decision, "ends", None):
            cut = StateSpan(ends.id, ends.state, ends.started_at, report.at)
            spans = [cut if each.id == ends.id else each for each in spans]
        if hasattr(decision, "until"):
            spans.append(StateSpan(number, state, report.at, decision.until))
            spans.sort(key=lambda each: (each.started_at, each.id))
    for span, following in itertools.pairwise(spans):
        assert span.ended_at == following.started_at
    assert not spans or spans[-1].ended_at is None


async def test_a_qualification_is_granted_revoked_and_granted_anew(plant):
    await plant.post(f"{API}/operators", {"badge": "OP-1", "full_name": "Kim"})
    grant = {"operator": "OP-1", "process": "LMA"}
    granted = await plant.post(f"{API}/qualifications", grant)
    assert (granted.status_code, granted.json()["data"]["valid_until"]) == (201, None)
    path = f"{API}/qualifications/OP-1/LMA"
    plant.clock.advance(timedelta(hours=1))
    revoked = (await plant.post(f"{path}/revoke", {})).json()["data"]
    assert revoked["valid_until"] == minute(60)
    assert revoked["granted_at"] == minute(0)
    plant.clock.advance(timedelta(hours=1))
    assert (await plant.post(f"{path}/revoke", {})).json()["data"] == revoked
    again = await plant.client.patch(path, json={"valid_until": None}, headers={"If-Match": "*"})
    assert (again.json()["data"]["valid_until"], again.json()["data"]["granted_at"]) == (None, minute(120))


async def test_the_calendar_and_a_number_are_shown(plant):
    days = (await plant.get(f"{API}/calendar?first=2025-11-10&last=2025-11-11")).json()["data"]
    assert (days["zone"], days["shift"], len(days["days"])) == ("Asia/Seoul", "D", 2)
    assert days["days"][0]["shifts"][0]["planned_seconds"] == 12 * 3600
    assert (await plant.get(f"{API}/calendar?first=2025-11-10&last=2025-11-01")).status_code == 422
    number = (await plant.get(f"{API}/numbers/FN-KR-251110D-000001-0001")).json()["data"]
    assert (number["sequence"], number["place"], number["production_date"]) == (1, 1, "2025-11-10")
    assert (await plant.get(f"{API}/numbers/FN-1")).json()["code"] == "NUMBER_MALFORMED"

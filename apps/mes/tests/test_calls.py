"""Andon calls: their life, who waits how long, and what a second press of the button does."""

from datetime import UTC, datetime, timedelta

import pytest
from andon_mes.calls.model import Call, CallAction, CallKind, CallStatus, decide_status, responses, waits
from andon_mes.kernel.errors import Conflict

T0 = datetime(2025, 11, 10, 3, tzinfo=UTC)
RAISED, ACKNOWLEDGED, RESOLVED = CallStatus
ALLOWED = {
    (RAISED, CallAction.ACKNOWLEDGE): ACKNOWLEDGED,
    (RAISED, CallAction.RESOLVE): RESOLVED,
    (ACKNOWLEDGED, CallAction.RESOLVE): RESOLVED,
}


@pytest.mark.parametrize("status", CallStatus)
@pytest.mark.parametrize("action", CallAction)
def test_in_every_state_only_what_follows_is_allowed(status, action):
    if (status, action) in ALLOWED:
        assert decide_status(status, action) is ALLOWED[status, action]
        return
    with pytest.raises(Conflict, match="CALL_STATE"):
        decide_status(status, action)


def a_call(*, process="LMA", acknowledged=None, resolved=None):
    def after(minutes):
        return None if minutes is None else T0 + timedelta(minutes=minutes)

    status = RESOLVED if resolved is not None else ACKNOWLEDGED if acknowledged is not None else RAISED
    return Call(
        1, CallKind.QUALITY, process, None, None, None, status,
        "OP-1", T0, None, after(acknowledged), None, after(resolved), None,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("call", "minutes", "level"),
    [
        (a_call(), 4, 0),
        (a_call(), 5, 1),
        (a_call(), 15, 2),
        (a_call(acknowledged=4), 60, 0),
        (a_call(acknowledged=6), 60, 1),
        (a_call(resolved=20), 60, 2),
        (a_call(), -1, 0),
    ],
)
def test_a_call_that_nobody_acknowledges_concerns_the_next_level(call, minutes, level):
    assert waits(call, T0 + timedelta(minutes=minutes)).escalation == level


def test_how_fast_calls_were_answered_is_unknown_where_none_was():
    made = [a_call(acknowledged=each, resolved=each + 1) for each in (1, 2, 10)] + [a_call(process=None)]
    answered, waiting = responses(made, T0 + timedelta(hours=1))
    assert (answered.raised, answered.open) == (3, 0)
    assert (answered.acknowledge_median, answered.acknowledge_p90) == (120, 600)
    assert (answered.resolve_median, answered.resolve_p90) == (180, 660)
    assert (waiting.process, waiting.open, waiting.acknowledge_median) == (None, 1, None)


async def test_a_call_is_raised_acknowledged_and_resolved(plant):
    body = {"kind": "MATERIAL", "process_code": "LMA", "operator_id": "OP-7", "message": "no screws"}
    raised = await plant.post("/api/v1/calls", body)
    assert (raised.status_code, raised.json()["data"]["raised_by"]) == (201, "OP-7")
    where = f"/api/v1/calls/{raised.json()['data']['id']}"
    plant.clock.advance(timedelta(minutes=6))
    waiting = (await plant.get(where)).json()["data"]
    assert (waiting["age"], waiting["escalation"], waiting["to_acknowledge"]) == (360, 1, None)
    await plant.patch(where, {"action": "acknowledge", "operator_id": "LEAD-1"})
    plant.clock.advance(timedelta(minutes=4))
    unsaid = await plant.patch(where, {"action": "resolve"})
    assert (unsaid.status_code, unsaid.json()["field"]) == (422, "resolution")
    done = (await plant.patch(where, {"action": "resolve", "resolution": "fetched a box"})).json()["data"]
    assert (done["status"], done["to_acknowledge"], done["to_resolve"]) == ("RESOLVED", 360, 600)
    assert (done["acknowledged_by"], done["resolution"]) == ("LEAD-1", "fetched a box")
    again = await plant.patch(where, {"action": "acknowledge"})
    assert (again.status_code, again.json()["code"]) == (409, "CALL_STATE")
    [said] = (await plant.get("/api/v1/calls/statistics")).json()["data"]["processes"]
    assert (said["process"], said["acknowledge_median"], said["resolve_median"]) == ("LMA", 360, 600)


async def test_pressing_the_button_again_is_the_same_call_until_it_is_over(plant):
    body = {"kind": "EQUIPMENT", "process_code": "EOL", "equipment_id": "E-1", "operator_id": "OP-1"}
    first = await plant.post("/api/v1/calls", body)
    again = await plant.post("/api/v1/calls", {**body, "operator_id": "OP-2"})
    assert (first.status_code, again.status_code) == (201, 200)
    call = first.json()["data"]["id"]
    assert again.json()["data"]["id"] == call
    other = await plant.post("/api/v1/calls", {**body, "kind": "SAFETY"})
    assert other.json()["data"]["id"] != call
    await plant.patch(f"/api/v1/calls/{call}", {"action": "resolve", "resolution": "reset"})
    assert (await plant.post("/api/v1/calls", body)).json()["data"]["id"] not in {
        call,
        other.json()["data"]["id"],
    }


async def test_open_calls_come_first_and_of_them_the_oldest(plant):
    made = []
    for process in ("SPRING", "LMA", "LASER", "EOL"):
        answer = await plant.post("/api/v1/calls", {"kind": "QUALITY", "process_code": process})
        made.append(answer.json()["data"]["id"])
    for call in made[:2]:
        await plant.patch(f"/api/v1/calls/{call}", {"action": "resolve", "resolution": "done"})
    shown = (await plant.get("/api/v1/calls")).json()["data"]
    assert [each["id"] for each in shown["calls"]] == [made[2], made[3], made[1], made[0]]
    assert (await plant.get("/api/v1/calls?open=true")).json()["data"]["total"] == 2
    assert (await plant.get("/api/v1/calls?process=LMA&status=RESOLVED")).json()["data"]["total"] == 1


async def test_a_process_that_is_none_is_named(plant):
    answer = await plant.post("/api/v1/calls", {"kind": "OTHER", "process_code": "PAINT"})
    assert (answer.status_code, answer.json()["code"]) == (422, "PROCESS_UNKNOWN")

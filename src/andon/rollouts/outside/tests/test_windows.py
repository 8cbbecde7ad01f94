"""What the calendar in force says of a window."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from andon.access.policies.calendar import Calendar
from andon.access.policies.model import Policy
from andon.kernel.clock import ManualClock
from andon.kernel.errors import AndonError, Damaged, Untrusted
from andon.rollouts.model import GateSeen, GateState
from andon.rollouts.outside.controller import Known
from andon.rollouts.outside.view import Outside, window
from andon.rollouts.steps import Gate, GateKind
from andon.testing.outside import Answers, gated

SHIFTS = (("night", ("Mon-Fri 22:00-06:00",)), ("late", ("Mon-Fri 14:00-22:00",)))
PLANT = Policy("production", calendar=Calendar("Asia/Seoul", ("night",), ("2026-12-24 stock",), SHIFTS))
GATE = Gate(kind=GateKind.WINDOW, name="window")
NOON = datetime(2026, 11, 25, 3, 0, tzinfo=UTC)  # in Seoul, a Wednesday
CLOSED = "waits: the plant's calendar is closed until Wed 2026-11-25 22:00 (Asia/Seoul)"

CASES = [
    ("", 3, GateState.WAITING, CLOSED),
    ("", 14, GateState.OPEN, "is open: the plant's calendar is open until Thu 2026-11-26 06:00 (Asia/Seoul)"),
    ("late, night", 6, GateState.OPEN, "is open: the plant's calendar is open until Wed 2026-11-25 22:00"),
    ("late, night", 3, GateState.WAITING, "waits: shift late is closed until Wed 2026-11-25 14:00"),
]


@pytest.mark.parametrize(("asks", "hour", "state", "said"), CASES)
def test_a_window_is_open_while_one_of_its_shifts_is(
    asks: str, hour: int, state: GateState, said: str
) -> None:
    seen = window(PLANT, replace(GATE, asks=asks), NOON.replace(hour=hour))
    assert seen.state is state
    assert seen.reason.startswith(said)


def test_where_the_calendar_was_taken_away_only_shifts_are_waited_for() -> None:
    always = replace(PLANT, calendar=None)
    assert window(always, GATE, NOON).state is GateState.OPEN
    assert window(always, replace(GATE, asks="night"), NOON).state is GateState.WAITING


class Policies:
    def __init__(self, found: Policy | AndonError) -> None:
        self.found = found

    async def get(self, _environment: str) -> Policy:
        if isinstance(self.found, AndonError):
            raise self.found
        return self.found


class Nothing:
    def said(self, *_: str) -> Known | None:
        return None


async def seen(found: Policy | AndonError, asks: str = "") -> GateSeen:
    view = Outside(Policies(found), Answers(), Nothing(), ManualClock(NOON))
    return (await view.seen(gated(replace(GATE, asks=asks))))["window"]


async def test_a_policy_that_is_not_obeyed_opens_no_window() -> None:
    assert (await seen(PLANT)).reason == CLOSED
    for problem in (Untrusted("policy-untrusted", "its signature is gone"), Damaged("damaged-row", "torn")):
        assert await seen(problem) == GateSeen(GateState.WAITING, f"waits: {problem.message}")
    assert (
        await seen(PLANT, "early")
    ).reason == "waits: the calendar has no shift 'early'; known: late, night"


async def test_approvals_and_holds_are_no_outside_gates() -> None:
    view = Outside(Policies(PLANT), Answers(), Nothing(), ManualClock(NOON))
    assert await view.seen(gated(Gate(1, "approver"))) == {}
    assert await view.seen(gated(Gate(kind=GateKind.HOLD))) == {}

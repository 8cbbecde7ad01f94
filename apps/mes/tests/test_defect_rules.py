"""The life of a defect and what a disposition does: every case, and every situation."""

import itertools

import pytest
from andon_mes.defects.decide import check_verification, decide_effect, decide_status
from andon_mes.defects.model import (
    DefectAction,
    DefectEvent,
    DefectStatus,
    Disposition,
    LetGo,
    MoveOn,
    Repair,
    Repeat,
    Scrap,
    Standing,
)
from andon_mes.kernel.errors import Conflict
from andon_mes.serials.model import SerialStatus

OPEN, CONTAINED, DISPOSITIONED, VERIFIED, CLOSED = DefectStatus
STEPS = {
    (OPEN, DefectAction.CONTAIN): CONTAINED,
    (CONTAINED, DefectAction.DISPOSITION): DISPOSITIONED,
    (DISPOSITIONED, DefectAction.VERIFY): VERIFIED,
    (VERIFIED, DefectAction.CLOSE): CLOSED,
    (DISPOSITIONED, DefectEvent.RETURN): CONTAINED,
    (OPEN, DefectEvent.SUPERSEDE): CLOSED,
    (CONTAINED, DefectEvent.SUPERSEDE): CLOSED,
    (DISPOSITIONED, DefectEvent.SUPERSEDE): CLOSED,
}


def test_in_every_state_only_the_next_step_is_allowed_and_a_refusal_names_it():
    for status, what in itertools.product(DefectStatus, [*DefectAction, *DefectEvent]):
        if (status, what) in STEPS:
            assert decide_status(status, what) is STEPS[status, what]
            continue
        with pytest.raises(Conflict) as refused:
            decide_status(status, what)
        problem = refused.value.problem
        assert problem.code == "DEFECT_STATE"
        possible = [each.value for each in DefectAction if (status, each) in STEPS]
        assert problem.fix.en == f"From here it can: {', '.join(possible) or '-'}"


FAILED = Standing(SerialStatus.HOLD, SerialStatus.DEFECTIVE, at_process=True, is_past_limit=True)
EFFECTS = [
    ("a serial held at its limit repeats by a grant", Disposition.REWORK, FAILED, Repeat(is_granted=True)),
    (
        "one below the limits needs none",
        Disposition.REWORK,
        Standing(SerialStatus.DEFECTIVE, None, at_process=True, is_past_limit=False),
        Repeat(is_granted=False),
    ),
    (
        "what was found aside from the route is repaired aside from it",
        Disposition.REWORK,
        Standing(SerialStatus.HOLD, SerialStatus.WAITING, at_process=False, is_past_limit=False),
        Repair(),
    ),
    ("as it is, it goes on past the process", Disposition.USE_AS_IS, FAILED, MoveOn()),
    (
        "as it is, it goes on from where it was held",
        Disposition.USE_AS_IS,
        Standing(SerialStatus.HOLD, SerialStatus.WAITING, at_process=False, is_past_limit=False),
        LetGo(),
    ),
    ("scrap is the end", Disposition.SCRAP, FAILED, Scrap()),
]


@pytest.mark.parametrize(
    ("chosen", "seen", "expected"), [case[1:] for case in EFFECTS], ids=[case[0] for case in EFFECTS]
)
def test_a_disposition_does_with_the_serial(chosen, seen, expected):
    assert decide_effect(chosen, seen) == expected


def test_in_every_situation_nothing_is_done_with_a_serial_that_is_gone_or_on_a_machine():
    for chosen, serial, held_from, at_process, past in itertools.product(
        Disposition, SerialStatus, (None, *SerialStatus), (True, False), (True, False)
    ):
        seen = Standing(serial, held_from, at_process=at_process, is_past_limit=past)
        is_out_of_reach = serial in {SerialStatus.SCRAPPED, SerialStatus.SHIPPED, SerialStatus.IN_PROCESS}
        has_rework = chosen is Disposition.REWORK and SerialStatus.REWORK in {serial, held_from}
        if not (is_out_of_reach or has_rework):
            assert decide_effect(chosen, seen) is not None
            continue
        with pytest.raises(Conflict) as refused:
            decide_effect(chosen, seen)
        assert refused.value.problem.code == ("SERIAL_STATE" if is_out_of_reach else "REWORK_OPEN")


def test_a_rework_is_verified_by_what_passed_and_not_by_a_word():
    check_verification(Disposition.USE_AS_IS, rework_passed=False)
    check_verification(Disposition.REWORK, rework_passed=True)
    with pytest.raises(Conflict, match="REWORK_NOT_PASSED"):
        check_verification(Disposition.REWORK, rework_passed=False)

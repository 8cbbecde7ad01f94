"""The pure interlock: named cases, then every situation of a small world."""

import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from andon_mes.components.model import BomItem, Kind, Missing
from andon_mes.lots.model import LotStatus
from andon_mes.offline.decide import decide_offline_completion
from andon_mes.processes.decide import decide_completion, decide_outcome, decide_start, validate
from andon_mes.processes.model import (
    Attempt,
    AttemptStatus,
    Begin,
    BeginAndClose,
    Close,
    Outcome,
    Report,
    Same,
    Situation,
)
from andon_mes.processes.refusals import Refusal, Refuse, problem_of
from andon_mes.processes.workplace import Workplace
from andon_mes.serials.model import SerialStatus

T0 = datetime(2025, 11, 10, 3, tzinfo=UTC)
LATER = T0 + timedelta(hours=1)
OPEN, PASS, FAIL, ABORTED = AttemptStatus


def attempts(**histories):
    """`SPRING=[FAIL, PASS]` is two attempts at SPRING; a closed one has the digest `SPRING-1`."""
    made = []
    for process, statuses in histories.items():
        for number, status in enumerate(statuses, start=1):
            closed = status in {PASS, FAIL}
            made.append(
                Attempt(
                    id=len(made) + 1,
                    process=process,
                    number=number,
                    status=status,
                    started_at=T0,
                    equipment_id="E-1",
                    completed_at=T0 if closed else None,
                    digest=f"{process}-{number}" if closed else None,
                )
            )
    return tuple(made)


def a_situation(
    *,
    lot=LotStatus.IN_PROGRESS,
    serial=SerialStatus.WAITING,
    held_from=None,
    reworks=0,
    known=None,
    **histories,
):
    """`known` is what else a situation may hold; `SPRING=[PASS]` the histories."""
    route = ("SPRING", "LMA", "PACK")
    return Situation(lot, serial, held_from, route, attempts(**histories), reworks, **(known or {}))


SHORT = Missing(BomItem("spring", "SPRING", Kind.LOT, 2), 1)
OPTIONAL = {"optional": frozenset({"LMA"})}
STARTS = [
    ("a new serial may start the first process", a_situation(), "SPRING", Begin(1)),
    ("and the next one once it has passed", a_situation(SPRING=[PASS]), "LMA", Begin(1)),
    (
        "a rework repeats the process",
        a_situation(SPRING=[FAIL], serial=SerialStatus.REWORK),
        "SPRING",
        Begin(2),
    ),
    ("a third attempt is allowed", a_situation(SPRING=[FAIL, FAIL]), "SPRING", Begin(3)),
    ("out of order", a_situation(), "LMA", Refusal.ROUTE_PREVIOUS_NOT_PASSED),
    ("after a fail the next one waits", a_situation(SPRING=[FAIL]), "LMA", Refusal.ROUTE_PREVIOUS_NOT_PASSED),
    (
        "the first that is missing is named",
        a_situation(SPRING=[PASS]),
        "PACK",
        Refusal.ROUTE_PREVIOUS_NOT_PASSED,
    ),
    ("twice at once", a_situation(SPRING=[OPEN]), "SPRING", Refusal.ATTEMPT_OPEN_ELSEWHERE),
    ("open elsewhere", a_situation(SPRING=[PASS], LMA=[OPEN]), "PACK", Refusal.ATTEMPT_OPEN_ELSEWHERE),
    ("already passed", a_situation(SPRING=[PASS]), "SPRING", Refusal.ROUTE_ALREADY_PASSED),
    ("a fourth attempt", a_situation(SPRING=[FAIL, FAIL, FAIL]), "SPRING", Refusal.REWORK_LIMIT),
    (
        "held for quality",
        a_situation(serial=SerialStatus.HOLD, held_from=SerialStatus.DEFECTIVE),
        "SPRING",
        Refusal.REWORK_LIMIT,
    ),
    (
        "a defect without a rework",
        a_situation(serial=SerialStatus.DEFECTIVE),
        "SPRING",
        Refusal.REWORK_REQUIRED,
    ),
    (
        "too many reworks",
        a_situation(serial=SerialStatus.DEFECTIVE, reworks=5),
        "SPRING",
        Refusal.REWORK_LIMIT,
    ),
    (
        "a fourth attempt that quality granted",
        a_situation(
            SPRING=[FAIL, FAIL, FAIL],
            serial=SerialStatus.REWORK,
            known={"granted": frozenset({"SPRING"})},
        ),
        "SPRING",
        Begin(4),
    ),
    ("a lot that closes lets begun serials end", a_situation(lot=LotStatus.CLOSING), "SPRING", Begin(1)),
    ("what is optional may be left out", a_situation(SPRING=[PASS], known=OPTIONAL), "PACK", Begin(1)),
    ("or done", a_situation(SPRING=[PASS], known=OPTIONAL), "LMA", Begin(1)),
    (
        "but not after it failed",
        a_situation(SPRING=[PASS], LMA=[FAIL], known=OPTIONAL),
        "PACK",
        Refusal.ROUTE_PREVIOUS_NOT_PASSED,
    ),
    (
        "nor once the serial is past it",
        a_situation(SPRING=[PASS], PACK=[FAIL, PASS], known=OPTIONAL),
        "LMA",
        Refusal.ROUTE_ALREADY_PASSED,
    ),
    (
        "what quality accepted as it is counts as passed",
        a_situation(SPRING=[FAIL], known={"accepted": frozenset({"SPRING"})}),
        "LMA",
        Begin(1),
    ),
    ("a held process", a_situation(known={"held": {"SPRING": "drift"}}), "SPRING", Refusal.PROCESS_HOLD),
    ("another held process", a_situation(known={"held": {"LMA": "drift"}}), "SPRING", Begin(1)),
    (
        "a component that an earlier process must have",
        a_situation(SPRING=[PASS], known={"missing": (SHORT,)}),
        "LMA",
        Refusal.COMPONENT_MISSING,
    ),
    (
        "a component of this process is not asked before its completion",
        a_situation(known={"missing": (SHORT,)}),
        "SPRING",
        Begin(1),
    ),
    ("a process not on the route", a_situation(), "PAINT", Refusal.STATION_WRONG_PROCESS),
    ("a held lot", a_situation(lot=LotStatus.HOLD), "SPRING", Refusal.LOT_HOLD),
    ("a draft", a_situation(lot=LotStatus.DRAFT), "SPRING", Refusal.LOT_NOT_RELEASED),
    ("a held serial", a_situation(serial=SerialStatus.HOLD), "SPRING", Refusal.SERIAL_HOLD),
    ("scrap", a_situation(serial=SerialStatus.SCRAPPED), "SPRING", Refusal.SERIAL_SCRAPPED),
    ("finished", a_situation(serial=SerialStatus.COMPLETED), "SPRING", Refusal.SERIAL_COMPLETED),
]


@pytest.mark.parametrize(
    ("seen", "process", "expected"), [case[1:] for case in STARTS], ids=[c[0] for c in STARTS]
)
def test_start(seen, process, expected):
    decision = decide_start(seen, process)
    assert (decision.code if isinstance(decision, Refuse) else decision) == expected


@pytest.mark.parametrize(
    ("seen", "process"), [case[1:3] for case in STARTS], ids=[case[0] for case in STARTS]
)
def test_a_validation_fails_in_the_part_that_refuses_the_start(seen, process):
    found = validate(seen, process)
    parts = [found.status, found.route, found.trace, found.station]
    decision = decide_start(seen, process)
    if isinstance(decision, Begin):
        assert parts == [None] * 4
    else:
        assert next(each for each in parts if each) == decision


def completion(
    seen,
    process="SPRING",
    *,
    digest="new",
    at=LATER,
    attempt_id=None,
    number=None,
    infers_start=True,
):
    return decide_completion(seen, Report(process, digest, at, attempt_id, number), infers_start=infers_start)


def test_a_completion_closes_the_open_attempt():
    seen = a_situation(SPRING=[FAIL, OPEN], serial=SerialStatus.IN_PROCESS)
    assert completion(seen) == Close(seen.attempts[1])
    assert completion(seen, attempt_id=2) == Close(seen.attempts[1])


def test_a_station_of_another_process_does_not_end_what_is_open():
    seen = a_situation(SPRING=[OPEN], serial=SerialStatus.IN_PROCESS)
    for bound, refused in (("PACK", Refusal.STATION_WRONG_PROCESS), ("SPRING", None), (None, None)):
        answer = completion(replace(seen, workplace=Workplace(T0, bound_to=bound)))
        assert (answer.code if refused else answer) == (refused or Close(seen.attempts[0]))
    for station, name in ((None, "This station"), ("ST-4", "Station ST-4")):
        answer = completion(replace(seen, workplace=Workplace(T0, station=station, bound_to="PACK")))
        assert answer.about["why"].en == f"{name} is set up for PACK, not for SPRING"


def test_an_attempt_id_must_agree():
    seen = a_situation(SPRING=[PASS], LMA=[OPEN], serial=SerialStatus.IN_PROCESS)
    assert completion(seen, "LMA", attempt_id=1).code is Refusal.ATTEMPT_DISAGREES
    assert completion(seen, "SPRING", attempt_id=1).code is Refusal.ATTEMPT_CLOSED_DIFFERENTLY


def test_an_attempt_number_must_agree():
    seen = a_situation(SPRING=[FAIL, OPEN], serial=SerialStatus.IN_PROCESS)
    assert completion(seen, number=2) == Close(seen.attempts[1])
    assert completion(seen, number=1).code is Refusal.ATTEMPT_CLOSED_DIFFERENTLY
    assert completion(seen, attempt_id=2, number=1).code is Refusal.ATTEMPT_DISAGREES
    assert completion(seen, number=3).code is Refusal.ATTEMPT_DISAGREES
    assert completion(a_situation(SPRING=[FAIL]), number=2) == BeginAndClose(2)
    assert completion(a_situation(SPRING=[FAIL]), number=3).code is Refusal.ATTEMPT_DISAGREES


def test_an_open_attempt_of_a_process_taken_out_of_use_is_refused_not_a_fault():
    seen = replace(a_situation(SPRING=[OPEN], serial=SerialStatus.IN_PROCESS), route=("LMA", "PACK"))
    assert completion(seen).code is Refusal.STATION_WRONG_PROCESS


def test_the_same_content_again_is_the_same_answer_even_when_held():
    seen = a_situation(SPRING=[PASS], lot=LotStatus.HOLD)
    assert completion(seen, digest="SPRING-1") == Same(seen.attempts[0])


def test_other_content_for_a_closed_attempt_is_contested():
    assert completion(a_situation(SPRING=[PASS])).code is Refusal.ATTEMPT_CLOSED_DIFFERENTLY
    assert completion(a_situation(SPRING=[FAIL]), at=T0).code is Refusal.ATTEMPT_CLOSED_DIFFERENTLY


def test_a_late_report_of_a_closed_attempt_does_not_close_the_one_that_is_open():
    seen = a_situation(SPRING=[FAIL, OPEN], serial=SerialStatus.IN_PROCESS)
    running = replace(seen.attempts[1], started_at=LATER)
    seen = replace(seen, attempts=(seen.attempts[0], running))
    assert completion(seen, at=T0).code is Refusal.ATTEMPT_CLOSED_DIFFERENTLY
    assert decide_offline_completion(
        seen, Report("SPRING", "new", T0, None, None), infers_start=True
    ) == Refuse(Refusal.ATTEMPT_CLOSED_DIFFERENTLY, {"process": "SPRING"})
    assert completion(seen, at=T0 + timedelta(minutes=1)) == Close(running)  # a clock that went back
    assert completion(seen, at=T0, attempt_id=2) == Close(running)


def test_a_completion_without_a_start_infers_it_by_the_process_policy():
    assert completion(a_situation()) == BeginAndClose(1)
    assert completion(a_situation(SPRING=[FAIL])) == BeginAndClose(2)
    assert completion(a_situation(), infers_start=False).code is Refusal.START_MISSING
    assert completion(a_situation(), "LMA").code is Refusal.ROUTE_PREVIOUS_NOT_PASSED


@pytest.mark.parametrize(
    ("held", "code"),
    [
        ({"lot": LotStatus.HOLD}, Refusal.LOT_HOLD),
        ({"serial": SerialStatus.HOLD, "held_from": SerialStatus.IN_PROCESS}, Refusal.SERIAL_HOLD),
    ],
)
def test_what_is_held_is_not_completed(held, code):
    assert completion(a_situation(SPRING=[OPEN], **held)).code is code


@pytest.mark.parametrize(
    ("process", "tries", "passed", "reworks", "expected"),
    [
        ("SPRING", 1, True, 0, Outcome(SerialStatus.WAITING, "LMA", opens_rework=False)),
        ("PACK", 1, True, 0, Outcome(SerialStatus.COMPLETED, None, opens_rework=False)),
        ("LMA", 1, False, 0, Outcome(SerialStatus.REWORK, "LMA", opens_rework=True)),
        ("LMA", 2, False, 4, Outcome(SerialStatus.REWORK, "LMA", opens_rework=True)),
        ("LMA", 3, False, 2, Outcome(SerialStatus.HOLD, "LMA", opens_rework=False)),
        ("LMA", 1, False, 5, Outcome(SerialStatus.HOLD, "LMA", opens_rework=False)),
    ],
)
def test_outcome(process, tries, passed, reworks, expected):
    before = {each: [PASS] for each in ("SPRING", "LMA")[: ("SPRING", "LMA", "PACK").index(process)]}
    seen = a_situation(reworks=reworks, **before)
    assert decide_outcome(seen, process, tries=tries, passed=passed) == expected


@pytest.mark.parametrize(
    ("optional", "expected"),
    [
        ({"LMA"}, Outcome(SerialStatus.WAITING, "LMA", opens_rework=False)),
        ({"PACK"}, Outcome(SerialStatus.WAITING, "LMA", opens_rework=False)),
        ({"LMA", "PACK"}, Outcome(SerialStatus.COMPLETED, None, opens_rework=False)),
    ],
)
def test_a_serial_is_finished_when_all_that_must_be_has_passed(optional, expected):
    seen = a_situation(known={"optional": frozenset(optional)})
    assert decide_outcome(seen, "SPRING", tries=1, passed=True) == expected


def test_what_was_left_out_is_behind_a_serial_that_went_on():
    seen = a_situation(SPRING=[PASS], known=OPTIONAL)
    expected = Outcome(SerialStatus.COMPLETED, None, opens_rework=False)
    assert decide_outcome(seen, "PACK", tries=1, passed=True) == expected


HISTORIES = ([], [OPEN], [PASS], [FAIL], [FAIL, PASS], [FAIL, OPEN], [FAIL, FAIL, FAIL], [ABORTED])


def every_situation():
    """72,576 situations of two processes: every state of lot and serial, every history, also absurd ones."""
    for lot, serial, held_from, first, second, reworks in itertools.product(
        LotStatus,
        SerialStatus,
        (None, SerialStatus.DEFECTIVE, SerialStatus.IN_PROCESS),
        HISTORIES,
        HISTORIES,
        (0, 5),
    ):
        known = attempts(SPRING=first, LMA=second)
        yield Situation(lot, serial, held_from, ("SPRING", "LMA"), known, reworks)


def may_start(seen, process):
    """Rule 2 said once more, in another way."""
    here = [each.status for each in seen.attempts if each.process == process]
    earlier = [each.status for each in seen.attempts if each.process == "SPRING"]
    return (
        seen.lot in {LotStatus.RELEASED, LotStatus.IN_PROGRESS, LotStatus.CLOSING}
        and seen.serial
        in {SerialStatus.CREATED, SerialStatus.WAITING, SerialStatus.IN_PROCESS, SerialStatus.REWORK}
        and OPEN not in [each.status for each in seen.attempts]
        and PASS not in here
        and (process == "SPRING" or PASS in earlier)
        and len(here) < 3
    )


def test_in_every_situation_a_start_is_allowed_exactly_when_the_rule_says_so():
    for seen in every_situation():
        for process in ("SPRING", "LMA"):
            decision = decide_start(seen, process)
            assert isinstance(decision, Begin) == may_start(seen, process), (seen, process, decision)


def test_in_every_situation_a_completion_closes_only_what_is_open_and_not_held():
    for seen in every_situation():
        decision = completion(seen, "LMA")
        is_held = (
            seen.lot not in {LotStatus.RELEASED, LotStatus.IN_PROGRESS, LotStatus.CLOSING}
            or seen.serial is SerialStatus.HOLD
        )
        match decision:
            case Close(attempt):
                assert attempt.status is OPEN
                assert not is_held
            case BeginAndClose():
                assert may_start(seen, "LMA")
            case _:
                assert isinstance(decision, Refuse)


def test_every_refusal_has_words_that_name_a_next_step_in_both_languages():
    for code in Refusal:
        problem = problem_of(code, {"serial": "FN-1"})
        for words in (problem.title, problem.detail, problem.fix):
            assert words.en
            assert any("가" <= letter <= "힣" for letter in words.ko)

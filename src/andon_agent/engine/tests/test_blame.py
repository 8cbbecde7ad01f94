"""Which reasons count against a release, so that it is not tried again, and which are the machine's own."""

import errno
import re
from dataclasses import replace

import pytest

from andon_agent.engine.actions import Begin, Decision, GiveUp, Return, Switch, Wait
from andon_agent.engine.case import Case
from andon_agent.engine.decide import decide
from andon_agent.engine.jobs import outcome
from andon_agent.engine.model import Job, Running, Safe, Seen, State, Step, Target, Work, WorkState
from andon_agent.engine.tests.situations import AT, CONTRACT, NOW, ONE, PROCESS, RULES, TWO, situations, wants
from andon_agent.engine.transitions import apply
from andon_wire.errors import Doubtful, Malformed, Missing, Unreachable, Untrusted
from andon_wire.protocol import EventKind, Phase, WantedUnit

pytestmark = pytest.mark.unit
LONG = 500  # failures in a row
WANTED = WantedUnit(version="2.0")
BASE = State("screen", since=AT, boot="boot", starts=3, token="t", active=ONE, confirmed=ONE, process=PROCESS)

ALIVE = Running(is_alive=True)
JOBS = [(Phase.DOWNLOADING, Job.DOWNLOAD), (Phase.INSTALLING, Job.INSTALL)]

MACHINES = [
    Unreachable("no-network", "no registry answers"),
    Unreachable("cut-off", "the registry gave a part"),
    Unreachable("disk-full", "3 MiB are missing"),
    Unreachable("disk-failed", "the disk failed"),
    Missing("artifact-missing", "no registry has it yet"),
    Doubtful("metadata-expired", "the mirror is old"),
    Doubtful("bad-signature", "the mirror's metadata is not signed"),
    *(OSError(number, "x") for number in (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.ENOMEM)),
    *(OSError(number, "x") for number in (errno.EMFILE, errno.EACCES, errno.EBUSY)),
]
RELEASES = [
    Untrusted("hash-mismatch", "its bytes are not what was signed"),
    Malformed("bad-container", "its container cannot be read"),
    OSError(errno.ENAMETOOLONG, "a name of it is too long"),
    OSError(errno.EINVAL, "a name of it is none here"),
]


def bringing(phase: Phase, job: Job, error: Exception) -> Case:
    """After that error for the five hundredth time in a row."""
    state = replace(BASE, phase=phase, target=Target("2.0", "b"))
    work = outcome(error, None, LONG, NOW.uptime, RULES)
    seen = Seen(
        pointer="a", held={"a": ONE}, contract=CONTRACT, running=Running(is_alive=True), jobs={job: work}
    )
    return Case(state, seen, WANTED, NOW, RULES)


@pytest.mark.parametrize(
    ("phase", "job"), [(Phase.DOWNLOADING, Job.DOWNLOAD), (Phase.INSTALLING, Job.INSTALL)]
)
@pytest.mark.parametrize("error", MACHINES, ids=str)
def test_a_reason_of_the_machine_is_tried_again_for_ever_and_never_spends_a_try(
    error: Exception, phase: Phase, job: Job
) -> None:
    case = bringing(phase, job, error)
    decision = decide(case)
    assert isinstance(decision.action, Wait)
    assert decision.action.until_s == RULES.longest_retry_s, "ever more seldom"
    assert str(error) in decision.reason
    later = replace(case, now=replace(NOW, uptime=NOW.uptime + RULES.longest_retry_s))
    assert decide(later).action == Begin(job)


@pytest.mark.parametrize(
    ("phase", "job"), [(Phase.DOWNLOADING, Job.DOWNLOAD), (Phase.INSTALLING, Job.INSTALL)]
)
@pytest.mark.parametrize("error", RELEASES, ids=str)
def test_a_reason_of_the_release_gives_it_up(error: Exception, phase: Phase, job: Job) -> None:
    case = bringing(phase, job, error)
    decision = decide(case)
    assert decision.action == GiveUp("2.0", 0, is_refused=isinstance(error, Untrusted))
    assert apply(case.state, decision, NOW).failed_as("2.0") is not None


def ready(**seen: object) -> Case:
    """All is here, and what runs may be ended."""
    state = replace(BASE, phase=Phase.READY, target=Target("2.0", "b"))
    there = Seen(pointer="a", held={"a": ONE, "b": TWO}, contract=CONTRACT, running=ALIVE)
    return Case(state, replace(there, safe=Safe(is_safe=True), **seen), WANTED, NOW, RULES)  # type: ignore[arg-type]


@pytest.mark.parametrize("is_direct", [False, True])
def test_without_room_for_the_copy_of_its_data_what_runs_is_not_ended_and_with_room_it_goes_on(
    is_direct: bool,
) -> None:
    wanted = WANTED.model_copy(update={"direct": is_direct})
    short = decide(replace(ready(short=(3 << 20) + 1), wanting=wanted))
    assert isinstance(short.action, Wait)
    assert "waits for room: 4 MiB more have to be free" in short.reason
    assert isinstance(decide(replace(ready(), wanting=wanted)).action, Switch)


@pytest.mark.parametrize("attempt", [0, 1])
def test_a_copy_that_finds_no_room_brings_back_what_ran_and_spends_no_try(attempt: int) -> None:
    failed = () if attempt == 0 else apply(BASE, _given_up(), NOW).failed
    state = replace(
        BASE, phase=Phase.SWITCHING, step=Step.BACK_UP, process=None, failed=failed,
        target=Target("2.0", "b", attempt),
    )  # fmt: skip
    work = outcome(Unreachable("disk-full", "9 MiB are missing"), None, 1, NOW.uptime, RULES)
    seen = Seen(
        pointer="a", held={"a": ONE, "b": TWO}, contract=CONTRACT, jobs={Job.BACK_UP: work}, short=9 << 20
    )
    case = Case(state, seen, WANTED.model_copy(update={"attempt": attempt}), NOW, RULES)
    decision = decide(case)
    assert decision.action == Return(ONE, is_failure=False)
    assert "9 MiB are missing" in decision.reason
    for _ in range(4):
        state = replace(apply(case.state, decision, NOW), outbox=())
        case = replace(case, state=state, seen=replace(seen, jobs={}))
        decision = decide(case)
        assert EventKind.GAVE_UP not in {each.kind for each in apply(state, decision, NOW).outbox}
    assert state.failed == failed, "it is as untried as before"
    assert state.phase is not Phase.FAILED


def _given_up() -> Decision:
    return Decision(GiveUp("2.0", 0), "an earlier try failed")


COUNT = {
    "it is older than what runs, and nobody signed that it comes back": r"is older than .*nobody signed",
    "its bytes are not trusted, or it cannot be made of them": r"^x$",
    "its data cannot be copied, although there is room": r"its data could not be backed up: x",
    "there is no room, and nothing works that could come back": r"backed up: full; there is nothing to ret",
    "its files went from the slot once what ran was ended": r"is not whole in its slot any more",
    "it was not healthy in time": r"was not healthy within",
    "it dies again and again": r"died 3 times in",
    "the machine starts anew again and again under it": r"the machine was started 5 times under",
}


def test_the_reasons_that_count_against_a_release_are_these_and_no_others() -> None:
    met: set[str] = set()
    for wanting in wants():
        for case in situations(wanting):
            decision = decide(case)
            after = apply(case.state, decision, case.now)
            if after.failed == case.state.failed or len(after.failed) < len(case.state.failed):
                continue
            found = {what for what, pattern in COUNT.items() if re.search(pattern, decision.reason)}
            assert found, (decision.reason, case)
            met |= found
    assert met == set(COUNT)


def test_work_that_waits_for_the_machine_is_known_by_its_state() -> None:
    for error in MACHINES:
        assert outcome(error, None, LONG, 0.0, RULES).state is WorkState.FAILED
    assert outcome(None, "found", 1, 0.0, RULES) == Work(WorkState.DONE, "found")

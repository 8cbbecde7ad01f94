"""What is done about a task, over every situation that rows and processes can be in."""

import itertools
from dataclasses import replace
from datetime import timedelta

import pytest

from andon.kernel.ids import RolloutId
from andon.rollouts.model import TaskSeen, TaskState
from andon.rollouts.steps import Task
from andon.rollouts.tasks.decide import (
    GRACE,
    MOST_LOST,
    Action,
    Rest,
    Settle,
    Start,
    Stop,
    decide,
    how_far,
    is_final,
    leave,
)
from andon.rollouts.tasks.job import Result
from andon.rollouts.tasks.model import Seen, Try
from andon.rollouts.wanted import WantedTask
from andon.testing.rolling import AT
from andon.testing.tasks import SMOKE

RUNNING, PASSED, FAILED, LOST = TaskState.RUNNING, TaskState.PASSED, TaskState.FAILED, TaskState.LOST
GONE, ALIVE = Seen(), Seen(is_alive=True)
GOOD, BAD = Seen(result=Result(True, "ended with 0")), Seen(result=Result(False, "ended with 1"))
LATE = SMOKE.timeout + GRACE


def tries(*states: TaskState) -> list[Try]:
    return [
        Try(RolloutId("ro-1"), 0, "front", number, state, "here", AT, reason="ended with 1")
        for number, state in enumerate(states, 1)
    ]


def wanted(task: Task = SMOKE, *, may_start: bool = True) -> WantedTask:
    return WantedTask(RolloutId("ro-1"), 0, task, may_start, None)


CASES: list[tuple[str, list[TaskState], Seen, timedelta, Action]] = [
    ("begins", [], GONE, timedelta(), Start(1)),
    ("runs", [RUNNING], ALIVE, timedelta(seconds=9), Rest()),
    ("passes", [RUNNING], GOOD, timedelta(), Settle(PASSED, "ended with 0")),
    ("fails", [RUNNING], BAD, timedelta(), Settle(FAILED, "ended with 1")),
    ("an answer counts, however late", [RUNNING], GOOD, LATE, Settle(PASSED, "ended with 0")),
    ("is lost", [RUNNING], GONE, timedelta(), Settle(LOST, "left no result: what ran it is gone")),
    ("is ended when late", [RUNNING], ALIVE, LATE, Stop("it takes longer than it may")),
    ("has failed when ended late", [RUNNING], GONE, LATE, Settle(FAILED, "took longer than 10 s")),
    ("is repeated after a failure", [FAILED], GONE, timedelta(), Start(2)),
    ("is over at its last try", [FAILED, FAILED], GONE, timedelta(), Rest()),
    ("is repeated after a loss, which is no failure", [LOST, FAILED], GONE, timedelta(), Start(3)),
    ("is over when lost too often", [LOST] * MOST_LOST, GONE, timedelta(), Rest()),
    ("is over when it passed", [FAILED, PASSED], GONE, timedelta(), Rest()),
]


@pytest.mark.parametrize(
    ("states", "seen", "after", "action"), [case[1:] for case in CASES], ids=[c[0] for c in CASES]
)
def test_what_is_done(states: list[TaskState], seen: Seen, after: timedelta, action: Action) -> None:
    assert decide(wanted(), tries(*states), seen, AT + after) == action


HOW_FAR = [
    ([], TaskSeen(TaskState.PENDING)),
    ([RUNNING], TaskSeen(RUNNING, "runs, try 1")),
    ([FAILED, RUNNING], TaskSeen(RUNNING, "runs, try 2")),
    ([FAILED], TaskSeen(TaskState.PENDING, "is tried again: it ended with 1")),
    ([FAILED, FAILED], TaskSeen(FAILED, "ended with 1")),
    ([LOST], TaskSeen(LOST, "ended with 1")),
    ([LOST] * MOST_LOST, TaskSeen(FAILED, "ended with 1")),
    ([PASSED], TaskSeen(PASSED, "ended with 1")),
]


@pytest.mark.parametrize(("states", "seen"), HOW_FAR)
def test_how_far_it_is_for_the_rollout(states: list[TaskState], seen: TaskSeen) -> None:
    assert how_far(SMOKE, tries(*states)) == seen


def test_over_the_whole_space_nothing_begins_beside_a_running_try_nor_after_the_end() -> None:
    for states in itertools.chain.from_iterable(
        itertools.product([PASSED, FAILED, LOST, RUNNING], repeat=length) for length in range(5)
    ):
        if RUNNING in states[:-1]:
            continue
        rows = tries(*states)
        for seen, late, may_start in itertools.product(
            [GONE, ALIVE, GOOD, BAD], [timedelta(), LATE], [True, False]
        ):
            action = decide(wanted(may_start=may_start), rows, seen, AT + late)
            is_running = bool(states) and states[-1] is RUNNING
            if isinstance(action, Start):
                assert may_start
                assert not is_running
                assert not is_final(SMOKE, rows)
                assert action.number == len(states) + 1
            if isinstance(action, Settle | Stop):
                assert is_running
            if action == Settle(PASSED, "ended with 0"):
                assert seen is GOOD
        assert (how_far(SMOKE, rows).state in {PASSED, FAILED}) == is_final(SMOKE, rows)


def test_what_nobody_wants_is_ended_and_then_settled() -> None:
    assert isinstance(leave(ALIVE), Stop)
    assert leave(GONE) == Settle(FAILED, "was ended: the rollout does not want it any more")


def test_while_it_is_paused_or_corded_a_try_ends_but_none_begins() -> None:
    stopped = wanted(replace(SMOKE, retries=9), may_start=False)
    assert decide(stopped, tries(RUNNING), GOOD, AT) == Settle(PASSED, "ended with 0")
    assert decide(stopped, tries(FAILED), GONE, AT) == Rest()

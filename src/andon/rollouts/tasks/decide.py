"""What is done about a task now, and how far it is. Pure: the rows and what is seen give the answer.

A try that failed is repeated as often as the plan says. One that was lost with what ran it is repeated,
too: it says nothing of the candidate. But not for ever.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from andon.rollouts.model import NOT_BEGUN, TaskSeen, TaskState
from andon.rollouts.steps import Task
from andon.rollouts.tasks.model import Seen, Try
from andon.rollouts.wanted import WantedTask

MOST_LOST = 3
# What runs a try ends it in time by itself; only where it does not, it is ended from outside.
GRACE = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Rest:
    """Nothing to do now."""


@dataclass(frozen=True, slots=True)
class Start:
    """Write the row of this try, then run it."""

    number: int


@dataclass(frozen=True, slots=True)
class Settle:
    """The try has ended so."""

    state: TaskState
    reason: str


@dataclass(frozen=True, slots=True)
class Stop:
    """End its processes; what that means for it comes with the next look."""

    reason: str


Action = Rest | Start | Settle | Stop


def decide(wanted: WantedTask, tries: Sequence[Try], seen: Seen, now: datetime) -> Action:
    """What is done about the task that the rollout wants. seen: of its last try, by number."""
    if tries and tries[-1].state is TaskState.RUNNING:
        return _running(wanted.task, tries[-1], seen, now)
    if not wanted.may_start or is_final(wanted.task, tries):
        return Rest()
    return Start(len(tries) + 1)


def leave(seen: Seen) -> Action:
    """What is done about a running try that no rollout wants any more."""
    if seen.is_alive:
        return Stop("the rollout does not want it any more")
    return Settle(TaskState.FAILED, "was ended: the rollout does not want it any more")


def _running(task: Task, last: Try, seen: Seen, now: datetime) -> Action:
    if seen.result is not None:
        state = TaskState.PASSED if seen.result.is_passed else TaskState.FAILED
        return Settle(state, seen.result.reason)
    is_late = now >= last.started_at + task.timeout + GRACE
    if not seen.is_alive:
        if is_late:
            return Settle(TaskState.FAILED, f"took longer than {task.timeout.total_seconds():g} s")
        return Settle(TaskState.LOST, "left no result: what ran it is gone")
    return Stop("it takes longer than it may") if is_late else Rest()


def is_final(task: Task, tries: Sequence[Try]) -> bool:
    """Whether no further try will come: it passed, or it failed or was lost too often."""
    states = [each.state for each in tries]
    return (
        TaskState.PASSED in states
        or states.count(TaskState.FAILED) > task.retries
        or states.count(TaskState.LOST) >= MOST_LOST
    )


def how_far(task: Task, tries: Sequence[Try]) -> TaskSeen:
    """How far the task is, for the rollout: failed is final, a try that will be repeated is pending."""
    if not tries:
        return NOT_BEGUN
    last = tries[-1]
    if is_final(task, tries):
        state = TaskState.PASSED if last.state is TaskState.PASSED else TaskState.FAILED
        return TaskSeen(state, last.reason)
    match last.state:
        case TaskState.RUNNING:
            return TaskSeen(TaskState.RUNNING, f"runs, try {last.number}")
        case TaskState.LOST:
            return TaskSeen(TaskState.LOST, last.reason)
        case _:
            return TaskSeen(TaskState.PENDING, f"is tried again: it {last.reason}")

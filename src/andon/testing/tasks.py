"""Tasks of rollouts without processes: rows in memory, runs as a test says, and a rollout at a task."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from andon.kernel.errors import Conflict
from andon.kernel.ids import RolloutId
from andon.rollouts.model import Rollout, Stage, TaskState
from andon.rollouts.steps import Task, TaskKind
from andon.rollouts.tasks.job import Job, Result
from andon.rollouts.tasks.model import Seen, Try
from andon.store.leases import Lease
from andon.testing.rolling import AT, a_plan, a_rollout

SMOKE = Task(TaskKind.SMOKE, "front", timedelta(seconds=10), retries=1, path="/health")
COMMAND = Task(TaskKind.COMMAND, "check", timedelta(seconds=60), command=("check", "{version}"))


def checking(*tasks: Task, at: int = 0, **changes: Any) -> Rollout:
    """A rollout that is at the task number `at` before its first step."""
    made = a_plan()
    first = replace(made.steps[0], before=tasks)
    plan = replace(made, steps=(first, *made.steps[1:]))
    wanted: dict[str, Any] = {"deadline_at": AT + timedelta(hours=1), "at": at} | changes
    return replace(a_rollout(plan), stage=Stage.CHECKING, **wanted)


@dataclass
class FakeTries:
    """The rows, by the rules of the database. told: every change in order."""

    rows: list[Try] = field(default_factory=list)
    told: list[str] = field(default_factory=list)

    async def list(self, rollout: RolloutId) -> Sequence[Try]:
        """Those of a rollout."""
        return [each for each in self.rows if each.rollout == rollout]

    async def running(self) -> Sequence[Try]:
        """Those that have not ended."""
        return [each for each in self.rows if each.state is TaskState.RUNNING]

    async def begin(self, _rollout: Rollout, made: Try, _lease: Lease) -> None:
        """Add one."""
        if any(each.mark == made.mark for each in self.rows):
            raise Conflict("already-there", f"{made.mark} began already")
        self.rows.append(made)
        self.told.append(f"{made.mark} started")

    async def settle(self, _rollout: Rollout, ended: Try, _lease: Lease) -> None:
        """End one."""
        for number, each in enumerate(self.rows):
            if each.mark == ended.mark and each.state is TaskState.RUNNING:
                self.rows[number] = ended
                self.told.append(f"{ended.mark} {ended.state.value}")
                return
        raise Conflict("task-moved", f"{ended.mark} was settled before")


@dataclass
class FakeRuns:
    """What runs tries: alive from its start until a test ends it. started: every start, with its job."""

    place: str = "here"
    seen: dict[str, Seen] = field(default_factory=dict)
    started: list[tuple[str, Job]] = field(default_factory=list)
    stopped: list[str] = field(default_factory=list)
    refuses: OSError | None = None

    def work(self, made: Try) -> str:
        """Where a command works."""
        return f"/home/tasks/{made.mark}/work"

    def observe(self, made: Try) -> Seen:
        """What there is of a try."""
        return self.seen.get(made.mark, Seen()) if made.place == self.place else Seen()

    def start(self, made: Try, job: Job) -> None:
        """It is alive."""
        if self.refuses is not None:
            raise self.refuses
        self.started.append((made.mark, job))
        self.seen[made.mark] = Seen(is_alive=True)

    def stop(self, made: Try) -> None:
        """It is not."""
        self.stopped.append(made.mark)
        self.seen[made.mark] = Seen()

    def end(self, mark: str, *, is_passed: bool, reason: str = "ended") -> None:
        """It answered."""
        self.seen[mark] = Seen(result=Result(is_passed, reason))

    def lose(self, mark: str) -> None:
        """It is gone without an answer."""
        self.seen[mark] = Seen()

"""The loop over tasks: a row before a process, once at the most, whenever Andon dies."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from andon.kernel.clock import ManualClock
from andon.kernel.errors import NotFound
from andon.kernel.ids import EnvironmentName, RolloutId, UnitName, Version
from andon.rollouts.controller import Holder
from andon.rollouts.model import Rollout, Stage, TaskSeen, TaskState
from andon.rollouts.tasks.controller import Sources, TaskController, Tasks
from andon.rollouts.tasks.job import Job
from andon.rollouts.tasks.model import Try
from andon.store.leases import Lease
from andon.testing.rolling import AT, NEW
from andon.testing.tasks import COMMAND, SMOKE, FakeRuns, FakeTries, checking

BASE = "http://127.0.0.1:20001"


class Dies(Exception):
    """Andon ends here."""


class Leases:
    def __init__(self) -> None:
        self.is_mine = True

    async def acquire(self, name: str, holder: str, _time_to_live: timedelta) -> Lease | None:
        return Lease(name, holder, 1) if self.is_mine else None


class Scene:
    def __init__(self, rollout: Rollout, *, commands: bool = True) -> None:
        self.rollout = rollout
        self.tries, self.runs, self.leases = FakeTries(), FakeRuns(), Leases()
        self.clock, self.woken = ManualClock(AT), 0
        self.bases: list[str] = [BASE]
        self.commands = commands

    async def active(self) -> Sequence[RolloutId]:
        return [] if self.rollout.phase.is_over else [self.rollout.id]

    async def get(self, rollout: RolloutId) -> Rollout:
        if rollout != self.rollout.id:
            raise NotFound("no-such-rollout", "none")
        return self.rollout

    async def addresses(self, _unit: UnitName, _environment: EnvironmentName, version: Version) -> list[str]:
        assert version == NEW
        return self.bases

    def wake(self) -> None:
        self.woken += 1

    async def tick(self, after: timedelta = timedelta()) -> TaskSeen:
        self.clock.advance(after)
        sources = Sources(self, self.tries, self.runs, self.addresses)
        await TaskController(
            sources,
            self.leases,  # type: ignore[arg-type]
            self.clock,
            holder=Holder("here-1"),
            commands=self.commands,
            changed=self.wake,
        ).tick()
        return await Tasks(self.tries).seen(self.rollout)


async def test_a_try_is_written_then_run_and_its_end_wakes_the_rollout() -> None:
    scene = Scene(checking(SMOKE))
    assert (await scene.tick()).state is TaskState.RUNNING
    ((mark, job),) = scene.runs.started
    assert mark == "ro-1/0/front/1"
    assert (job.bases, job.path, job.seconds, job.command) == ((BASE,), "/health", 10, ())
    assert scene.woken == 0
    scene.runs.end(mark, is_passed=True, reason="passed: /health at 1 instance")
    assert await scene.tick() == TaskSeen(TaskState.PASSED, "passed: /health at 1 instance")
    assert scene.woken == 1
    await scene.tick(timedelta(minutes=1))
    assert scene.tries.told == ["ro-1/0/front/1 started", "ro-1/0/front/1 passed"]


async def test_a_failure_is_repeated_at_once_and_the_last_one_is_final() -> None:
    scene = Scene(checking(SMOKE))
    await scene.tick()
    scene.runs.end("ro-1/0/front/1", is_passed=False)
    assert await scene.tick() == TaskSeen(TaskState.RUNNING, "runs, try 2")
    scene.runs.end("ro-1/0/front/2", is_passed=False, reason="failed: /health answered 500")
    assert await scene.tick() == TaskSeen(TaskState.FAILED, "failed: /health answered 500")
    assert len(scene.runs.started) == 2


async def test_a_running_try_is_found_again_after_a_crash() -> None:
    scene = Scene(checking(SMOKE))
    await scene.tick()
    for _ in range(3):  # each tick is made by a controller of its own, as after a crash
        assert (await scene.tick(timedelta(seconds=1))).state is TaskState.RUNNING
    assert len(scene.runs.started) == 1


async def test_a_crash_between_row_and_process_loses_the_try_and_the_next_is_another() -> None:
    scene = Scene(checking(SMOKE))

    def die(_made: Try, _job: Job) -> None:
        raise Dies

    real, scene.runs.start = scene.runs.start, die  # type: ignore[method-assign]
    with pytest.raises(Dies):
        await scene.tick()
    scene.runs.start = real  # type: ignore[method-assign]
    assert [each.state for each in scene.tries.rows] == [TaskState.RUNNING]
    assert (await scene.tick()).state is TaskState.RUNNING
    assert scene.tries.told[1:] == ["ro-1/0/front/1 lost", "ro-1/0/front/2 started"]
    assert [mark for mark, _ in scene.runs.started] == ["ro-1/0/front/2"]


async def test_what_ran_elsewhere_is_lost_when_the_lease_comes_here() -> None:
    scene = Scene(checking(SMOKE))
    scene.leases.is_mine = False
    await scene.tick()
    assert scene.tries.rows == []
    scene.tries.rows.append(Try(scene.rollout.id, 0, "front", 1, TaskState.RUNNING, "there", AT))
    scene.leases.is_mine = True
    await scene.tick()
    assert [each.state for each in scene.tries.rows] == [TaskState.LOST, TaskState.RUNNING]


async def test_what_takes_too_long_is_ended() -> None:
    scene = Scene(checking(SMOKE))
    await scene.tick()
    await scene.tick(timedelta(seconds=15))
    assert scene.runs.stopped == ["ro-1/0/front/1"]
    assert (await scene.tick()).state is TaskState.RUNNING
    assert scene.tries.rows[0].reason == "took longer than 10 s"


async def test_what_no_rollout_wants_any_more_is_ended() -> None:
    scene = Scene(checking(SMOKE))
    await scene.tick()
    scene.rollout = replace(scene.rollout, stage=Stage.ROUTING)
    await scene.tick()
    assert scene.runs.stopped == ["ro-1/0/front/1"]
    await scene.tick()
    assert scene.tries.rows[0].reason == "was ended: the rollout does not want it any more"
    await scene.tick()
    assert len(scene.tries.told) == 2


async def test_nothing_begins_while_it_is_paused_or_without_an_instance_to_ask() -> None:
    scene = Scene(checking(SMOKE, paused_at=AT))
    await scene.tick()
    scene.rollout = checking(SMOKE)
    scene.bases = []
    assert (await scene.tick()).state is TaskState.PENDING
    assert scene.tries.rows == []


async def test_a_command_is_given_what_it_is_about_and_nothing_of_ours() -> None:
    scene = Scene(checking(COMMAND))
    await scene.tick()
    ((_, job),) = scene.runs.started
    assert job.command == ("check", "1.1.0")
    assert job.bases == ()
    assert job.environment == {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "HOME": "/home/tasks/ro-1/0/check/1/work",
        "TMPDIR": "/home/tasks/ro-1/0/check/1/work",
        "ANDON_ROLLOUT": "ro-1",
        "ANDON_UNIT": "mes",
        "ANDON_ENVIRONMENT": "production",
        "ANDON_VERSION": "1.1.0",
        "ANDON_STABLE": "1.0.0",
        "ANDON_STEP": "0",
        "ANDON_URLS": BASE,
    }


async def test_commands_that_are_turned_off_fail_without_running() -> None:
    scene = Scene(checking(COMMAND), commands=False)
    assert await scene.tick() == TaskSeen(
        TaskState.FAILED, "was not run: commands are turned off (ANDON_ROLLOUTS__COMMANDS)"
    )
    assert scene.runs.started == []


async def test_what_cannot_be_started_has_failed() -> None:
    scene = Scene(checking(COMMAND))
    scene.runs.refuses = OSError(28, "No space left on device")
    assert await scene.tick() == TaskSeen(TaskState.FAILED, "could not be started: No space left on device")

"""Tries of tasks as real processes: how they end, what they print, how long, and what they leave behind."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from andon.kernel import processes
from andon.kernel.errors import Conflict
from andon.kernel.ids import RolloutId
from andon.rollouts.model import TaskState
from andon.rollouts.tasks.job import LOCK, MARK, Job, Result
from andon.rollouts.tasks.model import Seen, Try
from andon.rollouts.tasks.runner import Runner
from andon.rollouts.tasks.store import TaskStore
from andon.store.engine import Database
from andon.store.leases import LeaseStore
from andon.testing.outside import OutsideServer
from andon.testing.rolling import AT, a_rollout
from andon.timeline.store import Filter, TimelineStore

ENVIRONMENT = {"PATH": "/usr/bin:/bin", "PYTHONPATH": os.pathsep.join(sys.path)}


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    return Runner(tmp_path, "here", ENVIRONMENT, lambda: None)


def a_try(number: int = 1, **changes: str) -> Try:
    made = Try(RolloutId("ro-1"), 0, "check", number, TaskState.RUNNING, "here", AT)
    return replace(made, **changes)


def command(*parts: str, seconds: float = 200, number: int = 1) -> Job:
    mark = a_try(number).mark
    return Job(mark, seconds, command=parts, environment={"PATH": "/usr/bin:/bin", "ANDON_UNIT": "mes"})


async def ended(runner: Runner, made: Try, patience: float = 60) -> Result:
    ends_at = time.monotonic() + patience
    while (seen := runner.observe(made)).result is None or seen.is_alive:
        assert time.monotonic() < ends_at, "it does not end"
        await asyncio.sleep(0.02)
    return seen.result


async def run(runner: Runner, job: Job, made: Try | None = None) -> Result:
    runner.start(made or a_try(), job)
    return await ended(runner, made or a_try())


async def test_a_command_that_ends_with_0_has_passed_and_its_output_is_kept(runner: Runner) -> None:
    woken = asyncio.Event()
    runner._on_end = woken.set
    assert await run(runner, command("sh", "-c", "echo one; echo two >&2")) == Result(True, "ended with 0")
    assert runner.log(a_try()) == "$ sh -c echo one; echo two >&2\none\ntwo\nended with 0\n"
    await asyncio.wait_for(woken.wait(), 60)


async def test_one_that_ends_otherwise_says_how_and_what_it_said_last(runner: Runner) -> None:
    job = command("sh", "-c", "echo checking; echo 'lot 7 is open'; exit 3")
    assert await run(runner, job) == Result(False, "ended with 3: lot 7 is open")
    killed = command("sh", "-c", "kill -9 $$", number=2)
    assert await run(runner, killed, a_try(2)) == Result(False, "was killed by signal 9")
    missing = command("no-such-program", number=3)
    assert await run(runner, missing, a_try(3)) == Result(
        False, "could not be run: No such file or directory"
    )


async def test_a_command_sees_its_own_few_variables_and_no_shell(runner: Runner) -> None:
    await run(runner, command("env"))
    names = {each.partition("=")[0] for each in runner.log(a_try()).splitlines()[1:-1]}
    assert names == {"PATH", "ANDON_UNIT", MARK}
    await run(runner, command("echo", "$HOME; id", number=2), a_try(2))
    assert "\n$HOME; id\n" in runner.log(a_try(2))
    await run(runner, command("pwd", number=3), a_try(3))
    assert str(runner.work(a_try(3))) in runner.log(a_try(3))
    assert runner.work(a_try(3)).stat().st_mode & 0o777 == 0o700


async def test_its_time_is_up_and_all_that_it_started_is_gone(runner: Runner) -> None:
    script = "setsid sleep 300 & sleep 300 & echo started; wait"
    assert await run(runner, command("sh", "-c", script, seconds=3)) == Result(False, "took longer than 3 s")
    assert processes.marked(MARK, a_try().mark) == []
    assert "started" in runner.log(a_try())


async def test_a_child_that_keeps_the_output_open_holds_nothing_up_and_is_ended(runner: Runner) -> None:
    before = time.monotonic()
    assert (await run(runner, command("sh", "-c", "setsid sleep 300 & echo done"))).is_passed
    assert time.monotonic() - before < 100
    assert processes.marked(MARK, a_try().mark) == []


async def test_output_without_end_is_bounded_and_keeps_its_beginning_and_end(runner: Runner) -> None:
    script = "print('first'); [print('x' * 1000) for _ in range(3000)]; print('last')"
    assert (await run(runner, command(sys.executable, "-c", script))).is_passed
    log = runner.log(a_try())
    assert len(log) < 300_000
    assert log.splitlines()[1] == "first"
    assert log.splitlines()[-2:] == ["last", "ended with 0"]
    assert "bytes left out" in log


async def test_it_outlives_who_started_it_and_is_found_again(runner: Runner, tmp_path: Path) -> None:
    go = tmp_path / "go"
    runner.start(a_try(), command("sh", "-c", f"while [ ! -e {go} ]; do sleep 0.02; done; echo went on"))
    after_a_crash = Runner(tmp_path, "here", ENVIRONMENT, lambda: None)
    while not processes.marked(MARK, a_try().mark):
        await asyncio.sleep(0.01)
    assert after_a_crash.observe(a_try()) == Seen(is_alive=True)
    go.touch()
    assert await ended(after_a_crash, a_try()) == Result(True, "ended with 0")
    assert "went on" in after_a_crash.log(a_try())
    assert Runner(tmp_path, "there", ENVIRONMENT, lambda: None).observe(a_try()) == Seen()


async def test_a_second_process_of_the_same_try_goes_away(runner: Runner, tmp_path: Path) -> None:
    count = tmp_path / "count"
    job = command("sh", "-c", f"echo x >> {count}; sleep 0.3")
    runner.start(a_try(), job)
    folder = tmp_path / "tasks" / "ro-1" / "0.check.1"
    while not (folder / LOCK).exists() or not count.exists():
        await asyncio.sleep(0.01)
    again = subprocess.run(
        [sys.executable, "-P", "-m", "andon.rollouts.tasks.worker", str(folder)], env=ENVIRONMENT, check=False
    )
    assert again.returncode == 0
    assert (await ended(runner, a_try())).is_passed
    assert count.read_text() == "x\n"


async def test_it_can_be_ended_from_outside_and_then_left_no_result(runner: Runner) -> None:
    runner.start(a_try(), command("sleep", "300"))
    while len(processes.marked(MARK, a_try().mark)) < 2:
        await asyncio.sleep(0.01)
    runner.stop(a_try())
    assert runner.observe(a_try()) == Seen()
    assert processes.marked(MARK, a_try().mark) == []


async def test_a_worker_that_is_killed_leaves_no_result(runner: Runner) -> None:
    runner.start(a_try(), command("sleep", "300"))
    while len(processes.marked(MARK, a_try().mark)) < 2:
        await asyncio.sleep(0.01)
    worker = next(each for each in processes.marked(MARK, a_try().mark) if each.pid in _children())
    processes.send(worker, signal.SIGKILL)
    while any(each.pid == worker.pid for each in processes.marked(MARK, a_try().mark)):
        await asyncio.sleep(0.01)
    assert runner.observe(a_try()).result is None
    runner.stop(a_try())


def _children() -> set[int]:
    own = os.getpid()
    return {int(each) for each in Path(f"/proc/{own}/task/{own}/children").read_text().split()}


@pytest.fixture
async def server() -> AsyncIterator[OutsideServer]:
    made = OutsideServer()
    yield made
    await made.stop()


def smoke(*bases: str, path: str = "/health", **wanted: Any) -> Job:
    return Job(a_try().mark, 0.5, bases=bases, path=path, **wanted)


def value(base: str, at: str, equals: str, path: str = "/health") -> Job:
    return smoke(base, path=path, value_at=at, equals=equals)


Asked = Callable[[OutsideServer], Job]
SMOKES: list[tuple[str, Asked, Result]] = [
    ("2xx is expected", lambda s: smoke(s.base), Result(True, "passed: /health at 1 instance")),
    ("all instances", lambda s: smoke(s.base, s.base), Result(True, "passed: /health at 2 instances")),
    (
        "this status",
        lambda s: smoke(s.base, path="/new", status=201),
        Result(True, "passed: /new at 1 instance"),
    ),
    ("another status", lambda s: smoke(s.base, status=201), Result(False, "answered 200, not 201")),
    ("not there", lambda s: smoke(s.base, path="/none"), Result(False, "answered 404, not 2xx")),
    (
        "no redirect is followed",
        lambda s: smoke(s.base, path="/moved"),
        Result(False, "answered 302, not 2xx"),
    ),
    ("text", lambda s: smoke(s.base, contains='"ok"'), Result(True, "passed: /health at 1 instance")),
    ("other text", lambda s: smoke(s.base, contains="정상"), Result(False, 'does not contain "정상"')),
    ("a value", lambda s: value(s.base, "status", '"ok"'), Result(True, "passed")),
    ("another value", lambda s: value(s.base, "status", "1"), Result(False, 'says status = "ok", not 1')),
    ("no such value", lambda s: value(s.base, "data.0", "1"), Result(False, "has no data.0")),
    ("no document", lambda s: value(s.base, "status", "1", "/text"), Result(False, "gave no JSON document")),
    ("one is down", lambda s: smoke(s.base, "http://127.0.0.1:9"), Result(False, "did not answer")),
    ("too slow", lambda s: smoke(s.base, path="/slow"), Result(False, "did not answer within 0.5 s")),
    ("nobody", lambda _: smoke(), Result(False, "no instance is ready to be asked")),
]


@pytest.mark.parametrize(("job", "expected"), [each[1:] for each in SMOKES], ids=[each[0] for each in SMOKES])
async def test_a_smoke_test_says_what_is_wrong(
    runner: Runner, server: OutsideServer, job: Asked, expected: Result
) -> None:
    server.play.says("/health", {"status": "ok"})
    server.play.says("/new", {}, 201)
    server.play.says("/text", b"fine")
    server.play.says("/moved", {}, 302)
    server.play.hangs.add("/slow")
    result = await run(runner, job(server))
    assert result.is_passed is expected.is_passed
    assert expected.reason in result.reason


async def test_rows_are_written_with_their_records_and_settled_once(any_database: Database) -> None:
    store, rollout = TaskStore(any_database), a_rollout()
    lease = await LeaseStore(any_database).acquire("tasks", "here-1", timedelta(seconds=30))
    assert lease is not None
    made = a_try()
    await store.begin(rollout, made, lease)
    with pytest.raises(Conflict):
        await store.begin(rollout, made, lease)
    assert await store.running() == [made]
    failed = replace(made, state=TaskState.FAILED, ended_at=AT + timedelta(seconds=3), reason="ended with 1")
    await store.settle(rollout, failed, lease)
    with pytest.raises(Conflict, match="settled before"):
        await store.settle(rollout, replace(failed, state=TaskState.PASSED), lease)
    assert await store.running() == []
    assert await store.list(rollout.id) == [failed]
    told = await TimelineStore(any_database).list(Filter(subject="rollout/ro-1"))
    assert [(each.event.kind, each.event.reason) for each in told] == [
        ("task.failed", "task check ended with 1"),
        ("task.started", "task check begins"),
    ]
    other = await LeaseStore(any_database).acquire("other", "there", timedelta(seconds=30))
    assert other is not None
    with pytest.raises(Conflict, match="took over"):
        await store.begin(rollout, a_try(2), replace(lease, token=lease.token + 1))
    assert len(await store.list(rollout.id)) == 1

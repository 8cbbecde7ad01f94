"""Telling processes apart, with real ones. Every test ends what it started."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from andon.kernel import processes
from andon.kernel.clock import SystemClock
from andon.kernel.ids import Process, new_id

SOON, PATIENT = timedelta(milliseconds=20), timedelta(seconds=30)
MARK = "ANDON_TEST_OF_PROCESSES"


@contextmanager
def running(*command: str, mark: str = "") -> Iterator[subprocess.Popen[bytes]]:
    child = subprocess.Popen(
        command or ("sleep", "60"), env={"PATH": "/usr/bin:/bin", MARK: mark}, stdout=subprocess.PIPE
    )
    try:
        yield child
    finally:
        child.kill()
        child.wait()
        assert child.stdout is not None
        child.stdout.close()


@pytest.fixture
def mark() -> Iterator[str]:
    value = new_id("mark", SystemClock().now())
    yield value
    processes.kill_marked(MARK, value)


def test_a_process_is_known_by_more_than_its_pid():
    with running() as child:
        seen = processes.find(child.pid)
        assert seen is not None
        assert processes.is_alive(seen)
        recycled = replace(seen, started_ticks=seen.started_ticks - 1)
        assert not processes.is_alive(recycled)
        assert not processes.is_alive(replace(seen, boot_id="another boot"))
        assert len({seen.epoch, recycled.epoch, replace(seen, boot_id="another boot").epoch}) == 3


async def test_somebody_elses_process_is_not_signalled():
    with running() as child:
        seen = processes.find(child.pid)
        assert seen is not None
        recycled = replace(seen, started_ticks=seen.started_ticks - 1)
        processes.send(recycled, signal.SIGKILL)
        assert await processes.is_gone_within(recycled, PATIENT)
        await processes.end(recycled, patience=PATIENT)
        assert processes.is_alive(seen)


async def test_what_ended_but_was_not_reaped_is_gone():
    with running() as child:
        seen = processes.find(child.pid)
        assert seen is not None
        assert not await processes.is_gone_within(seen, SOON)
        processes.send(seen, signal.SIGKILL)
        assert await processes.is_gone_within(seen, PATIENT)
        assert processes.find(child.pid) is None
        assert not processes.is_alive(seen)
        processes.send(seen, signal.SIGKILL)


async def test_a_process_that_does_not_listen_is_made_to_end():
    deaf = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); signal.pause()"
    with running(sys.executable, "-c", deaf) as child:
        assert child.stdout is not None
        await asyncio.to_thread(child.stdout.readline)
        seen = processes.find(child.pid)
        assert seen is not None
        await processes.end(seen, patience=timedelta(seconds=0.1))
        assert await processes.is_gone_within(seen, PATIENT)
        assert child.wait() == -signal.SIGKILL


def test_a_noted_process_is_found_while_it_runs(tmp_path):
    noted = tmp_path / "noted.json"
    with running() as child:
        seen = processes.find(child.pid)
        assert seen is not None
        processes.note(noted, seen)
        assert processes.find_noted(noted) == seen
    assert processes.find_noted(noted) is None
    processes.note(noted, processes.own())
    assert processes.find_noted(noted) == processes.own()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"pid": 1}', b'{"pid": 1, "program": ""}'])
def test_a_damaged_note_names_nobody(tmp_path, content):
    noted = tmp_path / "noted.json"
    noted.write_bytes(content)
    assert processes.find_noted(noted) is None
    assert processes.find_noted(Path(tmp_path / "missing")) is None


_LEAVES_ITS_GROUP = """
import os, subprocess, sys
if "deep" not in sys.argv:
    subprocess.Popen([sys.executable, "-c", sys.argv[1], sys.argv[1], "deep"], start_new_session=True)
import signal; signal.pause()
"""


async def found_in_time(mark: str, *, sessions: int) -> list[Process]:
    """Two processes, once they are. Just after its start a process has no environment, or its parent's."""
    async with asyncio.timeout(30):
        while True:
            found = processes.marked(MARK, mark)
            if len(found) == 2 and len({os.getsid(each.pid) for each in found}) == sessions:
                return found
            await asyncio.sleep(0.01)


async def test_everything_with_a_mark_is_found_and_killed_wherever_it_went(mark):
    command = (sys.executable, "-c", _LEAVES_ITS_GROUP, _LEAVES_ITS_GROUP)
    with running(*command, mark=mark) as child, running(mark=f"{mark}0") as other:
        found = await found_in_time(mark, sessions=2)
        assert processes.kill_marked(MARK, mark) == 2
        child.wait()
        for each in found:
            assert await processes.is_gone_within(each, PATIENT)
        assert other.poll() is None, "a longer mark is another mark"


async def test_a_session_leader_comes_before_its_children(mark):
    script = "import subprocess; subprocess.Popen(['sleep', '60']).wait()"
    with running("setsid", "--fork", sys.executable, "-c", script, mark=mark) as parent:
        parent.wait()
        leader, follower = [each.pid for each in await found_in_time(mark, sessions=1)]
        assert os.getsid(leader) == os.getsid(follower) == leader
        processes.kill_marked(MARK, mark)

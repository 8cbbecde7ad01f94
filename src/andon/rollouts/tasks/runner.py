"""Starts, sees and ends the processes of tries. All it needs to know is in their folders and their marks.

So they outlive Andon, and a new Andon finds them again. What is not here: when to start which (`decide.py`),
what a process does (`worker.py`).
"""

import asyncio
import contextlib
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from andon.kernel import files, logging, processes
from andon.kernel.errors import Damaged
from andon.rollouts.tasks.job import JOB, MARK, OUTPUT, WORK, Job, Result, find_result
from andon.rollouts.tasks.model import Seen, Try

_log = logging.get(__name__)
_LARGEST_LOG_BYTES = 512 << 10


class Runner:
    """The processes of this home. environment: what a worker gets of ours; a command gets none of it."""

    def __init__(
        self, home: Path, place: str, environment: Mapping[str, str], on_end: Callable[[], None]
    ) -> None:
        self._tasks = home.resolve() / "tasks"
        self.place = place
        self._environment = dict(environment)
        self._on_end = on_end
        self._children: dict[str, subprocess.Popen[bytes]] = {}

    def work(self, made: Try) -> Path:
        """The working folder of a command."""
        return self._folder(made) / WORK

    def observe(self, made: Try) -> Seen:
        """What there is of a try; of one that runs elsewhere nothing."""
        if made.place != self.place:
            return Seen()
        child = self._children.get(made.mark)
        # Alive is asked first: one that answers and ends in between must not look lost.
        is_alive = child.poll() is None if child is not None else bool(processes.marked(MARK, made.mark))
        if child is not None and not is_alive:
            del self._children[made.mark]
        return Seen(is_alive, self._result(made))

    def start(self, made: Try, job: Job) -> None:
        """Start the process of a try, whose row was written before.

        Raises:
            OSError: there is no room, or no process can be made.
        """
        folder = self._folder(made)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        files.write(folder / JOB, job.to_json(), mode=0o600)
        self._children[made.mark] = child = subprocess.Popen(
            [sys.executable, "-P", "-m", "andon.rollouts.tasks.worker", str(folder)],
            cwd=folder,
            env={**self._environment, MARK: made.mark},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self._watch(child.pid)
        _log.info("task started", rollout=made.rollout, task=made.name, number=made.number)

    def stop(self, made: Try) -> None:
        """End every process of a try, wherever it went."""
        if processes.kill_marked(MARK, made.mark):
            _log.info("task stopped", rollout=made.rollout, task=made.name, number=made.number)

    def log(self, made: Try) -> str:
        """What it printed so far, without the middle where it is long; empty where nothing is there."""
        try:
            content = (self._folder(made) / OUTPUT).read_bytes()[:_LARGEST_LOG_BYTES]
        except OSError:
            return ""
        return content.decode("utf-8", "replace")

    def _result(self, made: Try) -> Result | None:
        try:
            return find_result(self._folder(made))
        except Damaged as error:
            return Result(False, error.message)

    def _watch(self, pid: int) -> None:
        """Call `on_end` when the process ends; without a running loop the next tick finds out."""
        with contextlib.suppress(OSError, RuntimeError):
            loop = asyncio.get_running_loop()
            descriptor = os.pidfd_open(pid)
            loop.add_reader(descriptor, self._ended, loop, descriptor)

    def _ended(self, loop: asyncio.AbstractEventLoop, descriptor: int) -> None:
        loop.remove_reader(descriptor)
        os.close(descriptor)
        self._on_end()

    def _folder(self, made: Try) -> Path:
        return self._tasks / made.rollout / f"{made.step}.{made.name}.{made.number}"

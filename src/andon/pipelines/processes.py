"""Starts, sees and stops the workers of a machine. All it needs to know is in the runs' folders.

So the workers outlive Andon, and a new Andon finds them again: a process is known by its number together
with its start time. What is not here: when to start which (decide.py), what a worker does (worker.py).
"""

import asyncio
import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from andon.kernel import files, logging, processes
from andon.kernel.errors import Damaged
from andon.kernel.ids import Process
from andon.pipelines import environment
from andon.pipelines.decide import StageSeen
from andon.pipelines.job import JOB, MARK, PROCESS, RESULT, Job, Limits, PackageSources, result_from_json
from andon.pipelines.log import Logs
from andon.pipelines.model import Run, StageName, StageResult

_log = logging.get(__name__)


class Runner(Protocol):
    """Makes stages run. Every call may be repeated."""

    def observe(self, run: Run, name: StageName) -> StageSeen:
        """What is there of the stage."""
        ...

    def start(self, run: Run, name: StageName, given: Mapping[str, Any]) -> None:
        """Run the present attempt of the stage. given: what it is told beside what is in the run."""
        ...

    def stop(self, run: Run, name: StageName) -> None:
        """End every process of the stage at once."""
        ...


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """What all workers of this machine are given. `environment` is ours; they get a part of it."""

    home: Path
    environment: Mapping[str, str]
    sources: PackageSources = field(default_factory=PackageSources)
    memory_bytes: int = 4 << 30


class Workers:
    """A `Runner` with one process per attempt, in its own session, with a clean environment."""

    def __init__(self, settings: WorkerSettings, on_end: Callable[[], None]) -> None:
        self._settings = settings
        self._home = settings.home.resolve()
        self._logs = Logs(self._home)
        self._on_end = on_end
        self._children: dict[Path, subprocess.Popen[bytes]] = {}
        self._watched: set[Process] = set()

    def observe(self, run: Run, name: StageName) -> StageSeen:
        """Process and result, as the folders and the machine tell."""
        attempt = run.stage(name).attempt
        folders = [self._folder(run, name, each) for each in range(1, attempt + 1)]
        if not folders:
            return StageSeen()
        # Alive is asked first: a worker that answers and ends in between must not look lost.
        alive = [self._is_alive(folder) for folder in folders]
        now = folders[-1]
        is_started = now in self._children or (now / PROCESS).exists()
        return StageSeen(is_started, any(alive), _result(now / RESULT))

    def start(self, run: Run, name: StageName, given: Mapping[str, Any]) -> None:
        """Start a worker; one that is there already makes the new one go away."""
        status = run.stage(name)
        for earlier in range(1, status.attempt):
            processes.kill_marked(MARK, self._mark(run, name, earlier))
            shutil.rmtree(self._folder(run, name, earlier) / "work", ignore_errors=True)
        job = replace(self._job(run, name), given=given)
        job.folder.mkdir(parents=True, exist_ok=True)
        files.write(job.folder / JOB, job.to_json())
        with self._logs.file(run.id, name).open("ab") as output:
            self._children[job.folder] = subprocess.Popen(
                [sys.executable, "-P", "-m", "andon.pipelines.worker", str(job.folder / JOB)],
                cwd=job.folder,
                env={**environment.of_worker(self._settings.environment), MARK: job.mark},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._watch(self._children[job.folder].pid)
        _log.info("stage started", run=run.id, stage=name.value, attempt=status.attempt)

    def stop(self, run: Run, name: StageName) -> None:
        """Kill the stage's processes, those that left the worker's group too."""
        for attempt in range(1, run.stage(name).attempt + 1):
            if processes.kill_marked(MARK, self._mark(run, name, attempt)):
                _log.info("stage stopped", run=run.id, stage=name.value, attempt=attempt)

    def _job(self, run: Run, name: StageName) -> Job:
        planned, status = run.planned(name), run.stage(name)
        return Job(
            run=run.id,
            unit=run.unit,
            stage=name,
            attempt=status.attempt,
            path=Path(run.path),
            folder=self._folder(run, name, status.attempt),
            cache=self._home / "cache",
            files={each: run.stage(each).files for each in planned.needs},
            facts={each: run.stage(each).facts for each in planned.needs},
            sources=self._settings.sources,
            limits=Limits(
                self._settings.memory_bytes,
                int(planned.timeout.total_seconds() * (os.cpu_count() or 1)) + 1,
            ),
        )

    def _is_alive(self, folder: Path) -> bool:
        child = self._children.get(folder)
        if child is not None:
            return child.poll() is None
        running = processes.find_noted(folder / PROCESS)
        if running is not None and running not in self._watched:
            self._watched.add(running)
            self._watch(running.pid)
        return running is not None

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

    def _mark(self, run: Run, name: StageName, attempt: int) -> str:
        return f"{run.id}/{name}/{attempt}"

    def _folder(self, run: Run, name: StageName, attempt: int) -> Path:
        return self._home / "runs" / run.id / f"{name}.{attempt}"


def _result(file: Path) -> StageResult | None:
    try:
        return result_from_json(file.read_bytes())
    except FileNotFoundError:
        return None
    except Damaged as error:
        return StageResult(False, error.message)

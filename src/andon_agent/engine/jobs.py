"""What may take long, in threads of its own, so that a tick never waits for it."""

import errno
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from andon_agent.engine.model import Job, Rules, Work, WorkState
from andon_agent.engine.ports import Cancelled, Progress
from andon_wire.errors import Doubtful, Malformed, Untrusted, WireError

Doing = Callable[[Progress], str]  # gives what it found, or how what it made is called

# What a disk says of names that it never takes: the release's fault, whatever room there is.
_OF_ITS_FILES = {errno.ENAMETOOLONG, errno.EILSEQ, errno.EINVAL, errno.ELOOP}


@dataclass(frozen=True, slots=True)
class Key:
    """A job of a unit. of: the version that it is done for."""

    unit: str
    job: Job
    of: str = ""


class Jobs(Protocol):
    """What is being done and what became of it, in memory: every job goes on where it was interrupted."""

    def begin(self, key: Key, doing: Doing) -> None:
        """Do it, unless that job of that unit is being done already."""
        ...

    def work(self, key: Key) -> Work:
        """How it stands."""
        ...

    def forget(self, unit: str, *jobs: Job) -> None:
        """What became of these is of no interest any more; what is being done is asked to end."""
        ...

    def close(self) -> None:
        """End all, and wait for it."""
        ...


@dataclass(slots=True)
class _Task:
    key: Key
    thread: threading.Thread | None = None
    is_cancelled: bool = False
    progress: float | None = None
    found: str | None = None
    error: Exception | None = None
    is_over: bool = False


class Threads:
    """Jobs in threads. `wake` is called, in the job's thread, when one ends. uptime: of the machine."""

    def __init__(self, wake: Callable[[], None], uptime: Callable[[], float], rules: Rules) -> None:
        self._wake, self._uptime, self._rules = wake, uptime, rules
        self._tasks: dict[tuple[str, Job], _Task] = {}
        self._done: dict[Key, Work] = {}

    def begin(self, key: Key, doing: Doing) -> None:
        """See `Jobs`."""
        if (key.unit, key.job) in self._tasks:
            return
        task = _Task(key)
        self._tasks[key.unit, key.job] = task
        name = f"{key.unit} {key.job.value}"
        task.thread = threading.Thread(target=self._run, args=(task, doing), name=name, daemon=True)
        task.thread.start()

    def work(self, key: Key) -> Work:
        """See `Jobs`."""
        task = self._tasks.get((key.unit, key.job))
        if task is not None and task.is_over:
            del self._tasks[key.unit, key.job]
            self._settle(task)
            task = None
        if task is not None:
            return Work(WorkState.DOING, progress=task.progress if task.key == key else None)
        return self._done.get(key, Work())

    def forget(self, unit: str, *jobs: Job) -> None:
        """See `Jobs`."""
        for job in jobs:
            task = self._tasks.get((unit, job))
            if task is not None:
                task.is_cancelled = True
        self._done = {
            key: work for key, work in self._done.items() if key.unit != unit or key.job not in jobs
        }

    def close(self) -> None:
        """See `Jobs`."""
        for task in self._tasks.values():
            task.is_cancelled = True
        for task in list(self._tasks.values()):
            if task.thread is not None:
                task.thread.join()

    def _run(self, task: _Task, doing: Doing) -> None:
        def progress(done: int, total: int) -> None:
            if task.is_cancelled:
                raise Cancelled
            task.progress = done / total if total > 0 else None

        try:
            task.found = doing(progress)
        except (WireError, OSError, Cancelled) as error:
            task.error = error
        finally:
            task.is_over = True
            self._wake()

    def _settle(self, task: _Task) -> None:
        if task.is_cancelled or isinstance(task.error, Cancelled):
            return
        failures = self._done.get(task.key, Work()).failures + 1
        self._done[task.key] = outcome(task.error, task.found, failures, self._uptime(), self._rules)


def outcome(error: Exception | None, found: str | None, failures: int, uptime: float, rules: Rules) -> Work:
    """What became of a job, from what it raised or gave; neither is a fault of ours.

    A network, a registry or a disk that does not do it says nothing of the release: that is tried again for
    as long as it is wanted, ever more seldom. A full disk is one that has room later.
    """
    if error is None and found is not None:
        return Work(WorkState.DONE, found)
    if error is None:
        return Work(WorkState.HOPELESS, "the agent failed at it in a way that it does not know; see its log")
    detail = error.message if isinstance(error, WireError) else str(error)
    if isinstance(error, Untrusted) and not isinstance(error, Doubtful):  # that is of a place
        return Work(WorkState.REFUSED, detail)
    if isinstance(error, Malformed) or (_is_of_its_files(error) and failures >= rules.disk_tries):
        return Work(WorkState.HOPELESS, detail)
    pause_s = min(rules.retry_s * 2 ** min(failures - 1, 16), rules.longest_retry_s)
    return Work(WorkState.FAILED, detail, failures=failures, retry_at=uptime + pause_s)


def _is_of_its_files(error: Exception) -> bool:
    cause = error.__cause__ if isinstance(error, WireError) else error
    return isinstance(cause, OSError) and cause.errno in _OF_ITS_FILES

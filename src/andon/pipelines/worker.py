"""Runs one stage in a process of its own: `python -m andon.pipelines.worker <job.json>`.

The process answers by its result file and by nothing else, so that Andon may die meanwhile. It takes the
attempt's lock first: a second worker of the same attempt goes away. What is not here: starting and
stopping workers (processes.py).
"""

import fcntl
import importlib
import os
import resource
import shutil
import sys
import traceback
from pathlib import Path
from types import TracebackType

from andon.kernel import files, processes
from andon.kernel.errors import AndonError, Unavailable
from andon.pipelines.cache import Cache
from andon.pipelines.job import LOCK, MARK, PROCESS, RESULT, Job, Limits, result_to_json
from andon.pipelines.model import StageResult


def main(arguments: list[str]) -> int:
    """Run the job that the only argument names; gives the exit code."""
    job = Job.from_json(Path(arguments[0]).read_bytes())
    lock = os.open(job.folder / LOCK, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return 0
    if (job.folder / RESULT).exists():
        return 0
    processes.note(job.folder / PROCESS, processes.own())
    sys.excepthook = _Unexpected(job)
    _limit(job.limits)
    result = _run(job)
    shutil.rmtree(job.work, ignore_errors=True)
    processes.kill_marked(MARK, job.mark)
    _answer(job, result)
    return 0


def _run(job: Job) -> StageResult:
    job.work.mkdir(parents=True, exist_ok=True)
    stage = importlib.import_module(f"andon.pipelines.stages.{job.stage}")
    try:
        result: StageResult = stage.run(job, Cache(job.cache))
    except AndonError as error:
        sys.stdout.write(f"{error.message}\n" + (f"hint: {error.hint}\n" if error.hint else ""))
        return StageResult(
            False, error.message, facts={"hint": error.hint}, is_retryable=isinstance(error, Unavailable)
        )
    sys.stdout.write(f"{result.summary}\n")
    return result


def _answer(job: Job, result: StageResult) -> None:
    sys.stdout.flush()
    files.write(job.folder / RESULT, result_to_json(result))


def _limit(limits: Limits) -> None:
    for what, most in (
        (resource.RLIMIT_AS, limits.memory_bytes),
        (resource.RLIMIT_CPU, limits.cpu_seconds),
        (resource.RLIMIT_CORE, 0),
    ):
        allowed = resource.getrlimit(what)[1]
        limit = most if allowed == resource.RLIM_INFINITY else min(most, allowed)
        resource.setrlimit(what, (limit, limit))


class _Unexpected:
    """A mistake of this program ends the attempt with an answer, where silence would look like a kill."""

    def __init__(self, job: Job) -> None:
        self._job = job

    def __call__(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        traceback.print_exception(kind, error, trace)
        said = f"{kind.__name__}: {error}" if str(error) else kind.__name__
        _answer(self._job, StageResult(False, f"it could not go on: {said}"))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

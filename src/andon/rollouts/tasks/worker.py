"""Runs one try in a process of its own: `python -m andon.rollouts.tasks.worker <folder>`.

It answers by its result file and by nothing else, so that Andon may die meanwhile. It takes the try's lock
first: a second worker of the same try goes away. It imports little, because it is started often.
"""

import contextlib
import ctypes
import fcntl
import http.client
import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections import deque
from pathlib import Path
from urllib.parse import urlsplit

from andon.kernel import files, processes
from andon.rollouts.outside import paths
from andon.rollouts.tasks.job import JOB, LOCK, MARK, OUTPUT, RESULT, WORK, Job, Result, result_to_json

_HEAD_BYTES, _TAIL_BYTES = 64 << 10, 192 << 10
_LARGEST_BODY_BYTES = 1 << 20
_LONGEST_REASON = 300
_PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h


class Output:
    """What was printed: the beginning as it comes, the end when it is over, of much without the middle."""

    def __init__(self, path: Path) -> None:
        self._stream = path.open("wb", buffering=0)
        self._room = _HEAD_BYTES
        self._tail: deque[bytes] = deque()
        self._kept = self._left_out = 0
        self.last_line = ""

    def add(self, piece: bytes) -> None:
        """Keep a piece of what the command printed."""
        lines = [each.strip() for each in piece.decode("utf-8", "replace").splitlines() if each.strip()]
        self.last_line = lines[-1] if lines else self.last_line
        self._keep(piece)

    def say(self, line: str) -> None:
        """Keep a line of our own."""
        self._keep(f"{line}\n".encode())

    def _keep(self, piece: bytes) -> None:
        head, rest = piece[: self._room], piece[self._room :]
        if head:
            self._stream.write(head)
            self._room -= len(head)
        if rest:
            self._tail.append(rest)
            self._kept += len(rest)
        while self._kept > _TAIL_BYTES:
            gone = self._tail.popleft()
            self._kept -= len(gone)
            self._left_out += len(gone)

    def close(self) -> None:
        """Write the end."""
        if self._left_out:
            self._stream.write(f"\n... {self._left_out} bytes left out ...\n".encode())
        for each in self._tail:
            self._stream.write(each)
        self._stream.close()


def main(arguments: list[str]) -> int:
    """Run the job in the folder that the only argument names; gives the exit code."""
    folder = Path(arguments[0])
    lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return 0
    if (folder / RESULT).exists():
        return 0
    job = Job.from_json((folder / JOB).read_bytes())
    _adopt()
    output = Output(folder / OUTPUT)
    try:
        result = _command(job, folder / WORK, output) if job.command else _smoke(job, output)
    except OSError as error:
        result = Result(False, f"could not be run: {error.strerror or error}")
    output.say(result.reason)
    output.close()
    processes.kill_marked(MARK, job.mark)
    _end_children()
    files.write(folder / RESULT, result_to_json(result), mode=0o600)
    return 0


def _adopt() -> None:
    """Become the parent of whatever loses its own among our descendants, so that none can get away."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _end_children() -> None:
    """End what a command left behind; the mark alone misses one that is just being started."""
    own = f"/proc/self/task/{os.getpid()}/children"
    while children := [int(each) for each in Path(own).read_text().split()]:
        for each in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(each, signal.SIGKILL)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(each, 0)


def _command(job: Job, work: Path, output: Output) -> Result:
    work.mkdir(mode=0o700, exist_ok=True)
    output.say(f"$ {' '.join(job.command)}")
    ends_at = time.monotonic() + job.seconds
    with subprocess.Popen(
        job.command,
        cwd=work,
        env={**job.environment, MARK: job.mark},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    ) as process:
        is_in_time = _followed(process, output, ends_at)
        if not is_in_time:
            # Its group first, then whatever left it: a daemon that it started must not outlive its time.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        code = process.wait()
    if not is_in_time:
        return Result(False, f"took longer than {job.seconds:g} s")
    if code == 0:
        return Result(True, "ended with 0")
    said = f": {output.last_line[:_LONGEST_REASON]}" if output.last_line else ""
    ended = f"was killed by signal {-code}" if code < 0 else f"ended with {code}"
    return Result(False, f"{ended}{said}")


def _followed(process: subprocess.Popen[bytes], output: Output, ends_at: float) -> bool:
    """Keep what it prints until it ends; False where its time is over first.

    The process counts and not its output: a child that keeps the output open holds nothing up.
    """
    assert process.stdout is not None
    os.set_blocking(process.stdout.fileno(), False)
    with selectors.DefaultSelector() as waiting, contextlib.closing(_Ending(process.pid)) as ending:
        waiting.register(process.stdout, selectors.EVENT_READ)
        waiting.register(ending.descriptor, selectors.EVENT_READ)
        while (left := ends_at - time.monotonic()) > 0:
            ready = [key.fileobj for key, _ in waiting.select(left)]
            if process.stdout in ready and not _drain(process, output):
                waiting.unregister(process.stdout)
            if ending.descriptor in ready:
                _drain(process, output)
                return True
    return False


class _Ending:
    """A descriptor that becomes readable when the process ends."""

    def __init__(self, pid: int) -> None:
        self.descriptor = os.pidfd_open(pid)

    def close(self) -> None:
        os.close(self.descriptor)


def _drain(process: subprocess.Popen[bytes], output: Output) -> bool:
    """Keep what is there now; False where there will be nothing more."""
    assert process.stdout is not None
    for _ in range(64):  # what prints without end must not keep us from looking at the time
        piece = process.stdout.read(1 << 16)
        if piece is None:
            return True
        if not piece:
            return False
        output.add(piece)
    return True


def _smoke(job: Job, output: Output) -> Result:
    ends_at = time.monotonic() + job.seconds
    if not job.bases:
        return Result(False, "no instance is ready to be asked")
    for base in job.bases:
        problem = _asked(base, job, ends_at)
        output.say(f"GET {base}{job.path}: {problem or 'as it should be'}")
        if problem:
            return Result(False, f"failed: {job.path} at {base} {problem}")
    count = f"{len(job.bases)} {'instance' if len(job.bases) == 1 else 'instances'}"
    return Result(True, f"passed: {job.path} at {count}")


def _asked(base: str, job: Job, ends_at: float) -> str:
    """What is wrong with the answer; empty where it is as it should be."""
    left = ends_at - time.monotonic()
    if left <= 0:
        return f"was not asked within {job.seconds:g} s"
    where = urlsplit(base)
    connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=left)
    try:
        connection.request("GET", job.path, headers={"User-Agent": "andon-smoke"})
        answer = connection.getresponse()
        body = answer.read(_LARGEST_BODY_BYTES)
    except TimeoutError:
        return f"did not answer within {job.seconds:g} s"
    except (OSError, http.client.HTTPException) as error:
        return f"did not answer: {error or type(error).__name__}"
    finally:
        connection.close()
    is_expected = answer.status == job.status if job.status else 200 <= answer.status < 300
    if not is_expected:
        return f"answered {answer.status}, not {job.status or '2xx'}"
    return _said(body.decode("utf-8", "replace"), job)


def _said(text: str, job: Job) -> str:
    """What is wrong with what was answered; empty where it says what it should."""
    if job.contains and job.contains not in text:
        return f"does not contain {json.dumps(job.contains[:60], ensure_ascii=False)}"
    if not job.value_at:
        return ""
    try:
        found = paths.find(json.loads(text), job.value_at)
    except (ValueError, RecursionError):
        return "gave no JSON document"
    if found is paths.MISSING:
        return f"has no {job.value_at}"
    if paths.is_same(found, json.loads(job.equals)):
        return ""
    return f"says {job.value_at} = {json.dumps(found, ensure_ascii=False)[:60]}, not {job.equals}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

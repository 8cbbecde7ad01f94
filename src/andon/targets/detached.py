"""Starts the processes of instances so that they belong to nobody and outlive Andon. Linux.

Everything that an instance starts carries its id in the environment (`MARK`), which is how it is found
after Andon itself was killed. What is not here: telling processes apart (kernel/processes.py).
"""

import contextlib
import fcntl
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from andon.kernel.errors import Unavailable

MARK = "ANDON_INSTANCE"


@dataclass(frozen=True, slots=True)
class Launch:
    """What to start. lock: a file that the process holds locked from its very beginning."""

    command: Sequence[str]
    environment: Mapping[str, str]
    folder: Path
    output: Path
    lock: Path


def start(launch: Launch) -> subprocess.Popen[bytes]:
    """Start a process that belongs to nobody: own session, output to a file, nothing shared with us.

    Raises:
        Unavailable: the program is missing or cannot be run, or the lock is held: something still runs.
    """
    with launch.lock.open("a") as lock, launch.output.open("ab") as output:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return subprocess.Popen(
                launch.command,
                cwd=launch.folder,
                env=dict(launch.environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=(lock.fileno(),),
            )
        except BlockingIOError as error:
            raise Unavailable("still-runs", "an earlier process of it still runs") from error
        except OSError as error:
            raise Unavailable(
                "cannot-start", f"{launch.command[0]} cannot be started: {error.strerror}"
            ) from error


def is_locked(lock: Path) -> bool:
    """Whether a process that was started with this lock still runs, even one that has no environment yet."""
    if not lock.exists():
        return False
    with lock.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def describe_end(code: int) -> str:
    """How a process of ours ended, from its return code."""
    if code >= 0:
        return f"exited with code {code}"
    with contextlib.suppress(ValueError):
        return f"ended by {signal.Signals(-code).name}"
    return f"ended by signal {-code}"

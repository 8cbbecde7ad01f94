"""The processes of instances: start detached, tell apart, signal, find again. Linux.

A pid alone is never signalled: it may be somebody else's by now. Everything that an instance started
carries its id in the environment, which is how it is found after Andon itself was killed.
"""

import contextlib
import fcntl
import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from andon.kernel.errors import Unavailable
from andon.kernel.ids import InstanceId
from andon.targets.records import Process

MARK = "ANDON_INSTANCE"
_PROC = Path("/proc")


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


def find(pid: int) -> Process | None:
    """The process `pid` as it is now; None when it is gone or only waits to be reaped."""
    try:
        stat = (_PROC / str(pid) / "stat").read_text()
        boot = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return None
    state, *rest = stat.rpartition(")")[2].split()  # the name before may hold anything
    return None if state in "ZX" else Process(pid, int(rest[18]), boot)


def is_alive(process: Process) -> bool:
    """Whether this very process still runs."""
    return find(process.pid) == process


def marked(instance: InstanceId) -> list[Process]:
    """Everything that runs for an instance, its first process first."""
    wanted = f"{MARK}={instance}".encode()
    found = [each for pid in _pids() if _has(pid, wanted) and (each := find(pid)) is not None]
    return sorted(found, key=lambda each: (not _leads(each.pid), each.started_ticks, each.pid))


def send(process: Process, number: signal.Signals) -> None:
    """Signal this very process; nothing happens when it is gone."""
    with contextlib.suppress(ProcessLookupError), watching(process.pid) as descriptor:
        if is_alive(process):  # asked after the descriptor was opened: it cannot be recycled any more
            signal.pidfd_send_signal(descriptor, number)


def kill_marked(instance: InstanceId) -> int:
    """Kill everything of an instance, also what left its group; gives how many there were."""
    found = marked(instance)
    for each in found:
        send(each, signal.SIGKILL)
    return len(found)


@contextlib.contextmanager
def watching(pid: int) -> Iterator[int]:
    """A descriptor that becomes readable when the process ends. Raises ProcessLookupError."""
    descriptor = os.pidfd_open(pid)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def describe_end(code: int) -> str:
    """How a process of ours ended, from its return code."""
    if code >= 0:
        return f"exited with code {code}"
    with contextlib.suppress(ValueError):
        return f"ended by {signal.Signals(-code).name}"
    return f"ended by signal {-code}"


def _pids() -> Iterator[int]:
    own = os.getpid()
    return (int(each.name) for each in _PROC.iterdir() if each.name.isdecimal() and int(each.name) != own)


def _has(pid: int, entry: bytes) -> bool:
    try:
        return entry in (_PROC / str(pid) / "environ").read_bytes().split(b"\0")
    except OSError:
        return False


def _leads(pid: int) -> bool:
    try:
        return os.getsid(pid) == pid
    except ProcessLookupError:
        return False

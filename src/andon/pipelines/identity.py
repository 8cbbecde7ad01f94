"""Tells one process from another that has the same number later. Linux; standard library only."""

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

_PROC = Path("/proc")
_PASSES = 20


def identity(pid: int) -> str | None:
    """Boot and start time of the process; None when it is gone or only waits to be reaped."""
    try:
        stat = (_PROC / str(pid) / "stat").read_text()
        boot = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return None
    state, *rest = stat.rpartition(")")[2].split()  # the name before may hold anything
    return None if state in "ZX" else f"{boot}:{rest[18]}"


def marked(name: str, value: str) -> Iterator[int]:
    """Processes that were started with the environment variable `name` set to `value`."""
    wanted = f"{name}={value}".encode()
    for each in _PROC.iterdir():
        if each.name.isdecimal():
            try:
                environment = (each / "environ").read_bytes()
            except OSError:
                continue
            if wanted in environment.split(b"\0"):
                yield int(each.name)


def kill_marked(name: str, value: str) -> int:
    """Kill them all but the caller, wherever they went; gives how many there were.

    Looked up by mark and not by process group: a test that starts a daemon leaves its group. Looked up
    again until none is left, for a process may have started another meanwhile.
    """
    killed: set[int] = set()
    for _ in range(_PASSES):
        found = [each for each in marked(name, value) if each != os.getpid() and identity(each) is not None]
        if not found:
            break
        for pid in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        killed.update(found)
    return len(killed)

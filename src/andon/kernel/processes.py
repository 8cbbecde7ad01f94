"""Processes of this machine: told apart, noted, found by a mark, signalled, waited for. Linux.

A pid alone is never signalled: it may be somebody else's by now. Where a process must be found whose pid
was never noted, it was started with a mark in its environment, which everything it starts inherits. What
is not here: starting them, which each domain does in its own way.
"""

import contextlib
import json
import os
import select
import signal
from collections.abc import Iterator
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path

from andon.kernel import files
from andon.kernel.ids import Process

_PROC = Path("/proc")
_PASSES = 20


def boot_id() -> str:
    """Tells this run of the machine from every other."""
    return (_PROC / "sys/kernel/random/boot_id").read_text().strip()


def find(pid: int) -> Process | None:
    """The process `pid` as it is now; None when it is gone or only waits to be reaped."""
    try:
        stat = (_PROC / str(pid) / "stat").read_text()
    except OSError:
        return None
    state, *rest = stat.rpartition(")")[2].split()  # the name before may hold anything
    return None if state in "ZX" else Process(pid, int(rest[18]), boot_id())


def own() -> Process:
    """The process that asks."""
    found = find(os.getpid())
    assert found is not None
    return found


def is_alive(process: Process) -> bool:
    """Whether this very process still runs."""
    return find(process.pid) == process


def note(file: Path, process: Process) -> None:
    """Write down a process, so that whoever comes after a crash finds it again."""
    files.write(file, json.dumps(asdict(process)).encode() + b"\n", mode=0o600)


def find_noted(file: Path) -> Process | None:
    """The process that `file` names, when it is still that one and alive."""
    try:
        noted = Process(**json.loads(file.read_bytes()))
    except (OSError, ValueError, TypeError):
        return None
    return noted if is_alive(noted) else None


def marked(name: str, value: str) -> list[Process]:
    """What was started with the environment variable `name` set to `value`: leaders of sessions, then by age.

    The process that asks is left out.
    """
    wanted = f"{name}={value}".encode()
    found = [each for pid in _pids() if _has(pid, wanted) and (each := find(pid)) is not None]
    return sorted(found, key=lambda each: (not _leads(each.pid), each.started_ticks, each.pid))


def kill_marked(name: str, value: str) -> int:
    """Kill them all but the caller, wherever they went; gives how many there were.

    Looked up by mark and not by process group: a test that starts a daemon leaves its group. Looked up
    again until none is left, for a process may have started another meanwhile.
    """
    killed: set[Process] = set()
    for _ in range(_PASSES):
        found = marked(name, value)
        if not found:
            break
        for each in found:
            send(each, signal.SIGKILL)
        killed.update(found)
    return len(killed)


def send(process: Process, number: signal.Signals) -> None:
    """Signal this very process; nothing happens when it is gone."""
    with contextlib.suppress(ProcessLookupError), _watching(process) as descriptor:
        signal.pidfd_send_signal(descriptor, number)


async def is_gone_within(process: Process, patience: timedelta) -> bool:
    """Wait for its end, `patience` at the most; gives whether it ended."""
    import asyncio  # half of the time that it takes to start Envoy again, and its launcher needs none of it

    try:
        with _watching(process) as descriptor:
            return await asyncio.to_thread(_is_readable_within, descriptor, patience)
    except ProcessLookupError:
        return True


async def end(process: Process, *, patience: timedelta) -> None:
    """Ask the process to end, make it end after `patience`, return when it is gone."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        send(process, number)
        if await is_gone_within(process, patience):
            return


@contextlib.contextmanager
def _watching(process: Process) -> Iterator[int]:
    """A descriptor that becomes readable when the process ends. Raises ProcessLookupError: it has."""
    descriptor = os.pidfd_open(process.pid)
    try:
        if not is_alive(process):  # asked after the descriptor was opened: it cannot be recycled any more
            raise ProcessLookupError(process.pid)
        yield descriptor
    finally:
        os.close(descriptor)


def _is_readable_within(descriptor: int, patience: timedelta) -> bool:
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(patience / timedelta(milliseconds=1)))


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

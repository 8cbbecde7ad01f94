"""What both systems have in common: processes told apart, found by their mark, ended by force. By psutil."""

import contextlib
import subprocess
import time
from collections.abc import Iterator, Sequence
from io import FileIO, RawIOBase
from pathlib import Path
from typing import Any

import psutil

from andon_agent.engine import said
from andon_agent.engine.model import Process
from andon_agent.hosts.host import MARK, Launch, unit_of

_PASSES = 20
_OUTPUT_BYTES = 8 << 20
_KILL_WAIT_S = 5.0
_SAME_S = 0.01  # start times of one process, as read twice


def find(pid: int, boot: str) -> Process | None:
    """The process `pid` as it is now; None when it is gone or only waits to be reaped."""
    try:
        found = psutil.Process(pid)
        if found.status() in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD):
            return None
        return Process(pid, found.create_time(), boot)
    except psutil.Error:
        return None


def is_alive(process: Process, boot: str) -> bool:
    """Whether this very process still runs."""
    if process.boot != boot:
        return False
    found = find(process.pid, boot)
    return found is not None and abs(found.started - process.started) < _SAME_S


def signed(owner: str, mark: str) -> str:
    """A mark as it stands in the environment. owner: the agent whose it is; a machine may have several."""
    return f"{owner}:{mark}"


def marked(owner: str, unit: str, boot: str) -> Sequence[tuple[str, Process]]:
    """All that runs with the owner's mark of the unit: those whose parent has none first, then by age."""
    found = dict(_marked(owner, unit, boot))
    leaders = {each for each in found if _parent(each) not in {other.pid for other in found}}
    order = sorted(found, key=lambda each: (each not in leaders, each.started, each.pid))
    return [(found[each], each) for each in order]


def kill(owner: str, unit: str, boot: str) -> None:
    """Kill them all, wherever they went; looked up again until none is left, and waited for."""
    for _ in range(_PASSES):
        found = [
            psutil.Process(each.pid) for _, each in marked(owner, unit, boot) if psutil.pid_exists(each.pid)
        ]
        if not found:
            return
        for each in found:
            _kill(each)
        psutil.wait_procs(found, timeout=_KILL_WAIT_S)


def uptime() -> float:
    """Seconds since the machine started, without those it slept; the same for all processes."""
    return time.monotonic()


def rotate(output: Path) -> None:
    """Keep one former file of what was printed."""
    with contextlib.suppress(OSError):
        if output.stat().st_size > _OUTPUT_BYTES:
            output.replace(output.with_suffix(".1"))


def prepare(launch: Launch) -> None:
    """The folders of a start, and room for what it prints."""
    launch.folder.mkdir(parents=True, exist_ok=True)
    launch.output.parent.mkdir(parents=True, exist_ok=True)
    rotate(launch.output)


def spawn(launch: Launch, owner: str, output: FileIO, **how: Any) -> "subprocess.Popen[bytes]":
    """Start it under its mark, printing into `output`. how: what the system needs beside that.

    Raises:
        OSError: it cannot be started.
    """
    begin(output, launch.mark)
    return subprocess.Popen(
        list(launch.command),
        cwd=launch.folder,
        env={**launch.environment, MARK: signed(owner, launch.mark)},
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        **how,
    )


def begin(output: RawIOBase, mark: str) -> None:
    """Say in the output that what follows is of this start; a full disk does not keep it from starting."""
    with contextlib.suppress(OSError):
        output.write(said.heading(mark))


def _kill(process: psutil.Process) -> None:
    try:
        process.kill()
    except psutil.Error:
        return


def _marked(owner: str, unit: str, boot: str) -> Iterator[tuple[Process, str]]:
    for each in psutil.process_iter():
        try:
            whose, _, mark = each.environ().get(MARK, "").partition(":")
            if mark and whose == owner and unit_of(mark) == unit and each.status() != psutil.STATUS_ZOMBIE:
                yield Process(each.pid, each.create_time(), boot), mark
        except (psutil.Error, OSError):
            continue


def _parent(process: Process) -> int:
    try:
        return psutil.Process(process.pid).ppid() or 0
    except psutil.Error:
        return 0

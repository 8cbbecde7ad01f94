"""How much memory a process and what it started use, as part of what they may. Linux' /proc."""

import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from andon.kernel.clock import Clock

_PROC = Path("/proc")
_FORGOTTEN_S = 60
_CGROUP_LIMITS = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)


class Gauge:
    """Measures processes, each at most once in `every`: many ask, and the answer hardly moves."""

    def __init__(self, clock: Clock, every: timedelta = timedelta(seconds=1)) -> None:
        self._clock = clock
        self._every = every.total_seconds()
        self._known: dict[int, tuple[float, float | None]] = {}

    def read(self, pid: int) -> float | None:
        """What `used_part` says, or said lately."""
        now = self._clock.monotonic()
        at, part = self._known.get(pid, (now - self._every, None))
        if now - at >= self._every:
            self._known = {each: seen for each, seen in self._known.items() if now - seen[0] < _FORGOTTEN_S}
            part = used_part(pid)
            self._known[pid] = (now, part)
        return part


def used_part(pid: int, proc: Path = _PROC, limits: tuple[Path, ...] = _CGROUP_LIMITS) -> float | None:
    """Resident memory of the process and its descendants, as part of `limit_bytes`; None where it is gone."""
    try:
        used = sum(_resident_bytes(each, proc) for each in _family(pid, proc))
        return used / limit_bytes(proc, limits)
    except (OSError, ValueError, IndexError):
        return None


def limit_bytes(proc: Path = _PROC, limits: tuple[Path, ...] = _CGROUP_LIMITS) -> int:
    """The memory of this machine; of the container where that has less.

    Raises:
        OSError, ValueError: the system does not say.
    """
    lines = (proc / "meminfo").read_text().splitlines()
    total = next(int(each.split()[1]) * 1024 for each in lines if each.startswith("MemTotal:"))
    return min([total, *(found for each in limits if (found := _limit(each)) is not None)])


def _limit(path: Path) -> int | None:
    try:
        text = path.read_text().strip()
    except OSError:
        return None
    return int(text) if text.isdecimal() and int(text) > 0 else None


def _resident_bytes(pid: int, proc: Path) -> int:
    return int((proc / str(pid) / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _family(pid: int, proc: Path) -> Iterator[int]:
    yield pid
    for thread in (proc / str(pid) / "task").iterdir():
        try:
            children = (thread / "children").read_text().split()
        except OSError:  # the thread ended, or this kernel does not tell
            continue
        for each in children:
            yield from _family(int(each), proc)

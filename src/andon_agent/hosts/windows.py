"""Processes on Windows: detached, out of the service's job, in a process group of their own.

There is no SIGTERM: an application is asked to end over the agent's local interface, and ended by force when
its time is over. A process is created in one step, so there is no lock to hold. This file cannot run where
Andon is built; docs/design/agent.md says what stands in for it in tests.
"""

import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import psutil

from andon_agent.engine.model import Now, Process
from andon_agent.hosts import marked
from andon_agent.hosts.host import Launch

_NEW_GROUP, _NO_WINDOW, _OUT_OF_JOB = 0x200, 0x8000000, 0x1000000
_PREFETCH = r"SYSTEM\CurrentControlSet\Control\Session Manager\Memory Management\PrefetchParameters"
_NEVER_S = 300.0  # by how much a clock that is set may seem to move the start of the machine


class Windows:
    """The host of an agent on Windows. owner: which agent, where a machine has several."""

    def __init__(self, owner: str = "") -> None:
        self._owner = owner
        self._boot = _boot()
        self._children: dict[int, subprocess.Popen[bytes]] = {}

    def now(self) -> Now:
        """See `Host`."""
        return Now(datetime.now(UTC), marked.uptime(), self._boot)  # noqa: TID251  its one clock

    def start(self, launch: Launch) -> Process:
        """See `Host`."""
        marked.prepare(launch)
        with launch.output.open("ab", buffering=0) as output:
            child = marked.spawn(
                launch,
                self._owner,
                output,
                creationflags=_NEW_GROUP | _NO_WINDOW | _OUT_OF_JOB,
            )
        self._children[child.pid] = child
        return marked.find(child.pid, self._boot) or Process(child.pid, 0.0, self._boot)

    def is_alive(self, process: Process) -> bool:
        """See `Host`."""
        return marked.is_alive(process, self._boot)

    def marked(self, unit: str) -> Sequence[tuple[str, Process]]:
        """See `Host`."""
        return marked.marked(self._owner, unit, self._boot)

    def is_being_started(self, lock: Path) -> bool:
        """See `Host`: never, a process is there with its environment or not at all."""
        del lock
        return False

    def end_of(self, process: Process) -> str:
        """See `Host`."""
        child = self._children.get(process.pid)
        code = None if child is None else child.poll()
        if code is None:
            return ""
        del self._children[process.pid]
        return (
            f"exited with code {code & 0xFFFFFFFF:#x}"
            if code < 0 or code > 255
            else f"exited with code {code}"
        )

    def ask_to_end(self, process: Process) -> None:
        """See `Host`: nothing; the local interface asks."""

    def kill(self, unit: str) -> None:
        """See `Host`."""
        marked.kill(self._owner, unit, self._boot)


def _boot() -> str:
    """Counts starts of the machine. Where Windows does not say, the time of the start, roughly."""
    if sys.platform == "win32":
        import winreg

        try:
            with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, _PREFETCH) as key:
                return f"boot-{winreg.QueryValueEx(key, 'BootId')[0]}"
        except OSError:
            pass
    return f"about-{round(psutil.boot_time() / _NEVER_S)}"

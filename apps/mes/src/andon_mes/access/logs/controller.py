"""Gathers what was asked and what failed, in bounded memory, and writes it in batches.

A request pays for an entry in a queue and no more. What does not fit any more is counted and dropped, as the
line goes on without its log; the count is told. Faults of one kind in one batch are one record with a count.
"""

from collections import deque
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

from andon_mes.access.logs import store
from andon_mes.access.logs.model import LEAST_AGE, Fault, Request
from andon_mes.kernel import logging
from andon_mes.kernel.clock import Clock
from andon_mes.kernel.errors import Unavailable
from andon_mes.store.engine import Database

_log = logging.get(__name__)
_DEVICE = "device:"
_MOST_REQUESTS = 20_000
_MOST_FAULTS = 200
_BATCH = 2_000
_FORGOTTEN_AT_ONCE = 5_000
_MOST_REFRESHED = 5_000
_SEEN_EVERY = timedelta(minutes=1)


class Journal:
    """What one instance has yet to write."""

    def __init__(self, database: Database, clock: Clock, keep_for: timedelta) -> None:
        self._database = database
        self._clock = clock
        self._keep_for = max(keep_for, LEAST_AGE)
        self._requests: deque[Request] = deque()
        self._faults: dict[tuple[str, str], Fault] = {}
        self._dropped = 0
        self._seen: dict[str, datetime] = {}
        self._refreshed: dict[tuple[str | None, str], datetime] = {}

    def note(self, request: Request, *, is_refresh: bool = False) -> None:
        """A request was answered. Where an open page asks by itself (`is_refresh`), one a minute is kept."""
        if is_refresh and self._was_refreshed(request):
            return
        if len(self._requests) >= _MOST_REQUESTS:
            self._dropped += 1
            return
        self._requests.append(request)

    def fault(self, fault: Fault) -> None:
        """Something failed, or was refused that a person should know of."""
        key = fault.error_code, str(fault.context.get("path", ""))
        known = self._faults.get(key)
        if known is None and len(self._faults) >= _MOST_FAULTS:
            self._dropped += 1
            return
        count = known.context["count"] + 1 if known else 1
        self._faults[key] = replace(known or fault, context={**(known or fault).context, "count": count})

    async def flush(self) -> None:
        """Write what was gathered, a batch after the other. Raises: Unavailable, with nothing lost."""
        while self._requests or self._faults:
            await self._write_batch()
        if self._dropped:
            _log.warning("log entries dropped", extra={"count": self._dropped})
            self._dropped = 0

    async def _write_batch(self) -> None:
        """Write a batch. Only what the database was not there for is put back: what was cancelled is written
        all the same, and what it refuses it would refuse for ever.
        """
        requests = [self._requests.popleft() for _ in range(min(_BATCH, len(self._requests)))]
        faults, self._faults = self._faults, {}
        seen = self._newly_seen(requests)
        try:
            await self._database.write(
                partial(store.write, requests=requests, faults=list(faults.values()), seen=seen)
            )
        except Unavailable:
            self._requests.extendleft(reversed(requests))
            self._faults = faults | self._faults
            raise
        self._seen |= seen

    async def forget(self) -> None:
        """Delete access records that are older than they are to be kept."""
        before = self._clock.now() - self._keep_for
        while await self._database.write(lambda each: store.forget(each, before, _FORGOTTEN_AT_ONCE)):
            pass

    def _was_refreshed(self, request: Request) -> bool:
        key = request.user, request.resource
        at = self._refreshed.get(key)
        if at is not None and request.timestamp - at < _SEEN_EVERY:
            return True
        if len(self._refreshed) >= _MOST_REFRESHED:
            self._refreshed.clear()
        self._refreshed[key] = request.timestamp
        return False

    def _newly_seen(self, requests: list[Request]) -> dict[str, datetime]:
        """When each device asked last, for those of whom that was not written within a minute."""
        asked = {
            each.user.removeprefix(_DEVICE): each.timestamp
            for each in requests
            if each.user and each.user.startswith(_DEVICE)
        }
        return {
            name: at
            for name, at in asked.items()
            if name not in self._seen or at - self._seen[name] >= _SEEN_EVERY
        }

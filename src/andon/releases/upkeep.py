"""Looks how a home's registry stands, and collects its garbage, for whoever asks the control plane.

A look reads all signed metadata and the document of each release, so it is kept for half a minute, and
those who ask meanwhile wait for the same one. A collection is the one that a loop runs each day: the writer's
lock keeps it apart from what is being published.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from andon.kernel.clock import Clock
from andon.kernel.errors import AndonError, Conflict, Damaged, NotFound, Unavailable, Untrusted
from andon.kernel.ids import Sha256
from andon.releases import keys, state
from andon.releases.ceremony import notices, status
from andon.releases.garbage.collector import Collector, Parts
from andon.releases.garbage.model import Collected, Rules
from andon.releases.mirroring.model import TargetFile
from andon.releases.mirroring.state import file_of
from andon.releases.stock import Look, Revocation, Strays, stock
from andon.releases.storage.protocol import METADATA, TARGETS
from andon.timeline.records import Event
from andon_wire.verify import REVOKED_FILE

_FRESH = timedelta(seconds=30)
Tell = Callable[[Event], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Terms:
    """By which rules it is collected, and whether that is done by itself."""

    rules: Rules
    is_automatic: bool


@dataclass(frozen=True, slots=True)
class _Signed:
    """What the metadata says, without what a collection would do."""

    files: tuple[TargetFile, ...]
    revoked: tuple[Revocation, ...]
    strays: Strays
    standing: status.Standing | None


class Upkeep:
    """The registry of one home, looked after."""

    def __init__(self, parts: Parts, collector: Collector, clock: Clock, terms: Terms, *, tell: Tell) -> None:
        """tell: what puts an event on the timeline."""
        self._parts = parts
        self._tell = tell
        self._collector = collector
        self._clock = clock
        self._terms = terms
        self._looking = asyncio.Lock()
        self._collecting = asyncio.Lock()
        self._last: Look | None = None

    async def look(self) -> Look:
        """How it stands; half a minute old at most.

        Also where its metadata has run out, or where nothing would be collected: then `refusal` says why.

        Raises:
            NotFound: there is no registry here. Untrusted: it is not what was signed.
            Unavailable: where it lies did not answer.
        """
        async with self._looking:
            if self._last is None or self._clock.now() - self._last.at >= _FRESH:
                self._last = await self._look()
            return self._last

    async def collect(self, *, actor: str, reason: str) -> Collected:
        """Collect, one at a time; who asked and why is told in any case. Raises as `Collector.run`."""
        async with self._collecting:
            try:
                done = await self._collector.run(actor=actor, reason=reason)
            finally:
                async with self._looking:  # a look that began before shows what is not there any more
                    self._last = None
        after = {
            "releases": len(done.releases),
            "deltas": len(done.deltas),
            "removed_files": done.removed,
            "is_pending": done.is_pending,
        }
        await self._tell(Event("registry.collected", "registry", actor, reason, after=after))
        return done

    async def _look(self) -> Look:
        signed = await asyncio.to_thread(self._signed)
        trial, refusal = await self._trial()
        return Look(
            at=self._clock.now(),
            units=stock(signed.files),
            revoked=signed.revoked,
            strays=signed.strays,
            standing=signed.standing,
            is_following=keys.is_following(self._parts.layout),
            rules=self._terms.rules,
            is_automatic=self._terms.is_automatic,
            trial=trial,
            refusal=refusal,
        )

    async def _trial(self) -> tuple[Collected | None, AndonError | None]:
        try:
            return await self._collector.run(actor="andon", reason="a look", is_trial=True), None
        except (Conflict, Damaged, NotFound, Unavailable, Untrusted) as error:
            return None, error

    def _signed(self) -> _Signed:
        layout, storage = self._parts.layout, self._parts.storage
        if keys.is_following(layout) and storage.size(f"{METADATA}timestamp.json") is None:
            return _Signed((), (), Strays(), None)
        # Its expiry is shown, and no reason to show nothing.
        targets = state.load(layout, storage).targets.targets
        files = tuple(
            file_of(path, Sha256(info.hashes["sha256"]), info.length)
            for path, info in sorted(targets.items())
        )
        gone = [
            _revocation(each, notices.read(storage, each.target, targets[each.target]))
            for each in files
            if each.name == REVOKED_FILE
        ]
        newest = sorted(gone, key=lambda each: each.at.timestamp() if each.at else 0.0, reverse=True)
        standing = status.standing(layout, self._clock, storage=storage)
        return _Signed(files, tuple(newest), self._strays(files), standing)

    def _strays(self, files: Sequence[TargetFile]) -> Strays:
        named = {each.path for each in files} | self._parts.publisher.waiting()
        found = [each for each in self._parts.storage.list(TARGETS) if each.path not in named]
        return Strays(len(found), sum(each.size_bytes for each in found))


def _revocation(file: TargetFile, said: Mapping[str, str]) -> Revocation:
    return Revocation(
        file.unit, file.version, said.get("reason", ""), said.get("by", ""), _time(said.get("at", ""))
    )


def _time(text: str) -> datetime | None:
    """As the notice says it; None where it says none that is aware of its zone."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at if at.tzinfo else None

"""Proof and copies of the timeline for the endpoints, over what `andon.timeline` makes.

The forms and the checks are the timeline's; here is only what of them a request asks for.
"""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from andon.access.policies import held as held_policies
from andon.access.signatures import held as held_signatures
from andon.kernel.clock import Clock
from andon.kernel.errors import NotFound
from andon.store.engine import Database
from andon.timeline import verify
from andon.timeline.checks import Memory, Trust, Verification
from andon.timeline.export import Exporter
from andon.timeline.keys import KeyFiles
from andon.timeline.store import CheckpointStore, Filter


@dataclass(frozen=True, slots=True)
class Question:
    """What a verification of a live database is made with."""

    believed: Trust
    memories: Sequence[Memory]
    home: KeyFiles
    clock: Clock


async def verified(database: Database, asked: Question) -> Verification:
    """Check the timeline, and that signatures and policies are still what it tells of them.

    Raises:
        Damaged: the timeline has lost its head.
    """
    found = await verify.verify(database, asked.believed, asked.memories, asked.clock, asked.home)
    beside = [
        *await held_signatures.signatures(database),
        *await held_policies.policies(database),
    ]
    return replace(found, findings=(*found.findings, *beside))


@dataclass(slots=True)
class TimelineAudit:
    """Verifies and copies. believed: the keys to verify by; memories: what the witnesses remember now.

    elsewhere: opens the same database once more, for another thread and its loop.
    """

    exporter: Exporter
    believed: Callable[[], Trust]
    memories: Callable[[], Awaitable[Sequence[Memory]]]
    elsewhere: Callable[[], Database]
    _running: "asyncio.Task[Verification] | None" = field(default=None, init=False, repr=False)

    async def verify(self) -> Verification:
        """Check all of it, as it is now; who asks while a check runs gets its result too."""
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._verified(), name="verify-timeline")
        # Shielded, as the first who asked may hang up while others wait.
        return await asyncio.shield(self._running)

    async def _verified(self) -> Verification:
        asked = Question(self.believed(), await self.memories(), self.exporter.places, self.exporter.clock)
        # In a thread of its own: it computes for seconds, in which the loops that steer rollouts go on.
        return await asyncio.to_thread(lambda: asyncio.run(self._alone(asked)))

    async def _alone(self, asked: Question) -> Verification:
        database = self.elsewhere()
        try:
            return await verified(database, asked)
        finally:
            await database.close()

    async def checkpoint(self) -> str:
        """The newest signed checkpoint with its cosignatures, a C2SP note.

        Raises:
            NotFound: none was signed yet.
        """
        kept = await CheckpointStore(self.exporter.database).latest()
        if kept is None:
            raise NotFound("no-checkpoint", "no checkpoint was signed yet", hint="wait a minute")
        return kept.note

    def stream(self, form: str, wanted: Filter) -> AsyncIterator[bytes]:
        """The records that match, as `jsonl` or `csv`, while they are read."""
        return self.exporter.jsonl(wanted) if form == "jsonl" else self.exporter.csv(wanted)

    async def build(self, form: str, wanted: Filter, into: Path) -> None:
        """The records that match, as `pdf` or `zip`, in the file `into`."""
        memories = await self.memories()
        if form == "pdf":
            await self.exporter.pdf(into, wanted, memories)
            return
        with tempfile.TemporaryDirectory(dir=into.parent, prefix="export-") as folder:
            await self.exporter.folder(Path(folder), wanted, memories)
            await asyncio.to_thread(shutil.make_archive, str(into.with_suffix("")), "zip", folder)

"""Proof and copies of the timeline for the endpoints, over what `andon.timeline` makes.

The forms and the checks are the timeline's; here is only what of them a request asks for.
"""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from andon.kernel.errors import NotFound
from andon.timeline import verify
from andon.timeline.checks import Memory, Trust, Verification
from andon.timeline.export import Exporter
from andon.timeline.store import CheckpointStore, Filter


@dataclass(frozen=True, slots=True)
class TimelineAudit:
    """Verifies and copies. believed: the keys to verify by; memories: what the witnesses remember now."""

    exporter: Exporter
    believed: Callable[[], Trust]
    memories: Callable[[], Awaitable[Sequence[Memory]]]

    async def verify(self) -> Verification:
        """Check all of it, as it is now."""
        database, clock = self.exporter.database, self.exporter.clock
        places = self.exporter.places
        return await verify.verify(database, self.believed(), await self.memories(), clock, places)

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

"""What everything else of a running Andon stands on. A part of the composition root."""

import hashlib
import socket
from dataclasses import dataclass
from pathlib import Path

from andon.access_parts import Access
from andon.judge.registry import Judges
from andon.kernel.clock import Clock
from andon.releases.store import ReleaseStore
from andon.seen import Manifests
from andon.settings import Settings
from andon.store.engine import Database
from andon.timeline.records import Event
from andon.timeline.store import TimelineStore
from andon.units.store import DesiredStore


@dataclass(frozen=True, slots=True)
class Base:
    """What everything else stands on."""

    settings: Settings
    home: Path
    clock: Clock
    database: Database
    desired: DesiredStore
    timeline: TimelineStore
    releases: ReleaseStore
    manifests: Manifests
    access: Access
    judges: Judges

    @property
    def place(self) -> str:
        """Names this home on this machine in leases, however long its path is."""
        return f"{socket.gethostname()[:60]}-{hashlib.sha256(bytes(self.home)).hexdigest()[:12]}-"

    async def publish(self, event: Event) -> int:
        """Tell the timeline something that changes no row."""
        return await self.timeline.record(event, self.clock.now())

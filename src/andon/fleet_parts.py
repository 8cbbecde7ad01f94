"""Wires the fleet: stations, what each should run, what it tells.

A part of the composition root beside `parts.py`. No rule lives here.
"""

from datetime import timedelta

from andon.access.signatures.commands import is_required
from andon.access.signatures.model import Action, Document, Signature, Standing
from andon.access_parts import Access
from andon.base import Base
from andon.fleet import keys
from andon.fleet.reports import rules
from andon.fleet.reports.store import ReportStore
from andon.fleet.stations.store import StationStore
from andon.fleet.tokens.enrolling import Plant
from andon.fleet.tokens.store import EnrolmentTokenStore
from andon.fleet.wanting.proving import Vouching
from andon.fleet.wanting.render import Common
from andon.fleet.wanting.store import WantingStore
from andon.fleet.whole import Around, Fleet, FleetStores, put_together
from andon.kernel.errors import Conflict, Forbidden, Untrusted
from andon.kernel.ids import EnvironmentName
from andon.made import Made
from andon.releases.layout import Layout
from andon.store.engine import Database
from andon.timeline import keys as timeline_keys
from andon.timeline.keys import KeyFiles
from andon.timeline.store import CheckpointStore
from andon.timeline.tree import Tree
from andon_wire.protocol import EdgeRule, Pace

TICK = timedelta(seconds=1)
REPORTS = timedelta(seconds=1)  # when nothing woke it; each report does
FORGET = timedelta(minutes=10)
_CHECKPOINT_EVERY = timedelta(hours=1)  # each new one is a new document for every station
_REGISTRIES = ("/registry/",)
RULES = (
    EdgeRule(name="cpu", metric="cpu", limit=0.80, for_s=60, level="warning"),
    EdgeRule(name="memory", metric="memory", limit=0.85, level="warning"),
    EdgeRule(name="disk", metric="disk", limit=0.90, level="error"),
    EdgeRule(name="response", metric="response", limit=5.0, level="warning"),
)


def stores_of(database: Database) -> FleetStores:
    """The fleet's tables."""
    return FleetStores(
        StationStore(database), EnrolmentTokenStore(database), WantingStore(database), ReportStore(database)
    )


class Forgetting:
    """Removes samples that are older than is kept."""

    def __init__(self, base: Base, reports: ReportStore) -> None:
        self._clock = base.clock
        self._reports = reports

    async def tick(self) -> None:
        """Remove what is too old."""
        await self._reports.forget_samples(self._clock.now() - rules.KEPT)


def forgetting(base: Base) -> Forgetting:
    """What removes old samples."""
    return Forgetting(base, ReportStore(base.database))


async def fleet_of(base: Base) -> Fleet:
    """All of it, with what was told and reported before this process began.

    Raises:
        Damaged: the fleet's key cannot be read.
    """
    made = Made(base.releases, base.clock)
    key = keys.load_or_make(base.home / "keys" / "fleet.key")
    root, places = Layout(base.home).pinned_root, KeyFiles.at(base.home)
    checkpoints = CheckpointStore(base.database)
    around = Around(
        key=key,
        plant=Plant(
            key.public,
            root.read_text,
            _REGISTRIES,
            lambda: [str(each) for each in timeline_keys.public(places)],
        ),
        clock=base.clock,
        common=_Told(checkpoints, base).now,
        proofs=Vouching(Tree(checkpoints).consistency),
        sealed=_Sealed(base.access),
        files=made.files,
        makes=made.is_for,
        publish=base.publish,
    )
    fleet = put_together(stores_of(base.database), around)
    await fleet.controller.load()
    return fleet


class _Told:
    """What every station is told alike."""

    def __init__(self, checkpoints: CheckpointStore, base: Base) -> None:
        self._checkpoints = checkpoints
        self._clock = base.clock
        self._note = ""
        self._read_at = base.clock.now() - _CHECKPOINT_EVERY

    async def now(self) -> Common:
        now = self._clock.now()
        if now - self._read_at >= _CHECKPOINT_EVERY:
            found = await self._checkpoints.latest()
            if found is not None:
                self._note, self._read_at = found.note, now
        return Common(Pace(), RULES, _REGISTRIES, self._note)


class _Sealed:
    """Whose word is needed, and whether it was given: as rollouts ask for it (`rollouts/authority.py`)."""

    def __init__(self, access: Access) -> None:
        self._access = access

    async def __call__(
        self, action: Action, environment: EnvironmentName, signature: Signature | None, present: Document
    ) -> None:
        if signature is None:
            if await is_required(self._access.policies, action, environment):
                raise Forbidden("signature-required", f"{action} in {environment} has to be signed")
            return
        if self._access.sealer.standing(signature) is not Standing.VALID:
            raise Untrusted("signature-forged", f"signature {signature.id} does not verify")
        if signature.document != present:
            raise Conflict("signature-stale", "what was signed is something else", hint="look again")

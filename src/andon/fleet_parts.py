"""Wires the fleet: stations, what each should run, what it tells.

A part of the composition root beside `parts.py`. No rule lives here.
"""

from dataclasses import replace
from datetime import timedelta

from andon.access.policies import calendar
from andon.access.signatures.commands import is_required
from andon.access.signatures.model import Action, Document, Signature, Standing
from andon.access_parts import Access
from andon.base import Base
from andon.fleet import faring, keys, windows
from andon.fleet.reports import rules
from andon.fleet.reports.model import NO_TALLY
from andon.fleet.reports.store import ReportStore
from andon.fleet.stations.store import StationStore
from andon.fleet.tokens.enrolling import Plant
from andon.fleet.tokens.store import EnrolmentTokenStore
from andon.fleet.wanting.proving import Vouching
from andon.fleet.wanting.render import Common
from andon.fleet.wanting.store import WantingStore
from andon.fleet.whole import Around, Fleet, FleetStores, put_together
from andon.kernel.errors import Conflict, Forbidden, Untrusted
from andon.kernel.ids import EnvironmentName, UnitName, Version
from andon.made import Made
from andon.releases.layout import Layout
from andon.rollouts.history import went_back
from andon.rollouts.store import RolloutStore
from andon.settings import FleetSettings
from andon.store.engine import Database
from andon.timeline import keys as timeline_keys
from andon.timeline.keys import KeyFiles
from andon.timeline.store import CheckpointStore
from andon.timeline.tree import Tree
from andon_wire.protocol import EdgeRule, Pace

TICK = timedelta(seconds=1)
REPORTS = timedelta(seconds=1)  # when nothing woke it; each report does
FORGET = timedelta(minutes=10)
_REPORTS_UNTIL_SILENT = 6
_ENDS = 50  # rollouts there that are looked at for how a release fared


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
        Damaged: the fleet's key cannot be read. InvalidInput: the times of downloads are none.
    """
    settings, made = base.settings.fleet, Made(base.releases, base.clock)
    key = keys.load_or_make(base.home / "keys" / "fleet.key")
    root, places = Layout(base.home).pinned_root, KeyFiles.at(base.home)
    checkpoints = CheckpointStore(base.database)
    around = Around(
        key=key,
        plant=Plant(
            key.public,
            root.read_text,
            tuple(settings.registries),
            lambda: [str(each) for each in timeline_keys.public(places)],
        ),
        clock=base.clock,
        common=_Told(checkpoints, base, common_of(settings)).now,
        proofs=Vouching(Tree(checkpoints).consistency),
        sealed=_Sealed(base.access),
        files=made.files,
        fared=_Fared(base),
        makes=made.is_for,
        notes=made.notes,
        publish=base.publish,
        patience=settings.report * _REPORTS_UNTIL_SILENT,
    )
    fleet = put_together(stores_of(base.database), around)
    await fleet.controller.load()
    return fleet


def common_of(settings: FleetSettings) -> Common:
    """What every station is told alike, but for the timeline's checkpoint.

    Raises:
        InvalidInput: the times of downloads are none.
    """
    times = calendar.from_values({"zone": settings.download_zone, "open": settings.download_windows})
    pace = Pace(
        poll_s=settings.poll.total_seconds(),
        report_s=settings.report.total_seconds(),
        jitter=settings.jitter,
        bandwidth=settings.bandwidth,
        download=windows.wire(times),
    )
    rules_ = tuple(EdgeRule.model_validate(each.model_dump()) for each in settings.rules)
    return Common(pace, rules_, tuple(settings.registries))


class _Told:
    """What every station is told alike, with the newest checkpoint each `settings.checkpoint`."""

    def __init__(self, checkpoints: CheckpointStore, base: Base, common: Common) -> None:
        self._checkpoints = checkpoints
        self._clock = base.clock
        self._common = common
        self._spacing = base.settings.fleet.checkpoint
        self._read_at = base.clock.now() - self._spacing

    async def now(self) -> Common:
        now = self._clock.now()
        if now - self._read_at >= self._spacing:
            found = await self._checkpoints.latest()
            if found is not None:
                self._common, self._read_at = replace(self._common, checkpoint=found.note), now
        return self._common


class _Fared:
    """What rollouts and stations say against a release."""

    def __init__(self, base: Base) -> None:
        self._rollouts = RolloutStore(base.database)
        self._reports = ReportStore(base.database)

    async def __call__(self, unit: UnitName, environment: EnvironmentName, version: Version) -> str:
        rollouts = await self._rollouts.list(unit, environment, _ENDS)
        if why := went_back(rollouts, await self._rollouts.stables(unit, environment), version):
            return why.rstrip(".")
        tallies = await self._reports.tallies(unit, environment)
        return faring.failed(version, tallies.get((unit, environment, version), NO_TALLY))


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

"""The fleet as the edges see it: all that is done with it in one value, and how it is put together."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

from andon.fleet.commands import FleetCommands
from andon.fleet.controller import PATIENCE, FleetController, Sources
from andon.fleet.recalls import Fared, Recalls, Sealed
from andon.fleet.reports.inbox import Inbox
from andon.fleet.reports.store import ReportStore
from andon.fleet.roster import Roster
from andon.fleet.stations.checking import Checking
from andon.fleet.stations.store import StationStore
from andon.fleet.tokens.enrolling import Enrolling, Plant
from andon.fleet.tokens.store import EnrolmentTokenStore
from andon.fleet.updates import Catalog, Files, Makes, Notes, Updates
from andon.fleet.wanting.proving import Vouching
from andon.fleet.wanting.render import Common
from andon.fleet.wanting.store import WantingStore
from andon.kernel.clock import Clock
from andon.timeline.records import Event
from andon_wire.identity import PrivateKey


@dataclass(frozen=True, slots=True)
class Fleet:
    """Its parts. roster: what is so now; controller: works out what follows; reports: what was measured."""

    roster: Roster
    controller: FleetController
    checking: Checking
    enrolling: Enrolling
    commands: FleetCommands
    recalls: Recalls
    inbox: Inbox
    reports: ReportStore
    updates: Updates

    def wake_by(self, work_out: Callable[[], None], reports: Callable[[], None]) -> None:
        """Let changes be followed at once. work_out, reports: wake what runs the controller, the inbox."""
        self.commands.changed = self.recalls.changed = work_out
        self.enrolling.changed = self.updates.changed = work_out
        self.inbox.wake = reports


@dataclass(frozen=True, slots=True)
class FleetStores:
    """What the fleet keeps in the database."""

    stations: StationStore
    tokens: EnrolmentTokenStore
    wanting: WantingStore
    reports: ReportStore


@dataclass(frozen=True, slots=True)
class Around:
    """What the fleet stands on. key: the fleet's; plant: what a new station pins; common: what all are told.

    proofs: that a checkpoint of the timeline continues what a station holds. files: of a release that may be
    installed, verified. fared: what speaks against one. makes: whether a unit is made for a platform at all.
    notes: of a release, for people. patience: how long a station may be silent and still counts as reachable.
    """

    key: PrivateKey
    plant: Plant
    clock: Clock
    common: Callable[[], Awaitable[Common]]
    proofs: Vouching
    sealed: Sealed
    files: Files
    fared: Fared
    makes: Makes
    notes: Notes
    publish: Callable[[Event], Awaitable[object]]
    patience: timedelta = PATIENCE


def put_together(stores: FleetStores, around: Around) -> Fleet:
    """A fleet that knows nothing yet: `controller.load` reads what there is."""
    roster, clock = Roster(), around.clock
    inbox = Inbox(stores.reports, roster, clock)
    sources = Sources(stores.stations, stores.wanting, stores.reports.seen, around.common, around.proofs)
    return Fleet(
        roster=roster,
        controller=FleetController(sources, roster, around.key, clock, patience=around.patience),
        checking=Checking(roster, clock, audience=around.key.public),
        enrolling=Enrolling(
            stores.tokens, stores.stations, roster, around.plant, clock, publish=around.publish
        ),
        commands=FleetCommands(
            stores.stations, stores.wanting, roster, clock, makes=around.makes, files=around.files
        ),
        recalls=Recalls(
            stores.wanting, roster, clock, sealed=around.sealed, files=around.files, fared=around.fared
        ),
        inbox=inbox,
        reports=stores.reports,
        updates=Updates(
            stores.stations,
            roster,
            inbox,
            clock,
            Catalog(around.files, around.makes, around.notes),
        ),
    )

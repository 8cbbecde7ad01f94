"""The fleet as the edges see it: everything that is done with it, in one value."""

from dataclasses import dataclass

from andon.fleet.commands import FleetCommands
from andon.fleet.controller import FleetController
from andon.fleet.reports.inbox import Inbox
from andon.fleet.reports.store import ReportStore
from andon.fleet.roster import Roster
from andon.fleet.stations.checking import Checking
from andon.fleet.tokens.enrolling import Enrolling
from andon.fleet.updates import Updates


@dataclass(frozen=True, slots=True)
class Fleet:
    """Its parts. roster: what is so now; controller: works out what follows; reports: what was measured."""

    roster: Roster
    controller: FleetController
    checking: Checking
    enrolling: Enrolling
    commands: FleetCommands
    inbox: Inbox
    reports: ReportStore
    updates: Updates

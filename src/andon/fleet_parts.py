"""Wires the fleet: stations, what each should run, what it tells.

A part of the composition root beside `parts.py`. No rule lives here.
"""

from dataclasses import dataclass

from andon.fleet.reports.store import ReportStore
from andon.fleet.stations.store import StationStore
from andon.fleet.tokens.store import EnrolmentTokenStore
from andon.fleet.wanting.store import WantingStore
from andon.store.engine import Database


@dataclass(frozen=True, slots=True)
class FleetStores:
    """What the fleet keeps in the database."""

    stations: StationStore
    tokens: EnrolmentTokenStore
    wanting: WantingStore
    reports: ReportStore


def stores_of(database: Database) -> FleetStores:
    """The fleet's tables."""
    return FleetStores(
        StationStore(database), EnrolmentTokenStore(database), WantingStore(database), ReportStore(database)
    )

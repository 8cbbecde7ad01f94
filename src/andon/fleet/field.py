"""Which releases stations have: what must stay in the registry, and what a new release gets deltas from."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Protocol

from andon.fleet.model import Seen, Station
from andon.fleet.wanting.store import Document
from andon.kernel.clock import Clock
from andon.kernel.ids import StationName, UnitName, Version
from andon_wire.protocol import UnitState, Wanted

RETIRED_HOLDS = timedelta(days=90)


class Reports(Protocol):
    """What stations said (`reports/store.py`)."""

    async def seen(self) -> Mapping[StationName, Seen]: ...


class Wanting(Protocol):
    """What stations were told (`wanting/store.py`)."""

    async def documents(self) -> Sequence[Document]: ...


class Stations(Protocol):
    """Who belongs to the fleet, or did (`stations/store.py`)."""

    async def list(self) -> Sequence[Station]: ...


class Field:
    """All stations, also those that are off: what one of them has is in the field.

    What a station has that was retired stays there for `RETIRED_HOLDS` more: somebody may bring it back.
    """

    def __init__(self, reports: Reports, wanting: Wanting, stations: Stations, clock: Clock) -> None:
        self._stations = stations
        self._clock = clock
        self._reports = reports
        self._wanting = wanting

    async def versions(self, unit: UnitName) -> frozenset[Version]:
        """Every release of the unit that some station runs, keeps or was told to run."""
        return frozenset(version for name, version in await self.releases() if name == unit)

    async def releases(self) -> frozenset[tuple[UnitName, Version]]:
        """The same of every unit."""
        gone = await self.gone()
        found = {
            (UnitName(unit), Version(version))
            for name, seen in (await self._reports.seen()).items()
            if name not in gone
            for unit, state in seen.units.items()
            for version in _versions(state)
        }
        for document in await self._wanting.documents():
            if document.station in gone:
                continue
            wanted = Wanted.model_validate_json(document.text)
            found |= {
                (UnitName(name), Version(each.version)) for name, each in wanted.units.items() if each.version
            }
        return frozenset(found)

    async def gone(self) -> frozenset[StationName]:
        """Stations that hold nothing any more."""
        before = self._clock.now() - RETIRED_HOLDS
        return frozenset(
            each.name
            for each in await self._stations.list()
            if each.retired_at is not None and each.retired_at <= before
        )


def _versions(state: UnitState) -> list[str]:
    return [each for each in (state.running, state.confirmed, state.standby, state.wanted) if each]

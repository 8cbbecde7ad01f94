"""Which releases stations have: what must stay in the registry, and what a new release gets deltas from."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from andon.fleet.model import Seen
from andon.fleet.wanting.store import Document
from andon.kernel.ids import StationName, UnitName, Version
from andon_wire.protocol import UnitState, Wanted


class Reports(Protocol):
    """What stations said (`reports/store.py`)."""

    async def seen(self) -> Mapping[StationName, Seen]: ...


class Wanting(Protocol):
    """What stations were told (`wanting/store.py`)."""

    async def documents(self) -> Sequence[Document]: ...


class Field:
    """All stations, also those that are off or retired: what one of them has is in the field."""

    def __init__(self, reports: Reports, wanting: Wanting) -> None:
        self._reports = reports
        self._wanting = wanting

    async def versions(self, unit: UnitName) -> frozenset[Version]:
        """Every release of the unit that some station runs, keeps or was told to run."""
        return frozenset(version for name, version in await self.releases() if name == unit)

    async def releases(self) -> frozenset[tuple[UnitName, Version]]:
        """The same of every unit."""
        found = {
            (UnitName(unit), Version(version))
            for seen in (await self._reports.seen()).values()
            for unit, state in seen.units.items()
            for version in _versions(state)
        }
        for document in await self._wanting.documents():
            wanted = Wanted.model_validate_json(document.text)
            found |= {
                (UnitName(name), Version(each.version)) for name, each in wanted.units.items() if each.version
            }
        return frozenset(found)


def _versions(state: UnitState) -> list[str]:
    return [each for each in (state.running, state.confirmed, state.standby, state.wanted) if each]

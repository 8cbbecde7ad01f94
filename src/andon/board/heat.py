"""The heat map: which colour, sign and place each station has. Pure; the template draws it.

One cell is one station, as its unit stands there that is looked at. Colour is never the only sign: each state
has a mark of its own, and its word.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from andon.api.fleet_model import StationView, UnitOnStation

_MOVING = {"downloading", "installing", "ready", "switching", "watching"}


class Heat(StrEnum):
    """How a station stands, in order of what a person should look at first."""

    FAILED = "failed"  # it tried, and gave up; a person is needed
    RETURNING = "returning"
    DRIFTED = "drifted"  # its files are not what was installed
    WAITING = "waiting"  # enrolled, and not let in yet
    AWAY = "away"  # not heard of
    MOVING = "moving"  # on its way to what is wanted
    BEHIND = "behind"  # runs another release than the wanted one, and has not begun
    PINNED = "pinned"
    GOOD = "good"
    EMPTY = "empty"  # nothing of this unit is wanted there


MARKS = {
    Heat.FAILED: "!", Heat.RETURNING: "↺", Heat.DRIFTED: "≠", Heat.WAITING: "?", Heat.AWAY: "–",
    Heat.MOVING: "↓", Heat.BEHIND: "·", Heat.PINNED: "P", Heat.GOOD: "✓", Heat.EMPTY: " ",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Cell:
    """A station in the map. version: what runs there, None: nothing; unit: None where it has none of it."""

    station: StationView
    unit: UnitOnStation | None
    heat: Heat

    @property
    def mark(self) -> str:
        """The sign of its state."""
        return MARKS[self.heat]

    @property
    def version(self) -> str | None:
        """What runs there."""
        return self.unit.running if self.unit else None


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the plant: its stations by ring, in the order of the rings."""

    line: str
    rings: Sequence[Sequence[Cell]]


@dataclass(frozen=True, slots=True)
class Hall:
    """An environment: its rings in their order, its lines, and how many stations stand how."""

    environment: str
    rings: Sequence[str]
    rows: Sequence[Row]
    counts: Sequence[tuple[Heat, int]]
    size: int


def heat_of(station: StationView, unit: UnitOnStation | None) -> Heat:
    """How the station stands with that unit."""
    if station.standing == "waiting":
        return Heat.WAITING
    if unit is not None and unit.phase in {"failed", "held"}:
        return Heat.FAILED
    if not station.is_reachable:
        return Heat.AWAY
    if unit is None or (unit.wanted is None and unit.running is None):
        return Heat.EMPTY
    return _of_unit(unit)


def _of_unit(unit: UnitOnStation) -> Heat:
    if unit.phase == "returning":
        return Heat.RETURNING
    if unit.is_drifted:
        return Heat.DRIFTED
    if unit.phase in _MOVING:
        return Heat.MOVING
    if unit.pinned is not None:
        return Heat.PINNED
    return Heat.BEHIND if unit.differs else Heat.GOOD


def cell(station: StationView, unit: str) -> Cell:
    """The station as that unit stands there."""
    found = next((each for each in station.units if each.unit == unit), None)
    return Cell(station, found, heat_of(station, found))


def halls(stations: Iterable[StationView], unit: str, order: Sequence[str]) -> list[Hall]:
    """The map of `unit`. order: names of the rings; one that is not among them stands last."""
    cells = [cell(each, unit) for each in stations if each.standing != "retired"]
    places = sorted({each.station.environment for each in cells})
    return [
        _hall(place, [each for each in cells if each.station.environment == place], order) for place in places
    ]


def _hall(environment: str, cells: Sequence[Cell], order: Sequence[str]) -> Hall:
    known = {name: position for position, name in enumerate(order)}
    there = {each.station.ring for each in cells}
    rings = sorted(there, key=lambda name: (known.get(name, len(known)), name))
    rows = [
        Row(line, [_of(cells, line, ring) for ring in rings])
        for line in sorted({each.station.line for each in cells})
    ]
    counted = Counter(each.heat for each in cells)
    counts = [(heat, counted[heat]) for heat in Heat if counted[heat]]
    return Hall(environment, rings, rows, counts, len(cells))


def _of(cells: Iterable[Cell], line: str, ring: str) -> list[Cell]:
    found = [each for each in cells if (each.station.line, each.station.ring) == (line, ring)]
    return sorted(found, key=lambda each: each.station.name)


def units(stations: Iterable[StationView]) -> list[str]:
    """The units that some station has, the one that most have first."""
    counted = Counter(each.unit for station in stations for each in station.units)
    return sorted(counted, key=lambda name: (-counted[name], name))

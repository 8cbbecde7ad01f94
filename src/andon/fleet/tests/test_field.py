"""A release is in the field while any station has it in any way."""

from datetime import timedelta

from andon.fleet.field import RETIRED_HOLDS, Field
from andon.fleet.model import Seen, Standing, Station
from andon.fleet.tests.worlds import NOW, a_station
from andon.fleet.wanting.store import Document
from andon.kernel.clock import ManualClock
from andon.kernel.ids import StationName, UnitName
from andon_wire.protocol import UnitState, Wanted, WantedUnit


class Reports:
    def __init__(self, **states: UnitState) -> None:
        self._seen = {StationName(name): Seen(units={"station": each}) for name, each in states.items()}

    async def seen(self):
        return self._seen


class Wanting:
    def __init__(self, *documents: Document) -> None:
        self._documents = documents

    async def documents(self):
        return self._documents


class Stations:
    def __init__(self, *stations: Station) -> None:
        self._stations = stations

    async def list(self):
        return self._stations


def told(name: str, **units: str | None) -> Document:
    wanted = Wanted(
        station=name,
        revision=1,
        issued_at="2026-03-01T00:00:00Z",
        units={unit: WantedUnit(version=version) for unit, version in units.items()},
    )
    return Document(StationName(name), 1, wanted.model_dump_json())


async def test_what_runs_is_kept_is_on_its_way_or_was_told_is_in_the_field() -> None:
    reports = Reports(
        a=UnitState(running="1.0", confirmed="1.0"),
        b=UnitState(running="1.2", confirmed="1.1", standby="1.3", wanted="1.4"),
    )
    field = Field(
        reports,
        Wanting(told("c", station="1.5", agent="2.0"), told("d", station=None)),
        Stations(),
        ManualClock(NOW),
    )
    assert await field.versions(UnitName("station")) == {"1.0", "1.1", "1.2", "1.3", "1.4", "1.5"}
    assert await field.versions(UnitName("agent")) == {"2.0"}
    assert await field.versions(UnitName("mes")) == frozenset()


async def test_a_station_that_was_retired_holds_nothing_for_ever() -> None:
    retired = a_station("a", standing=Standing.RETIRED, retired_at=NOW)
    reports = Reports(a=UnitState(running="1.0"), b=UnitState(running="1.1"))
    clock, wanting = ManualClock(NOW), Wanting(told("a", station="1.2"), told("b", station="1.1"))
    field = Field(reports, wanting, Stations(retired, a_station("b")), clock)
    clock.advance(RETIRED_HOLDS - timedelta(seconds=1))
    assert await field.versions(UnitName("station")) == {"1.0", "1.1", "1.2"}
    clock.advance(timedelta(seconds=1))
    assert await field.versions(UnitName("station")) == {"1.1"}
    assert await field.gone() == {"a"}

"""A release is in the field while any station has it in any way."""

from andon.fleet.field import Field
from andon.fleet.model import Seen
from andon.fleet.wanting.store import Document
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
    field = Field(reports, Wanting(told("c", station="1.5", agent="2.0"), told("d", station=None)))
    assert await field.versions(UnitName("station")) == {"1.0", "1.1", "1.2", "1.3", "1.4", "1.5"}
    assert await field.versions(UnitName("agent")) == {"2.0"}
    assert await field.versions(UnitName("mes")) == frozenset()

"""Builders of stations for the tests of the fleet."""

from datetime import UTC, datetime, timedelta
from typing import Any

from andon.fleet.assign import Member
from andon.fleet.model import Pin, Recall, Station
from andon.kernel.ids import EnvironmentName, StationName, UnitName, Version
from andon_wire.protocol import Machine, Phase, UnitState

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
UNIT, HERE = UnitName("screen"), EnvironmentName("production")
OLD, NEW, NEWER = Version("1.0.0"), Version("1.1.0"), Version("1.2.0")


def runs(version: str | None, phase: Phase = Phase.IDLE, **others: Any) -> UnitState:
    """A state in which `version` runs and is confirmed."""
    return UnitState(
        running=version, confirmed=version, wanted=others.pop("wanted", version), phase=phase, **others
    )


def a_member(name: str, position: int = 3, **others: Any) -> Member:
    """A station of `line-1` that runs the old release."""
    values: dict[str, Any] = {"line": "line-1", "platform": "linux-x86_64", "state": runs(OLD)}
    return Member(StationName(name), position=position, **(values | others))


def a_fleet(lab: int = 1, pilot: int = 2, plant: int = 7, **others: Any) -> list[Member]:
    """So many stations in the rings 0, 1 and 3."""
    counts = {0: lab, 1: pilot, 3: plant}
    return [a_member(f"s{at}-{each}", at, **others) for at, count in counts.items() for each in range(count)]


def a_pin(station: str, version: Version | None = None, **others: Any) -> Pin:
    """A pin that somebody made."""
    return Pin(StationName(station), UNIT, version, "the gauge is being measured", "minsu", NOW, **others)


def a_recall(version: Version, to: Version, *, direct: bool = False) -> Recall:
    """A recall that somebody made."""
    return Recall(UNIT, HERE, version, to, direct, "it loses serials", "jiwoo", NOW)


def a_station(name: str = "press-1", **others: Any) -> Station:
    """An active station of the plant ring."""
    values: dict[str, Any] = {
        "environment": HERE,
        "ring": "plant",
        "line": "line-1",
        "public_key": (name.encode().hex() + "0" * 64)[:64],
        "machine": Machine(id=f"machine-{name}", hostname=name, platform="linux-x86_64"),
        "enrolled_at": NOW - timedelta(days=30),
    }
    return Station(StationName(name), **(values | others))

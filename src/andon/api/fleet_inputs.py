"""What callers send about the fleet."""

from datetime import timedelta
from typing import Annotated

from fastapi import Path
from pydantic import Field

from andon.api.account_inputs import CalendarGiven
from andon.api.fleet_model import StationView, UnitOnStation
from andon.api.inputs import Because, Body, Plain, Reason, Signed
from andon.fleet.model import LAST_RING, Scope, Standing, Station

_Days = Annotated[float, Field(gt=0, le=3660)]
Labels = Annotated[
    dict[Annotated[str, Field(max_length=60)], Annotated[str, Field(max_length=100)]], Field(max_length=32)
]
StationPath = Annotated[str, Path(pattern=r"^[a-z0-9](?:[a-z0-9-]{0,58}[a-z0-9])?$", examples=["press-1"])]
ScopePath = Annotated[Scope, Path()]


class StationFilter(Body):
    """Which stations to list; what is left out matches all, but retired ones are listed only when named."""

    environment: Annotated[Plain | None, Field(max_length=40)] = None
    ring: Annotated[Plain | None, Field(max_length=60)] = None
    line: Annotated[Plain | None, Field(max_length=60)] = None
    standing: Standing | None = None
    label: Plain = Field("", max_length=161, examples=["kind=press"])
    unit: Annotated[Plain | None, Field(max_length=60)] = None
    version: Annotated[Plain | None, Field(max_length=60, description="That runs there")] = None
    phase: Annotated[Plain | None, Field(max_length=60)] = None
    drifted: bool | None = Field(None, description="Runs something else than is wanted")
    reachable: bool | None = None
    text: Plain = Field("", max_length=100, description="Part of a name")

    def takes(self, station: Station) -> bool:
        """Whether a station stands as asked."""
        key, _, value = self.label.partition("=")
        is_listed = station.standing is not Standing.RETIRED
        return (
            self.environment in {None, station.environment}
            and self.ring in {None, station.ring}
            and self.line in {None, station.line}
            and (is_listed if self.standing is None else station.standing is self.standing)
            and (not key or station.labels.get(key) == value)
            and self.text in station.name
        )

    def shows(self, seen: StationView) -> bool:
        """Whether what runs there is as asked."""
        is_drifted = any(each.is_drifted or each.differs for each in seen.units)
        return (
            self.reachable in {None, seen.is_reachable}
            and self.drifted in {None, is_drifted}
            and (self.unit is self.version is self.phase is None or any(map(self._has, seen.units)))
        )

    def _has(self, unit: UnitOnStation) -> bool:
        return (
            self.unit in {None, unit.unit}
            and self.version in {None, unit.running}
            and self.phase in {None, unit.phase}
        )


class NewToken(Body):
    """A token that lets one machine in, once. station: the name that the machine gets; empty: its host's.

    replaces: that station is there, and the machine takes its place. needs_approval: a person lets it in.
    """

    environment: Plain = Field("production", max_length=40)
    ring: Plain = Field(LAST_RING, max_length=60)
    line: Plain = Field("", max_length=60)
    station: Plain = Field("", max_length=60)
    labels: Labels = Field(default_factory=dict)
    hours: float = Field(24, gt=0, le=30 * 24)
    needs_approval: bool = False
    replaces: bool = False
    reason: Reason

    @property
    def life(self) -> timedelta:
        """How long it can be used."""
        return timedelta(hours=self.hours)


class Move(Because):
    """Where a station stands; what is left out stays."""

    ring: Annotated[Plain | None, Field(max_length=60)] = None
    line: Annotated[Plain | None, Field(max_length=60)] = None
    labels: Labels | None = None


class PinIt(Because):
    """Keep a unit where it is, or at `version`, for so many days or until somebody takes the pin off."""

    version: Annotated[Plain | None, Field(max_length=80)] = None
    days: _Days | None = None


class TryAgain(Because):
    """Which stations try again what failed; none: all where it failed."""

    stations: list[Annotated[Plain, Field(max_length=60)]] = Field([], max_length=5000)


class SetRings(Because):
    """The rings, in the order in which waves open them."""

    names: list[Annotated[Plain, Field(max_length=60)]] = Field(min_length=1, max_length=20)


class SetWindow(Because):
    """When stations there may switch."""

    calendar: CalendarGiven


class RecallIt(Signed):
    """A release must not run there any more: whoever has it goes to `to`. direct: without a safe point."""

    to: Plain = Field(max_length=80, examples=["1.2.0"])
    direct: bool = False


class CheckUpdate(Body):
    """What a simple client says of itself. unit: where there is more than one, its name.

    platform and arch: such as linux and x86_64. client_id: stable for each machine.
    """

    model_config = Body.model_config | {"extra": "ignore"}

    current_version: Plain = Field(min_length=1, max_length=60, examples=["1.2.0"])
    client_id: Plain = Field(min_length=1, max_length=120)
    platform: Plain = Field(min_length=1, max_length=20, examples=["windows"])
    arch: Plain = Field(min_length=1, max_length=20, examples=["amd64"])
    unit: Plain = Field("", max_length=40)
    environment: Plain = Field("production", max_length=40)

"""What people ask of stations: where one stands, who is let in, what stays or tries again.

Each change is durable with its record before the roster knows it; the loop then works out what follows. The
right to ask is looked at by the edge. What must not run any more is in recalls.py.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from andon.access.policies.calendar import Calendar
from andon.fleet import model
from andon.fleet.model import Pin, Ring, Scope, Standing, Station, Window, needs_reason
from andon.fleet.roster import Roster
from andon.fleet.stations import store as rows
from andon.fleet.stations.store import StationStore, no_station
from andon.fleet.tokens.enrolling import no_ring
from andon.fleet.updates import Files, Makes
from andon.fleet.wanting.store import Said, WantingStore
from andon.kernel.clock import Clock
from andon.kernel.errors import Conflict, InvalidInput, NotFound
from andon.kernel.ids import EnvironmentName, StationName, UnitName, Version
from andon.timeline.records import Event
from andon_wire.protocol import Phase

_STUCK = {Phase.FAILED, Phase.HELD}
MOST_RINGS = 20


class FleetCommands:
    """Changes of the fleet. changed: called after each, so that what follows comes at once.

    files: of a release that may be installed. makes: whether a unit is made for a platform at all.
    """

    def __init__(
        self,
        stations: StationStore,
        wanting: WantingStore,
        roster: Roster,
        clock: Clock,
        *,
        files: Files,
        makes: Makes,
    ) -> None:
        self._stations = stations
        self._wanting = wanting
        self._roster = roster
        self._clock = clock
        self._files = files
        self._makes = makes
        self.changed: Callable[[], None] = _nobody

    def get(self, name: str) -> Station:
        """The station; raises NotFound."""
        found = self._roster.stations.get(StationName(name))
        if found is None:
            raise no_station(name)
        return found

    async def said(self) -> Said:
        """What people said beside rollouts."""
        return await self._wanting.said()

    async def rings(self) -> Sequence[Ring]:
        """The rings in their order."""
        return await self._stations.rings()

    async def move(
        self,
        name: str,
        actor: str,
        reason: str,
        *,
        ring: str | None = None,
        line: str | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> Station:
        """Let a station stand in another ring or line, or under other labels; None leaves it as it is.

        Raises:
            NotFound: there is no such station. InvalidInput: ring, line, labels or reason.
            Conflict: it is retired.
        """
        before = self._present(name)
        needs_reason(reason)
        rings = [each.name for each in await self._stations.rings()]
        if ring is not None and ring not in rings:
            raise no_ring(ring, rings)
        if line:
            model.station_name(line)
        after = replace(
            before,
            ring=before.ring if ring is None else ring,
            line=before.line if line is None else line,
            labels=before.labels if labels is None else model.labels(labels),
        )
        if after == before:
            return after
        return await self._change("station.moved", before, after, actor, reason)

    async def approve(self, name: str, actor: str, reason: str) -> Station:
        """Let a station in that waits; raises NotFound, Conflict."""
        before = self._present(name)
        needs_reason(reason)
        if before.standing is not Standing.WAITING:
            raise Conflict("not-waiting", f"{name} does not wait to be let in", hint="andon fleet list")
        after = replace(before, standing=Standing.ACTIVE)
        return await self._change("station.approved", before, after, actor, reason)

    async def retire(self, name: str, actor: str, reason: str) -> Station:
        """Its key is worth nothing from now on. What runs there goes on until somebody takes it off.

        Raises:
            NotFound: there is none. Conflict: it is retired. InvalidInput: no reason.
        """
        before = self._present(name)
        needs_reason(reason)
        after = rows.retired(before, self._clock.now())
        return await self._change("station.retired", before, after, actor, reason)

    async def set_rings(self, names: Sequence[str], actor: str, reason: str) -> Sequence[Ring]:
        """Set the order of rings; the first is opened first.

        Raises:
            InvalidInput: a name is none or stands twice, or there are too many.
            Conflict: a station stands in a ring that would be gone.
        """
        needs_reason(reason)
        if not 0 < len(names) <= MOST_RINGS or len(set(names)) != len(names):
            raise InvalidInput("bad-rings", f"name 1 to {MOST_RINGS} rings, each once")
        for each in names:
            model.station_name(each)
        used = {each.ring for each in self._roster.stations.values() if each.standing is not Standing.RETIRED}
        if left := sorted(used - set(names)):
            raise Conflict(
                "ring-in-use", f"stations stand in ring {left[0]}", hint="andon fleet ring STATION RING"
            )
        before = [each.name for each in await self._stations.rings()]
        told = Event(
            "fleet.rings", "fleet/rings", actor, reason, before={"rings": before}, after={"rings": [*names]}
        )
        await self._stations.set_rings(names, told, self._clock.now())
        self._said()
        return await self._stations.rings()

    async def pin(
        self,
        name: str,
        unit: UnitName,
        actor: str,
        reason: str,
        *,
        version: Version | None = None,
        until: datetime | None = None,
    ) -> Pin:
        """Keep a unit on a station where it is, or at `version`.

        Raises:
            NotFound: there is no such station, no release that may be installed, or a unit that no station
                has and of which nothing is made for this one. Conflict: it is retired.
            InvalidInput: no reason, or the pin would have run out.
        """
        station, now = self._present(name), self._clock.now()
        needs_reason(reason)
        if version is not None:
            await self._files(unit, version)
        elif not self._is_anywhere(unit) and not await self._makes(unit, station.machine.platform):
            raise NotFound(
                "no-such-unit",
                f"no station has {unit}, and no release of it is made for {name}",
                hint="andon fleet list; andon releases",
            )
        if until is not None and until <= now:
            raise InvalidInput("bad-expiry", "the pin would have run out already", hint="--for 7d")
        made = Pin(station.name, unit, version, reason, actor, now, until)
        after = {"version": version, "until": until.isoformat() if until else None}
        await self._wanting.pin(
            made, _event("station.pinned", station, actor, reason, unit=unit, after=after)
        )
        self._said()
        return made

    async def unpin(self, name: str, unit: UnitName, actor: str, reason: str) -> None:
        """Let a unit on a station move again; raises NotFound where it is not pinned."""
        station = self.get(name)
        needs_reason(reason)
        told = _event("station.unpinned", station, actor, reason, unit=unit)
        if not await self._wanting.unpin(station.name, unit, told, self._clock.now()):
            raise NotFound("no-pin", f"{unit} is not pinned on {name}", hint="andon fleet show STATION")
        self._said()

    async def retry(
        self, place: tuple[UnitName, EnvironmentName], names: Collection[str], actor: str, reason: str
    ) -> Sequence[str]:
        """Let stations of an environment try again what failed; gives those that do. No names: all.

        Raises:
            NotFound: there is no such station, or nothing failed there. InvalidInput: no reason.
        """
        needs_reason(reason)
        unit, environment = place
        named = [self._present(each) for each in names] or [*self._roster.active()]
        wanted = [each for each in named if each.environment == environment]
        stuck = [each for each in wanted if self._is_stuck(each, unit)]
        if not stuck:
            raise NotFound(
                "nothing-failed", f"{unit} has failed on none of these stations", hint="andon fleet list"
            )
        attempts = (await self._wanting.said()).attempts
        numbers = {(each.name, unit): self._attempt(each, unit, attempts) + 1 for each in stuck}
        told = Event(
            "fleet.retried",
            f"unit/{unit}",
            actor,
            reason,
            unit=unit,
            environment=environment,
            after={"stations": [each.name for each in stuck][:100], "count": len(stuck)},
        )  # fmt: skip
        await self._wanting.raise_attempts(numbers, told, self._clock.now())
        self._said()
        return [each.name for each in stuck]

    async def set_window(
        self, scope: Scope, name: str, calendar: Calendar | None, actor: str, reason: str
    ) -> None:
        """Say when stations there may switch, or with None that no window is kept for that place.

        Raises:
            InvalidInput: no reason, or no name. NotFound: there is no such station or window.
        """
        needs_reason(reason)
        if scope is Scope.STATION:
            self._present(name)
        model.station_name(name)
        before = next(
            (
                each
                for each in (await self._wanting.said()).windows
                if (each.scope, each.name) == (scope, name)
            ),
            None,
        )
        if calendar is None and before is None:
            raise NotFound("no-window", f"there is no window of {scope} {name}", hint="andon fleet windows")
        made = None if calendar is None else Window(scope, name, calendar)
        told = Event(
            "fleet.window", f"window/{scope.value}/{name}", actor, reason,
            environment=name if scope is Scope.ENVIRONMENT else "",
            before=_window(before), after=_window(made),
        )  # fmt: skip
        await self._wanting.set_window((scope, name), made, told, self._clock.now())
        self._said()

    def _present(self, name: str) -> Station:
        found = self.get(name)
        if found.standing is Standing.RETIRED:
            raise Conflict("station-retired", f"{name} was retired", hint="enrol its machine again")
        return found

    def _is_anywhere(self, unit: UnitName) -> bool:
        is_told = any(unit in each.content.units for each in self._roster.told.values())
        return is_told or any(unit in each.units for each in self._roster.seen.values())

    def _is_stuck(self, station: Station, unit: UnitName) -> bool:
        state = self._roster.seen_of(station.name).units.get(unit)
        return state is not None and state.phase in _STUCK

    def _attempt(
        self, station: Station, unit: UnitName, attempts: Mapping[tuple[StationName, UnitName], int]
    ) -> int:
        state = self._roster.seen_of(station.name).units.get(unit)
        return max(attempts.get((station.name, unit), 0), state.attempt if state else 0)

    async def _change(self, kind: str, before: Station, after: Station, actor: str, reason: str) -> Station:
        told = _event(kind, after, actor, reason, before=_place(before), after=_place(after))
        await self._stations.change(after, told, self._clock.now())
        self._roster.put(after)
        self.changed()
        return after

    def _said(self) -> None:
        self._roster.is_stale = True
        self.changed()


def _nobody() -> None:
    """Before it is wired to a loop, nobody is woken."""


def _place(station: Station) -> dict[str, Any]:
    return {
        "ring": station.ring,
        "line": station.line,
        "labels": dict(station.labels),
        "standing": station.standing.value,
    }


def _window(window: Window | None) -> dict[str, Any]:
    if window is None:
        return {}
    calendar = window.calendar
    return {"zone": calendar.zone, "open": list(calendar.open), "closed": list(calendar.closed)}


def _event(  # noqa: PLR0913  the parts of a record
    kind: str,
    station: Station,
    actor: str,
    reason: str,
    *,
    unit: str = "",
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> Event:
    return Event(
        kind, f"station/{station.name}", actor, reason, unit=unit, environment=station.environment,
        before=before or {}, after=after or {},
    )  # fmt: skip

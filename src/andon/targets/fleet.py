"""The target over a fleet: what is desired becomes a wish, and stations are counted instead of instances.

It touches no station. Who gets what is `fleet/assign.py`; agents come and ask, and do it by themselves. What
is told is durable before a share counts as given, so a rollout never goes on from what nobody was asked.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol

from andon.fleet.assign import Member, Wish
from andon.fleet.model import Opened
from andon.kernel.errors import NotFound, Unavailable, Untrusted
from andon.kernel.ids import EnvironmentName, InstanceId, UnitName, Version
from andon.targets.counting import count
from andon.targets.model import Assignment, Instance, InstanceState
from andon.targets.stations import Errand, FleetSeen, Told
from andon.units.desired import Desired
from andon_wire.protocol import Phase

_ROUNDING = 1e-9
_STATES = {
    Phase.IDLE: InstanceState.READY,
    Phase.DOWNLOADING: InstanceState.READY,
    Phase.INSTALLING: InstanceState.READY,
    Phase.READY: InstanceState.READY,
    Phase.SWITCHING: InstanceState.STARTING,
    Phase.WATCHING: InstanceState.STARTING,
    Phase.RETURNING: InstanceState.STARTING,
    Phase.FAILED: InstanceState.READY,
    Phase.HELD: InstanceState.UNHEALTHY,
}


class Stations(Protocol):
    """The part of the fleet that makes wishes true (`fleet/controller.py`)."""

    def want(self, place: tuple[UnitName, EnvironmentName], wish: Wish) -> None:
        """What should be so there; said again and again."""
        ...

    def worked_out(self, place: tuple[UnitName, EnvironmentName]) -> Wish | None:
        """The last wish of which all stations there are told, and that is durable; None before the first."""
        ...

    def opened(self, place: tuple[UnitName, EnvironmentName]) -> Opened:
        """Whom the candidate there was given so far."""
        ...

    async def members(self, place: tuple[UnitName, EnvironmentName]) -> Sequence[Member]:
        """The stations there as they are now."""
        ...


# Platforms that a release was made for; raises NotFound where there is no such release.
Platforms = Callable[[UnitName, Version], Awaitable[frozenset[str]]]
Errands = Callable[[UnitName, EnvironmentName], Awaitable[Errand]]


class FleetTarget:
    """A `Target`, and what a rollout sees of its stations."""

    def __init__(self, stations: Stations, errands: Errands, platforms: Platforms) -> None:
        self._stations = stations
        self._errands = errands
        self._platforms = platforms

    async def reconcile(self, assignment: Assignment) -> None:
        """Say what is wished; the fleet works out who gets what, and tells them.

        Raises:
            Untrusted: a release does not verify; nobody is given it.
        """
        desired = assignment.desired
        for each in desired.releases:
            if each.version in assignment.refused and each.share > 0:
                raise Untrusted("release-refused", assignment.refused[each.version])
        errand = await self._errands(desired.unit, desired.environment)
        made_for = await self._made_for(desired)
        most = _most_of_a_line(assignment)
        self._stations.want((desired.unit, desired.environment), wish_of(desired, errand, made_for, most))

    async def observe(self, unit: UnitName, environment: EnvironmentName) -> Sequence[Instance]:
        """One for each station that runs a release of the unit, by release and name."""
        members = await self._stations.members((unit, environment))
        found = [made for each in members if (made := _instance(each, unit, environment)) is not None]
        return sorted(found, key=lambda each: (each.version, each.id))

    async def logs(self, instance: InstanceId, *, lines: int) -> Sequence[str]:
        """None: what an application prints stays on its station."""
        raise NotFound(
            "no-such-output",
            f"the output of {instance} is on the station, and not here ({lines} lines were asked for)",
            hint="andon fleet show STATION",
        )

    async def fleet(self, unit: UnitName, environment: EnvironmentName, candidate: Version) -> FleetSeen:
        """How the stations stand with a candidate.

        Raises:
            Unavailable: nothing was worked out there yet, as just after a start.
        """
        place = (unit, environment)
        wish = self._stations.worked_out(place)
        if wish is None:
            raise Unavailable("not-worked-out", "what stations should run was not worked out yet")
        return count(wish, await self._stations.members(place), self._stations.opened(place), candidate)

    async def told(self, unit: UnitName, environment: EnvironmentName) -> Told | None:
        """What all stations are told; None before the first, and while a share is held back."""
        place = (unit, environment)
        wish = self._stations.worked_out(place)
        if wish is None:
            return None
        given = self._stations.opened(place).share
        if wish.candidate is not None and given + _ROUNDING < wish.share:
            return None  # halted before anybody was asked
        return Told(wish.revision, _shares(wish))

    async def _made_for(self, desired: Desired) -> Mapping[Version, frozenset[str]]:
        versions = {each.version for each in desired.releases if each.share > 0}
        found = {each: await self._platforms(desired.unit, each) for each in sorted(versions)}
        return {version: platforms for version, platforms in found.items() if platforms}


def wish_of(
    desired: Desired, errand: Errand, made_for: Mapping[Version, frozenset[str]], most_of_a_line: int
) -> Wish:
    """What is desired, as the fleet is asked for it. Pure."""
    trial = next(
        (each for each in desired.releases if each.version != desired.stable and each.share > 0), None
    )
    return Wish(
        stable=desired.stable,
        candidate=None if trial is None else trial.version,
        share=0.0 if trial is None else trial.share,
        rollout=errand.rollout,
        most_of_a_line=most_of_a_line,
        platforms=made_for,
        halted=errand.halted,
        attempts=errand.attempts,
        revision=desired.revision,
    )


def _shares(wish: Wish) -> Mapping[Version, float]:
    found: dict[Version, float] = {}
    if wish.stable is not None:
        found[wish.stable] = 1.0 - wish.share
    if wish.candidate is not None:
        found[wish.candidate] = wish.share
    return found


def _most_of_a_line(assignment: Assignment) -> int:
    """As the newest release's manifest says it."""
    desired = assignment.desired
    named = [each.version for each in desired.releases]
    manifests = [assignment.manifests[each] for each in named if each in assignment.manifests]
    places = [each.environments.get(desired.environment) for each in manifests]
    limits = [each.policy.waves.of_line for each in places if each is not None]
    return limits[-1] if limits else 1


def _instance(member: Member, unit: UnitName, environment: EnvironmentName) -> Instance | None:
    state = member.state
    if state is None or state.running is None or state.since is None:
        return None
    return Instance(
        id=InstanceId(member.station),
        unit=unit,
        environment=environment,
        version=Version(state.running),
        state=_STATES[state.phase],
        host=member.station,
        port=0,
        pid=state.pid,
        restarts=state.restarts,
        failed_checks=0,
        since=state.since,
        detail=state.reason if member.is_reachable else "not heard of lately",
    )

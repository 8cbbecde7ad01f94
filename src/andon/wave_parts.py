"""Wires rollouts to the fleet: what its target must know, what a rollout sees of it, how it is counted.

A part of the composition root beside `fleet_parts.py`. No rule lives here.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from andon.base import Base
from andon.evidence.agents import AgentEvidence
from andon.fleet.assign import counted
from andon.fleet.reports.model import Tally
from andon.fleet.whole import Fleet
from andon.fleet_parts import stores_of
from andon.kernel.ids import EnvironmentName, UnitName, Version
from andon.releases.mirroring.model import platform_of
from andon.releases.store import ReleaseStore
from andon.rollouts.census import Census
from andon.rollouts.errands import Errands
from andon.rollouts.store import RolloutStore
from andon.targets.fleet import FleetTarget
from andon.targets.model import Instance

Observe = Callable[[UnitName, EnvironmentName], Awaitable[Sequence[Instance]]]
Platforms = Callable[[UnitName, Version], Awaitable[frozenset[str]]]


@dataclass(frozen=True, slots=True)
class Waves:
    """The fleet as rollouts use it."""

    target: FleetTarget
    censuses: "Censuses"


class Censuses:
    """Counts stations, as the fleet's own assignment will."""

    def __init__(self, fleet: Fleet, base: Base, platforms: Platforms) -> None:
        self._fleet = fleet
        self._stations = stores_of(base.database).stations
        self._platforms = platforms

    async def census(self, unit: UnitName, environment: EnvironmentName, version: Version) -> Census:
        """The stations there that may get this release, ring by ring."""
        members = await self._fleet.controller.members((unit, environment))
        made_for = await self._platforms(unit, version)
        able = [each for each in members if not made_for or not each.platform or each.platform in made_for]
        standing = counted(able)
        at = Counter(each.position for each in standing)
        rings = [(each.name, at.pop(each.position, 0)) for each in await self._stations.rings()]
        if left := sum(at.values()):
            rings.append(("of no ring", left))
        silent = sum(not each.is_reachable for each in standing)
        return Census(tuple(rings), pinned=len(able) - len(standing), silent=silent)

    async def recalled(self, unit: UnitName, environment: EnvironmentName, version: Version) -> str:
        """By whom and why it must not run there, as a part of a sentence; empty where it may."""
        for each in (await self._fleet.commands.said()).recalls:
            if (each.unit, each.environment, each.version) == (unit, environment, version):
                return f"by {each.actor} ({each.reason}); stations go to {each.to}"
        return ""


def waves_of(base: Base, fleet: Fleet, rollouts: RolloutStore) -> Waves:
    """All of it."""
    platforms = _platforms(base.releases)
    target = FleetTarget(fleet.controller, Errands(rollouts).of, platforms)
    return Waves(target, Censuses(fleet, base, platforms))


def instances_of(local: Observe, fleet: FleetTarget) -> Observe:
    """What runs of a unit somewhere: processes of this machine, and stations."""

    async def instances(unit: UnitName, environment: EnvironmentName) -> Sequence[Instance]:
        return [*await local(unit, environment), *await fleet.observe(unit, environment)]

    return instances


def evidence_of(base: Base) -> AgentEvidence:
    """What stations reported, as evidence."""
    reports = stores_of(base.database).reports

    async def tallies(unit: UnitName, environment: EnvironmentName) -> Mapping[Version, Tally]:
        found = await reports.tallies(unit, environment)
        return {version: each for (_unit, _environment, version), each in found.items()}

    return AgentEvidence(tallies, base.clock)


def _platforms(releases: ReleaseStore) -> Platforms:
    """Platforms that a release was made for. It never changes, so it is read once."""
    known: dict[tuple[UnitName, Version], frozenset[str]] = {}

    async def platforms(unit: UnitName, version: Version) -> frozenset[str]:
        if (unit, version) not in known:
            release = await releases.signed(unit, version)
            found = (platform_of(each.name) for each in release.artifacts)
            known[unit, version] = frozenset(each for each in found if each)
        return known[unit, version]

    return platforms

"""Brings every unit's desired instances to its target, tick by tick, and tells the timeline what changed.

It decides nothing. What is not here: what should run (rollouts/) and how it is run (one file per target).
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from andon.kernel import logging
from andon.kernel.errors import AndonError, Untrusted
from andon.kernel.ids import EnvironmentName, InstanceId, UnitName, Version
from andon.targets.model import Assignment, Instance, Target
from andon.targets.news import news
from andon.timeline.records import Event
from andon.units.desired import Desired
from andon.units.model import Manifest

_log = logging.get(__name__)
_DEFAULT = "local"

Key = tuple[UnitName, EnvironmentName]


@dataclass(frozen=True, slots=True)
class Sources:
    """What the reconciler reads and whom it tells. `targets` are by name.

    `manifest` gives verified ones; it is asked at every tick, so it is the one that remembers. `quiet`:
    targets whose instances tell of themselves, and are too many to be looked at here.
    """

    desired: Callable[[], Awaitable[Sequence[Desired]]]
    manifest: Callable[[UnitName, Version], Awaitable[Manifest]]
    targets: Mapping[str, Target]
    publish: Callable[[Event], Awaitable[object]]
    quiet: frozenset[str] = frozenset()


@dataclass(slots=True)
class _Known:
    """What was seen before, so that only changes are told."""

    instances: dict[Key, dict[InstanceId, Instance]] = field(default_factory=dict)
    problems: dict[Key, str] = field(default_factory=dict)
    names: dict[Key, str] = field(default_factory=dict)


class TargetReconciler:
    """Level-triggered: a tick may run at any time and after any crash."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._known = _Known()

    @property
    def problems(self) -> Mapping[Key, str]:
        """Why a unit's instances could not be seen to at the last tick; empty when all went well."""
        return self._known.problems

    async def tick(self) -> None:
        """See to every unit. One whose target does not answer does not keep the others waiting.

        Raises Unavailable when the desired state cannot be read.
        """
        for desired in await self._sources.desired():
            key = (desired.unit, desired.environment)
            try:
                await self._see_to(desired)
            except AndonError as error:
                if self._known.problems.get(key) != error.message:
                    _log.error(
                        "target problem",
                        unit=desired.unit,
                        environment=desired.environment,
                        code=error.code,
                        reason=error.message,
                    )
                self._known.problems[key] = error.message
            else:
                self._known.problems.pop(key, None)

    async def _see_to(self, desired: Desired) -> None:
        key = (desired.unit, desired.environment)
        named = [each.version for each in desired.releases]
        manifests, refused = await self._manifests(desired.unit, named)
        name = self._known.names[key] = self._name(desired, manifests)
        target = self._sources.targets[name]
        if name in self._sources.quiet:
            await target.reconcile(Assignment(desired, manifests, refused))
            return
        if key not in self._known.instances:  # what was so before this Andon began is no news
            self._known.instances[key] = {each.id: each for each in await target.observe(*key)}
        running = {each.version for each in self._known.instances[key].values()} - set(named)
        manifests |= (await self._manifests(desired.unit, sorted(running)))[0]
        try:
            await target.reconcile(Assignment(desired, manifests, refused))
        finally:
            await self._tell(key, await target.observe(*key))

    async def _tell(self, key: Key, seen: Sequence[Instance]) -> None:
        now = {each.id: each for each in seen}
        for event in news(self._known.instances[key], now):
            await self._sources.publish(event)
        self._known.instances[key] = now

    async def _manifests(
        self, unit: UnitName, versions: Sequence[Version]
    ) -> tuple[dict[Version, Manifest], dict[Version, str]]:
        """Those that can be had. One that does not verify is refused; one that is not there comes later."""
        found: dict[Version, Manifest] = {}
        refused: dict[Version, str] = {}
        for version in versions:
            try:
                found[version] = await self._sources.manifest(unit, version)
            except Untrusted as error:
                refused[version] = error.message
            except AndonError as error:
                _log.debug("manifest missing", unit=unit, version=version, reason=error.message)
        return found, refused

    def _name(self, desired: Desired, manifests: Mapping[Version, Manifest]) -> str:
        """Of its target; where no manifest can be had now, the one that it had before."""
        named = [manifests[each.version] for each in desired.releases if each.version in manifests]
        places = [each.environments.get(desired.environment) for each in named]
        known = self._known.names.get((desired.unit, desired.environment), _DEFAULT)
        return next((each.target for each in places if each is not None), known)

"""What a person may ask of a target: to try again what it gave up. The target's next tick does the rest."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from andon.kernel.errors import Conflict, NotFound
from andon.kernel.ids import EnvironmentName, UnitName, Version
from andon.targets.model import Instance, InstanceState
from andon.timeline.records import Event
from andon.units.desired import Desired

RETRIED = "instance.retried"
_GIVEN_UP = (InstanceState.CRASH_LOOP, InstanceState.REFUSED)


class Target(Protocol):
    """A target that gives up at times."""

    async def observe(self, unit: UnitName, environment: EnvironmentName) -> Sequence[Instance]: ...
    async def retry(self, unit: UnitName, environment: EnvironmentName, version: Version) -> int: ...


class Retries:
    """Asks `target`; `publish` tells the timeline before anything changes."""

    def __init__(
        self,
        target: Target,
        desired: Callable[[], Awaitable[Sequence[Desired]]],
        publish: Callable[[Event], Awaitable[object]],
    ) -> None:
        self._target = target
        self._desired = desired
        self._publish = publish

    async def retry(
        self,
        unit: UnitName,
        environment: EnvironmentName,
        version: Version | None = None,
        *,
        actor: str,
        reason: str,
    ) -> Sequence[Instance]:
        """Try again what was given up of `version`, or of every release that should run there.

        Gives them as they are now.

        Raises:
            NotFound: nothing of the unit, or not this release, should run there.
            Conflict: none was given up.
        """
        versions = await self._versions(unit, environment, version)
        given_up = [
            each
            for each in await self._target.observe(unit, environment)
            if each.version in versions and each.state in _GIVEN_UP
        ]
        if not given_up:
            raise Conflict(
                "nothing-given-up",
                f"no instance of {unit} in {environment} was given up",
                hint="andon status",
            )
        tried = sorted({each.version for each in given_up})
        await self._publish(
            Event(
                kind=RETRIED,
                subject=f"unit/{unit}",
                actor=actor,
                reason=reason,
                unit=unit,
                environment=environment,
                before={each.id: each.state.value for each in given_up},
                after={"versions": tried},
            )
        )
        for each in tried:
            await self._target.retry(unit, environment, each)
        retried = {each.id for each in given_up}
        return [each for each in await self._target.observe(unit, environment) if each.id in retried]

    async def _versions(
        self, unit: UnitName, environment: EnvironmentName, version: Version | None
    ) -> set[Version]:
        wanted = await self._desired()
        named = {
            release.version
            for each in wanted
            if (each.unit, each.environment) == (unit, environment)
            for release in each.releases
        }
        if not named:
            raise NotFound(
                "not-deployed", f"nothing of {unit} should run in {environment}", hint="andon status"
            )
        if version is not None and version not in named:
            raise NotFound(
                "release-not-wanted",
                f"{unit} {version} should not run in {environment}",
                hint=f"leave the version out, or deploy it: andon deploy {unit} --version {version}",
            )
        return named if version is None else {version}

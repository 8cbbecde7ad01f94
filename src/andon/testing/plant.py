"""A simulated plant on a virtual clock: instances that start and die, a late gateway, traffic, faults.

It does what desired state says, as target and gateway do, and is seen through the protocols of
`rollouts/observer.py`. The same seed gives the same plant. What runs the real controllers in it is
`world.py`.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from andon.evidence.model import Reading, Tally
from andon.gateway.model import Acknowledged, ReleaseTraffic, Traffic
from andon.gateway.plan import weights_of
from andon.kernel.clock import Clock
from andon.kernel.ids import EnvironmentName, InstanceId, UnitName, Version
from andon.targets.model import Instance, InstanceState
from andon.units.desired import Desired

_STARTING = (InstanceState.INSTALLING, InstanceState.STARTING)


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How a release behaves.

    error_rate: of its requests. starts_in: time to ready. breaks_after: age at which an instance goes into
    `breaks_to`; None: never.
    """

    error_rate: float = 0.01
    starts_in: timedelta = timedelta(seconds=3)
    breaks_after: timedelta | None = None
    breaks_to: InstanceState = InstanceState.CRASH_LOOP


@dataclass(frozen=True, slots=True)
class Weather:
    """What happens to everything: how late the gateway is, and when the evidence source is silent.

    outage, gateway_outage: from and until, in seconds from the beginning.
    """

    gateway_delay: timedelta = timedelta(seconds=1)
    gateway_outage: tuple[float, float] = (0.0, 0.0)
    outage: tuple[float, float] = (0.0, 0.0)
    requests_per_second: int = 200


@dataclass(slots=True)
class _Running:
    id: InstanceId
    version: Version
    state: InstanceState
    born_at: datetime
    since: datetime


@dataclass(slots=True)
class _Counts:
    requests: int = 0
    errors: int = 0


@dataclass(slots=True)
class _Applied:
    desired: Desired
    at: datetime


@dataclass(slots=True)
class Plant:
    """One unit in one environment. `turn` moves it to the clock's time, towards what is desired."""

    clock: Clock
    seed: int
    behaviour: Mapping[Version, Behaviour]
    weather: Weather = field(default_factory=Weather)
    _random: random.Random = field(init=False)
    _instances: list[_Running] = field(default_factory=list)
    _counts: dict[Version, _Counts] = field(default_factory=dict)
    _pending: _Applied | None = None
    _served: Acknowledged | None = None
    _began_at: datetime = field(init=False)
    _last_at: datetime = field(init=False)
    _born: int = 0

    def __post_init__(self) -> None:
        """Begin at the clock's time."""
        self._random = random.Random(self.seed)  # noqa: S311  a simulation, not a secret
        self._began_at = self._last_at = self.clock.now()

    def turn(self, desired: Desired | None) -> None:
        """Let the time since the last turn pass."""
        now = self.clock.now()
        if desired is not None:
            self._run(desired, now)
            self._route(desired, now)
        self._serve((now - self._last_at).total_seconds())
        self._last_at = now

    def ready(self, version: Version) -> int:
        """Ready instances of a release."""
        return sum(each.version == version and each.state is InstanceState.READY for each in self._instances)

    def running(self, version: Version) -> int:
        """Instances of a release, whatever their state."""
        return sum(each.version == version for each in self._instances)

    def weight(self, version: Version) -> int:
        """Weight of a release that is in force, of 1000."""
        return 0 if self._served is None else self._served.weights.get(version, 0)

    def break_down(self, version: Version) -> None:
        """All instances of a release are suddenly gone for good."""
        for each in self._instances:
            if each.version == version:
                each.state, each.since = InstanceState.UNHEALTHY, self.clock.now()

    async def instances(self, unit: UnitName, environment: EnvironmentName) -> Sequence[Instance]:
        """As a target sees them."""
        return [
            Instance(
                id=each.id,
                unit=unit,
                environment=environment,
                version=each.version,
                state=each.state,
                host="127.0.0.1",
                port=1,
                pid=None,
                restarts=0,
                failed_checks=3 if each.state is InstanceState.UNHEALTHY else 0,
                since=each.since,
                detail="",
            )
            for each in self._instances
        ]

    async def acknowledged(self, _unit: UnitName, _environment: EnvironmentName) -> Acknowledged | None:
        """As the gateway confirmed it."""
        return self._served

    async def traffic(self) -> Traffic | None:
        """As the gateway counted it."""
        where = (UnitName("mes"), EnvironmentName("production"))
        releases = {
            (*where, version): ReleaseTraffic(each.requests, each.errors, 0, ())
            for version, each in self._counts.items()
        }
        return Traffic("epoch", self.clock.now(), releases)

    async def readings(
        self, _unit: UnitName, _environment: EnvironmentName, metrics: Sequence[str]
    ) -> Sequence[Reading]:
        """Errors per request, unless the source is silent."""
        now = self.clock.now()
        if self._is_within(self.weather.outage):
            return [Reading(metric, now, {}, problem="the source does not answer") for metric in metrics]
        tallies = {version: Tally(each.requests, each.errors) for version, each in self._counts.items()}
        return [Reading(metric, now, tallies) for metric in metrics]

    def _is_within(self, window: tuple[float, float]) -> bool:
        return window[0] <= (self.clock.now() - self._began_at).total_seconds() < window[1]

    def _behaviour(self, version: Version) -> Behaviour:
        return self.behaviour.get(version, Behaviour())

    def _run(self, desired: Desired, now: datetime) -> None:
        for each in self._instances:
            self._age(each, now)
        for version in {each.version for each in self._instances} | {
            each.version for each in desired.releases
        }:
            mine = [each for each in self._instances if each.version == version]
            wanted = desired.instances_of(version)
            for each in mine[wanted:]:
                self._instances.remove(each)
            for _ in range(wanted - len(mine)):
                self._born += 1
                name = InstanceId(f"i-{self._born}")
                self._instances.append(_Running(name, version, InstanceState.STARTING, now, now))

    def _age(self, each: _Running, now: datetime) -> None:
        behaviour, age = self._behaviour(each.version), now - each.born_at
        if behaviour.breaks_after is not None and age >= behaviour.breaks_after:
            if each.state is not behaviour.breaks_to:
                each.state, each.since = behaviour.breaks_to, now
        elif each.state in _STARTING and age >= behaviour.starts_in:
            each.state, each.since = InstanceState.READY, now

    def _route(self, desired: Desired, now: datetime) -> None:
        if self._is_within(self.weather.gateway_outage):
            return
        if self._pending is None or self._pending.desired != desired:
            self._pending = _Applied(desired, now)
        if now - self._pending.at >= self.weather.gateway_delay:
            ready = {each.version for each in self._instances if each.state is InstanceState.READY}
            weights = weights_of(desired, ready)
            self._served = Acknowledged(desired.unit, desired.environment, desired.revision, weights, now)

    def _serve(self, seconds: float) -> None:
        for each in self._instances:
            self._counts.setdefault(each.version, _Counts())
        total = 0 if self._served is None else sum(self._served.weights.values())
        if self._served is None or total == 0:
            return
        versions, weights = list(self._served.weights), list(self._served.weights.values())
        for _ in range(round(seconds * self.weather.requests_per_second)):
            version = self._random.choices(versions, weights)[0]
            counts = self._counts.setdefault(version, _Counts())
            counts.requests += 1
            counts.errors += self._random.random() < self._behaviour(version).error_rate

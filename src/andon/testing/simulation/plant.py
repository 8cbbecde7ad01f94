"""A simulated plant on a virtual clock: instances, gateway, traffic, evidence, and what befalls them.

It does what desired state says, as target and gateway do, and is seen through the protocols of
`rollouts/observer.py`. Between two of its moments nothing changes but counts, so that time may leap from
one to the next. The same seed and the same leaps give the same plant. What it suffers is in `weather.py`.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import numpy as np

from andon.evidence.model import Reading, Tally
from andon.gateway.model import Acknowledged, ReleaseTraffic, Traffic
from andon.gateway.plan import weights_of
from andon.kernel.clock import Clock
from andon.kernel.ids import EnvironmentName, InstanceId, UnitName, Version
from andon.targets.model import Instance, InstanceState
from andon.testing.simulation.weather import Behaviour, Lie, Weather, Window
from andon.units.desired import Desired

_STARTING = (InstanceState.INSTALLING, InstanceState.STARTING)
_IN_FLIGHT = 3
_GOOD = Behaviour()
UNIT, PRODUCTION = UnitName("mes"), EnvironmentName("production")


@dataclass(slots=True)
class _Running:
    id: InstanceId
    version: Version
    state: InstanceState
    born: float
    since: datetime
    lag: float  # seconds that it takes longer to start than the quickest of its kind


@dataclass(slots=True)
class _Counts:
    """Of one release: since the gateway's epoch began, and ever."""

    requests: int = 0
    errors: int = 0
    ever: int = 0


@dataclass(slots=True)
class Plant:
    """One unit in one environment. `turn` moves it to the clock's time, towards what is desired."""

    clock: Clock
    seed: int
    behaviour: Mapping[Version, Behaviour]
    weather: Weather = field(default_factory=Weather)
    unit: UnitName = UNIT
    environment: EnvironmentName = PRODUCTION
    _dice: np.random.Generator = field(init=False)
    _instances: list[_Running] = field(default_factory=list)
    _told: Sequence[Instance] = ()
    _counts: dict[Version, _Counts] = field(default_factory=dict)
    _pending: tuple[Desired, float] | None = None
    _served: Acknowledged | None = None
    _traffic: Traffic | None = None
    _readings: Mapping[Version, Tally] = field(default_factory=dict)
    _read_at: datetime | None = None
    _read_in: str = ""
    _left: dict[Version, float] = field(default_factory=dict)  # when a release lost its last weight
    _began: float = field(init=False)
    _last: float = field(init=False)
    _epoch: int = 1
    _born: int = 0

    def __post_init__(self) -> None:
        """Begin at the clock's time."""
        self._dice = np.random.Generator(np.random.PCG64(self.seed))
        self._began = self._last = self.clock.monotonic()

    @property
    def age(self) -> float:
        """Seconds since it began."""
        return self.clock.monotonic() - self._began

    def settled(self, desired: Desired) -> None:
        """What is desired is so since long: everything of it is ready and served."""
        now, at = self.clock.monotonic(), self.clock.now()
        for release in desired.releases:
            for _ in range(release.instances):
                self._instances.append(self._new(release.version, InstanceState.READY, now - 3600))
        weights = weights_of(desired, {each.version for each in desired.releases})
        self._pending = desired, now - 3600
        self._served = Acknowledged(self.unit, self.environment, desired.revision, weights, at)
        self.turn(desired)

    def turn(self, desired: Desired | None) -> None:
        """Let the time since the last turn pass."""
        now = self.clock.monotonic()
        if self.weather.gateway_restarts:
            self._restart(now)
        self._serve(now - self._last)
        if desired is not None:
            self._run(desired, now)
            self._told = self._tell()
            self._route(desired, now)
        self._last = now
        if not (self.weather.late and self._dice.random() < self.weather.late):
            self._count()

    def next_moment(self) -> float:
        """Seconds until something of it changes by itself; infinite where nothing will."""
        now = self.clock.monotonic()
        return min((each - now for each in self._moments() if each > now), default=math.inf)

    def _moments(self) -> Iterator[float]:
        for each in self._instances:
            how = self._behaviour(each.version)
            if each.state in _STARTING:
                yield each.born + how.starts_in.total_seconds() + each.lag
            if how.breaks_after is not None:
                yield each.born + how.breaks_after.total_seconds()
                if how.recovers_after is not None:
                    yield each.born + (how.breaks_after + how.recovers_after).total_seconds()
        if self._pending is not None:
            yield self._pending[1] + self.weather.gateway_delay.total_seconds()
        for left in self._left.values():
            yield left + self.weather.drain.total_seconds()
        for edge in self.weather.edges():
            yield self._began + edge

    # What is so. Promises are checked against it.

    def ready(self, version: Version | None) -> int:
        """Ready instances of a release."""
        return sum(each.version == version and each.state is InstanceState.READY for each in self._instances)

    def running(self, version: Version | None) -> int:
        """Instances of a release, whatever their state."""
        return sum(each.version == version for each in self._instances)

    def said_ready(self, version: Version | None) -> int:
        """Different instances of a release that the target says are ready."""
        ready = {
            each.id for each in self._told if each.state is InstanceState.READY and each.version == version
        }
        return len(ready)

    def said_running(self, version: Version | None) -> int:
        """Instances of a release that the target speaks of."""
        return sum(each.version == version for each in self._told)

    def said_states(self, version: Version) -> set[InstanceState]:
        """What the target says of a release's instances."""
        return {each.state for each in self._told if each.version == version}

    def weight(self, version: Version | None) -> int:
        """Weight of a release that is in force, of 1000."""
        return 0 if self._served is None or version is None else self._served.weights.get(version, 0)

    def in_flight(self, version: Version | None) -> int:
        """Requests that a release still answers."""
        if version is None:
            return 0
        if self.weight(version):
            return _IN_FLIGHT
        left = self._left.get(version)
        is_drained = left is None or self.clock.monotonic() >= left + self.weather.drain.total_seconds()
        return 0 if is_drained else _IN_FLIGHT

    def served_ever(self, version: Version | None) -> int:
        """Requests that a release was ever sent."""
        found = None if version is None else self._counts.get(version)
        return 0 if found is None else found.ever

    def is_behind(self, desired: Desired | None) -> bool:
        """Whether what is desired was not taken up yet, or is not served yet although the gateway could."""
        if desired is None:
            return False
        weather = self.weather
        is_stuck = self._is_within(weather.gateway_outage) or self._is_within(weather.gateway_refuses)
        return not is_stuck and (self._pending is None or self._pending[0] != desired)

    def is_silent(self) -> bool:
        """Whether the evidence source does not answer now."""
        return self._is_within(self.weather.outage)

    def is_lying(self) -> bool:
        """Whether the target says what is not so."""
        return any(self._is_within(window) for _, window in self.weather.lies)

    # What is seen of it.

    async def instances(self, _unit: UnitName, _environment: EnvironmentName) -> Sequence[Instance]:
        """As a target sees them."""
        return self._told

    async def acknowledged(self, _unit: UnitName, _environment: EnvironmentName) -> Acknowledged | None:
        """As the gateway confirmed it."""
        return None if self._is_within(self.weather.gateway_outage) else self._served

    async def traffic(self) -> Traffic | None:
        """As the gateway counted it."""
        return self._traffic

    async def readings(
        self, _unit: UnitName, _environment: EnvironmentName, metrics: Sequence[str]
    ) -> Sequence[Reading]:
        """Errors per request, unless the source is silent."""
        now = self.clock.now()
        if self.is_silent():
            return [Reading(metric, now, {}, problem="the source does not answer") for metric in metrics]
        if self._read_at is None:
            return []
        return [Reading(metric, self._read_at, self._readings, epoch=self._read_in) for metric in metrics]

    # How it goes on.

    def _is_within(self, window: Window) -> bool:
        return window[0] <= self.clock.monotonic() - self._began < window[1]

    def _behaviour(self, version: Version) -> Behaviour:
        return self.behaviour.get(version, _GOOD)

    def _new(self, version: Version, state: InstanceState, born: float) -> _Running:
        self._born += 1
        name, lag = InstanceId(f"i-{self._born}"), float(self._born % 3)
        return _Running(name, version, state, born, self.clock.now(), lag)

    def _run(self, desired: Desired, now: float) -> None:
        for each in self._instances:
            self._age(each, desired, now)
        versions = {each.version for each in self._instances} | {each.version for each in desired.releases}
        for version in sorted(versions):
            mine = [each for each in self._instances if each.version == version]
            wanted = desired.instances_of(version)
            # What is broken goes first, as every target does it.
            mine.sort(key=lambda each: (each.state is not InstanceState.READY, each.born))
            for each in mine[wanted:]:
                self._instances.remove(each)
            for _ in range(wanted - len(mine)):
                self._instances.append(self._new(version, InstanceState.STARTING, now))

    def _age(self, each: _Running, desired: Desired, now: float) -> None:
        how, age = self._behaviour(each.version), now - each.born
        state = each.state
        if each.version == desired.stable and self._is_within(self.weather.stable_ill):
            state = InstanceState.UNHEALTHY
        elif how.breaks_after is not None and age >= how.breaks_after.total_seconds():
            again = how.breaks_after + (how.recovers_after or how.breaks_after)
            is_well = how.recovers_after is not None and age >= again.total_seconds()
            state = InstanceState.READY if is_well else how.breaks_to
        elif age >= how.starts_in.total_seconds() + each.lag:
            state = InstanceState.READY
        if state is not each.state:
            each.state, each.since = state, self.clock.now()

    def _tell(self) -> Sequence[Instance]:
        lies = {lie for lie, window in self.weather.lies if self._is_within(window)}
        if Lie.STALE in lies and self._told:
            return self._told
        if Lie.FORGETS in lies:
            return ()
        told = [self._as_seen(each) for each in self._instances]
        if Lie.READY in lies:
            told = [replace(each, state=InstanceState.READY, failed_checks=0) for each in told]
        return told * 2 if Lie.REPEATS in lies else told

    def _as_seen(self, each: _Running) -> Instance:
        return Instance(
            id=each.id,
            unit=self.unit,
            environment=self.environment,
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

    def _route(self, desired: Desired, now: float) -> None:
        if self._is_within(self.weather.gateway_outage) or self._is_within(self.weather.gateway_refuses):
            return
        if self._pending is None or self._pending[0] != desired:
            self._pending = desired, now
        if now - self._pending[1] < self.weather.gateway_delay.total_seconds():
            return
        # It sends to whom the target names, and by its own check to nobody who does not answer.
        named = {each.id for each in self._told if each.state is InstanceState.READY}
        ready = {
            each.version for each in self._instances if each.state is InstanceState.READY and each.id in named
        }
        weights = weights_of(desired, ready)
        for version, weight in ({} if self._served is None else self._served.weights).items():
            if weight and not weights.get(version):
                self._left[version] = now
        at = self.clock.now()
        self._served = Acknowledged(self.unit, self.environment, desired.revision, weights, at)

    def _restart(self, now: float) -> None:
        restarts = self.weather.gateway_restarts
        if any(self._last < self._began + each <= now for each in restarts):
            self._epoch += 1
            for counts in self._counts.values():
                counts.requests = counts.errors = 0

    def _serve(self, seconds: float) -> None:
        for each in self._instances:
            self._counts.setdefault(each.version, _Counts())
        if self._served is None or not seconds:
            return
        requests = round(seconds * self.weather.requests_per_second)
        stable = None if self._pending is None else self._pending[0].stable
        shares = {
            version: weight * (1.0 if version == stable else self.weather.split)
            for version, weight in self._served.weights.items()
            if weight
        }
        total = sum(shares.values())
        for version, share in shares.items():
            mine = requests if share >= total else int(self._dice.binomial(requests, share / total))
            requests, total = requests - mine, total - share
            counts = self._counts.setdefault(version, _Counts())
            counts.requests += mine
            counts.ever += mine
            counts.errors += int(self._dice.binomial(mine, self._behaviour(version).error_rate))

    def _count(self) -> None:
        """What the gateway and the evidence source show from now on."""
        at = self.clock.now()
        if not self._is_within(self.weather.gateway_outage):
            releases = {
                (self.unit, self.environment, version): ReleaseTraffic(
                    each.requests, each.errors, self.in_flight(version), ()
                )
                for version, each in self._counts.items()
            }
            self._traffic = Traffic(f"epoch-{self._epoch}", at, releases)
        if not self.is_silent():
            self._readings = {
                version: Tally(each.requests, each.errors) for version, each in self._counts.items()
            }
            self._read_at, self._read_in = at, f"epoch-{self._epoch}"

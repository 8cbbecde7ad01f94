"""What was last seen of the running plant: traffic, evidence, instances, confirmed shares.

The loops fill it; the rollouts' observer and the board read it. It adapts values between siblings that do
not know each other, and holds no rule.
"""

from collections.abc import Sequence

from andon.evidence.gateway import GatewayEvidence, RequestCounts
from andon.evidence.http import HttpEvidence, Place
from andon.evidence.model import Reading, Tally
from andon.evidence.sources import Sources
from andon.gateway.controller import GatewayReconciler
from andon.gateway.model import Acknowledged, Endpoint, HealthCheck, Traffic
from andon.gateway.plan import Service
from andon.gateway.stats import Scraper
from andon.kernel.clock import Clock
from andon.kernel.ids import EnvironmentName, UnitName, Version
from andon.releases.store import ReleaseStore
from andon.targets.local import LocalTarget
from andon.targets.model import Instance, InstanceState
from andon.units.desired import Desired
from andon.units.model import Manifest
from andon.units.store import DesiredStore

Key = tuple[UnitName, EnvironmentName]


class Manifests:
    """The manifest that is in force for a unit in an environment."""

    def __init__(self, releases: ReleaseStore, desired: DesiredStore) -> None:
        self._releases = releases
        self._desired = desired

    async def of(self, desired: Desired) -> Manifest | None:
        """Of the release on trial, else of the stable one; None when nothing should run."""
        versions = [each.version for each in desired.releases]
        on_trial = next((each for each in versions if each != desired.stable), desired.stable)
        return None if on_trial is None else await self._releases.manifest(desired.unit, on_trial)

    async def service(self, unit: UnitName, environment: EnvironmentName) -> Service | None:
        """How the gateway serves it; None where nothing should run."""
        desired = await self._desired.find(unit, environment)
        manifest = None if desired is None else await self.of(desired)
        place = None if manifest is None else manifest.environments.get(environment)
        if manifest is None or place is None:
            return None
        return Service(
            port=place.port,
            host=place.host,
            sticky=manifest.gateway.sticky,
            timeout=manifest.gateway.timeout,
            health=HealthCheck(
                path=manifest.health.path,
                interval=manifest.health.interval,
                timeout=manifest.health.timeout,
                unhealthy_after=manifest.health.failures,
            ),
        )


class Seen:
    """The last counts and readings. Its methods are those of the observer's protocols."""

    def __init__(
        self, scraper: Scraper, desired: DesiredStore, manifests: Manifests, target: LocalTarget, clock: Clock
    ) -> None:
        self._scraper = scraper
        self._desired = desired
        self._manifests = manifests
        self.target = target
        self._evidence = Sources(GatewayEvidence(self._requests, clock), HttpEvidence(self._places, clock))
        self._gateway: GatewayReconciler | None = None
        self._readings: dict[Key, dict[str, Reading]] = {}
        self.last_traffic: Traffic | None = None

    def confirmed_by(self, gateway: GatewayReconciler) -> None:
        """Take confirmed shares from `gateway`."""
        self._gateway = gateway

    async def instances(self, unit: UnitName, environment: EnvironmentName) -> Sequence[Instance]:
        """All instances of a unit in an environment."""
        return await self.target.observe(unit, environment)

    async def endpoints(
        self, unit: UnitName, environment: EnvironmentName, version: Version
    ) -> Sequence[Endpoint]:
        """Where the ready instances of a release listen, by age."""
        found = await self.target.observe(unit, environment)
        return [
            Endpoint(each.host, each.port)
            for each in found
            if each.version == version and each.state is InstanceState.READY
        ]

    async def acknowledged(self, unit: UnitName, environment: EnvironmentName) -> Acknowledged | None:
        """What the gateway has confirmed to serve; None before the first."""
        confirmed = () if self._gateway is None else self._gateway.acknowledged
        key = (unit, environment)
        return next((each for each in confirmed if (each.unit, each.environment) == key), None)

    async def traffic(self) -> Traffic | None:
        """The last counts; None before the first."""
        return self.last_traffic

    async def readings(
        self, unit: UnitName, environment: EnvironmentName, metrics: Sequence[str]
    ) -> Sequence[Reading]:
        """The last reading of each of these metrics that was ever read."""
        found = self._readings.get((unit, environment), {})
        return [found[name] for name in metrics if name in found]

    def last_readings(self, unit: UnitName, environment: EnvironmentName) -> Sequence[Reading]:
        """The last reading of every metric."""
        return list(self._readings.get((unit, environment), {}).values())

    async def scrape(self) -> None:
        """Read the gateway's counters."""
        self.last_traffic = await self._scraper.scrape()

    async def read(self) -> None:
        """Read the evidence of everything that is deployed."""
        for desired in await self._desired.list():
            manifest = await self._manifests.of(desired)
            if manifest is not None:
                read = await self._evidence.read(desired.unit, desired.environment, manifest.evidence)
                self._readings[desired.unit, desired.environment] = {each.metric: each for each in read}

    async def close(self) -> None:
        """Let go of connections."""
        await self._evidence.close()

    async def _requests(self, unit: UnitName, environment: EnvironmentName) -> RequestCounts | None:
        traffic = self.last_traffic
        if traffic is None:
            return None
        tallies = {
            version: Tally(each.requests, each.errors)
            for (of_unit, there, version), each in traffic.releases.items()
            if (of_unit, there) == (unit, environment)
        }
        return RequestCounts(traffic.at, traffic.epoch, tallies)

    async def _places(self, unit: UnitName, environment: EnvironmentName) -> list[Place]:
        """Ready instances, the stable release's first: one on trial should not tell of itself."""
        desired = await self._desired.find(unit, environment)
        stable = None if desired is None else desired.stable
        found = await self.target.observe(unit, environment)
        ready = [each for each in found if each.state is InstanceState.READY]
        return [
            Place(f"{each.id}/{each.restarts}", f"http://{each.host}:{each.port}")
            for each in sorted(ready, key=lambda each: each.version != stable)
        ]

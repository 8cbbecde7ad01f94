"""What was last seen of the running plant: traffic, evidence, instances, confirmed shares.

The loops fill it; the rollouts' observer and the board read it. It adapts values between siblings that do
not know each other, and holds no rule.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from andon.evidence.agents import AgentEvidence
from andon.evidence.gateway import GatewayEvidence, RequestCounts
from andon.evidence.http import HttpEvidence, Place
from andon.evidence.model import Reading, Tally, measured
from andon.evidence.prometheus import PrometheusEvidence
from andon.evidence.sources import Adapters, Sources
from andon.evidence.sql import SqlEvidence
from andon.gateway.controller import GatewayReconciler
from andon.gateway.model import EDGES_S, Acknowledged, Endpoint, HealthCheck, ReleaseTraffic, Traffic
from andon.gateway.plan import Service
from andon.gateway.stats import Scraper
from andon.kernel import logging
from andon.kernel.clock import Clock
from andon.kernel.errors import AndonError
from andon.kernel.ids import EnvironmentName, UnitName, Version
from andon.releases.store import ReleaseStore
from andon.served import check_of, service_of
from andon.targets.local import LocalTarget
from andon.targets.model import Instance, InstanceState
from andon.units.desired import Desired
from andon.units.model import Manifest
from andon.units.store import DesiredStore

Key = tuple[UnitName, EnvironmentName]
_log = logging.get(__name__)


class Manifests:
    """The manifest that is in force for a unit in an environment."""

    def __init__(self, releases: ReleaseStore, desired: DesiredStore) -> None:
        self._releases = releases
        self._desired = desired

    async def of(self, desired: Desired) -> Manifest | None:
        """Of the release on trial, also while the former one is kept warm beside it; else of the stable one.

        None when nothing should run.
        """
        newest = desired.releases[-1].version if desired.releases else desired.stable
        return None if newest is None else await self._releases.manifest(desired.unit, newest)

    async def service(self, unit: UnitName, environment: EnvironmentName) -> Service | None:
        """How the gateway serves it; None where nothing should run, or it runs on stations.

        What is said to all users stands in the stable release's manifest, in that of one on trial only
        where there is no stable one yet. Each release is checked as its own manifest says.

        Raises what reading a manifest raises.
        """
        desired = await self._desired.find(unit, environment)
        if desired is None or (desired.stable is None and not desired.releases):
            return None
        leading = desired.stable or desired.releases[0].version
        manifest = await self._releases.manifest(unit, leading)
        place = manifest.environments.get(environment)
        if place is None or place.target == "fleet":
            return None
        return service_of(manifest, place, await self._checks(desired))

    async def _checks(self, desired: Desired) -> dict[Version, HealthCheck]:
        """The check of each release. One that nobody should reach may be unreadable: its cannot be known,
        and must not keep the requests from leaving it."""
        made = {}
        for each in desired.releases:
            try:
                made[each.version] = check_of(await self._releases.manifest(desired.unit, each.version))
            except AndonError:
                if each.share > 0:
                    raise
        return made


def _latency(counted: ReleaseTraffic) -> Tally:
    cumulative = [count for _, count in counted.latency_ms]
    return measured(now - before for before, now in itertools.pairwise([0, *cumulative]))


@dataclass(frozen=True, slots=True)
class Outside:
    """Sources of the plant that are not ours, as the settings name them; and what its stations report."""

    sql: SqlEvidence
    prometheus: PrometheusEvidence
    agents: AgentEvidence | None = None


class Seen:
    """The last counts and readings. Its methods are those of the observer's protocols."""

    def __init__(
        self,
        scraper: Scraper,
        desired: DesiredStore,
        manifests: Manifests,
        target: LocalTarget,
        clock: Clock,
        *,
        outside: Outside,
    ) -> None:
        self._scraper = scraper
        self._desired = desired
        self._manifests = manifests
        self.target = target
        own = GatewayEvidence(self._requests, clock), HttpEvidence(self._places, clock)
        self._evidence = Sources(Adapters(*own, outside.sql, outside.prometheus, outside.agents), clock)
        self._gateway: GatewayReconciler | None = None
        self._readings: dict[Key, dict[str, Reading]] = {}
        self._unread: dict[Key, str] = {}
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
            key = (desired.unit, desired.environment)
            try:
                manifest = await self._manifests.of(desired)
                read = () if manifest is None else await self._evidence.read(*key, manifest.evidence)
            except AndonError as error:  # one unit's evidence must not hold up that of the others
                self._note_unread(key, error)
                continue
            self._unread.pop(key, None)
            if manifest is not None:
                self._readings[key] = {each.metric: each for each in read}

    async def stable_addresses(self, unit: UnitName, environment: EnvironmentName) -> list[str]:
        """Where the ready instances of the stable release listen: what gates ask about production."""
        desired = await self._desired.find(unit, environment)
        if desired is None or desired.stable is None:
            return []
        found = await self.endpoints(unit, environment, desired.stable)
        return [f"http://{each.host}:{each.port}" for each in found]

    def _note_unread(self, key: Key, error: AndonError) -> None:
        if self._unread.get(key) != error.message:
            unit, environment = key
            _log.error("evidence not read", unit=unit, environment=environment, reason=error.message)
        self._unread[key] = error.message

    async def close(self) -> None:
        """Let go of connections."""
        await self._evidence.close()

    async def _requests(self, unit: UnitName, environment: EnvironmentName) -> RequestCounts | None:
        traffic = self.last_traffic
        if traffic is None:
            return None
        own = {
            version: each
            for (of_unit, there, version), each in traffic.releases.items()
            if (of_unit, there) == (unit, environment)
        }
        return RequestCounts(
            traffic.at,
            traffic.epoch,
            {version: Tally(each.requests, each.errors) for version, each in own.items()},
            {version: _latency(each) for version, each in own.items()},
            EDGES_S,
        )

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

"""All evidence of a unit in an environment, each metric from the source that its manifest names."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from andon.evidence.agents import AgentEvidence
from andon.evidence.gateway import GatewayEvidence
from andon.evidence.http import HttpEvidence
from andon.evidence.model import Reading
from andon.evidence.prometheus import PrometheusEvidence
from andon.evidence.sql import SqlEvidence
from andon.kernel.clock import Clock
from andon.kernel.ids import EnvironmentName, UnitName
from andon.units.evidence import Evidence


@dataclass(frozen=True, slots=True)
class Adapters:
    """One for each source; `http` reads metrics pages and JSON."""

    gateway: GatewayEvidence
    http: HttpEvidence
    sql: SqlEvidence
    prometheus: PrometheusEvidence
    agents: AgentEvidence | None = None


@dataclass(frozen=True, slots=True)
class _Asked:
    """The last answer, and to which question."""

    wanted: Evidence
    reading: Reading


class Sources:
    """The sources that there are."""

    def __init__(self, adapters: Adapters, clock: Clock) -> None:
        self._adapters = adapters
        self._clock = clock
        self._last: dict[tuple[UnitName, EnvironmentName, str], _Asked] = {}

    async def read(
        self, unit: UnitName, environment: EnvironmentName, wanted: Mapping[str, Evidence]
    ) -> Sequence[Reading]:
        """One reading of each metric, in order, asked at the same time; a slow one delays them all.

        A source that wants to be asked seldom gives its last reading again until it is time.
        """

        async def ask(metric: str, evidence: Evidence) -> Reading:
            key = (unit, environment, metric)
            last = self._last.get(key)
            is_same = last is not None and last.wanted == evidence
            if last is not None and is_same and self._clock.now() - last.reading.at < evidence.pause:
                return last.reading
            reading = await self._ask(unit, environment, metric, evidence)
            self._last[key] = _Asked(evidence, reading)
            return reading

        return await asyncio.gather(*(ask(metric, evidence) for metric, evidence in wanted.items()))

    async def _ask(
        self, unit: UnitName, environment: EnvironmentName, metric: str, evidence: Evidence
    ) -> Reading:
        match evidence.source:
            case "gateway":
                return await self._adapters.gateway.read(unit, environment, metric, evidence)
            case "http" | "json":
                of, where = page_of(unit, environment, evidence)
                # Whoever is asked for another unit keeps its counts apart from those of its own metrics.
                name = metric if of == unit else f"{unit} {metric}"
                return replace(await self._adapters.http.read(of, where, name, evidence), metric=metric)
            case "agents":
                if self._adapters.agents is None:
                    return Reading(metric, self._clock.now(), {}, problem="there is no fleet")
                return await self._adapters.agents.read(unit, environment, metric, evidence)
            case "sql":
                return await self._adapters.sql.read(metric, evidence)
            case "prometheus":
                return await self._adapters.prometheus.read(unit, environment, metric, evidence)

    async def close(self) -> None:
        """Let go of connections."""
        await self._adapters.http.close()
        await self._adapters.sql.close()
        await self._adapters.prometheus.close()


def page_of(
    unit: UnitName, environment: EnvironmentName, evidence: Evidence
) -> tuple[UnitName, EnvironmentName]:
    """Whose page is read: another unit's, where the manifest names one; there it is in the same environment,
    or in the one that is named."""
    if not evidence.of:
        return unit, environment
    of, _, where = evidence.of.partition("/")
    return UnitName(of), EnvironmentName(where) if where else environment

"""All evidence of a unit in an environment, each metric from the source that its manifest names."""

import asyncio
from collections.abc import Mapping, Sequence

from andon.evidence.gateway import GatewayEvidence
from andon.evidence.http import HttpEvidence
from andon.evidence.model import Reading
from andon.kernel.ids import EnvironmentName, UnitName
from andon.units.evidence import Evidence


class Sources:
    """The sources that there are."""

    def __init__(self, gateway: GatewayEvidence, http: HttpEvidence) -> None:
        self._gateway = gateway
        self._http = http

    async def read(
        self, unit: UnitName, environment: EnvironmentName, wanted: Mapping[str, Evidence]
    ) -> Sequence[Reading]:
        """One reading of each metric, in order, asked at the same time; a slow one delays them all."""

        def ask(metric: str, evidence: Evidence) -> "asyncio.Future[Reading]":
            if evidence.source == "gateway":
                return asyncio.ensure_future(self._gateway.read(unit, environment, metric, evidence))
            return asyncio.ensure_future(self._http.read(unit, environment, metric, evidence))

        return await asyncio.gather(*(ask(metric, evidence) for metric, evidence in wanted.items()))

    async def close(self) -> None:
        """Let go of connections."""
        await self._http.close()

"""Evidence from the agents of a fleet: installs that failed, and crashes of what runs, by release.

What is not here: taking reports (fleet/reports/); the composition root brings its tallies, which only rise.
"""

from collections.abc import Awaitable, Callable, Mapping

from andon.evidence.model import ONE_SERIES, Reading, Tally
from andon.fleet.reports.model import Tally as Reported
from andon.kernel.clock import Clock
from andon.kernel.errors import Unavailable
from andon.kernel.ids import EnvironmentName, UnitName, Version
from andon.units.evidence import Evidence

Tallies = Callable[[UnitName, EnvironmentName], Awaitable[Mapping[Version, Reported]]]


class AgentEvidence:
    """Counts what stations reported. They are rows of our own database, so nothing of it begins anew."""

    def __init__(self, tallies: Tallies, clock: Clock) -> None:
        self._tallies = tallies
        self._clock = clock

    async def read(
        self, unit: UnitName, environment: EnvironmentName, metric: str, wanted: Evidence
    ) -> Reading:
        """The counts at this moment; a problem and no zeros where our database does not answer."""
        at = self._clock.now()
        try:
            reported = await self._tallies(unit, environment)
        except Unavailable as error:
            return Reading(metric, at, {}, problem=error.message)
        read = crashes if wanted.counts == "crashes" else installs
        return Reading(
            metric, at, {version: read(each) for version, each in reported.items()}, epoch=ONE_SERIES
        )


def crashes(reported: Reported) -> Tally:
    """Crashes of the minutes that stations ran it; one that crashes faster counts each crash as a minute."""
    return Tally(max(int(reported.run_s // 60), reported.crashes), reported.crashes)


def installs(reported: Reported) -> Tally:
    """Installs that were given up, of all that ended; one that was taken back ended as given up."""
    return Tally(reported.installs_ok + reported.installs_failed, reported.installs_failed)

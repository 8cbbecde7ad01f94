"""Evidence from a database of the plant: what a SELECT of the manifest counts, per release.

The plant names the databases in its settings and gives an account that may only read; the manifest, which is
signed with its release, brings the query. What is not here: what rows mean (rows.py).
"""

from collections.abc import Mapping
from datetime import timedelta

from andon.evidence import rows
from andon.evidence.model import ONE_SERIES, Reading
from andon.kernel.clock import Clock
from andon.kernel.errors import AndonError, Unavailable
from andon.store.foreign import ForeignDatabase
from andon.units.evidence import Evidence

_MOST_ROWS = 10_001


class SqlEvidence:
    """Reads the databases in `urls`, by name."""

    def __init__(
        self, urls: Mapping[str, str], clock: Clock, *, patience: timedelta = timedelta(seconds=2)
    ) -> None:
        """Raises InvalidInput for a URL that cannot be one."""
        self._databases = {name: ForeignDatabase(name, url) for name, url in urls.items()}
        self._clock = clock
        self._patience = patience

    async def read(self, metric: str, wanted: Evidence) -> Reading:
        """The counts at this moment, in the epoch ONE_SERIES: rows of a database never begin anew."""
        at = self._clock.now()  # before it is asked: everything until then is in the answer
        try:
            database = self._databases.get(wanted.database)
            if database is None:
                known = ", ".join(sorted(self._databases)) or "none"
                raise Unavailable(
                    "no-such-database",
                    f"no database {wanted.database!r} is named in ANDON_EVIDENCE__DATABASES; known: {known}",
                )
            found = await database.rows(wanted.query, within=self._patience, most=_MOST_ROWS)
            return Reading(
                metric, at, rows.tallies(found, wanted), epoch=ONE_SERIES, edges=wanted.upper_edges
            )
        except AndonError as error:
            return Reading(metric, at, {}, problem=error.message)

    async def close(self) -> None:
        """Let go of connections."""
        for each in self._databases.values():
            await each.close()

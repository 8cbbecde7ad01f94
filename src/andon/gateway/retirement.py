"""When a cluster that no route wants any more may go: nothing is in flight on it, or its time is up."""

from datetime import timedelta

from andon.gateway.admin import Admin
from andon.gateway.names import find_cluster
from andon.kernel.clock import Clock

_STILLNESS = timedelta(seconds=1)  # a request may have chosen its cluster just before the weights moved


class Retirement:
    """Remembers since when clusters are not routed to; after a restart it begins to count anew."""

    def __init__(self, admin: Admin, clock: Clock, drain: timedelta) -> None:
        self._admin = admin
        self._clock = clock
        self._drain = drain
        self._unused_since: dict[str, float] = {}

    async def still_needed(self, unwanted: set[str], routed: set[str]) -> set[str]:
        """Of the `unwanted` clusters those to keep. `routed`: what the routes in force refer to."""
        in_use = routed | {_own(each) for each in routed}
        now = self._clock.monotonic()
        self._unused_since = {name: self._unused_since.get(name, now) for name in unwanted - in_use}
        ages = {name: timedelta(seconds=now - since) for name, since in self._unused_since.items()}
        kept = (unwanted & in_use) | {name for name, age in ages.items() if age < _STILLNESS}
        draining = {name for name, age in ages.items() if _STILLNESS <= age < self._drain}
        if draining:
            active = await self._admin.numbers(r"^cluster\.[^.]+\.upstream_rq_active$", used_only=True)
            kept |= {name for name in draining if active.get(f"cluster.{name}.upstream_rq_active", 0) > 0}
            # A slot stays as long as its release's own cluster, so that their counts end together.
            slots = {name for name in draining if _own(name) != name}
            kept |= {name for name in slots if _own(name) not in unwanted - kept}
        return kept


def _own(name: str) -> str:
    """The release's own cluster, for its slot as for itself."""
    found = find_cluster(name)
    return str(found.own) if found else name

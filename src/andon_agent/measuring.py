"""Samples each 30 s, alerts by the edge rules, and the inventory each hour."""

from collections.abc import Callable, Sequence

from andon_agent import inventory, rules
from andon_agent.asking import Asking, Tools
from andon_agent.metrics import Meter
from andon_agent.rules import Standing, Told
from andon_wire.protocol import EdgeRule, Machine

EACH_S = 30.0
_INVENTORY_EACH = 120  # samples


class Measuring:
    """Measures, one turn after another. tell: that something is to be reported at once."""

    def __init__(
        self,
        tools: Tools,
        asking: Asking,
        meter: Meter,
        machine_id: str,
        *,
        version: str = "",
        tell: Callable[[Machine | None], None],
    ) -> None:
        self._tools, self._asking, self._meter = tools, asking, meter
        self._machine_id, self._version, self._tell = machine_id, version, tell
        self._standing: dict[str, Standing] = {}
        self._rules: Sequence[EdgeRule] = rules.DEFAULTS
        self._count = 0

    async def turn(self) -> float:
        """Measure once; gives the seconds until the next time."""
        now = self._tools.watch.now()
        sample = self._meter.sample(now.at, response_s=self._tools.client.response_s)
        self._tools.buffer.measure(sample)
        wanted = self._asking.wanted
        current = wanted.rules if wanted is not None and wanted.rules else rules.DEFAULTS
        told = list(rules.gone(self._rules, current, self._standing))
        self._rules = current
        self._standing, more = rules.judge(current, self._standing, sample, now=now.uptime)
        for each in [*told, *more]:
            self._add(each)
        is_due = self._count % _INVENTORY_EACH == 0
        self._count += 1
        if is_due:
            self._tell(inventory.machine(self._tools.home.folder, self._machine_id, self._version))
        elif told or more:
            self._tell(None)
        return EACH_S

    def _add(self, told: Told) -> None:
        at = self._tools.watch.now().at
        self._tools.buffer.add(told.kind, at, reason=told.reason, facts=told.facts)

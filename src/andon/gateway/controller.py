"""Makes the gateway what the desired state says, tick by tick. It decides nothing.

What is not here: which shares are desired (`rollouts/`), and how Envoy is told (`delivery.py`).
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from andon.gateway import certificates
from andon.gateway.delivery import Applied
from andon.gateway.envoy import Envoy
from andon.gateway.model import Acknowledged, Endpoint
from andon.gateway.plan import ReleaseKey, Routes, Service, UnitKey, routes_of
from andon.kernel import logging
from andon.kernel.errors import AndonError
from andon.kernel.ids import EnvironmentName, UnitName, Version
from andon.timeline.records import Event, Severity
from andon.units.desired import Desired

_log = logging.get(__name__)
_SETTLING = timedelta(seconds=15)  # after our start, until instances that outlived us are known again


@dataclass(frozen=True, slots=True)
class Sources:
    """What the reconciler reads.

    `endpoints`: of ready instances, in a stable order; None while it is not known, as before the
    instances were adopted after a restart. `services`: None for a unit that the gateway does not serve.
    """

    desired: Callable[[], Awaitable[Sequence[Desired]]]
    endpoints: Callable[[UnitName, EnvironmentName, Version], Awaitable[Sequence[Endpoint] | None]]
    services: Callable[[UnitName, EnvironmentName], Awaitable[Service | None]]


async def _publish_nothing(_acknowledged: Sequence[Acknowledged]) -> None:
    return None


async def _tell_nobody(_event: Event) -> None:
    return None


@dataclass(slots=True)
class _Said:
    """What was logged and published last, so that only news is."""

    problems: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()
    acknowledged: tuple[object, ...] = field(default_factory=tuple)
    untold: list[Event] = field(default_factory=list)


class GatewayReconciler:
    """Level-triggered: a tick may run at any time and after any crash, and comes to the same gateway."""

    def __init__(
        self,
        envoy: Envoy,
        sources: Sources,
        publish: Callable[[Sequence[Acknowledged]], Awaitable[None]] = _publish_nothing,
        tell: Callable[[Event], Awaitable[object]] = _tell_nobody,
    ) -> None:
        """`publish` gets what is in force when that is news, `tell` what belongs on the timeline."""
        self._envoy = envoy
        self._sources = sources
        self._publish = publish
        self._tell = tell
        self._planned = Routes(())
        self._applied = Applied(())
        self._said = _Said()
        self._settled_at = envoy.clock.monotonic() + _SETTLING.total_seconds()
        self._seen_ready: set[ReleaseKey] = set()
        self._running = ""

    @property
    def acknowledged(self) -> tuple[Acknowledged, ...]:
        """What Envoy confirmed at the last tick that reached it; `at` says when."""
        return self._applied.acknowledged

    @property
    def problems(self) -> tuple[AndonError, ...]:
        """What was contradictory or refused by Envoy at the last tick. The rest of the gateway went on."""
        return self._planned.problems + self._applied.problems

    @property
    def waiting(self) -> tuple[str, ...]:
        """Routes whose weights wait for a healthy release, with the reason."""
        return self._applied.waiting

    async def tick(self) -> None:
        """See that Envoy runs, bring it what is desired, publish what it confirmed when that is news.

        Raises Unavailable when Envoy does not run or answer. A refused document does not raise: it must
        not slow the other units' returns; it is logged and stands in `problems`.
        """
        await self._ensure()
        self._planned = await self._plan()
        self._applied = await self._envoy.apply(self._planned.routes, keep=self._planned.keep)
        self._note_news()
        news = tuple(_without_time(each) for each in self.acknowledged)
        if news != self._said.acknowledged:
            await self._publish(self.acknowledged)
            self._said.acknowledged = news
        while self._said.untold:  # last: a timeline that cannot be written must not keep the routes waiting
            await self._tell(self._said.untold[0])
            del self._said.untold[0]

    async def _ensure(self) -> None:
        before, running = self._running, await self._envoy.ensure()
        self._running = running.epoch
        if before not in {"", self._running}:
            reason = f"Envoy had ended; it runs again as process {running.pid}, with the same routes"
            self._said.untold.append(_event("gateway.restarted", reason, Severity.WARNING))

    async def _plan(self) -> Routes:
        desired = await self._sources.desired()
        services: dict[UnitKey, Service] = {}
        endpoints: dict[ReleaseKey, Sequence[Endpoint] | None] = {}
        problems: dict[UnitKey, AndonError] = {}
        for each in desired:
            try:
                service = await self._sources.services(each.unit, each.environment)
                found = {} if service is None else await self._endpoints_of(each)
            except AndonError as error:  # a unit of which nothing can be known must not hold up the others
                problems[each.unit, each.environment] = error
                continue
            if service is not None:
                services[each.unit, each.environment] = service
                endpoints |= found
        made = routes_of(desired, endpoints, services)
        reported = tuple(_of_unit(*key, error) for key, error in problems.items())
        return replace(made, keep=made.keep | problems.keys(), problems=made.problems + reported)

    async def _endpoints_of(self, desired: Desired) -> dict[ReleaseKey, Sequence[Endpoint] | None]:
        releases = {
            (desired.unit, desired.environment, each.version): each.share for each in desired.releases
        }
        return {key: await self._endpoints(key, share) for key, share in releases.items()}

    async def _endpoints(self, key: ReleaseKey, share: float) -> Sequence[Endpoint] | None:
        """Ready instances of a release; None also when we have just started and it serves already.

        A restart of Andon must not take down what outlived it, only because the first look at the instances
        came before they were adopted. Envoy's own health checks guard the requests meanwhile.
        """
        found = await self._sources.endpoints(*key)
        if found:
            self._seen_ready.add(key)
        if found or found is None or share == 0 or key in self._seen_ready:
            return found
        is_settling = self._envoy.clock.monotonic() < self._settled_at
        return None if is_settling and self._envoy.last_weights(key[0], key[1]).get(key[2]) else found

    def _note_news(self) -> None:
        problems = tuple(each.message for each in self.problems)
        for problem in self.problems:
            if problem.message not in self._said.problems:
                _log.error("gateway problem", code=problem.code, reason=problem.message, hint=problem.hint)
                is_certificate = problem.code.startswith(certificates.CODE)
                kind = "gateway.certificate" if is_certificate else "gateway.rejected"
                self._said.untold.append(_event(kind, problem.message, Severity.ALERT))
        for reason in self.waiting:
            if reason not in self._said.waiting:
                _log.warning("gateway waits", reason=reason)
        self._said.problems, self._said.waiting = problems, self.waiting


def _of_unit(unit: UnitName, environment: EnvironmentName, error: AndonError) -> AndonError:
    """The error, with the unit that stays as it is because of it."""
    message = f"the route of {unit} in {environment} stays as it is: {error.message}"
    return type(error)(error.code, message, hint=error.hint)


def _event(kind: str, reason: str, severity: Severity) -> Event:
    return Event(kind=kind, subject="gateway", actor="andon", reason=reason, severity=severity)


def _without_time(each: Acknowledged) -> object:
    return each.unit, each.environment, each.revision, tuple(sorted(each.weights.items()))

"""Read, decide, write: one tick over all rollouts that are under way. It touches nothing but the database.

Level-triggered: a tick gives the same answer after any crash, because everything it knows is in the rows.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from andon.kernel import logging
from andon.kernel.clock import Clock
from andon.kernel.errors import Conflict, Damaged, Unavailable
from andon.kernel.ids import EnvironmentName, RolloutId, UnitName
from andon.rollouts.actions import Decision, Reclock, Wait
from andon.rollouts.clockwatch import ClockWatch
from andon.rollouts.decide import decide
from andon.rollouts.keeping import Leases, Walked
from andon.rollouts.looks.store import Change
from andon.rollouts.model import Observation, Rollout
from andon.rollouts.observer import Observer
from andon.rollouts.rows.store import Loaded
from andon.rollouts.transitions import apply
from andon.store.leases import Lease

_log = logging.get(__name__)
LEASE = "rollouts"
# A rollout may go through several stages in one tick; the bound keeps a mistake from spinning.
_MOST_MOVES = 4


@dataclass(frozen=True, slots=True)
class Holder:
    """Who this controller is, and how long others wait after its last sign of life."""

    name: str
    time_to_live: timedelta = timedelta(seconds=3)


def _nobody(_unit: UnitName, _environment: EnvironmentName) -> None:
    return None


@dataclass(frozen=True, slots=True)
class Rules:
    """What is decided, and what it makes of a rollout: the pure part. Simulations plant bugs here."""

    decide: Callable[[Rollout, Observation], Decision] = decide
    apply: Callable[[Rollout, Decision, datetime], Rollout] = apply


_RULES = Rules()


class RolloutController:
    """Walks all active rollouts. Only the holder of the lease does; writes are fenced by it."""

    def __init__(  # noqa: PLR0913  named ones are the parts it is made of
        self,
        store: Walked,
        leases: Leases,
        observer: Observer,
        clock: Clock,
        *,
        holder: Holder,
        changed: Callable[[UnitName, EnvironmentName], None] = _nobody,
        rules: Rules = _RULES,
    ) -> None:
        self._store = store
        self._leases = leases
        self._observer = observer
        self._clock = clock
        self._holder = holder
        self._changed = changed
        self._rules = rules
        self._watch = ClockWatch(clock)

    async def tick(self) -> None:
        """Look at each active rollout once. One that cannot be looked at does not stop the others."""
        active = await self._store.active()
        self._watch.keep(set(active))
        if not active:
            return
        lease = await self._leases.acquire(LEASE, self._holder.name, self._holder.time_to_live)
        if lease is None:
            return
        for rollout in active:
            await self._walk(rollout, lease)

    async def _walk(self, rollout: RolloutId, lease: Lease) -> None:
        try:
            for _ in range(_MOST_MOVES):
                if not await self._step(await self._store.load(rollout), lease):
                    return
        except Damaged as error:
            _log.error("rollout damaged", rollout=rollout, reason=error.message)
            await self._store.quarantine(rollout, error.message, self._clock.now())
        except Conflict as error:
            _log.info("tick dropped", rollout=rollout, code=error.code)

    async def _step(self, before: Loaded, lease: Lease) -> bool:
        """Observe, decide, save. Whether something changed, so that it is worth another look at once."""
        now = self._clock.now()
        try:
            seen = await self._observer.observe(before.rollout, now)
        except Unavailable as error:
            _log.warning("rollout waits", rollout=before.rollout.id, code=error.code, reason=error.message)
            await self._wait(Change(before, before.rollout, None, lease, now), error.message)
            return False
        observation = replace(seen.observation, clock_step=self._watch.step(before.rollout.id))
        decision = self._rules.decide(seen.rollout, observation)
        after = self._rules.apply(seen.rollout, decision, now)
        change = Change(before, after, seen.gained, lease, now)
        if isinstance(decision.action, Wait):
            await self._wait(change, decision.reason)
            return False
        await self._store.save(_saying(change, ""), decision)
        if isinstance(decision.action, Reclock):
            self._watch.taken(after.id)
        _log.info(
            "rollout decided",
            rollout=after.id,
            action=type(decision.action).__name__,
            phase=after.phase.value,
            reason=decision.reason,
        )
        self._changed(after.unit, after.environment)
        return not after.phase.is_over

    async def _wait(self, change: Change, reason: str) -> None:
        """Store new evidence, and the reason with it; a reason alone only where it is another one."""
        said = change.before.rollout.waiting_for
        if change.after.evidence != change.before.rollout.evidence or _kind(said) != _kind(reason):
            await self._store.save_look(_saying(change, reason))


def _saying(change: Change, reason: str) -> Change:
    evidence = replace(change.after.evidence, waiting_for=reason)
    return replace(change, after=replace(change.after, evidence=evidence))


def _kind(reason: str) -> str:
    """A reason without what moves from tick to tick: `soaking: 3 of 10 s` is about soaking."""
    return reason.partition(":")[0]

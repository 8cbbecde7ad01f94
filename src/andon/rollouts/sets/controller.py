"""Moves sets: reads, decides, writes. It touches only the database; the loop of rollouts does the rest.

Level-triggered, as the loop of rollouts: a tick gives the same answer after any crash.
"""

from collections.abc import Callable
from datetime import datetime

from andon.kernel import logging
from andon.kernel.clock import Clock
from andon.kernel.errors import AndonError, Conflict, Damaged, NotFound
from andon.kernel.ids import EnvironmentName, RolloutId
from andon.rollouts.changing import NO_CHANGES
from andon.rollouts.commands import Commands
from andon.rollouts.controller import Holder
from andon.rollouts.desk import Asked
from andon.rollouts.keeping import Leases
from andon.rollouts.model import Request, RequestKind, Rollout
from andon.rollouts.sets.barrier import with_barrier
from andon.rollouts.sets.decide import decide
from andon.rollouts.sets.model import (
    Abort,
    Begin,
    Decision,
    End,
    GoBack,
    Open,
    PartSeen,
    SetRollout,
    SetSeen,
    TurnBack,
    Wait,
)
from andon.rollouts.sets.store import ANDON, LoadedSet, SetChange, SetStore
from andon.rollouts.sets.transitions import apply
from andon.rollouts.store import RolloutStore
from andon.store.leases import Lease

_log = logging.get(__name__)
LEASE = "sets"
_MOST_MOVES = 4


class SetController:
    """Walks all sets that are on their way. Only the holder of the lease does; writes are fenced by it."""

    def __init__(  # noqa: PLR0913  named ones are the parts it is made of
        self,
        sets: SetStore,
        rollouts: RolloutStore,
        commands: Commands,
        leases: Leases,
        clock: Clock,
        *,
        holder: Holder,
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        self._sets = sets
        self._rollouts = rollouts
        self._commands = commands
        self._leases = leases
        self._clock = clock
        self._holder = holder
        self._changed = changed

    async def tick(self) -> None:
        """Look at each set once. One that cannot be looked at does not stop the others."""
        active = await self._sets.list(only_active=True)
        if not active:
            return
        lease = await self._leases.acquire(LEASE, self._holder.name, self._holder.time_to_live)
        if lease is None:
            return
        for each in active:
            await self._walk(each.id, lease)

    async def _walk(self, set_: str, lease: Lease) -> None:
        try:
            for _ in range(_MOST_MOVES):
                if not await self._step(await self._sets.load(set_), lease):
                    return
        except Conflict as error:
            _log.info("set waits", set=set_, code=error.code, reason=error.message)
        except AndonError as error:
            _log.error("set cannot go on", set=set_, code=error.code, reason=error.message)

    async def _step(self, before: LoadedSet, lease: Lease) -> bool:
        now = self._clock.now()
        seen = await look(before.set_, self._rollouts)
        decision = decide(before.set_, seen)
        if isinstance(decision.action, Wait):
            return False
        try:
            change, decision = await self._change(before, seen, decision, now, lease)
        except (NotFound, Damaged) as error:
            raise Conflict("member-unreadable", error.message) from error
        await self._sets.save(change, decision)
        _log.info("set decided", set=before.set_.id, reason=decision.reason)
        self._changed()
        return not change.after.phase.is_over

    async def _change(
        self, before: LoadedSet, seen: SetSeen, decision: Decision, now: datetime, lease: Lease
    ) -> tuple[SetChange, Decision]:
        set_, action = before.set_, decision.action
        match action:
            case Begin(index):
                try:
                    begun = await self._begun(set_, index)
                except Conflict:
                    raise
                except AndonError as error:
                    # What cannot begin never will: the others must not wait for it.
                    decision = Decision(TurnBack(), f"{set_.parts[index].unit} cannot begin: {error.message}")
                    return SetChange(before, apply(set_, decision, "", now), now, lease), decision
                return self._begins(before, decision, begun, now, lease), decision
            case GoBack(index):
                begun = await self._back(set_, seen.parts[index], index)
                return self._begins(before, decision, begun, now, lease), decision
            case Abort(index):
                loaded = await self._rollouts.load(RolloutId(set_.parts[index].rollout))
                request = Request(RequestKind.ABORT, set_.returned_by or ANDON, set_.reason)
                after = apply(set_, decision, "", now)
                return SetChange(before, after, now, lease, asks=(loaded, request)), decision
            case Open() | TurnBack() | End() | Wait():
                return SetChange(before, apply(set_, decision, "", now), now, lease), decision

    def _begins(
        self, before: LoadedSet, decision: Decision, begun: Rollout, now: datetime, lease: Lease
    ) -> SetChange:
        return SetChange(before, apply(before.set_, decision, begun.id, now), now, lease, begins=begun)

    async def _begun(self, set_: SetRollout, index: int) -> Rollout:
        part = set_.parts[index]
        what = (part.unit, set_.environment, part.version)
        current, made = await self._commands.planned(
            what, None, NO_CHANGES, needs_approval=set_.needs_approval
        )
        whole = with_barrier(made, set_.id, f"{set_.name}@{set_.version}")
        asked = Asked(set_.actor, f"set {set_.name}@{set_.version}: {set_.reason}", set_.proposer_id)
        return self._commands.made(what, current, whole, asked)

    async def _back(self, set_: SetRollout, seen: PartSeen, index: int) -> Rollout:
        part = set_.parts[index]
        to = seen.rollout.stable if seen.rollout is not None else None
        if to is None:
            raise Conflict("nothing-to-go-back-to", f"{part.unit} has no release to go back to")
        current, made = await self._commands.planned_back(part.unit, set_.environment, to)
        asked = Asked(set_.returned_by or ANDON, f"set {set_.name}@{set_.version} comes back: {set_.reason}")
        return self._commands.made((part.unit, set_.environment, to), current, made, asked)


async def look(set_: SetRollout, rollouts: RolloutStore) -> SetSeen:
    """What became of the members."""
    parts = [
        PartSeen(await _found(rollouts, each.rollout), await _found(rollouts, each.back))
        for each in set_.parts
    ]
    return SetSeen(parts, await _is_corded(rollouts, set_.environment))


async def _found(rollouts: RolloutStore, rollout: str) -> Rollout | None:
    return await rollouts.get(RolloutId(rollout)) if rollout else None


async def _is_corded(rollouts: RolloutStore, environment: EnvironmentName) -> bool:
    return any(each.environment in {None, environment} for each in await rollouts.cords())

"""The gate at which a member waits for the others of its set, before it is promoted."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Protocol

from andon.kernel.errors import AndonError
from andon.rollouts.model import GateSeen, GateState, Rollout
from andon.rollouts.observer import OutsideView
from andon.rollouts.plan import hash_of
from andon.rollouts.sets.model import SetPhase, SetRollout
from andon.rollouts.steps import Gate, GateKind, Plan

NAME = "set"
_GRACE = timedelta(minutes=5)


def with_barrier(made: Plan, set_id: str, label: str) -> Plan:
    """A member's plan: behind its last step it waits at the gate of its set, then is promoted."""
    last = made.steps[-1]
    gate = Gate(kind=GateKind.SET, name=NAME, asks=set_id, before_step=len(made.steps))
    barrier = replace(
        last, before=(gate,), soak=timedelta(), is_judged=False, max_wait=_GRACE + made.ready_deadline
    )
    note = f"It belongs to the set {label}: it is promoted with all of it, or comes back with all of it."
    whole = replace(made, steps=(*made.steps, barrier), notes=(note, *made.notes))
    return replace(whole, hash=hash_of(whole))


class Sets(Protocol):
    """The sets on their way (`sets/store.py`)."""

    async def get(self, set_: str) -> SetRollout: ...


class SetGates:
    """What gates say, with those of sets. inner: what the others say."""

    def __init__(self, sets: Sets, inner: OutsideView) -> None:
        self._sets = sets
        self._inner = inner

    async def seen(self, rollout: Rollout) -> Mapping[str, GateSeen]:
        """As `OutsideView.seen`."""
        found = dict(await self._inner.seen(rollout))
        for gate in rollout.gates:
            if gate.kind is GateKind.SET:
                found[gate.key] = await self._set(gate)
        return found

    async def _set(self, gate: Gate) -> GateSeen:
        try:
            return said(await self._sets.get(gate.asks))
        except AndonError as error:
            return GateSeen(GateState.WAITING, f"waits: {error.message}")


def said(set_: SetRollout) -> GateSeen:
    """What the gate of a set says. One that comes back takes its members back itself, in order."""
    label = f"set {set_.name}@{set_.version}"
    if set_.phase in {SetPhase.RETURNING, SetPhase.RETURNED}:
        return GateSeen(GateState.WAITING, f"waits: {label} comes back")
    if set_.is_open:
        return GateSeen(GateState.OPEN, f"is open: all of {label} is ready")
    return GateSeen(GateState.WAITING, f"waits for the other units of {label}")

"""An outside system, or a person for it, answers at a gate. The right to is the caller's to check."""

from collections.abc import Mapping
from typing import Protocol

from andon.kernel.clock import Clock
from andon.kernel.errors import Conflict, NotFound
from andon.kernel.ids import RolloutId
from andon.rollouts.model import Rollout
from andon.rollouts.outside.model import Answer
from andon.rollouts.outside.webhooks import Word, plain
from andon.rollouts.steps import Gate, GateKind


class Rollouts(Protocol):
    """The rollouts (`store.py`)."""

    async def get(self, rollout: RolloutId, /) -> Rollout: ...


class Answers(Protocol):
    """The answers (`outside/store.py`)."""

    async def list(self, rollout: RolloutId, /) -> Mapping[str, Answer]: ...
    async def put(self, rollout: Rollout, answer: Answer, /) -> bool: ...


class GateCommands:
    """Answer at a gate of kind webhook."""

    def __init__(self, rollouts: Rollouts, answers: Answers, clock: Clock) -> None:
        self._rollouts = rollouts
        self._answers = answers
        self._clock = clock

    async def answer(
        self, rollout: RolloutId, gate: str, *, is_yes: bool, actor: str, reason: str
    ) -> Rollout:
        """A final yes or no. The same answer once more changes nothing.

        Raises:
            NotFound: no such rollout, or no such gate in its plan. Conflict: the gate is no outside system's,
                the rollout does not stand at it, its time is over, or another answer was given.
        """
        found = await self._rollouts.get(rollout)
        wanted = _gate(found, gate)
        word = Word.YES if is_yes else Word.NO
        before = (await self._answers.list(rollout)).get(wanted.key)
        if before is None and (why := _why_not(found, wanted, self._clock)):
            raise Conflict(
                "no-open-gate",
                f"gate {gate} of rollout {rollout} cannot be answered: {why}",
                hint="andon gate show",
            )
        given = Answer(rollout, wanted.key, word, plain(reason), actor, self._clock.now())
        await self._answers.put(found, given)
        return found


def _gate(rollout: Rollout, key: str) -> Gate:
    for each in rollout.plan.gates:
        if each.key == key:
            if each.kind is GateKind.WEBHOOK:
                return each
            raise Conflict(
                "not-outside",
                f"gate {key} of rollout {rollout.id} is {each.kind}: no outside system answers there",
                hint="andon gate show",
            )
    known = ", ".join(each.key for each in rollout.plan.gates) or "none"
    raise NotFound(
        "no-such-gate", f"rollout {rollout.id} has no gate {key}; it has: {known}", hint="andon gate show"
    )


def _why_not(rollout: Rollout, gate: Gate, clock: Clock) -> str:
    if rollout.phase.is_over:
        return f"the rollout is over ({rollout.phase})"
    if not rollout.is_gated or gate not in rollout.gates:
        return "the rollout does not stand at it now"
    is_stopped = rollout.is_paused or rollout.frozen_at is not None
    if not is_stopped and rollout.deadline_at is not None and clock.now() >= rollout.deadline_at:
        return "its time is over"
    return ""

"""What gates other than approvals say now: the calendar in force, the answers given, what was asked last."""

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from andon.access.policies import calendar
from andon.access.policies.model import Policy
from andon.kernel.clock import Clock
from andon.kernel.errors import Damaged, InvalidInput, Untrusted
from andon.kernel.ids import RolloutId
from andon.rollouts.model import UNSEEN, GateSeen, GateState, Rollout
from andon.rollouts.outside.commands import Answers
from andon.rollouts.outside.controller import Known, fresh
from andon.rollouts.outside.model import Answer
from andon.rollouts.outside.webhooks import Word
from andon.rollouts.steps import Gate, GateKind


class Policies(Protocol):
    """What environments demand (`access/policies/commands.py`)."""

    async def get(self, environment: str) -> Policy:
        """The policy in force; raises Untrusted, Damaged."""
        ...


class Asked(Protocol):
    """What was asked (`outside/controller.py`)."""

    def said(self, rollout: RolloutId, gate: str) -> Known | None: ...


class Outside:
    """The `OutsideView` of the observer."""

    def __init__(self, policies: Policies, answers: Answers, asked: Asked, clock: Clock) -> None:
        self._policies = policies
        self._answers = answers
        self._asked = asked
        self._clock = clock

    async def seen(self, rollout: Rollout) -> Mapping[str, GateSeen]:
        """What each gate at which the rollout stands says, by key; approvals and holds are left out."""
        own = [each for each in rollout.gates if each.kind not in {GateKind.APPROVAL, GateKind.HOLD}]
        if not own:
            return {}
        answers = await self._answers.list(rollout.id)
        return {each.key: await self._one(rollout, each, answers) for each in own}

    async def _one(self, rollout: Rollout, gate: Gate, answers: Mapping[str, Answer]) -> GateSeen:
        if gate.kind is GateKind.WINDOW:
            return await self._window(rollout, gate)
        if gate.kind is GateKind.WEBHOOK and gate.key in answers:
            return answered(answers[gate.key])
        known = self._asked.said(rollout.id, gate.key)
        return UNSEEN if known is None else fresh(known, self._clock.now())

    async def _window(self, rollout: Rollout, gate: Gate) -> GateSeen:
        try:
            policy = await self._policies.get(rollout.environment)
            return window(policy, gate, self._clock.now())
        except (Damaged, Untrusted, InvalidInput) as error:
            return GateSeen(GateState.WAITING, f"waits: {error.message}")


def window(policy: Policy, gate: Gate, now: datetime) -> GateSeen:
    """What the calendar in force says of a window; one of several shifts is enough.

    Raises:
        InvalidInput: the calendar has no such shift.
    """
    shifts = [each.strip() for each in gate.asks.split(",") if each.strip()]
    if policy.calendar is None:
        if not shifts:
            return GateSeen(GateState.OPEN, f"is open: {policy.environment} has no calendar any more")
        return GateSeen(GateState.WAITING, f"waits: {policy.environment} has no calendar with shifts")
    looks = [calendar.look(policy.calendar, now, each) for each in shifts or [""]]
    for each in looks:
        if each.is_open:
            return GateSeen(GateState.OPEN, f"is open: {each.reason}")
    soonest = min(looks, key=lambda each: (each.until is None, each.until or now))
    return GateSeen(GateState.WAITING, f"waits: {soonest.reason}")


def answered(answer: Answer) -> GateSeen:
    """What a final answer says."""
    because = f": {answer.reason}" if answer.reason else ""
    if answer.word is Word.YES:
        return GateSeen(GateState.OPEN, f"was opened by {answer.actor}{because}")
    return GateSeen(GateState.REFUSED, f"was refused by {answer.actor}{because}")

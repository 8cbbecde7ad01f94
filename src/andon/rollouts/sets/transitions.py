"""The only place where the rollout of a set changes: a set and a decision give the next set. Pure."""

from dataclasses import replace
from datetime import datetime
from typing import assert_never

from andon.rollouts.sets.model import (
    Abort,
    Begin,
    Decision,
    End,
    GoBack,
    Open,
    Part,
    SetPhase,
    SetRollout,
    TurnBack,
    Wait,
)


def apply(set_: SetRollout, decision: Decision, begun: str, now: datetime) -> SetRollout:
    """The set after `decision`, with its reason. begun: id of the rollout that the action begins, if any."""
    action = decision.action
    match action:
        case Wait():
            return set_
        case Begin(index):
            after = _with(set_, index, replace(set_.parts[index], rollout=begun))
        case GoBack(index):
            after = _with(set_, index, replace(set_.parts[index], back=begun))
        case Abort():
            after = set_
        case Open():
            after = replace(set_, is_open=True)
        case TurnBack():
            after = replace(set_, phase=SetPhase.RETURNING)
        case End(phase):
            after = replace(set_, phase=phase, finished_at=now)
        case _ as never:
            assert_never(never)
    return replace(after, reason=decision.reason)


def _with(set_: SetRollout, index: int, part: Part) -> SetRollout:
    parts = (*set_.parts[:index], part, *set_.parts[index + 1 :])
    return replace(set_, parts=parts)

"""What may be written while the cord is pulled: never what brings a candidate further."""

from datetime import timedelta
from typing import Any

import pytest

from andon.rollouts import actions
from andon.rollouts.cords.rules import forbids
from andon.rollouts.model import Phase, Trigger
from andon.testing.rolling import a_rollout

ONWARD = [
    actions.OpenGate(),
    actions.StartStep(1),
    actions.SetShare(0.5),
    actions.Promote(),
    actions.Drain(),
    actions.StopStable(),
    actions.Finish(Phase.PROMOTED),
]
BACK = [
    actions.RollBack(Trigger.ABORT),
    actions.Hold(),
    actions.Freeze(),
    actions.Dismiss(),
    actions.ConfirmStep(),
    actions.Reclock(timedelta(hours=1)),
    actions.Finish(Phase.RETURNED),
]


@pytest.mark.parametrize("action", ONWARD)
@pytest.mark.parametrize("phase", [Phase.PREPARING, Phase.STEPPING, Phase.FINISHING])
def test_nothing_goes_on_under_the_cord(action: Any, phase: Phase) -> None:
    assert forbids(a_rollout(phase=phase), action)


@pytest.mark.parametrize("action", BACK)
def test_what_comes_back_or_stands_still_is_never_forbidden(action: Any) -> None:
    assert not forbids(a_rollout(phase=Phase.STEPPING), action)


@pytest.mark.parametrize("action", ONWARD)
def test_a_return_that_began_goes_through(action: Any) -> None:
    assert not forbids(a_rollout(phase=Phase.RETURNING), action)
    assert not forbids(a_rollout(phase=Phase.HELD, held_from=Phase.RETURNING), action)

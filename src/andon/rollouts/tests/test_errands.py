"""A cord, a pause and a hold let no station begin; a way back goes on, and a new rollout tries again."""

from dataclasses import replace

import pytest

from andon.rollouts.errands import errand
from andon.rollouts.model import Cord, Phase, Stage, Trigger
from andon.testing.rolling import AT, NEW, OLD, a_fleet_plan, a_rollout

FILLING = a_rollout(a_fleet_plan(), phase=Phase.STEPPING, stage=Stage.FILLING)
CORD = Cord(None, False, "kim", "smoke", AT)


@pytest.mark.parametrize(
    ("active", "cords", "halted"),
    [
        (FILLING, [], ""),
        (None, [], ""),
        (FILLING, [CORD], "the cord is pulled: smoke"),
        (None, [CORD], "the cord is pulled: smoke"),
        (replace(FILLING, paused_at=AT), [], "its rollout is paused"),
        (replace(FILLING, phase=Phase.HELD, held_from=Phase.STEPPING), [], "its rollout is held"),
        (replace(FILLING, phase=Phase.RETURNING, trigger=Trigger.ABORT), [], ""),
        (replace(FILLING, phase=Phase.HELD, held_from=Phase.RETURNING), [], ""),
    ],
)
def test_what_stops_a_rollout_stops_its_stations(active: object, cords: list[Cord], halted: str) -> None:
    assert errand(active, cords, []).halted == halted  # type: ignore[arg-type]


def test_each_further_rollout_of_a_release_is_an_attempt_more() -> None:
    former = [replace(FILLING, candidate=each) for each in (NEW, OLD, NEW, NEW)]
    assert errand(FILLING, [], former).attempts == {NEW: 2}
    assert errand(FILLING, [], former).rollout == FILLING.id

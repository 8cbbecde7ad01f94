"""Limits that hold whatever the stable release does: memory, and what the candidate gets beside its share."""

import pytest

from andon.judge.model import Counts
from andon.rollouts.actions import RollBack
from andon.rollouts.decide import decide
from andon.rollouts.model import Phase, SeenInstance, Stage, Trigger
from andon.targets.model import InstanceState
from andon.testing.rolling import AT, NEW, OLD, a_rollout, instances, obeyed

SERVING = a_rollout(phase=Phase.STEPPING, stage=Stage.SERVING, step_since=AT)


def heavy(version, memory: float | None) -> SeenInstance:
    return SeenInstance(version, InstanceState.READY, 0, AT, memory=memory)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"instances": [*instances(OLD, 1), heavy(NEW, 0.91)]},
            "an instance of 1.1.0 uses 91% of the memory, above the guardrail of 85%",
        ),
        (
            {"beside": Counts(40, 12)},
            "12 of 40 requests failed that 1.1.0 got beside its share, above the guardrail of 5%",
        ),
    ],
)
def test_what_is_above_its_limit_takes_the_candidate_back(changes, said):
    decision = decide(SERVING, obeyed(SERVING, **changes))
    assert (decision.action, decision.reason) == (RollBack(Trigger.GUARDRAIL), said)


@pytest.mark.parametrize(
    "changes",
    [
        {"instances": [heavy(OLD, 0.91), heavy(NEW, 0.85)]},
        {"instances": [heavy(OLD, 0.2), heavy(NEW, None)]},
        {"beside": Counts(19, 19)},
        {"beside": Counts(400, 16)},
    ],
    ids=["the stable one's", "not known", "few requests", "as it may"],
)
def test_what_is_not_does_not(changes):
    assert not isinstance(decide(SERVING, obeyed(SERVING, **changes)).action, RollBack)

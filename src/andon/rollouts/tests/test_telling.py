"""How loudly a decision is told."""

from dataclasses import replace

import pytest

from andon.rollouts import telling
from andon.rollouts.actions import Decision, Finish, Hold, Promote, RollBack, SetShare, StopCandidate
from andon.rollouts.model import Phase, Stage, Trigger
from andon.rollouts.transitions import apply
from andon.testing.rolling import AT, a_rollout
from andon.timeline.records import Severity


@pytest.mark.parametrize(
    ("action", "severity"),
    [
        (SetShare(0.5), Severity.INFO),
        (Finish(Phase.PROMOTED), Severity.INFO),
        (RollBack(Trigger.JUDGE), Severity.WARNING),
        (Finish(Phase.RETURNED, Trigger.GATE), Severity.WARNING),
        (RollBack(Trigger.UNTRUSTED), Severity.ALERT),
        (Hold(), Severity.ALERT),
        (Finish(Phase.PROMOTED, is_alarming=True), Severity.ALERT),
    ],
)
def test_what_a_person_must_look_at_is_an_alert(action, severity):
    before = a_rollout()
    after = replace(before, phase=action.phase) if isinstance(action, Finish) else before
    assert telling.decided(before, after, Decision(action, "because")).severity is severity


@pytest.mark.parametrize(
    "action", [RollBack(Trigger.CHECK), Hold(), Promote(), Finish(Phase.RETURNED, Trigger.GATE)]
)
def test_why_it_ends_as_it_does_outlives_what_only_carries_it_out(action):
    going = a_rollout(phase=Phase.STEPPING, stage=Stage.SERVING)
    assert apply(going, Decision(SetShare(0.5), "ready"), AT).because == ""
    decided = apply(going, Decision(action, "smoke test labels failed"), AT)
    after = apply(decided, Decision(StopCandidate(), "drained"), AT)
    assert (after.because, after.reason) == ("smoke test labels failed", "drained")

"""How loudly a decision is told."""

from dataclasses import replace

import pytest

from andon.rollouts import telling
from andon.rollouts.actions import Decision, Finish, Hold, RollBack, SetShare
from andon.rollouts.model import Phase, Trigger
from andon.testing.rolling import a_rollout
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

"""A plant's own judge, small enough to be read: it passes after so many looks without a bad event."""

from collections.abc import Mapping

from andon.judge.model import JudgePolicy, JudgeState, Look, Outcome, Verdict
from andon.judge.own import Memory


class Calm:
    """Passes after `policy.options["calm_looks"]` looks in a row without a bad event on the candidate."""

    def start(self, _policy: JudgePolicy) -> Memory:
        """Nothing was seen."""
        return {"calm": (0.0,)}

    def update(self, memory: Memory, looks: Mapping[str, Look], _policy: JudgePolicy, _at: float) -> Memory:
        """Count, or begin anew."""
        bad = sum(look.candidate.bad for look in looks.values())
        return {"calm": (0.0 if bad else memory["calm"][0] + 1,)}

    def judge(self, state: JudgeState, policy: JudgePolicy) -> Verdict:
        """Pass when there were enough."""
        calm, wanted = state.memory["calm"][0], policy.options["calm_looks"]
        outcome = Outcome.PASS if calm >= wanted else Outcome.INCONCLUSIVE
        return Verdict(outcome, f"{calm:g} of {wanted:g} looks in a row without a bad event")

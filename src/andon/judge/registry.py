"""The judges by name, and one that asks the judge that a policy names. Who finds others hands them in."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Protocol

from andon.judge import mann_whitney, sequential, threshold
from andon.judge.model import JudgePolicy, JudgeState, Look, Outcome, Verdict
from andon.judge.own import Own, OwnJudge
from andon.kernel.errors import InvalidInput

DEFAULT = "sequential"


class Judge(Protocol):
    """What reads looks and says a verdict; the module `andon.judge.sequential` is one. All four are pure."""

    def start(self, policy: JudgePolicy) -> JudgeState:
        """Return the state of a judge that has seen nothing; raises InvalidInput for a policy it refuses."""
        ...

    def update(
        self, state: JudgeState, looks: Mapping[str, Look], policy: JudgePolicy, at: float = 0.0
    ) -> JudgeState:
        """Add what each metric gained since the last look, taken `at` seconds since 1970."""
        ...

    def observe_ratio(
        self, state: JudgeState, requests: Look, share: float, policy: JudgePolicy
    ) -> JudgeState:
        """Add the requests of each arm since the last look, made at the candidate's share `share`."""
        ...

    def problem(self, state: JudgeState, policy: JudgePolicy) -> str:
        """Say why nothing can be judged, and so nothing may go on; empty where it can."""
        ...

    def judge(self, state: JudgeState, policy: JudgePolicy) -> Verdict:
        """Say what the evidence says."""
        ...


BUILT_IN: Mapping[str, Judge] = {
    DEFAULT: sequential,
    mann_whitney.NAME: mann_whitney,
    threshold.NAME: threshold,
}


class Judges:
    """A judge that asks the one its policy names.

    own: the plant's own, by name; problems: why others could not be loaded. The names of what comes with
    Andon cannot be taken.
    """

    def __init__(
        self, own: Mapping[str, OwnJudge] | None = None, problems: Mapping[str, str] | None = None
    ) -> None:
        self._judges = {name: Own(name, judge) for name, judge in (own or {}).items()} | dict(BUILT_IN)
        self.problems: Mapping[str, str] = dict(problems or {})

    @property
    def names(self) -> tuple[str, ...]:
        """All judges there are, the default first."""
        return (*BUILT_IN, *sorted(set(self._judges) - set(BUILT_IN)))

    def missing(self, policy: JudgePolicy) -> str:
        """Say why the policy's judge is not here; empty where it is."""
        if policy.judge in self._judges:
            return ""
        why = self.problems.get(policy.judge, "it is not installed")
        return f"the judge {policy.judge!r} cannot judge here: {why}"

    def problem(self, state: JudgeState, policy: JudgePolicy) -> str:
        """Say why nothing can be judged: the judge is not here, missed something, or broke."""
        return self.missing(policy) or state.problem

    def start(self, policy: JudgePolicy) -> JudgeState:
        """Return the state of the judge that the policy names.

        Raises: InvalidInput when there is no such judge, or it refuses the policy.
        """
        if problem := self.missing(policy):
            raise InvalidInput("judge.unknown", problem, hint=f"judges here: {', '.join(self.names)}")
        return self._judges[policy.judge].start(policy)

    def update(
        self, state: JudgeState, looks: Mapping[str, Look], policy: JudgePolicy, at: float = 0.0
    ) -> JudgeState:
        """Let the policy's judge add a look. One that is gone misses it, and judges no more."""
        if problem := self.missing(policy):
            return replace(state, problem=f"evidence came while {problem}")
        return self._judges[policy.judge].update(state, looks, policy, at)

    def observe_ratio(
        self, state: JudgeState, requests: Look, share: float, policy: JudgePolicy
    ) -> JudgeState:
        """Let the policy's judge add requests, or nobody."""
        if self.missing(policy):
            return state
        return self._judges[policy.judge].observe_ratio(state, requests, share, policy)

    def judge(self, state: JudgeState, policy: JudgePolicy) -> Verdict:
        """Ask the policy's judge. In the place of one that is gone it is said, and nothing passes."""
        if problem := self.missing(policy):
            return Verdict(Outcome.INCONCLUSIVE, problem)
        return self._judges[policy.judge].judge(state, policy)

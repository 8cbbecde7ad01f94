"""A plant's own judge: foreign code in the place of a judge, with what it cannot take away.

Whatever it says, a broken split is invalid, a guardrail that was crossed fails the candidate, and nothing
passes without evidence of every required metric. What it raises ends here: a verdict that promotes nothing.
How to write and install one: docs/operations/judges.md.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

from andon.judge import sequential
from andon.judge.model import JudgePolicy, JudgeState, Look, Outcome, Verdict
from andon.kernel.errors import InvalidInput

T = TypeVar("T")
Memory = Mapping[str, tuple[float, ...]]
MOST_NUMBERS = 10_000  # it is stored with every look


class OwnJudge(Protocol):
    """What a plant writes: a module or an object with these functions. They are pure.

    What is to be remembered is `Memory`, lists of numbers by names of the judge's choice. The totals are in
    the state that `judge` is given.
    """

    def start(self, policy: JudgePolicy) -> Memory:
        """Return what is remembered before the first look.

        Raises: InvalidInput for a policy that it refuses, such as an option of `policy.options` out of range.
        """
        ...

    def update(self, memory: Memory, looks: Mapping[str, Look], policy: JudgePolicy, at: float) -> Memory:
        """Return what is remembered after a look: what each metric gained since the one before.

        at: when it was taken, in seconds since 1970; never read another clock.
        """
        ...

    def judge(self, state: JudgeState, policy: JudgePolicy) -> Verdict:
        """Say what the evidence says: `state.memory` is the judge's own, `state.metrics` has the totals."""
        ...


@dataclass(frozen=True, slots=True)
class _Broken:
    why: str


class Own:
    """A judge around a plant's own one."""

    def __init__(self, name: str, own: OwnJudge) -> None:
        self._name = name
        self._own = own

    def start(self, policy: JudgePolicy) -> JudgeState:
        """Return the state of a judge that has seen nothing.

        Raises: InvalidInput when it refuses the policy, or breaks.
        """
        memory = self._safely("start", lambda: _checked(self._own.start(policy)))
        if isinstance(memory, _Broken):
            raise InvalidInput("judge.broken", memory.why, hint="mend the judge and restart")
        return replace(sequential.start(policy), memory=memory)

    def update(
        self, state: JudgeState, looks: Mapping[str, Look], policy: JudgePolicy, at: float = 0.0
    ) -> JudgeState:
        """Let it add a look. If it cannot, it has missed something, and judges no more."""
        state = sequential.update(state, looks, policy, at)
        if state.problem:
            return state
        memory = self._safely("update", lambda: _checked(self._own.update(state.memory, looks, policy, at)))
        if isinstance(memory, _Broken):
            return replace(state, problem=memory.why)
        return replace(state, memory=memory)

    def observe_ratio(
        self, state: JudgeState, requests: Look, share: float, policy: JudgePolicy
    ) -> JudgeState:
        """Add requests; the sample ratio is checked whatever the judge."""
        return sequential.observe_ratio(state, requests, share, policy)

    def problem(self, state: JudgeState, policy: JudgePolicy) -> str:  # noqa: ARG002  the judges' protocol
        """Say why it can judge no more; empty where it can."""
        return state.problem

    def judge(self, state: JudgeState, policy: JudgePolicy) -> Verdict:
        """Ask it, after a broken split and the guardrails."""
        plain = sequential.judge(state, policy)
        if plain.outcome is Outcome.INVALID:
            return plain
        crossed = [each for each in plain.findings if each.by_guardrail and each.outcome is Outcome.FAIL]
        if crossed:
            return Verdict(Outcome.FAIL, "; ".join(each.reason for each in crossed), plain.findings)
        said = self._asked(state, policy)
        silent = [
            metric.name for metric in policy.metrics if metric.required and _is_silent(state, metric.name)
        ]
        if said.outcome is Outcome.PASS and (silent or not any(each.required for each in policy.metrics)):
            of = ", ".join(silent) or "any required metric"
            said = Verdict(Outcome.INCONCLUSIVE, f"no evidence of {of} from the candidate yet", said.findings)
        told = tuple(replace(each, outcome=said.outcome, reason=said.reason) for each in plain.findings)
        return said if said.findings else replace(said, findings=told)

    def _asked(self, state: JudgeState, policy: JudgePolicy) -> Verdict:
        if state.problem:
            return Verdict(Outcome.INCONCLUSIVE, state.problem)
        said = self._safely("judge", lambda: _whole(self._own.judge(state, policy)))
        return Verdict(Outcome.INCONCLUSIVE, said.why) if isinstance(said, _Broken) else said

    def _safely(self, where: str, call: Callable[[], T]) -> T | _Broken:
        """Call the plant's judge. Its refusals pass, everything else that it raises is a break."""
        try:
            return call()
        except InvalidInput as error:
            if where == "start":
                raise
            return _Broken(f"the judge {self._name!r} refuses in {where}: {error}")
        except Exception as error:  # noqa: BLE001  foreign code ends here
            return _Broken(f"the judge {self._name!r} broke in {where}: {type(error).__name__}: {error}")


def _whole(said: Verdict) -> Verdict:
    return replace(said, outcome=Outcome(said.outcome))


def _is_silent(state: JudgeState, metric: str) -> bool:
    return not state.metrics[metric].candidate.exposure


def _checked(memory: Memory) -> dict[str, tuple[float, ...]]:
    plain = {str(name): tuple(float(each) for each in numbers) for name, numbers in memory.items()}
    count = sum(len(numbers) for numbers in plain.values())
    if count > MOST_NUMBERS:
        raise ValueError(f"it remembers {count} numbers; {MOST_NUMBERS} are the most")
    return plain

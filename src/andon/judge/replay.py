"""The same evidence and policy give the same verdict, bit for bit: the judge run over what was stored."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from andon.judge import sequential
from andon.judge.model import JudgePolicy, JudgeState, Look, Outcome, Verdict
from andon.judge.registry import DEFAULT, Judge, Judges


@dataclass(frozen=True, slots=True)
class StoredLook:
    """What the judge was given at one look.

    looks: increments by metric name. requests: increments for the sample-ratio test, made at the candidate's
    share `share`; None where the split was not checked. at: when, in seconds since 1970.
    """

    looks: Mapping[str, Look]
    requests: Look | None = None
    share: float = 0.0
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class Settled:
    """What a judge came to over a history.

    verdict: after the last look that was read. look: number, from 1, of the one at which that outcome was
    reached; 0 where it never was settled. exposure: the candidate's until then, in the metric that had most.
    at: when, in seconds since 1970; 0 where it never was.
    """

    verdict: Verdict
    look: int
    exposure: int
    at: float


_BUILT_IN = Judges()


def fold(state: JudgeState, stored: StoredLook, policy: JudgePolicy, judge: Judge = _BUILT_IN) -> JudgeState:
    """Add one stored look, in the order in which the controller does."""
    if stored.requests is not None:
        state = judge.observe_ratio(state, stored.requests, stored.share, policy)
    return judge.update(state, stored.looks, policy, stored.at)


def replay(stored_looks: Iterable[StoredLook], policy: JudgePolicy, judge: Judge = _BUILT_IN) -> Verdict:
    """Judge a stored history from its beginning. judge: where the plant has judges of its own."""
    state = judge.start(policy)
    for stored in stored_looks:
        state = fold(state, stored, policy, judge)
    return judge.judge(state, policy)


def settle(stored_looks: Iterable[StoredLook], policy: JudgePolicy, judge: Judge = _BUILT_IN) -> Settled:
    """Judge a stored history look by look, until the look that would have taken the candidate back.

    A pass is noted where it is first reached, and reading goes on: a later fail outweighs it, as in life.
    """
    state, exposure = judge.start(policy), dict.fromkeys((each.name for each in policy.metrics), 0)
    passed = (0, 0, 0.0)
    for number, stored in enumerate(stored_looks, start=1):
        state = fold(state, stored, policy, judge)
        for name in exposure.keys() & stored.looks.keys():
            exposure[name] += stored.looks[name].candidate.exposure
        now = (number, max(exposure.values(), default=0), stored.at)
        outcome = _outcome(state, policy, judge)
        if outcome in {Outcome.FAIL, Outcome.INVALID}:
            return Settled(judge.judge(state, policy), *now)
        first = passed if passed[0] else now
        passed = first if outcome is Outcome.PASS else (0, 0, 0.0)
    verdict = judge.judge(state, policy)
    if passed[0]:
        return Settled(verdict, *passed)
    return Settled(verdict, 0, max(exposure.values(), default=0), 0.0)


def _outcome(state: JudgeState, policy: JudgePolicy, judge: Judge) -> Outcome:
    """The outcome alone, which the default judge has without writing its findings."""
    if policy.judge == DEFAULT:
        return sequential.outcome(state, policy)
    return judge.judge(state, policy).outcome

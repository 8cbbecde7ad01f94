"""The same evidence and policy give the same verdict, bit for bit: the judge run over what was stored."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from andon.judge.model import JudgePolicy, JudgeState, Look, Verdict
from andon.judge.registry import Judge, Judges


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

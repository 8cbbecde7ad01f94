"""The same evidence and policy give the same verdict, bit for bit: the judge run over what was stored."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from andon.judge.model import JudgePolicy, JudgeState, Look, Verdict
from andon.judge.sequential import judge, observe_ratio, start, update


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


def fold(state: JudgeState, stored: StoredLook, policy: JudgePolicy) -> JudgeState:
    """Add one stored look, in the order in which the controller does."""
    if stored.requests is not None:
        state = observe_ratio(state, stored.requests, stored.share, policy)
    return update(state, stored.looks, policy, stored.at)


def replay(stored_looks: Iterable[StoredLook], policy: JudgePolicy) -> Verdict:
    """Judge a stored history from its beginning."""
    state = start(policy)
    for stored in stored_looks:
        state = fold(state, stored, policy)
    return judge(state, policy)

"""What a proposed policy would have said of former rollouts. Pure: stored looks in, both answers out."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Protocol

from andon.judge.model import Finding, JudgePolicy, JudgeState, MetricKind, MetricPolicy, Outcome, Verdict
from andon.judge.policy import split
from andon.judge.registry import Judge
from andon.judge.replay import Settled, StoredLook, replay, settle
from andon.rollouts.gather import Gained
from andon.rollouts.judging import policy_of, ratio_part
from andon.rollouts.model import Rollout
from andon.units.proposal import Limits, Proposal


class Looked(Protocol):
    """A look as it is stored (`rollouts/store.py`)."""

    @property
    def gained(self) -> Gained: ...


@dataclass(frozen=True, slots=True)
class Replayed:
    """One rollout, judged again.

    is_same: its own policy gives its recorded verdict again, with every number. recorded: what that policy
    said, and when; proposed: the same of the proposed one, None where none was proposed.
    """

    rollout: Rollout
    looks: int
    is_same: bool
    recorded: Settled
    proposed: Settled | None = None

    @property
    def is_changed(self) -> bool:
        """Whether the proposed policy would have said something else."""
        return (
            self.proposed is not None and self.proposed.verdict.outcome is not self.recorded.verdict.outcome
        )


def replayed(
    rollout: Rollout, looks: Sequence[Looked], judge: Judge, proposal: Proposal | None = None
) -> Replayed:
    """Judge a rollout again from its looks, oldest first. One whose judge is gone says so instead.

    Raises:
        InvalidInput: the proposed policy promises nothing, or its judge is not there.
    """
    stored = [_stored(each.gained) for each in looks]
    own = rollout.plan.policy
    if gone := judge.problem(JudgeState({}), own):
        # One former rollout must not keep all the others from being judged again.
        lost = Settled(Verdict(Outcome.INCONCLUSIVE, gone), look=0, exposure=0, at=0.0)
        return Replayed(
            rollout, len(stored), is_same=False, recorded=lost, proposed=None if proposal is None else lost
        )
    proposed = None if proposal is None else settle(stored, proposed_policy(own, proposal), judge)
    is_same = _is_same(replay(stored, own, judge), rollout.verdict)
    return Replayed(rollout, len(stored), is_same, settle(stored, own, judge), proposed)


def proposed_policy(own: JudgePolicy, proposal: Proposal) -> JudgePolicy:
    """The frozen policy with what the proposal names; alpha is that of the whole release."""
    asked, given = proposal.policy, proposal.policy.model_fields_set
    metrics, ratio = tuple(_metric(each, proposal) for each in own.metrics), own.ratio_alpha
    if "alpha" in given:
        ratio = ratio_part(asked.alpha)
        metrics = split(asked.alpha - ratio, metrics) if metrics else ()
    wanted = policy_of(metrics, ratio, own.session_requests, asked)
    if "judge" not in given:
        wanted = replace(
            own,
            metrics=metrics,
            ratio_alpha=ratio,
            combine=wanted.combine if "combine" in given else own.combine,
        )
    return wanted


def _metric(own: MetricPolicy, proposal: Proposal) -> MetricPolicy:
    asked, given = proposal.policy, proposal.policy.model_fields_set
    is_timed = own.kind is MetricKind.LATENCY
    margin = "latency_margin" if is_timed else "margin"
    limits = proposal.evidence.get(own.name, Limits())
    acceptable, guardrail = _limits(limits, is_timed=is_timed)
    return replace(
        own,
        beta=asked.beta if "beta" in given else own.beta,
        margin=getattr(asked, margin) if margin in given else own.margin,
        acceptable=own.acceptable if acceptable is None else acceptable,
        guardrail=own.guardrail if guardrail is None else guardrail,
        required=own.required if limits.required is None else limits.required,
    )


def _limits(limits: Limits, *, is_timed: bool) -> tuple[float | None, float | None]:
    if not is_timed:
        return limits.acceptable, limits.guardrail
    return _seconds(limits.acceptable_p95), _seconds(limits.guardrail_p95)


def _seconds(limit: timedelta | None) -> float | None:
    return None if limit is None else limit.total_seconds()


def _stored(gained: Gained) -> StoredLook:
    return StoredLook(gained.looks, gained.requests, gained.share, gained.at)


def _is_same(again: Verdict, recorded: Verdict | None) -> bool:
    """Whether words and numbers are the recorded ones; what a later Andon says beside them does not count."""
    if recorded is None:
        return False
    numbers = [_numbers(each) for each in again.findings] == [_numbers(each) for each in recorded.findings]
    return numbers and (again.outcome, again.reason) == (recorded.outcome, recorded.reason)


def _numbers(found: Finding) -> tuple[object, ...]:
    return found.metric, found.outcome, found.ratio, found.interval, found.e_harm, found.e_safe

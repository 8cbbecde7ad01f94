"""Former rollouts judged again: their own verdict, and that of a proposed policy."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest
from pydantic import ValidationError

from andon.judge.model import Combine, Counts, JudgePolicy, Look, MetricKind, MetricPolicy, Outcome
from andon.judge.registry import Judges
from andon.kernel.errors import InvalidInput
from andon.rollouts.gather import Gained, fold
from andon.rollouts.model import Rollout
from andon.rollouts.replays import proposed_policy, replayed
from andon.testing.rolling import a_rollout
from andon.units.proposal import Proposal

JUDGES = Judges()


@dataclass(frozen=True)
class Stored:
    gained: Gained


def gained(number: int, stable: tuple[int, int], candidate: tuple[int, int]) -> Gained:
    look = Look(Counts(*stable), Counts(*candidate))
    requests = Look(Counts(stable[0]), Counts(candidate[0]))
    return Gained({"errors": look}, requests, 0.1, float(number))


def judged(looks: Sequence[Gained]) -> Rollout:
    """A rollout with these looks and the verdict that the controller would have stored."""
    rollout = a_rollout()
    policy, state = rollout.plan.policy, rollout.judge
    for each in looks:
        state = fold(JUDGES, state, each, policy)
    evidence = replace(rollout.evidence, judge=state, verdict=JUDGES.judge(state, policy))
    return replace(rollout, evidence=evidence)


WORSE = [gained(i, (900, 9), (100, 4)) for i in range(1, 7)]


def propose(**given: Any) -> Proposal:
    return Proposal.model_validate(given)


def test_its_own_policy_gives_the_recorded_verdict_again() -> None:
    again = replayed(judged(WORSE), [Stored(each) for each in WORSE], JUDGES)
    assert again.is_same
    assert again.looks == 6
    assert again.proposed is None
    assert not again.is_changed


def test_another_number_anywhere_is_seen() -> None:
    rollout = judged(WORSE)
    moved = [*WORSE[:-1], gained(6, (900, 9), (101, 4))]
    assert not replayed(rollout, [Stored(each) for each in moved], JUDGES).is_same
    unsaid = replace(rollout, evidence=replace(rollout.evidence, verdict=None))
    assert not replayed(unsaid, [Stored(each) for each in WORSE], JUDGES).is_same


def test_one_whose_judge_is_gone_says_so_and_keeps_no_other_from_being_judged() -> None:
    rollout = judged(WORSE)
    policy = replace(rollout.plan.policy, judge="spc")
    gone = replace(rollout, plan=replace(rollout.plan, policy=policy))
    for proposal in (None, propose(alpha=0.4)):
        again = replayed(gone, [Stored(each) for each in WORSE], JUDGES, proposal)
        assert not again.is_same
        assert again.recorded.verdict.reason == "the judge 'spc' cannot judge here: it is not installed"
        assert (again.proposed is None) == (proposal is None)


def test_a_proposed_policy_says_what_it_would_have_said_and_when() -> None:
    looks = [Stored(each) for each in WORSE]
    strict = replayed(judged(WORSE), looks, JUDGES, propose(alpha=0.4))
    assert strict.proposed is not None
    assert strict.proposed.verdict.outcome is Outcome.FAIL
    careful = replayed(judged(WORSE), looks, JUDGES, propose(alpha=0.0001))
    assert careful.proposed is not None
    assert strict.proposed.look < (careful.proposed.look or 7)
    assert (strict.proposed.exposure, strict.proposed.at) == (
        100 * strict.proposed.look,
        float(strict.proposed.look),
    )
    assert careful.is_changed == (careful.recorded.verdict.outcome is not careful.proposed.verdict.outcome)


TIMED = MetricPolicy("latency", 0.003, kind=MetricKind.LATENCY, margin=1.1, edges=(0.1, 0.5, float("inf")))
OWN = JudgePolicy((MetricPolicy("errors", 0.006), TIMED), ratio_alpha=0.001, session_requests=4)


def test_what_a_proposal_leaves_out_stays_as_it_was() -> None:
    made = proposed_policy(OWN, propose(beta=0.2))
    assert made == replace(OWN, metrics=tuple(replace(each, beta=0.2) for each in OWN.metrics))


def test_a_proposal_reaches_every_part_of_the_policy() -> None:
    made = proposed_policy(
        OWN,
        propose(
            alpha=0.02,
            margin=2.0,
            latency_margin=1.3,
            combine="average",
            evidence={
                "errors": {"acceptable": 0.01, "guardrail": 0.1, "required": False},
                "latency": {"acceptable_p95": "100ms", "guardrail_p95": "500ms"},
            },
        ),
    )
    errors, latency = made.metrics
    assert (errors.alpha, errors.margin, errors.acceptable, errors.guardrail) == (0.0095, 2.0, 0.01, 0.1)
    assert not errors.required
    assert (latency.margin, latency.acceptable, latency.guardrail) == (1.3, 0.1, 0.5)
    assert (made.ratio_alpha, made.combine, made.session_requests) == (0.001, Combine.AVERAGE, 4)


def test_another_judge_may_be_proposed_with_its_options() -> None:
    made = proposed_policy(OWN, Proposal.model_validate({"judge": "threshold", "threshold": {"count": 7}}))
    assert made.judge == "threshold"
    assert made.threshold is not None
    assert made.threshold.count == 7


def test_a_policy_without_metrics_stays_without() -> None:
    assert proposed_policy(JudgePolicy(()), propose(alpha=0.02)).metrics == ()


@pytest.mark.parametrize(
    "given", [{}, {"alfa": 0.1}, {"alpha": 2}, {"evidence": {"errors": {"wished": 1}}}, {"policy": {}}]
)
def test_a_proposal_that_says_nothing_or_nonsense_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Proposal.model_validate(given)


def test_a_proposal_that_promises_nothing_is_refused_by_the_judge() -> None:
    limits = propose(evidence={"latency": {"guardrail_p95": "2s"}})
    with pytest.raises(InvalidInput, match="above the last edge"):
        JUDGES.start(proposed_policy(OWN, limits))

"""The judge `threshold`: Argo's and Flagger's rules, case by case."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from andon.judge import threshold
from andon.judge.model import Counts, JudgePolicy, Look, MetricPolicy, Outcome
from andon.judge.options import Limits, Style, Threshold
from andon.kernel.errors import InvalidInput

ERRORS = MetricPolicy("errors", alpha=0.01)
FIVE = {"errors": Limits(most=0.05)}
ARGO = Threshold(count=3, failure_limit=1, metrics=FIVE)
FLAGGER = Threshold(style=Style.FLAGGER, count=3, failure_limit=1, metrics=FIVE)
PASS, FAIL, OPEN = Outcome.PASS, Outcome.FAIL, Outcome.INCONCLUSIVE


def a_policy(how, *metrics):
    return JudgePolicy(metrics or (ERRORS,), judge="threshold", threshold=how)


def fed(policy, minutes):
    """minutes: bad events of 100 requests on the candidate; None is a minute of silence, "" one without."""
    state = threshold.start(policy)
    for number, bad in enumerate([*minutes, None], start=1):
        if bad is None and number <= len(minutes):
            continue
        gained = Counts() if bad in {None, ""} else Counts(100, bad)
        state = threshold.update(state, {"errors": Look(Counts(100, 1), gained)}, policy, 60.0 * number)
    return state


def verdict_on(how, minutes, *metrics):
    policy = a_policy(how, *metrics)
    return threshold.judge(fed(policy, minutes), policy)


BOTH = {"errors": Limits(most=0.05, fail_above=0.10)}
CASES = {
    "count checks that pass": (ARGO, [1, 2, 5], PASS),
    "not yet enough": (ARGO, [1, 2], OPEN),
    "failures within the limit count as checks": (ARGO, [1, 9, 2], PASS),
    "one failure too many": (ARGO, [9, 1, 9], FAIL),
    "no failure is allowed by itself": (replace(ARGO, failure_limit=0), [9], FAIL),
    "between both limits is inconclusive": (replace(ARGO, metrics=BOTH), [7, 1, 1], OPEN),
    "inconclusive ones within their limit": (
        replace(ARGO, metrics=BOTH, inconclusive_limit=1),
        [7, 1, 1],
        PASS,
    ),
    "above the failing limit": (replace(ARGO, metrics=BOTH), [11, 12], FAIL),
    "a failing limit alone lets the rest pass": (
        replace(ARGO, metrics={"errors": Limits(fail_above=0.10)}),
        [9, 9, 10],
        PASS,
    ),
    "below the least": (replace(ARGO, metrics={"errors": Limits(least=0.02)}), [1, 1], FAIL),
    "below the failing limit": (replace(ARGO, metrics={"errors": Limits(fail_below=0.02)}), [1, 1], FAIL),
    "silence is no check": (ARGO, [1, None, None, 1], OPEN),
    "a silence in between ends nothing": (ARGO, [1, None, 1, 1], PASS),
    "a minute without requests is no check": (ARGO, [1, "", 1], OPEN),
    "a silence longer than allowed passes nothing": (
        replace(ARGO, error_limit=1),
        [1, 1, 1, None, None, ""],
        OPEN,
    ),
    "and with a value it passes again": (replace(ARGO, error_limit=1), [1, 1, 1, None, None, 1], PASS),
    "a silence as long as allowed": (replace(ARGO, error_limit=3), [1, 1, 1, None, None, ""], PASS),
    "windows left out at the beginning": (replace(ARGO, skip=2), [90, 90, 1, 1, 1], PASS),
    "left out means not counted": (replace(ARGO, skip=2), [1, 1, 1, 1], OPEN),
    "too few requests are no value": (replace(ARGO, min_exposure=101), [90, 90, 90], OPEN),
    "checks go on after the count": (ARGO, [1, 1, 1, 9, 9], FAIL),
    "flagger counts what passes": (FLAGGER, [1, 9, 2], OPEN),
    "flagger passes after so many": (FLAGGER, [1, 9, 2, 3], PASS),
    "flagger takes back at its threshold": (FLAGGER, [9, 1, 9], FAIL),
    "flagger halts without data": (FLAGGER, [1, None, "", 1], OPEN),
    "flagger knows no inconclusive limit": (replace(FLAGGER, metrics=BOTH), [7, 7, 1, 1, 1], PASS),
}


@pytest.mark.parametrize("name", CASES)
def test_a_release_with(name):
    how, minutes, outcome = CASES[name]
    verdict = verdict_on(how, minutes)
    assert verdict.outcome is outcome
    assert verdict.findings[0].outcome is outcome


def test_it_says_its_checks_its_last_value_and_its_limits():
    assert verdict_on(ARGO, [1, 2, 5]).reason == (
        "errors: 3 passed and 0 failed of 3 checks of 60 s on the candidate; the last was 5 %, "
        "allowed up to 5 %"
    )
    assert verdict_on(ARGO, [9, 9]).reason.endswith("allowed up to 5 %; 1 failed ones are allowed")
    assert verdict_on(replace(ARGO, metrics=BOTH), [7]).reason == (
        "errors: 0 passed and 0 failed, 1 inconclusive of 3 checks of 60 s on the candidate; the last was "
        "7 %, allowed up to 5 %, failing above 10 %; 0 inconclusive ones are allowed"
    )
    assert verdict_on(ARGO, [1, None, None, 1]).reason.endswith("allowed up to 5 %")
    assert "no value in the last 2 of them" in verdict_on(ARGO, [1, "", ""]).reason
    assert verdict_on(ARGO, []).reason.startswith("errors: 0 passed and 0 failed of 3 checks")


def test_a_failed_candidate_stays_failed_whatever_comes():
    policy = a_policy(ARGO)
    state = fed(policy, [9, 9])
    said = threshold.judge(state, policy)
    later = threshold.update(state, {"errors": Look(Counts(100, 1), Counts(100, 0))}, policy, 6000.0)
    assert threshold.judge(later, policy) == said


def test_a_metric_without_limits_has_its_guardrail_as_limit():
    how = Threshold(count=2)
    metric = replace(ERRORS, guardrail=0.2)
    assert verdict_on(how, [19, 20], metric).outcome is PASS
    assert verdict_on(how, [21], metric).outcome is FAIL


def test_a_guardrail_fails_before_the_first_window_ends():
    metric = replace(ERRORS, guardrail=0.05)
    policy = a_policy(replace(ARGO, interval=3600.0), metric)
    verdict = threshold.judge(fed(policy, [60, 60]), policy)
    assert verdict.outcome is FAIL
    assert verdict.findings[0].by_guardrail


def test_only_required_metrics_are_waited_for():
    other = MetricPolicy("yield", alpha=0.01, required=False)
    assert verdict_on(ARGO, [1, 1, 1], ERRORS, other).outcome is PASS
    verdict = verdict_on(ARGO, [1, 1, 1], replace(ERRORS, required=False))
    assert (verdict.outcome, verdict.reason) == (OPEN, "the policy requires no metric, so nothing can pass")


def test_a_limit_that_is_none_says_nothing():
    how = replace(ARGO, metrics={"errors": Limits()})
    assert verdict_on(how, [1, 1, 1], replace(ERRORS, required=False)).outcome is OPEN


REFUSED = {
    "count": {"count": 0},
    "failure_limit": {"failure_limit": -1},
    "inconclusive_limit": {"inconclusive_limit": -1},
    "error_limit": {"error_limit": -1},
    "skip": {"skip": -1},
    "min_exposure": {"min_exposure": 0},
    "interval": {"interval": 0.0},
    "quantile": {"quantile": 1.0},
    "there is no metric": {"metrics": {"erors": Limits(most=0.1)}},
    "errors has no limit": {"metrics": {}},
}


@pytest.mark.parametrize("name", REFUSED)
def test_an_option_that_means_nothing_is_refused_by_its_name(name):
    with pytest.raises(InvalidInput, match=name):
        threshold.start(a_policy(replace(ARGO, **REFUSED[name])))


MINUTES = st.lists(st.one_of(st.none(), st.just(""), st.integers(0, 20)), max_size=60)


@settings(max_examples=80)
@given(MINUTES, st.sampled_from([ARGO, FLAGGER]))
def test_it_replays_bit_for_bit_and_stays_small(minutes, how):
    policy = a_policy(how)
    one, other = fed(policy, minutes), fed(policy, minutes)
    assert one == other
    assert len(one.series["errors"].candidate) <= 20


@settings(max_examples=80)
@given(MINUTES, st.sampled_from([ARGO, FLAGGER]))
def test_it_never_passes_without_as_many_values(minutes, how):
    values = [each for each in minutes if isinstance(each, int)]
    outcome = verdict_on(how, minutes).outcome
    assert outcome is not PASS or len(values) >= how.count
    if sum(each > 5 for each in values) > how.failure_limit:
        assert outcome is FAIL

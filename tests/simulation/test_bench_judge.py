"""The traffic that the judge's figures are measured on is what it says, and the same for every judge."""

import numpy as np
import pytest

from andon.judge import sequential
from andon.judge.model import Counts, JudgePolicy, Look, MetricPolicy, Outcome
from andon.judge.registry import Judges
from bench.judge import rules
from bench.judge.stats import upper_bound
from bench.judge.traffic import (
    QUIET,
    SHARED,
    SICK,
    Drift,
    Situation,
    World,
    drift,
    requests,
    streams,
    streams_by_instance,
)

TENTH = Situation(ratio=2.0, share=0.1)
SEVERAL = World(instances=3, instance=0.3, instance_own=Drift(sd=0.4))


@pytest.mark.parametrize("world", [QUIET, SICK, SHARED, SEVERAL])
def test_every_world_has_the_rates_and_the_share_of_its_situation(world):
    traffic = streams(np.random.default_rng(1), TENTH, 4000, 20, world)
    assert traffic.candidate.mean() / TENTH.per_minute == pytest.approx(0.1, rel=0.05)
    # Where load and rate swing together with the hour, more requests meet the high rate.
    base = 0.01 * (1 + world.rate_by_day * world.load_by_day / 2)
    assert traffic.bad_stable.sum() / traffic.stable.sum() == pytest.approx(base, rel=0.06)
    assert traffic.bad_candidate.sum() / traffic.candidate.sum() == pytest.approx(2 * base, rel=0.08)


def test_a_drift_forgets_at_its_pace_and_keeps_its_mean():
    factors = drift(np.random.default_rng(2), Drift(sd=0.5, phi=0.9), (4000, 40))
    logs = np.log(factors)
    assert factors.mean() == pytest.approx(1.0, rel=0.03)
    assert logs.std() == pytest.approx(0.5, rel=0.03)
    for apart in (1, 5):
        seen = np.corrcoef(logs[:, 10], logs[:, 10 + apart])[0, 1]
        assert seen == pytest.approx(0.9**apart, abs=0.04)


def test_a_drift_of_one_arm_is_its_own_and_a_common_one_is_not():
    busy = Situation(ratio=1.0, base=0.3, per_minute=20_000)
    for world, together in ((World(own=Drift(sd=0.4)), 0.0), (World(common=Drift(sd=0.4)), 1.0)):
        traffic = streams(np.random.default_rng(3), busy, 2000, 5, world)
        mine, other = (
            traffic.bad_candidate[:, 4] / traffic.candidate[:, 4],
            traffic.bad_stable[:, 4] / traffic.stable[:, 4],
        )
        assert np.corrcoef(mine, other)[0, 1] == pytest.approx(together, abs=0.08)


def test_instances_share_what_their_arm_gets():
    blocks = streams_by_instance(np.random.default_rng(4), TENTH, 50, 30, SEVERAL)
    assert blocks.stable.shape == (50, 30, 3)
    assert np.array_equal(
        blocks.together().stable + blocks.together().candidate, np.full((50, 30), TENTH.per_minute)
    )
    assert (blocks.bad_candidate <= blocks.candidate).all()


def test_judges_that_look_at_different_times_read_the_same_requests():
    drawn = requests(np.random.default_rng(5), Situation(ratio=3.0, share=0.3), 40, 25)
    minutes, events = drawn.by_minute(), drawn.by_event()
    assert np.array_equal(minutes.bad_stable.sum(axis=1), events.bad_stable.sum(axis=1))
    assert np.array_equal(minutes.bad_candidate.sum(axis=1), events.bad_candidate.sum(axis=1))
    assert set(np.unique(events.bad_stable + events.bad_candidate)) <= {0, 1}
    for run in range(40):
        places = np.nonzero(drawn.is_bad[run])[0]
        seen = np.cumsum(events.candidate[run])[: len(places)]
        assert np.array_equal(seen, np.cumsum(drawn.is_candidate[run])[places])
        assert (events.stable + events.candidate)[run].sum() == places[-1] + 1


def test_the_same_seed_draws_the_same_traffic():
    one, other = (streams(np.random.default_rng(6), TENTH, 5, 9, SICK) for _ in range(2))
    assert np.array_equal(one.bad_candidate, other.bad_candidate)


JUDGES = Judges()
ERRORS = (MetricPolicy("errors", alpha=rules.ALPHA, beta=rules.BETA, margin=rules.MARGIN),)


def looks(traffic, run):
    arms = zip(
        *(
            each[run].astype(int).tolist()
            for each in (traffic.stable, traffic.bad_stable, traffic.candidate, traffic.bad_candidate)
        ),
        strict=True,
    )
    for stable, bad_stable, candidate, bad_candidate in arms:
        yield {"errors": Look(Counts(stable, bad_stable), Counts(candidate, bad_candidate))}


@pytest.mark.parametrize(("ratio", "share"), [(1.0, 0.5), (2.0, 0.1), (10.0, 0.5)])
def test_the_arrays_are_the_default_judge_look_by_look(ratio, share):
    policy = JudgePolicy(ERRORS)
    drawn = requests(np.random.default_rng([7, int(ratio)]), Situation(ratio, share), 4, 60)
    for traffic in (drawn.by_event(), drawn.by_minute()):
        harm, safe = rules.log_e_harm(traffic), rules.log_e_safe(traffic)
        failed, promoted = rules.sequential(traffic), rules.promotes(traffic)
        for run in range(4):
            state = sequential.start(policy)
            for number, look in enumerate(looks(traffic, run)):
                state = sequential.update(state, look, policy)
                seen = state.metrics["errors"]
                assert seen.max_log_e_harm == pytest.approx(max(0.0, harm[run, : number + 1].max()), abs=1e-9)
                assert seen.max_log_e_safe == pytest.approx(max(0.0, safe[run, : number + 1].max()), abs=1e-9)
            outcome = sequential.judge(state, policy).outcome
            assert (outcome is Outcome.FAIL) == failed[run].any()
            if not failed[run].any():
                assert (outcome is Outcome.PASS) == promoted[run].any()


def first_fail(policy, traffic, run):
    """The number of the look after which the real judge fails it; None where it never does."""
    state = JUDGES.start(policy)
    for number, look in enumerate(looks(traffic, run), start=1):
        # A minute is closed by the first look after it.
        state = JUDGES.update(state, look, policy, 60.0 * number)
        closed = JUDGES.update(state, {}, policy, 60.0 * number + 1)
        if JUDGES.judge(closed, policy).outcome is Outcome.FAIL:
            return number
    return None


@pytest.mark.parametrize("ratio", [1.0, 3.0, 10.0])
@pytest.mark.parametrize(
    ("rule", "policy"),
    [
        (rules.mann_whitney, JudgePolicy(ERRORS, judge="mann-whitney", mann_whitney=rules.KAYENTA)),
        (rules.threshold(rules.ARGO), JudgePolicy(ERRORS, judge="threshold", threshold=rules.ARGO)),
    ],
    ids=["mann-whitney", "argo"],
)
def test_the_arrays_are_the_other_judges_minute_by_minute(rule, policy, ratio):
    traffic = requests(np.random.default_rng([8, int(ratio)]), Situation(ratio), 6, 40).by_minute()
    failed = rule(traffic)
    for run in range(6):
        expected = int(failed[run].argmax()) + 1 if failed[run].any() else None
        assert first_fail(policy, traffic, run) == expected


@pytest.mark.parametrize("ratio", [1.0, 3.0])
def test_the_arrays_are_flagger_s_rule_until_it_has_advanced_to_its_end(ratio):
    policy = JudgePolicy(ERRORS, judge="threshold", threshold=rules.FLAGGER)
    traffic = requests(np.random.default_rng([9, int(ratio)]), Situation(ratio), 12, 20).by_minute()
    failed = rules.threshold(rules.FLAGGER)(traffic)
    for run in range(12):
        state, ended = JUDGES.start(policy), None
        for number, look in enumerate(looks(traffic, run), start=1):
            state = JUDGES.update(state, look, policy, 60.0 * number)
            outcome = JUDGES.judge(JUDGES.update(state, {}, policy, 60.0 * number + 1), policy).outcome
            if outcome is not Outcome.INCONCLUSIVE:
                ended = (outcome, number)
                break
        assert (ended[0] is Outcome.FAIL) == failed[run].any()
        if failed[run].any():
            assert ended[1] == int(failed[run].argmax()) + 1


def test_the_bound_of_a_chance_is_clopper_s_and_pearson_s():
    # 3 of nothing seen: 1 - 0.05^(1/n); 59 of 10,000 from tables of the binomial.
    assert upper_bound(0, 100) == pytest.approx(1 - 0.05 ** (1 / 100), abs=1e-9)
    assert upper_bound(59, 10_000) == pytest.approx(0.0073, abs=1e-4)

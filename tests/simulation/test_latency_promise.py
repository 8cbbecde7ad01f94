"""The promise of metrics that measure, played with the real judge: false fails and false promotions.

Large chances are asked for, so that few rollouts show whether they are kept; the mathematics has no other
place where they could matter. `python -m bench.judge.latency` plays more, at the usual ones.
"""

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest

from andon.judge import dkw, measuring
from andon.judge.model import Counts, JudgePolicy, Look, MetricKind, MetricPolicy, Outcome
from andon.judge.sequential import observe_ratio, outcome, start, update

EDGES = (*(round(0.02 * 1.15**i, 5) for i in range(24)), math.inf)
CHANCE = 0.2
METRIC = MetricPolicy("latency", alpha=CHANCE, beta=CHANCE, margin=1.1, kind=MetricKind.LATENCY, edges=EDGES)
POLICY = JudgePolicy((METRIC,))
RUNS, LOOKS = 150, 36
FINITE = np.array(EDGES[:-1])


def buckets(seconds):
    counted = np.bincount(np.searchsorted(FINITE, seconds), minlength=len(EDGES))
    return tuple(int(each) for each in counted)


def play(noise, factor, *, spread=0.3, shares=(0.25, 0.5)):
    """Looks with the share in force: a load that both arms have in common grows by half on the way."""
    before = Look(
        Counts(),
        Counts(),
        *[(0,) * len(EDGES)] * 2,
        buckets(0.08 * np.exp(spread * noise.standard_normal(3000))),
    )
    yield shares[0], before
    for number in range(LOOKS):
        share = shares[number * len(shares) // LOOKS]
        load = 0.08 * (1 + 0.5 * number / LOOKS)
        sizes = round(80 * (1 - share)), round(80 * share)
        stable, candidate = (load * np.exp(spread * noise.standard_normal(size)) for size in sizes)
        look = Look(*map(Counts, sizes), buckets(stable), buckets(candidate * factor))
        yield share, look


def states(noise, factor, **world):
    state = start(POLICY)
    for share, look in play(noise, factor, **world):
        requests = Look(Counts(look.stable.exposure), Counts(look.candidate.exposure))
        state = update(observe_ratio(state, requests, share, POLICY), {"latency": look}, POLICY)
        yield state


def ever(holds, seed, factor, **world):
    """In how many rollouts something holds at some look."""
    noise = np.random.default_rng(seed)
    return sum(any(holds(state) for state in states(noise, factor, **world)) for _ in range(RUNS))


def has_failed(state):
    return outcome(state, POLICY) is Outcome.FAIL


def is_proven(state):
    """Whether promotion was proven, whatever harm was seen before."""
    return state.metrics["latency"].max_log_e_safe >= -math.log(CHANCE)


def most(chance):
    """So many of the runs are three standard deviations above what is promised."""
    return RUNS * chance + 3 * math.sqrt(RUNS * chance * (1 - chance))


@pytest.mark.parametrize("shares", [(0.25, 0.5), (0.5,)], ids=str)
def test_a_harmless_candidate_is_failed_no_more_often_than_promised(shares):
    assert ever(has_failed, 1, 1.0, shares=shares) <= RUNS * CHANCE


def test_a_faster_candidate_is_hardly_ever_failed():
    assert ever(has_failed, 2, 0.9) <= RUNS * 0.02


@pytest.mark.parametrize("spread", [0.2, 0.3, 0.6])
def test_a_candidate_that_is_slower_by_the_margin_is_proven_no_more_often_than_promised(spread):
    assert ever(is_proven, 3, 1.1, spread=spread) <= RUNS * CHANCE


def test_the_judge_does_decide():
    assert ever(has_failed, 4, 1.25) == RUNS
    assert ever(is_proven, 5, 0.95) > RUNS * 0.9


def pooled_over_steps(looks):
    """A broken judge: one band for each arm over the whole rollout."""
    arms = [np.zeros(len(EDGES), dtype=int), np.zeros(len(EDGES), dtype=int)]
    for _, look in looks:
        arms[0] += look.stable_buckets
        arms[1] += look.candidate_buckets
        parting = dkw.parting([int(x) for x in arms[0]], [int(x) for x in arms[1]])
        if parting.constant > dkw.constant(CHANCE / 2):
            return True
    return False


def test_bands_that_are_not_begun_anew_with_the_share_are_caught_failing_harmless_candidates():
    noise = np.random.default_rng(6)
    failed = sum(pooled_over_steps(play(noise, 1.0, shares=(0.05, 0.95))) for _ in range(40))
    assert failed > 40 * CHANCE


def medians_of_a_look(looks):
    """A broken judge: it fails when the candidate's median was the higher one five looks in a row."""
    row = 0
    for _, look in itertools.islice(looks, 1, None):
        higher = measuring.beyond(look.candidate_buckets, 10).bad * look.stable.exposure > (
            measuring.beyond(look.stable_buckets, 10).bad * look.candidate.exposure
        )
        row = row + 1 if higher else 0
        if row == 5:
            return True
    return False


def test_a_rule_of_several_bad_looks_is_caught_failing_harmless_candidates():
    noise = np.random.default_rng(7)
    assert sum(medians_of_a_look(play(noise, 1.0)) for _ in range(100)) > 100 * CHANCE


def test_averaged_evidence_keeps_the_promise():
    policy = replace(POLICY, combine="average")
    noise, failed = np.random.default_rng(8), 0
    for _ in range(60):
        last = list(states(noise, 1.0))[-1]
        failed += outcome(last, policy) is Outcome.FAIL
    assert failed <= 60 * CHANCE

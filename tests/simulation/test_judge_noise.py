"""The judge's promise where noise is correlated within one arm, and judges without widening that are caught.

Each of some plants has a history, in which its noise is measured, and rollouts after it. Fixed seeds, a
bounded sample; `python -m bench.judge.dispersion` plays more.
"""

import math
from functools import cache

import numpy as np
import pytest

from andon.judge import dispersion
from andon.judge.model import INDEPENDENT, Counts, Noise
from bench.judge import traffic
from bench.judge.dispersion import check_against_the_judge, log_e_harm, log_e_safe
from bench.judge.stats import lower_bound, upper_bound
from bench.judge.traffic import Drift, Situation, World

ALPHA = BETA = 0.01
MARGIN = 1.5
MINUTES = 120
PLANTS, ROLLOUTS = 10, 200
WORLDS = {
    # AR(1) noise of phi 0.9 in each arm: what made 13 % of harmless releases fail
    "minutes": (World(own=Drift(0.54, 0.9)), 0.01),
    "hours": (World(own=Drift(0.25, 0.99)), 0.05),
    "bursts": (World(own=Drift(0.99, 0.5)), 0.01),
}


@cache
def measured(world, seed):
    """The noise that a plant of that world finds in a week of its stable release."""
    varied, base = WORLDS[world]
    noise = np.random.default_rng([seed, 1])
    past = traffic.streams(noise, Situation(1.0, base=base), 1, 7 * traffic.DAY, varied)
    run = [Counts(int(n), int(x)) for n, x in zip(past.stable[0], past.bad_stable[0], strict=True)]
    return dispersion.measure([run], [])


@cache
def played(world, seed, ratio=1.0):
    varied, base = WORLDS[world]
    noise = np.random.default_rng([seed, 2, round(10 * ratio)])
    return traffic.streams(noise, Situation(ratio, base=base), ROLLOUTS, MINUTES, varied)


def failed(world, noise_of, ratio=1.0):
    """Rollouts that were ever failed, of PLANTS * ROLLOUTS."""
    hits = 0
    for seed in range(PLANTS):
        log_e = log_e_harm(played(world, seed, ratio), noise_of(world, seed))
        hits += int((log_e >= -math.log(ALPHA)).any(axis=1).sum())
    return hits


def as_if_independent(_world, _seed):
    return INDEPENDENT


def dispersion_of_one_minute(world, seed):
    """What a variance of counts by the minute says: correlation from minute to minute is forgotten."""
    now = played(world, seed)
    return Noise(float(max(1.0, now.bad_stable.var() / now.bad_stable.mean())))


def half_of_it(world, seed):
    found = measured(world, seed)
    return Noise(1.0 + (found.dispersion - 1.0) / 4, found.wander / 4, found.lasts_s)


@pytest.mark.parametrize("world", WORLDS)
def test_a_harmless_candidate_is_failed_no_more_often_than_promised(world):
    assert upper_bound(failed(world, measured), PLANTS * ROLLOUTS) <= ALPHA


@pytest.mark.parametrize(
    ("broken", "world"),
    [
        (as_if_independent, "minutes"),
        (as_if_independent, "hours"),
        (as_if_independent, "bursts"),
        (dispersion_of_one_minute, "minutes"),
        (dispersion_of_one_minute, "hours"),
        (half_of_it, "minutes"),
    ],
    ids=lambda x: getattr(x, "__name__", x),
)
def test_a_judge_that_widens_too_little_is_caught(broken, world):
    assert lower_bound(failed(world, broken), PLANTS * ROLLOUTS) > ALPHA


@pytest.mark.parametrize("world", WORLDS)
def test_a_candidate_as_bad_as_the_margin_is_promoted_no_more_often_than_promised(world):
    hits = 0
    for seed in range(PLANTS):
        log_e = log_e_safe(played(world, seed, MARGIN), measured(world, seed), MARGIN)
        hits += int((log_e >= -math.log(BETA)).any(axis=1).sum())
    assert upper_bound(hits, PLANTS * ROLLOUTS) <= BETA


@pytest.mark.parametrize("world", ["minutes", "hours"])
def test_a_disaster_is_still_found(world):
    assert failed(world, measured, ratio=20.0) > 0.95 * PLANTS * ROLLOUTS


@pytest.mark.parametrize("noise", [INDEPENDENT, Noise(1.7), Noise(1.3, 0.5, 600.0)])
def test_the_arrays_played_here_are_the_real_judge(noise):
    check_against_the_judge(noise)

"""The noise of a plant from its history: what it finds, what it never says, and that it covers its bounds."""

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from andon.judge import dispersion
from andon.judge.dispersion import Scale, cover, curve, measure
from andon.judge.model import Counts, Look, NoiseSource


def poisson(noise, mean):
    limit, k, product = math.exp(-mean), 0, noise.random()
    while product > limit:
        k, product = k + 1, product * noise.random()
    return k


def factors(noise, sd, phi, minutes):
    """Factors of a rate, minute by minute: exp of an AR(1) process, their mean 1."""
    level = noise.gauss(0, sd)
    for _ in range(minutes):
        yield math.exp(level - sd * sd / 2)
        level = phi * level + noise.gauss(0, sd * math.sqrt(1 - phi * phi))


def a_run(noise, minutes, *, sd=0.0, phi=0.9, mean=3.0, exposure=300):
    return [Counts(exposure, poisson(noise, mean * f)) for f in factors(noise, sd, phi, minutes)]


def a_pair(noise, minutes, *, own=0.0, common=0.0, apart=0.0, mean=3.0):
    shared = factors(noise, common, 0.9, minutes)
    arms = [factors(noise, own, 0.9, minutes) for _ in range(2)]
    offset = math.exp(noise.gauss(0, apart))
    return [
        Look(Counts(300, poisson(noise, mean * s * a)), Counts(300, poisson(noise, mean * s * b * offset)))
        for s, a, b in zip(shared, *arms, strict=True)
    ]


def noises(seeds, **how):
    return [measure([a_run(random.Random(seed), 2000, **how)], []) for seed in seeds]


def long_run(noise, mean=3.0):
    """Dispersion over two hours of two arms with so many bad events a minute."""
    return noise.dispersion + noise.wander**2 * mean / 2 * min(noise.lasts_s / 60, 120)


def test_independent_events_are_found_to_be_nearly_so():
    found = noises(range(5))
    assert all(each.dispersion < 1.3 and each.wander < 0.3 for each in found)
    assert sum(map(long_run, found)) / 5 < 2.0
    assert {(each.source, each.minutes) for each in found} == {(NoiseSource.MEASURED, 2000)}


def test_noise_that_is_correlated_is_found_with_its_long_run_dispersion():
    # AR(1) with phi 0.9 and 3 events a minute: 1 + 3 * (e^0.0625 - 1) * 19 = 4.7 in the long run
    found = noises(range(5), sd=0.25)
    assert 3.0 < sum(map(long_run, found)) / 5 < 12.0


@pytest.mark.parametrize("sd", [0.2, 0.4])
def test_more_noise_widens_more(sd):
    quiet, loud = noises(range(3), sd=sd), noises(range(3), sd=2 * sd)
    assert sum(map(long_run, quiet)) < sum(map(long_run, loud))


def test_the_longer_the_history_the_tighter_the_bound():
    short, long = ([measure([a_run(random.Random(seed), n)], []) for seed in range(4)] for n in (240, 2500))
    assert sum(map(long_run, long)) < sum(map(long_run, short))


def test_what_both_arms_share_is_no_noise_once_enough_was_seen_of_two_at_once():
    noise = random.Random(4)
    alone = [[look.stable for look in a_pair(noise, 2000, common=0.6)]]
    beside = [a_pair(noise, 64, common=0.6) for _ in range(40)]
    assert long_run(measure(alone, beside)) < 0.4 * long_run(measure(alone, []))


def test_arms_that_lie_apart_for_good_are_noise_that_one_release_alone_cannot_show():
    noise = random.Random(5)
    alone = [a_run(noise, 2000)]
    beside = [a_pair(noise, 64, apart=0.4) for _ in range(40)]
    assert long_run(measure(alone, beside)) > 5 * long_run(measure(alone, []))


def test_pairs_that_say_the_same_leave_it_at_what_was_seen_of_one():
    noise = random.Random(6)
    alone, beside = [a_run(noise, 2000)], [a_pair(noise, 64) for _ in range(10)]
    assert curve(alone, beside) == curve(alone, [])


def test_pairs_alone_are_enough():
    noise = random.Random(7)
    assert measure([], [a_pair(noise, 64) for _ in range(10)]).source is NoiseSource.MEASURED


@pytest.mark.parametrize(
    ("alone", "beside"),
    [
        ([], []),
        ([[Counts(300, 3)] * 119], []),
        ([[Counts(300, 0)] * 900 + [Counts(300, 49)]], []),
        ([[Counts(0, 0)] * 900], []),
        ([], [[Look(Counts(), Counts(9, 9))] * 900]),
        ([[Counts(9, 9)] * 900], []),
    ],
    ids=["nothing", "too short", "too few events", "no exposure", "one arm only", "all bad"],
)
def test_too_little_history_says_nothing(alone, beside):
    assert measure(alone, beside) is None


def test_runs_are_not_joined_over_a_gap():
    # Seven minutes and then nothing known: no two stretches of four minutes ever stand in one run.
    noise = random.Random(8)
    scales = curve([a_run(noise, 7) for _ in range(100)], [])
    assert [each.minutes for each in scales] == [1, 2]


def test_minutes_without_exposure_say_nothing():
    noise = random.Random(10)
    quiet = [Counts()] * 64
    run = a_run(noise, 256)
    with_gaps, without = (curve([each], [])[0] for each in (quiet + run + quiet, run))
    assert with_gaps.fano == pytest.approx(without.fano, rel=0.01)
    assert with_gaps.at_most == pytest.approx(without.at_most, rel=0.01)


def test_a_steady_line_is_not_better_than_independent():
    found = measure([[Counts(300, 3)] * 2000], [])
    assert 1.0 <= found.dispersion < 1.2
    assert long_run(found) < 2.0


RUNS = st.lists(
    st.lists(st.builds(Counts, st.integers(0, 500), st.integers(0, 40)), min_size=1, max_size=40), max_size=12
)
PAIRS = st.lists(
    st.lists(
        st.builds(
            Look,
            st.builds(Counts, st.integers(0, 50), st.integers(0, 40)),
            st.builds(Counts, st.integers(0, 50), st.integers(0, 40)),
        ),
        max_size=40,
    ),
    max_size=8,
)


@settings(max_examples=25)
@given(RUNS, PAIRS)
def test_whatever_the_history_the_noise_is_one_that_the_judge_takes(alone, beside):
    found = measure(alone, beside)
    if found is not None:
        assert 1.0 <= found.dispersion < math.inf
        assert 0.0 <= found.wander <= dispersion.WANDER_MOST
        assert found.lasts_s > 0.0 or found.wander == 0.0


@settings(max_examples=25)
@given(st.integers(0, 10**6), st.integers(2, 1000))
def test_exposure_counted_in_other_units_changes_little(seed, unit):
    run = a_run(random.Random(seed), 300, sd=0.3, exposure=100_000)
    other = [Counts(each.exposure * unit, each.bad) for each in run]
    for one, two in zip(curve([run], []), curve([other], []), strict=True):
        assert two.at_most == pytest.approx(one.at_most, rel=1e-3)


@settings(max_examples=25)
@given(RUNS, st.randoms(use_true_random=False))
def test_the_order_of_runs_does_not_matter(alone, shuffling):
    shuffled = alone.copy()
    shuffling.shuffle(shuffled)
    assert measure(alone, []) == measure(shuffled, [])


SCALES = st.lists(
    st.tuples(st.floats(1.0, 100.0), st.floats(1.0, 4.0), st.floats(0.01, 100.0)), min_size=1, max_size=8
).map(
    lambda each: [
        Scale(2**i, fano, 1.0, fano * more, 2**i * rate) for i, (fano, more, rate) in enumerate(each)
    ]
)


@given(SCALES)
def test_the_noise_lies_above_every_bound(scales):
    found = cover(scales)
    for each in scales:
        reached = each.rate * min(each.minutes, found.lasts_s / 60)
        assert found.dispersion + found.wander**2 * reached >= each.at_most * (1 - 1e-9)


def test_of_two_noises_that_cover_the_one_that_costs_less_is_taken():
    # Much traffic and noise as slow as the release: dispersion alone would slow everything down 90 times.
    slow = [Scale(2**i, 1 + 30 * 0.02 * 2**i, 1.0, 1 + 30 * 0.02 * 2**i, 30.0 * 2**i) for i in range(6)]
    assert cover(slow).dispersion < 2.0
    assert cover(slow).wander == pytest.approx(math.sqrt(0.02), rel=0.1)
    # Events that come in threes, at every scale: dispersion says it all.
    assert cover([Scale(2**i, 3.0, 1.0, 3.0, 0.3 * 2**i) for i in range(6)]).wander == 0.0


def test_growth_at_the_longest_scale_is_taken_to_go_on():
    noise = random.Random(9)
    scales = curve([], [a_pair(noise, 32, apart=0.6) for _ in range(30)])
    assert [each.minutes for each in scales] == [1, 2, 4, 8, 16, 32, 64, 128]
    assert scales[-1].at_most > 3 * scales[5].at_most


def test_a_scale_worked_out_by_hand():
    # Sixteen minutes of 100, bad 0 and 8 by turns: 4 off the mean, where independent events vary by 3.84.
    one, two = curve([[Counts(100, 0), Counts(100, 8)] * 8], [])
    fano = 16.0 / 3.84 * 16 / 15
    assert one.fano == pytest.approx(fano)
    assert one.information == pytest.approx(3.84 / 2)
    # The 20 % quantile of chi-square with 16 degrees of freedom is 11.15, the 80 % quantile 20.47.
    assert one.at_most == pytest.approx(fano * 16 / 11.15, rel=0.005)
    assert one.at_least == pytest.approx(fano * 16 / 20.47, rel=0.005)
    # By two minutes it is steadier than chance, which is never taken for better than independent.
    assert two.fano == 1.0
    assert two.at_most == pytest.approx(8 / 4.594, rel=0.01)


def test_a_scale_of_pairs_worked_out_by_hand():
    # Twice as much on the stable; the candidate has 2 or 4 of 6 bad events, where 2 are its part.
    looks = [Look(Counts(200, 4), Counts(100, 2)), Look(Counts(200, 2), Counts(100, 4))] * 4
    (one,) = curve([], [looks])
    assert one.information == pytest.approx(6 * 2 / 9)
    assert one.fano == pytest.approx(max(1.0, 2.0 / (6 * 2 / 9)))

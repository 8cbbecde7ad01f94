"""Random effects of blocks of time: exact guarantees on small looks, and what widening does."""

import itertools
import json
import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.judge import blocks, counts, forecast
from andon.judge.model import INDEPENDENT, Counts, JudgePolicy, Look, MetricPolicy, MetricState, Noise
from andon.judge.replay import StoredLook, replay
from andon.judge.sequential import judge, start, update
from andon.rollouts import codec

WANDERING = Noise(1.0, 0.5, 600.0)
POLICY = MetricPolicy("errors", alpha=0.01, noise=WANDERING)


def a_look(stable=(100, 0), candidate=(100, 0)):
    return Look(Counts(*stable), Counts(*candidate))


def begun(policy):
    nothing = MetricState(
        log_likelihood=(0.0,) * len(counts.GRID), log_margin=(0.0,) * (len(counts.SAFE) + 1)
    )
    return blocks.start(nothing, policy.noise)


def walked(policy, looks):
    state = begun(policy)
    for look, at in looks:
        state = blocks.add(state, look, policy, at)
    return state


def chance_of_block(mine, bad, wander, shift):
    """Chance of the candidate's bad events in the looks of one block, given all; both arms are as exposed."""
    far = blocks.reach(wander)
    kernel = [
        math.exp(-0.5 * (i * counts.STEP / wander) ** 2) if wander else 1.0 for i in range(-far, far + 1)
    ]
    total = 0.0
    for i, weight in zip(range(-far, far + 1), kernel, strict=True):
        odds = math.exp(shift + i * counts.STEP)
        each = odds / (1 + odds)
        total += weight * math.prod(
            math.comb(n, k) * each**k * (1 - each) ** (n - k) for k, n in zip(mine, bad, strict=True)
        )
    return total / sum(kernel)


def mean_of(e_value, policy, wander, shift, bad=((1, 2), (3,))):
    """Exact mean of an e-value over all outcomes of looks in two blocks, where the noise has `wander`."""
    total = 0.0
    for outcome in itertools.product(*(range(n + 1) for block in bad for n in block)):
        left, looks, chance = list(outcome), [], 1.0
        for number, block in enumerate(bad):
            mine = [left.pop(0) for _ in block]
            chance *= chance_of_block(mine, block, wander, shift)
            looks += [
                (a_look((100, n - k), (100, k)), 600.0 * number) for k, n in zip(mine, block, strict=True)
            ]
        total += chance * e_value(walked(policy, looks))
    return total


def harm(state):
    return math.exp(counts.log_e_harm(state.log_likelihood))


def safe(state):
    return math.exp(counts.log_e_safe(state.log_margin))


@pytest.mark.parametrize("wander", [0.2, 0.5, 1.0])
def test_harm_has_mean_one_at_the_noise_that_was_named(wander):
    policy = replace(POLICY, noise=Noise(1.0, wander, 600.0))
    assert mean_of(harm, policy, wander, 0.0) == pytest.approx(1.0, abs=1e-9)


@pytest.mark.parametrize("shift", [-0.2, -1.0, -3.0])
def test_harm_has_a_mean_below_one_where_the_candidate_is_better(shift):
    assert mean_of(harm, POLICY, 0.5, shift) < 1.0


@pytest.mark.parametrize("wander", [0.0, 0.2, 0.4])
@pytest.mark.parametrize("shift", [0.0, -0.3])
def test_noise_that_is_quieter_than_named_is_never_taken_for_harm(wander, shift):
    assert mean_of(harm, POLICY, wander, shift) <= 1.0


def test_noise_that_is_louder_than_named_breaks_the_promise():
    assert mean_of(harm, POLICY, 1.0, 0.0) > 1.01


@pytest.mark.parametrize("wander", [0.0, 0.3, 0.5])
@pytest.mark.parametrize("shift", [math.log(1.5), 1.0])
def test_promotion_has_a_mean_of_at_most_one_from_the_margin_on(wander, shift):
    assert mean_of(safe, POLICY, wander, shift) <= 1.0


@given(st.integers(0, 30), st.integers(0, 30), st.floats(1.0, 9.0))
def test_dispersion_divides_the_evidence(stable, candidate, dispersion):
    look = a_look((100, stable), (100, candidate))
    plain = walked(replace(POLICY, noise=INDEPENDENT), [(look, 0.0)])
    tempered = walked(replace(POLICY, noise=Noise(dispersion)), [(look, 0.0)])
    assert tempered.log_likelihood == pytest.approx([x / dispersion for x in plain.log_likelihood])
    assert tempered.log_margin == pytest.approx([x / dispersion for x in plain.log_margin])


def test_independent_events_are_added_bit_for_bit_as_before_there_was_noise():
    look = a_look((100, 3), (90, 7))
    state = walked(replace(POLICY, noise=INDEPENDENT), [(look, 5.0)])
    assert state.log_likelihood == counts.add((0.0,) * len(counts.GRID), look)
    assert (state.log_open, state.log_closed, state.blocks) == ((), (), 0)


@given(
    st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20), st.integers(1, 900)), max_size=8),
    st.floats(0.05, 1.5),
)
def test_the_likelihood_stays_concave_so_that_bounds_are_found_by_bisection(gains, wander):
    policy, at, looks = replace(POLICY, noise=Noise(1.3, wander, 600.0)), 0.0, []
    for stable, candidate, seconds in gains:
        at += seconds
        looks.append((a_look((100, stable), (100, candidate)), at))
    likelihood = walked(policy, looks).log_likelihood
    assert all(
        a + c <= 2 * b + 1e-9 for a, b, c in zip(likelihood, likelihood[1:], likelihood[2:], strict=False)
    )


def test_a_block_ends_with_the_clock_and_not_with_what_was_seen():
    looks = [(a_look(candidate=(100, 9)), at) for at in (1000.0, 1599.0)]
    one = walked(POLICY, looks)
    assert (one.blocks, one.open_since) == (0, 1000.0)
    two = blocks.add(one, a_look(), POLICY, 1600.0)
    assert (two.blocks, two.open_since) == (1, 1600.0)
    assert two.log_closed == one.log_likelihood
    assert set(two.log_open) == {0.0}


def test_evidence_from_another_block_counts_more_than_more_of_the_same():
    look = a_look((100, 5), (100, 25))
    same = walked(POLICY, [(look, 0.0), (look, 1.0)])
    other = walked(POLICY, [(look, 0.0), (look, 600.0)])
    assert counts.log_e_harm(other.log_likelihood) > counts.log_e_harm(same.log_likelihood) + 1.0


def test_within_one_block_no_evidence_is_stronger_than_the_noise_allows():
    # A factor of e^0.5 is one standard deviation: however many events show it, it may be noise.
    state = walked(POLICY, [(a_look((10**6, 10_000), (10**6, 16_500)), 0.0)])
    assert counts.log_e_harm(state.log_likelihood) < math.log(10)
    plain = walked(replace(POLICY, noise=INDEPENDENT), [(a_look((10**6, 10_000), (10**6, 16_500)), 0.0)])
    assert counts.log_e_harm(plain.log_likelihood) > 100


def test_a_margin_beyond_the_grid_is_held_to_its_end():
    state = walked(replace(POLICY, margin=90.0), [(a_look((100, 9), (100, 2)), 0.0)])
    assert state.log_margin[0] == state.log_likelihood[-1]


@pytest.mark.parametrize("noise", [Noise(1.7), Noise(1.3, 0.4, 300.0)])
def test_a_judgement_with_noise_replays_bit_for_bit_also_from_what_was_stored(noise):
    metric = MetricPolicy("errors", alpha=0.01, acceptable=0.02, guardrail=0.5, noise=noise)
    policy = JudgePolicy((metric,))
    history = [
        StoredLook({"errors": a_look((60, i % 3), (60, (i * i) % 5))}, at=1e9 + 77.0 * i) for i in range(40)
    ]
    state = start(policy)
    for stored in history:
        state = update(state, stored.looks, policy, stored.at)
        state = codec.decode(type(state), json.loads(json.dumps(codec.encode(state))))
    read = codec.decode(JudgePolicy, json.loads(json.dumps(codec.encode(policy))))
    assert read == policy
    assert judge(state, policy) == replay(history, read)


def test_the_forecast_is_right_within_a_factor_of_two_where_noise_wanders():
    metric = MetricPolicy("errors", alpha=0.01, noise=Noise(1.2, 0.15, 600.0))
    state, look = begun(metric), a_look((300, 3), (300, 3))
    needed, minute = None, 0
    while counts.log_e_safe(state.log_margin) < math.log(100.0):
        state = blocks.add(state, look, metric, 60.0 * minute)
        minute += 1
        if minute == 20:
            seen = replace(state, stable=Counts(6000, 60), candidate=Counts(6000, 60))
            needed = forecast.needed(seen, metric, 0.5)
    assert 0.5 < needed.exposure / (300 * (minute - 20)) < 2.0


def test_likelihoods_far_below_the_highest_are_averaged_as_well():
    far = counts.HALF + blocks.reach(0.5)
    log_open = [-900.0 * abs(i) for i in range(-far, far + 1)]
    averaged = blocks.average(log_open, 0.5)
    assert averaged[0] == pytest.approx(-900.0 * (counts.HALF - blocks.reach(0.5)) - 10.0, abs=5.0)
    assert all(map(math.isfinite, averaged))


def test_the_candidates_own_rate_is_widened_too():
    bad = {"errors": a_look((100, 0), (100, 20))}
    found = []
    for noise in (INDEPENDENT, Noise(2.0), Noise(1.0, 1.0, 600.0)):
        policy = JudgePolicy((MetricPolicy("errors", alpha=0.01, guardrail=0.05, noise=noise),))
        found.append(judge(update(start(policy), bad, policy), policy).findings[0].by_guardrail)
    assert found == [True, False, False]


@pytest.mark.parametrize(
    ("noise", "said"),
    [
        (INDEPENDENT, ""),
        (Noise(1.8), " (widened by noise 1.8 times that of independent events)"),
        (
            Noise(1.0, 0.1, 1200.0),
            " (widened by noise 1.0 times that of independent events, with rates 10.5 % off for 20 minutes)",
        ),
    ],
)
def test_a_finding_says_what_its_evidence_was_widened_by(noise, said):
    policy = JudgePolicy((MetricPolicy("errors", alpha=0.01, noise=noise),))
    seen = judge(update(start(policy), {"errors": a_look((100, 2), (100, 2))}, policy), policy)
    assert seen.reason.partition(" (widened")[0].endswith("limit 100 to 1")
    assert seen.reason.endswith(said)
    assert judge(start(policy), policy).reason == "errors: no evidence from the candidate yet"


def test_the_long_run_grows_with_what_a_block_counts():
    state = replace(begun(POLICY), candidate=Counts(3000, 30), blocks=2)
    # 1,000 candidate requests a block come with 20 bad events of both arms: information 20 / 4.
    assert blocks.long_run(state, Noise(1.2, 0.5, 600.0), 0.02, 0.5) == pytest.approx(1.2 + 0.25 * 5.0)
    assert blocks.own_dispersion(state, Noise(1.2, 0.5, 600.0), 0.01) == pytest.approx(1.2 + 0.125 * 10.0)

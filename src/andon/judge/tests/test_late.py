"""A late turn: bets made anew at each change of share, and that they cost no promise."""

import itertools
import math

import pytest

from andon.judge import counts, late
from andon.judge.model import Counts, JudgePolicy, Look, MetricPolicy, Outcome
from andon.judge.sequential import judge, observe_ratio, start, update

NOTHING = (0.0,) * len(counts.GRID)
POLICY = JudgePolicy((MetricPolicy("errors", alpha=0.01),))


def one_event(mine):
    """A look at ten requests of each arm of which one was bad."""
    return Look(Counts(10, 0 if mine else 1), Counts(10, 1 if mine else 0))


def e_value(path, steps):
    """The e-value after a path of bad events, some of which begin a step."""
    log, bet = NOTHING, None
    for index, mine in enumerate(path):
        if index in steps:
            bet = late.begin_step(bet, log)
        log = counts.add(log, one_event(mine))
    return math.exp(late.log_e(bet, log))


@pytest.mark.parametrize("steps", [(), (3,), (2, 5), (1, 2, 3, 4, 5, 6, 7)])
@pytest.mark.parametrize("chance", [0.5, 0.4, 0.1])
def test_a_harmless_candidate_earns_no_evidence_on_average_over_all_paths(steps, chance):
    mean = math.fsum(
        math.prod(chance if mine else 1 - chance for mine in path) * e_value(path, steps)
        for path in itertools.product((False, True), repeat=8)
    )
    assert mean <= 1.0 + 1e-9
    if chance == 0.5:
        assert mean == pytest.approx(1.0)


def test_in_the_first_step_nothing_is_bet_anew():
    log = counts.add(NOTHING, one_event(mine=True))
    assert late.log_e(None, log) == counts.log_e_harm(log)
    assert late.begin_step(None, NOTHING) is None


def test_a_step_without_evidence_bets_nothing():
    log = counts.add(NOTHING, one_event(mine=True))
    bet = late.begin_step(None, log)
    assert late.begin_step(bet, log) is bet


def test_what_is_left_is_halved_at_each_step_and_what_was_won_stays():
    log, bet = NOTHING, None
    for step in range(4):
        log = counts.add(log, Look(Counts(100, 1), Counts(100, 9)))
        bet = late.begin_step(bet, log)
        assert bet is not None
        assert bet.kept == bet.stake == pytest.approx(counts.HARM[0].weight / 2 ** (step + 1))
    assert bet.won > math.log(2)
    assert late.log_e(bet, log) == pytest.approx(
        math.log(
            math.exp(counts.log_e_harm(log))
            - counts.HARM[0].weight
            + bet.kept
            + bet.stake
            + math.exp(bet.won)
        )
    )


def looked(state, share, stable, candidate):
    look = Look(Counts(*stable), Counts(*candidate))
    requests = Look(Counts(stable[0]), Counts(candidate[0]))
    return update(observe_ratio(state, requests, share, POLICY), {"errors": look}, POLICY)


def looks_until_fail(state, share):
    for looks in range(1, 200):
        state = looked(state, share, (100, 1), (100, 3))
        if judge(state, POLICY).outcome is Outcome.FAIL:
            return looks
    return 200


def test_a_turn_after_a_change_of_share_is_seen_sooner():
    good = start(POLICY)
    for _ in range(60):
        good = looked(good, 0.5, (100, 1), (100, 1))
    assert looks_until_fail(good, 0.4999) < looks_until_fail(good, 0.5) - 3

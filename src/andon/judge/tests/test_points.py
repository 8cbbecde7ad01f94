"""Where the arms are compared, and what a look says there."""

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.judge import counts, points
from andon.judge.model import Counts, Look, Point

EDGES = (1.0, 2.0, 4.0, 8.0, math.inf)
NONE = (0.0,) * len(points.ODDS)


def binomial(n, k, p):
    return math.comb(n, k) * p**k * (1.0 - p) ** (n - k)


def mean(stable, candidate, rates, beyond):
    """Exact mean of the e-value of one look, over every outcome of two independent arms."""
    return math.fsum(
        binomial(stable, xs, rates[0])
        * binomial(candidate, xc, rates[1])
        * math.exp(
            points.log_e_odds(points.add_odds(NONE, Look(Counts(stable, xs), Counts(candidate, xc)), beyond))
        )
        for xs in range(stable + 1)
        for xc in range(candidate + 1)
    )


def test_the_weights_add_up_to_one():
    assert math.fsum(each.weight for each in points.ODDS) + points.UNBET == pytest.approx(1.0)
    assert points.UNBET > 0.0


@pytest.mark.parametrize("beyond", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("rates", [(0.5, 0.5), (0.3, 0.3), (0.9, 0.9), (0.5, 0.4), (0.6, 0.1), (1.0, 1.0)])
@pytest.mark.parametrize("sizes", [(6, 6), (12, 2), (2, 12), (1, 1)])
def test_a_candidate_that_is_no_slower_earns_no_evidence_on_average(sizes, rates, beyond):
    assert mean(*sizes, rates, beyond) <= 1.0 + 1e-9


@given(st.lists(st.floats(0.05, 0.95), min_size=4, max_size=4), st.floats(0.05, 0.95))
def test_chances_may_differ_within_a_look_where_their_means_are_alike(chances, beyond):
    """Two requests of each arm, of four chances, the candidate's mean brought down to the stable's."""
    one, two = chances[:2], chances[2:]
    if sum(two) > sum(one):
        one, two = two, one
    total = 0.0
    for outcome in itertools.product((0, 1), repeat=4):
        weight = math.prod(p if hit else 1.0 - p for p, hit in zip((*one, *two), outcome, strict=True))
        look = Look(Counts(2, sum(outcome[:2])), Counts(2, sum(outcome[2:])))
        total += weight * math.exp(points.log_e_odds(points.add_odds(NONE, look, beyond)))
    assert total <= 1.0 + 1e-9


def test_a_slower_candidate_earns_evidence_and_a_look_at_one_arm_earns_none():
    slower = Look(Counts(100, 50), Counts(100, 75))
    assert points.log_e_odds(points.add_odds(NONE, slower, 0.5)) > math.log(50)
    for look in (Look(Counts(100, 50), Counts()), Look(Counts(), Counts(100, 75))):
        assert points.add_odds(NONE, look, 0.5) == NONE


@pytest.mark.parametrize(
    ("pool", "part", "edge"),
    [
        ((900, 50, 30, 15, 5), points.TAIL, 1),  # 5 % lie beyond 2
        ((500, 400, 60, 30, 10), points.TAIL, 2),
        ((500, 400, 60, 30, 10), points.HALF, 0),
        ((1000, 0, 0, 0, 0), points.TAIL, 0),
        ((0, 0, 0, 0, 1000), points.TAIL, 0),  # every edge is as bad
        ((100, 100, 300, 400, 100), points.HALF, 2),
    ],
)
def test_a_point_lies_at_the_edge_beyond_which_nearest_to_its_part_lies(pool, part, edge):
    chosen = points.choose(Point(), pool, EDGES, part, 1.1)
    assert chosen.edge == edge
    assert chosen.beyond == pytest.approx(
        min(max((sum(pool[edge + 1 :]) + 0.5) / (sum(pool) + 1), 0.02), 0.98)
    )


def test_too_little_known_of_the_stable_release_leaves_a_point_as_it_is():
    point = Point(edge=3, beyond=0.1)
    assert points.choose(point, (50, 49, 0, 0, 0), EDGES, points.TAIL, 1.1) is point


def test_choosing_anew_keeps_what_was_gathered():
    before = points.choose(Point(), (900, 50, 30, 15, 5), EDGES, points.TAIL, 1.1)
    gathered = points.add(before, Look(Counts(100), Counts(100), (90, 5, 3, 2, 0), (85, 6, 5, 3, 1)))
    after = points.choose(gathered, (500, 400, 60, 30, 10), EDGES, points.TAIL, 1.1)
    assert (after.edge, after.log_margin) == (2, gathered.log_margin)
    assert (after.stable, after.candidate) == (Counts(100, 5), Counts(100, 9))


def lognormal(edges, spread, count):
    """Observations of a lognormal around 1, in buckets, without noise."""

    def below(x):
        return 0.5 * (1 + math.erf(math.log(x) / spread / math.sqrt(2))) if x < math.inf else 1.0

    cumulative = [round(count * below(edge)) for edge in edges]
    return [now - before for before, now in itertools.pairwise([0, *cumulative])], below


FINE = (*(round(0.5 * 1.2**i, 4) for i in range(12)), math.inf)


@pytest.mark.parametrize("spread", [0.2, 0.3, 0.5, 1.0])
@pytest.mark.parametrize("part", [points.TAIL, points.HALF])
def test_the_ratio_that_stands_for_the_margin_is_no_larger_than_the_true_one(spread, part):
    pool, below = lognormal(FINE, spread, 1_000_000)
    chosen = points.choose(Point(), pool, FINE, part, 1.1)
    edge = FINE[chosen.edge]
    true = (1 - below(edge / 1.1)) / (1 - below(edge))
    if part == points.TAIL:
        assert chosen.margin <= true * 1.001
    assert 1 + (min(true, 2.0) - 1) * 0.6 < chosen.margin < true * 1.02


def test_a_small_pool_makes_the_ratio_smaller():
    pool, _ = lognormal(FINE, 0.3, 1_000_000)
    few, _ = lognormal(FINE, 0.3, 300)
    assert points.choose(Point(), few, FINE, points.TAIL, 1.1).margin < (
        points.choose(Point(), pool, FINE, points.TAIL, 1.1).margin
    )


@pytest.mark.parametrize(
    ("pool", "edge", "margin", "ratio"),
    [
        ((0, 0, 900, 0, 100), 3, 1.1, 1.05),  # nothing lies where the margin would move it from
        ((0, 0, 0, 900, 100), 3, 2.0, 2.0),  # nearly all does
        ((900, 50, 30, 15, 5), 0, 1.1, 1.05),  # below the first edge nothing is known
    ],
)
def test_the_ratio_that_stands_for_the_margin_stays_within_reason(pool, edge, margin, ratio):
    beyond = [sum(pool) - here for here in itertools.accumulate(pool)]
    assert points.ratio_at(edge, beyond, EDGES, margin) == ratio


def test_beyond_an_edge_a_look_counts():
    look = Look(Counts(10), Counts(6), (5, 3, 1, 1, 0), (1, 2, 0, 2, 1))
    assert points.seen_at(1, look) == Look(Counts(10, 2), Counts(6, 3))
    point = Point(edge=2, lower=1, part=0.5, margin=1.5, log_margin=(0.0,) * 6)
    point = points.add(point, look)
    assert (point.stable, point.candidate) == (Counts(10, 1), Counts(6, 3))
    assert point.moved == 1 + 1 + 0.5 * 3
    alone = points.add(point, Look(Counts(), Counts(2), (0,) * 5, (0, 0, 0, 1, 1)))
    assert alone.log_margin == point.log_margin


@pytest.mark.parametrize(
    ("edge", "margin", "lower", "part"),
    [
        (2, 1.1, 2, math.log(1.1) / math.log(2)),  # 4 / 1.1 lies between 2 and 4, evenly filled
        (2, 2.0, 1, 0.0),  # exactly at the edge below
        (3, 3.0, 2, math.log(4 / (8 / 3)) / math.log(2)),  # a bucket further down
        (0, 1.1, 0, 0.0),  # below the first edge nothing is known
    ],
)
def test_a_slower_observation_is_looked_for_where_it_lay_before(edge, margin, lower, part):
    bucket, inside = points.moved_to(edge, [10**9 - 1, 10**9 - 2, 10**9 - 3, 10**9 - 4, 0], EDGES, margin)
    assert (bucket, inside) == (lower, pytest.approx(part, abs=1e-6))
    _, falling = points.moved_to(edge, [1000, 100, 10, 1, 0], EDGES, margin)
    assert falling <= inside


@pytest.mark.parametrize("rates", [(0.5, 0.5), (0.2, 0.2), (0.2, 0.5), (0.9, 1.0)])
def test_a_candidate_as_slow_as_the_margin_earns_no_promotion_on_average(rates):
    """Exact, over every outcome: an observation of the stable release counts nothing, half or whole."""
    point = Point(edge=1, lower=1, part=0.5, margin=1.4, log_margin=(0.0,) * 6)
    total = 0.0
    for stable in itertools.product((0, 1, 2), repeat=3):  # below, in the bucket that counts half, beyond
        for mine in range(5):
            half = rates[0] * 0.5
            chances = {0: 1 - rates[0] - half / 2, 1: half, 2: rates[0] - half / 2}
            weight = math.prod(chances[each] for each in stable) * binomial(4, mine, rates[1])
            buckets = (stable.count(0), stable.count(1), stable.count(2), 0, 0)
            look = Look(Counts(3), Counts(4), buckets, (4 - mine, 0, mine, 0, 0))
            total += weight * math.exp(counts.log_e_safe(points.add(point, look).log_margin))
    assert total <= 1.0 + 1e-9


def test_a_percentile_is_the_edge_up_to_which_so_many_lie():
    assert points.quantile((50, 45, 4, 1, 0), EDGES, points.HALF) == 1.0
    assert points.quantile((50, 45, 4, 1, 0), EDGES, points.TAIL) == 2.0
    assert points.quantile((0, 0, 0, 0, 3), EDGES, points.TAIL) == math.inf
    assert points.quantile((0, 0, 0, 0, 0), EDGES, points.TAIL) is None

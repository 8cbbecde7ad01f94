"""Places in the distribution of a measured quantity at which the arms are compared: one edge, two counts.

An edge is chosen from what the stable release had before it is used, so that choosing it costs no evidence.
Beyond an edge the quantity is a count, with all of its observations as exposure. docs/design/judge.md.
"""

import itertools
import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import replace

from andon.judge import counts
from andon.judge.mixture import Atom, log_mean
from andon.judge.model import Counts, Look, Point

KNOWN = 100  # observations of the stable release from which on its slowest twentieth has a place
TAIL, HALF = 0.05, 0.5  # parts of the stable release's observations that lie beyond each point
# Distances in log odds, for the point that half of the observations lie beyond. Of a spread of 0.3 around the
# median (in logarithms), 10 % slower is 0.5, 25 % slower is 1.2. The rest is not bet.
ODDS = (
    Atom(0.15, 0.06),
    Atom(0.3, 0.10),
    Atom(0.5, 0.20),
    Atom(0.8, 0.20),
    Atom(1.2, 0.22),
    Atom(2.0, 0.12),
    Atom(3.5, 0.05),
)
UNBET = 1.0 - math.fsum(each.weight for each in ODDS)
# A ratio that stands for the margin is never so small that proof is out of reach, nor so large that half as
# many again would pass beside it.
_LEAST, _MOST = 1.05, 2.0
_SURE = (0.02, 0.98)


def choose(point: Point, pool: Sequence[int], edges: Sequence[float], part: float, margin: float) -> Point:
    """Move a point to the edge beyond which about `part` of the pool lies; what it has gathered stays.

    pool: the stable release's observations so far, by bucket; too few of them leave the point as it is.
    """
    total = sum(pool)
    if total < KNOWN:
        return point
    beyond = [total - here for here in itertools.accumulate(pool)]
    edge = min(
        range(len(edges) - 1),
        key=lambda index: abs(math.log((beyond[index] + 0.5) / (total + 1.0) / part)),
    )
    lower, inside = moved_to(edge, beyond, edges, margin)
    return replace(
        point,
        edge=edge,
        beyond=min(max((beyond[edge] + 0.5) / (total + 1.0), _SURE[0]), _SURE[1]),
        lower=lower,
        part=inside,
        margin=ratio_at(edge, beyond, edges, margin),
        log_margin=point.log_margin or (0.0,) * len(alternatives(point)),
    )


def alternatives(point: Point) -> tuple[float, ...]:
    """Log ratios of the promotion test: first "as slow as the margin", which is 0, then those below it."""
    top, *below = counts.margin_points(point.margin)
    return (0.0, *(each - top for each in below))


def moved_to(edge: int, beyond: Sequence[int], edges: Sequence[float], margin: float) -> tuple[int, float]:
    """Where an observation lies that would lie just beyond the edge if it took `margin` times as long.

    Returns the bucket, and the part of that bucket that lies above the place. Below the first edge nothing is
    known. The part is that of an even spread of logarithms, or less, where the pool falls off within it.
    """
    place = edges[edge] / margin
    lower = bisect_left(edges, place)
    if lower == 0:
        return 0, 0.0
    even = math.log(edges[lower] / place) / math.log(edges[lower] / edges[lower - 1])
    high, low = beyond[lower] + 0.5, beyond[lower - 1] + 0.5
    falling = (high * (low / high) ** even - high) / (low - high) if low > high else even
    return lower, min(even, falling)


def ratio_at(edge: int, beyond: Sequence[int], edges: Sequence[float], margin: float) -> float:
    """How many times as many would lie beyond an edge, if everything took `margin` times as long.

    Between two edges the part beyond is interpolated as a power of the time, which lies below it wherever the
    tail falls ever faster; and one standard error of the pool is taken off. Both make promotion harder.
    """
    moved = edges[edge] / margin
    upper = bisect_left(edges, moved)
    there = beyond[upper] + 0.5
    if upper > 0:
        width = math.log(edges[upper] / edges[upper - 1])
        there *= ((beyond[upper - 1] + 0.5) / there) ** (math.log(edges[upper] / moved) / width)
    here = beyond[edge] + 0.5
    between = there - here
    if between <= 0.0:
        return _LEAST
    ratio = 1.0 + between / here * math.exp(-math.sqrt(1.0 / between + 1.0 / here))
    return min(max(ratio, _LEAST), _MOST)


def seen_at(edge: int, look: Look) -> Look:
    """What a look says at an edge: observations as exposure, those beyond the edge as bad events."""
    return Look(
        Counts(look.stable.exposure, sum(look.stable_buckets[edge + 1 :])),
        Counts(look.candidate.exposure, sum(look.candidate_buckets[edge + 1 :])),
    )


def add(point: Point, look: Look, weight: float = 1.0) -> Point:
    """Add one look. weight: what an observation counts for.

    The promotion test compares the candidate beyond the edge with the stable release as if it took the margin
    longer, look by look: so a load that changes within a step moves both. Part of an observation counts as
    such a part of an event: its factor is no more than that part of the way to the factor of a whole one.
    """
    seen, margin = seen_at(point.edge, look), point.log_margin
    moved = sum(look.stable_buckets[point.lower + 1 :]) + point.part * look.stable_buckets[point.lower]
    stable, mine = seen.stable, seen.candidate
    if stable.exposure and mine.exposure:
        w, events = mine.exposure / (stable.exposure + mine.exposure), mine.bad + moved
        margin = tuple(
            old + weight * (mine.bad * at - events * math.log1p(w * math.expm1(at)))
            for old, at in zip(margin, alternatives(point), strict=True)
        )
    return replace(
        point,
        stable=point.stable.plus(stable),
        candidate=point.candidate.plus(mine),
        moved=point.moved + moved,
        log_margin=margin,
    )


def add_odds(log_odds: Sequence[float], seen: Look, beyond: float, weight: float = 1.0) -> tuple[float, ...]:
    """Add one look to the log-likelihood at each distance in log odds.

    beyond: the part of the stable release's observations that lay beyond the edge when it was chosen. weight:
    what an observation counts for. Turner, Ly & Grünwald, arXiv 2106.02693: against "the same chance", the
    best answer to a pair of alternatives is their mean by exposure.
    """
    stable, mine = seen.stable, seen.candidate
    if not (stable.exposure and mine.exposure):
        return tuple(log_odds)
    w = mine.exposure / (stable.exposure + mine.exposure)
    within, inside = mine.exposure - mine.bad, stable.exposure - stable.bad
    added = []
    for old, atom in zip(log_odds, ODDS, strict=True):
        slower = beyond * math.exp(atom.at) / (1.0 + beyond * math.expm1(atom.at))
        middle = w * slower + (1.0 - w) * beyond
        added.append(
            old
            + weight
            * (
                mine.bad * math.log(slower / middle)
                + within * math.log((1.0 - slower) / (1.0 - middle))
                + stable.bad * math.log(beyond / middle)
                + inside * math.log((1.0 - beyond) / (1.0 - middle))
            )
        )
    return tuple(added)


def log_e_odds(log_odds: Sequence[float]) -> float:
    """Log e-value against "no more of the candidate lies beyond the point"."""
    return log_mean((*log_odds, 0.0), (*ODDS, Atom(0.0, UNBET)))


def quantile(buckets: Sequence[int], edges: Sequence[float], part: float) -> float | None:
    """The edge up to which all but `part` of the observations lie; None where there are none."""
    total = sum(buckets)
    for edge, here in zip(edges, itertools.accumulate(buckets), strict=True):
        if total and total - here <= part * total:
            return edge
    return None

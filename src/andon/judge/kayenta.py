"""Kayenta's rules: what two samples say of a metric, and what metrics together say of a release.

After NetflixACAJudge-v1.0 of spinnaker/kayenta: its judge document, and where that is silent its code (state
of 2026). Two places differ, both for the sake of the replay and of silence, see docs/design/judge.md: the
noise for constant samples is not random, and half of the metrics without data need not fail the release.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import NormalDist

from andon.judge.options import Compared, Direction, MannWhitney, Measure, NanStrategy
from andon.judge.wilcoxon import Shift, shift, superiority

# Two constant samples have no ranks to compare, so Kayenta blurs them by this part of their value.
_BLUR = 1e-5
_HALF = 50.0


class Said(StrEnum):
    """What a comparison says of the candidate's values."""

    PASS = "pass"  # noqa: S105
    HIGH = "high"
    LOW = "low"
    NO_DATA = "no data"
    REQUIRED_DATA_MISSING = "required data missing"
    ERROR = "not comparable"


@dataclass(frozen=True, slots=True)
class Comparison:
    """The comparison of one metric. shift: None where none was computed; effect: None where it is unknown."""

    said: Said
    is_critical: bool = False
    shift: Shift | None = None
    effect: float | None = None


def compare(
    stable: Sequence[float | None], candidate: Sequence[float | None], one: Compared, how: MannWhitney
) -> Comparison:
    """Compare the arms' samples; None in a sample is an interval without data."""
    control, mine = _cleaned(stable, one), _cleaned(candidate, one)
    if not (control and mine):
        return _missing(one)
    if sorted(control) == sorted(mine) or len({*control, *mine}) == 1:
        return Comparison(Said.PASS)
    if len(set(control)) == len(set(mine)) == 1:
        control, mine = _blurred(control), _blurred(mine)
    found = shift(mine, control, how.confidence)
    if found is None:
        return Comparison(Said.ERROR)
    effect = _effect(control, mine, one.measure)
    said = _said(found, effect, one, how.tolerance)
    return Comparison(said, _is_critical(said, effect, one), found, effect)


def outliers_removed(values: Sequence[float], factor: float) -> list[float]:
    """Leave out what lies beyond the quartiles by `factor` interquartile ranges, and beyond 1 and 99 %."""
    ordered = sorted(values)
    first, third = percentile(ordered, 25.0), percentile(ordered, 75.0)
    reach = factor * (third - first)
    low = min(percentile(ordered, 1.0), first - reach)
    high = max(percentile(ordered, 99.0), third + reach)
    return [each for each in values if low <= each <= high]


def percentile(ordered: Sequence[float], percent: float) -> float:
    """Return a percentile of rising values, interpolated between neighbours (type 7 of R)."""
    at = (len(ordered) - 1) * percent / 100.0
    below = math.floor(at)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (at - below) * (ordered[above] - ordered[below])


def _cleaned(values: Sequence[float | None], one: Compared) -> list[float]:
    kept = [each for each in values if each is not None]
    if one.nan_strategy is NanStrategy.REPLACE:
        kept = [0.0 if each is None else each for each in values]
    return outliers_removed(kept, one.outlier_factor) if kept and one.outlier_factor else kept


def _missing(one: Compared) -> Comparison:
    if one.nan_strategy is NanStrategy.REPLACE:
        return Comparison(Said.PASS)
    if one.must_have_data and not one.critical:
        return Comparison(Said.REQUIRED_DATA_MISSING)
    return Comparison(Said.NO_DATA, is_critical=one.critical)


def _blurred(values: Sequence[float]) -> list[float]:
    """Spread equal values as normal noise lies on average; drawn noise would not replay."""
    normal = NormalDist()
    places = [normal.inv_cdf((i + 0.5) / len(values)) for i in range(len(values))]
    return [value * (1.0 + _BLUR * place) for value, place in zip(values, places, strict=True)]


def _effect(control: Sequence[float], mine: Sequence[float], measure: Measure) -> float | None:
    if measure is Measure.CLES:
        return superiority(mine, control)
    mean_control, mean_mine = math.fsum(control) / len(control), math.fsum(mine) / len(mine)
    return mean_mine / mean_control if mean_control and mean_mine else None


def _said(found: Shift, effect: float | None, one: Compared, tolerance: float) -> Said:
    bound = tolerance * abs(found.estimate)
    rises = one.direction is not Direction.DECREASE
    falls = one.direction is not Direction.INCREASE
    none = _no_effect(one.measure)
    if rises and found.low > bound and _at_least(effect, one.allowed_increase, none):
        return Said.HIGH
    if falls and found.high < -bound and _at_most(effect, one.allowed_decrease, none):
        return Said.LOW
    return Said.PASS


def _is_critical(said: Said, effect: float | None, one: Compared) -> bool:
    none = _no_effect(one.measure)
    is_high = said is Said.HIGH and _at_least(effect, one.critical_increase, none)
    is_low = said is Said.LOW and _at_most(effect, one.critical_decrease, none)
    return one.critical and (is_high or is_low)


def _no_effect(measure: Measure) -> float:
    return 0.5 if measure is Measure.CLES else 1.0


def _at_least(effect: float | None, limit: float | None, none: float) -> bool:
    """An effect that cannot be computed is ignored: the interval alone decides."""
    return effect is None or effect >= (none if limit is None else limit)


def _at_most(effect: float | None, limit: float | None, none: float) -> bool:
    return effect is None or effect <= (none if limit is None else limit)


@dataclass(frozen=True, slots=True)
class Score:
    """What the metrics together say, 0 to 100. why: what made it 0 at once; empty otherwise.

    lacks_data: half of the metrics or more have none, which is a 0 in Kayenta.
    """

    total: float
    why: str = ""
    lacks_data: bool = False


def score(
    found: Sequence[tuple[str, Comparison]], groups: Mapping[str, str], weights: Mapping[str, float]
) -> Score:
    """Score comparisons by metric. groups: each metric's group; weights: of 100, by group.

    Groups without a weight share what is left of 100; one without data counts as if all of it passed.
    """
    critical = [name for name, each in found if each.is_critical]
    if critical:
        return Score(0.0, f"{critical[0]} is critical")
    silent = sum(each.said is Said.NO_DATA for _, each in found)
    if silent * 100.0 >= _HALF * len(found):
        return Score(0.0, f"{silent} of {len(found)} metrics have no data", lacks_data=True)
    by_group: dict[str, list[Said]] = {}
    for name, each in found:
        by_group.setdefault(groups[name], []).append(each.said)
    unweighted = [group for group in by_group if group not in weights]
    left = (100.0 - math.fsum(weights.values())) / len(unweighted) if unweighted else 0.0
    parts = [_group(said) * weights.get(group, left) / 100.0 for group, said in by_group.items()]
    return Score(round(math.fsum(parts), 2))


def _group(said: Sequence[Said]) -> float:
    counted = [each for each in said if each not in {Said.NO_DATA, Said.ERROR}]
    return 100.0 * counted.count(Said.PASS) / len(counted) if counted else 100.0

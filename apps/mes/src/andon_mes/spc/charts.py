"""Control charts: subgroups, what is plotted of them, and the limits that chance alone seldom leaves.

Shewhart's three sigma limits by ASTM E2587 and Montgomery, 7th ed., chapters 6 and 7. Limits come
from a baseline, from which subgroups beyond the limits can be left out, one round after the other,
until none is (phase I).
"""

import math
from collections.abc import Sequence

from andon_mes.spc.constants import c4, d2, d3
from andon_mes.spc.model import (
    FEWEST_BASELINE,
    ChartKind,
    ControlLimits,
    Limits,
    Measured,
    ShiftCount,
    Subgroup,
    Unknown,
)

_SIGMAS = 3
_LEAST_SHARE = 0.5
"""A baseline that loses more than this share of its subgroups is none: the process was never stable."""


def subgroups(points: Sequence[Measured], size: int) -> list[Subgroup]:
    """Complete subgroups of `size` by the ordinals of `points`, which are without gaps and in order.

    A subgroup's number says which ordinals are in it, so that it is the same whichever part is looked at.
    """
    found = []
    skipped = -(points[0].ordinal - 1) % size if points else 0
    for start in range(skipped, len(points) - size + 1, size):
        part = points[start : start + size]
        number = (part[0].ordinal - 1) // size + 1
        values = tuple(each.value for each in part)
        found.append(Subgroup(number, values, part[-1].at, tuple(each.attempt_id for each in part)))
    return found


def locations(groups: Sequence[Subgroup]) -> list[float]:
    """What the upper chart plots: the mean of each subgroup, which of one value is the value."""
    return [math.fsum(each.values) / len(each.values) for each in groups]


def dispersions(kind: ChartKind, groups: Sequence[Subgroup]) -> list[float | None]:
    """What the lower chart plots; of single values the moving range of two, which the first does not have."""
    match kind:
        case ChartKind.I_MR:
            return [
                _moving_range(before, each) for before, each in zip([None, *groups], groups, strict=False)
            ]
        case ChartKind.XBAR_R:
            return [max(each.values) - min(each.values) for each in groups]
        case ChartKind.XBAR_S:
            return [deviation(each.values) for each in groups]


def estimate(kind: ChartKind, groups: Sequence[Subgroup], *, exclude: bool) -> ControlLimits | Unknown:
    """The limits by the baseline `groups`, all of one size.

    With `exclude`, subgroups beyond the limits of either chart are left out and the rest estimated again.
    """
    used = list(groups)
    while True:
        if len(used) < max(FEWEST_BASELINE, len(groups) * _LEAST_SHARE):
            return Unknown.TOO_FEW if len(groups) < FEWEST_BASELINE else Unknown.NOT_STABLE
        limits = _limits(kind, used, tuple(each.number for each in groups))
        if isinstance(limits, Unknown) or not exclude:
            return limits
        kept = _within(kind, used, limits)
        if len(kept) == len(used):
            return limits
        used = kept


def p_limits(shifts: Sequence[ShiftCount]) -> list[Limits | None]:
    """The limits of a p chart, for each shift by its own size; None where nothing was tried.

    Montgomery, 7.2. The centre is the share of all; None throughout where that is unknown, 0 or 1.
    """
    tried = sum(each.tried for each in shifts)
    failed = sum(each.failed for each in shifts)
    if tried == 0 or failed in {0, tried}:
        return [None for _ in shifts]
    share = failed / tried
    return [_p_limits(share, each.tried) if each.tried else None for each in shifts]


def deviation(values: Sequence[float]) -> float:
    """The sample standard deviation; 0 of one value."""
    if len(values) < 2:
        return 0.0
    mean = math.fsum(values) / len(values)
    return math.sqrt(math.fsum((each - mean) ** 2 for each in values) / (len(values) - 1))


def _limits(
    kind: ChartKind, used: Sequence[Subgroup], all_numbers: tuple[int, ...]
) -> ControlLimits | Unknown:
    spread = [each for each in dispersions(kind, used) if each is not None]
    if not spread:
        return Unknown.TOO_FEW
    middle = math.fsum(spread) / len(spread)
    size = len(used[0].values)
    mean = math.fsum(locations(used)) / len(used)
    sigma, spread_sigma = _sigmas(kind, size, middle)
    if sigma <= _resolution(mean):
        return Unknown.NO_VARIATION
    numbers = tuple(each.number for each in used)
    return ControlLimits(
        location=_around(mean, sigma / math.sqrt(size)),
        dispersion=_around(middle, spread_sigma, least=0.0),
        sigma=sigma,
        used=numbers,
        excluded=tuple(each for each in all_numbers if each not in set(numbers)),
    )


def _sigmas(kind: ChartKind, size: int, middle: float) -> tuple[float, float]:
    """Sigma of single values, and of the dispersion that is plotted, by its mean `middle`."""
    match kind:
        case ChartKind.I_MR:
            return middle / d2(2), middle * d3(2) / d2(2)
        case ChartKind.XBAR_R:
            return middle / d2(size), middle * d3(size) / d2(size)
        case ChartKind.XBAR_S:
            return middle / c4(size), middle * math.sqrt(1 - c4(size) ** 2) / c4(size)


def _within(kind: ChartKind, used: Sequence[Subgroup], limits: ControlLimits) -> list[Subgroup]:
    plotted = zip(used, locations(used), dispersions(kind, used), strict=True)
    return [
        group
        for group, location, spread in plotted
        if limits.location.lower <= location <= limits.location.upper
        and (kind is ChartKind.I_MR or spread is None or spread <= limits.dispersion.upper)
    ]


def _moving_range(before: Subgroup | None, each: Subgroup) -> float | None:
    """Between two that follow one another; what was left out between them parts them."""
    if before is None or each.number != before.number + 1:
        return None
    return abs(each.values[0] - before.values[0])


def _around(centre: float, sigma: float, *, least: float = -math.inf, most: float = math.inf) -> Limits:
    reach = _SIGMAS * sigma
    return Limits(centre, max(least, centre - reach), min(most, centre + reach), sigma)


def _p_limits(share: float, tried: int) -> Limits:
    return _around(share, math.sqrt(share * (1 - share) / tried), least=0.0, most=1.0)


def _resolution(mean: float) -> float:
    """Below this a deviation is the rounding of floating point, not the process."""
    return 1e-12 * max(1.0, abs(mean))

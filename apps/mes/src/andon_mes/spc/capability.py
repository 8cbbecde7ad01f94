"""How a stable process fits its tolerance. An unstable one has no capability: what it was says nothing of
what it will be (Montgomery, 8.2.1), so that every figure is then unknown.

Cp and Cpk by Kane, Journal of Quality Technology 18 (1986); Pp and Ppk by the deviation of all values (AIAG
SPC 2nd ed., chapter IV); the confidence limit of Cpk by Bissell, Applied Statistics 39 (1990). They presume
values that are about normally distributed, which is not tested here.
"""

import math
from collections.abc import Sequence

from andon_mes.spc.charts import deviation
from andon_mes.spc.model import Capability, ControlLimits, Subgroup, Tolerance, Unknown

FEWEST_SUBGROUPS = 25
FEWEST_VALUES = 100
"""25 subgroups of 100 values at least: AIAG PPAP, 4th ed., initial process studies."""

_ONE_SIDED_95 = 1.6449


def capability(
    groups: Sequence[Subgroup], limits: ControlLimits | Unknown, tolerance: Tolerance, *, is_stable: bool
) -> Capability:
    """The capability of the process by `groups`, whose `limits` are those that they were judged by."""
    values = [value for each in groups for value in each.values]
    why = _why_not(groups, limits, tolerance, count=len(values), is_stable=is_stable)
    if why is not None or isinstance(limits, Unknown):
        return Capability(values=len(values), why=why)
    mean, overall = math.fsum(values) / len(values), deviation(values)
    cpk = _one_sided(mean, limits.sigma, tolerance)
    return Capability(
        cp=_two_sided(limits.sigma, tolerance),
        cpk=cpk,
        cpk_at_least=_at_least(cpk, len(values)),
        pp=_two_sided(overall, tolerance),
        ppk=_one_sided(mean, overall, tolerance),
        values=len(values),
    )


def _why_not(
    groups: Sequence[Subgroup],
    limits: ControlLimits | Unknown,
    tolerance: Tolerance,
    *,
    count: int,
    is_stable: bool,
) -> Unknown | None:
    if tolerance.lower is None and tolerance.upper is None:
        return Unknown.NO_LIMITS
    if isinstance(limits, Unknown):
        return limits
    if not is_stable:
        return Unknown.NOT_STABLE
    return Unknown.TOO_FEW if len(groups) < FEWEST_SUBGROUPS or count < FEWEST_VALUES else None


def _two_sided(sigma: float, tolerance: Tolerance) -> float | None:
    """Of a tolerance that is open on one side it is not defined."""
    if tolerance.lower is None or tolerance.upper is None:
        return None
    return (tolerance.upper - tolerance.lower) / (6 * sigma)


def _one_sided(mean: float, sigma: float, tolerance: Tolerance) -> float:
    room = [] if tolerance.upper is None else [tolerance.upper - mean]
    room += [] if tolerance.lower is None else [mean - tolerance.lower]
    return min(room) / (3 * sigma)


def _at_least(cpk: float, count: int) -> float:
    return cpk - _ONE_SIDED_95 * math.sqrt(1 / (9 * count) + cpk**2 / (2 * (count - 1)))

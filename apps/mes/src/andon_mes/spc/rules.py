"""When points of a chart say more than chance.

Nelson, "The Shewhart Control Chart - Tests for Special Causes", Journal of Quality Technology 16 (1984),
pages 237 to 239; Western Electric, Statistical Quality Control Handbook (1956), pages 25 to 28. Every rule
is asked of each point as the last of its window, so that a point is judged by what came before it.
"""

import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise

from andon_mes.spc.model import Limits, Rule, Violation, Where

_Window = Sequence[float]
_Check = Callable[[_Window], bool]

LONGEST_WINDOW = 15


@dataclass(frozen=True, slots=True)
class _Test:
    """`check` is asked of the last `length` points, in sigmas from the centre; the first of a chart are fewer
    for the rules that count some of them (`fewest`)."""

    length: int
    fewest: int
    check: _Check


def violations(
    numbers: Sequence[int], deviations: Sequence[float], rules: Collection[Rule], where: Where
) -> list[Violation]:
    """Which `rules` are broken, and where. `deviations`: of `numbers`, in sigmas from the centre."""
    found = []
    for rule in Rule:
        if rule not in rules:
            continue
        test = _TESTS[rule]
        for end in range(test.fewest, len(deviations) + 1):
            start = max(0, end - test.length)
            if test.check(deviations[start:end]):
                found.append(Violation(rule, where, tuple(numbers[start:end])))
    return found


def beyond_limits(
    numbers: Sequence[int], plotted: Sequence[float | None], limits: Limits, rules: Collection[Rule]
) -> list[Violation]:
    """A dispersion chart, whose distribution is not normal, is judged by its limits alone (Nelson's
    tests presume a normal one).

    It is asked where the rules ask for points beyond the limits at all.
    """
    asked = [rule for rule in (Rule.NELSON_1, Rule.WESTERN_ELECTRIC_1) if rule in rules][:1]
    return [
        Violation(rule, Where.DISPERSION, (number,))
        for rule in asked
        for number, value in zip(numbers, plotted, strict=True)
        if value is not None and not limits.lower <= value <= limits.upper
    ]


def in_sigmas(values: Sequence[float], limits: Limits) -> list[float]:
    """How far each value is from the centre."""
    return [(each - limits.centre) / limits.sigma for each in values]


def _beyond(sigmas: float) -> _Check:
    return lambda window: abs(window[-1]) > sigmas


def _one_side(window: _Window) -> bool:
    return all(each > 0 for each in window) or all(each < 0 for each in window)


def _trend(window: _Window) -> bool:
    steps = [after - before for before, after in pairwise(window)]
    return all(each > 0 for each in steps) or all(each < 0 for each in steps)


def _alternating(window: _Window) -> bool:
    steps = [after - before for before, after in pairwise(window)]
    return all(one * next_one < 0 for one, next_one in pairwise(steps))


def _most_beyond(count: int, sigmas: float) -> _Check:
    """At least `count` of the window, its last among them, beyond `sigmas` on one side."""

    def check(window: _Window) -> bool:
        side = math.copysign(1.0, window[-1])
        outside = [each * side > sigmas for each in window]
        return outside[-1] and sum(outside) >= count

    return check


def _hugging(window: _Window) -> bool:
    return all(abs(each) < 1 for each in window)


def _avoiding(window: _Window) -> bool:
    is_both = any(each > 0 for each in window) and any(each < 0 for each in window)
    return is_both and all(abs(each) > 1 for each in window)


_TESTS: dict[Rule, _Test] = {
    Rule.NELSON_1: _Test(1, 1, _beyond(3)),
    Rule.NELSON_2: _Test(9, 9, _one_side),
    Rule.NELSON_3: _Test(6, 6, _trend),
    Rule.NELSON_4: _Test(14, 14, _alternating),
    Rule.NELSON_5: _Test(3, 2, _most_beyond(2, 2)),
    Rule.NELSON_6: _Test(5, 4, _most_beyond(4, 1)),
    Rule.NELSON_7: _Test(LONGEST_WINDOW, LONGEST_WINDOW, _hugging),
    Rule.NELSON_8: _Test(8, 8, _avoiding),
    Rule.WESTERN_ELECTRIC_1: _Test(1, 1, _beyond(3)),
    Rule.WESTERN_ELECTRIC_2: _Test(3, 2, _most_beyond(2, 2)),
    Rule.WESTERN_ELECTRIC_3: _Test(5, 4, _most_beyond(4, 1)),
    Rule.WESTERN_ELECTRIC_4: _Test(8, 8, _one_side),
}

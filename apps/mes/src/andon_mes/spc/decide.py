"""A chart, judged: what is plotted, its limits, the rules that are broken, the capability. Pure."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from andon_mes.spc.capability import capability
from andon_mes.spc.charts import dispersions, estimate, locations
from andon_mes.spc.model import (
    Capability,
    ChartKind,
    ControlLimits,
    Limits,
    Rule,
    ShiftCount,
    Subgroup,
    Tolerance,
    Unknown,
    Violation,
    Where,
)
from andon_mes.spc.rules import beyond_limits, in_sigmas, violations


@dataclass(frozen=True, slots=True)
class Setup:
    """How a characteristic is charted and judged. `rules` signal; they also say what stable means."""

    kind: ChartKind
    size: int
    rules: tuple[Rule, ...]
    tolerance: Tolerance


@dataclass(frozen=True, slots=True)
class Study:
    """A chart, judged. `locations` and `dispersions` are of `groups`, in their order."""

    groups: tuple[Subgroup, ...]
    locations: tuple[float, ...]
    dispersions: tuple[float | None, ...]
    limits: ControlLimits | Unknown
    violations: tuple[Violation, ...]
    capability: Capability


def study(
    setup: Setup,
    shown: Sequence[Subgroup],
    limits: ControlLimits | Unknown,
    *,
    before: Sequence[Subgroup] = (),
    asked: Collection[Rule] | None = None,
) -> Study:
    """Judge the subgroups `shown` by `limits`; by the setup's rules, unless others are `asked` for.

    `before` are those that came before them: a rule that looks back sees them.
    """
    groups = [*before, *shown]
    middle, spread = locations(groups), dispersions(setup.kind, groups)
    first = len(before)
    broken = _broken(groups, (middle, spread), limits, setup.rules, first)
    found = broken if asked is None else _broken(groups, (middle, spread), limits, asked, first)
    return Study(
        groups=tuple(shown),
        locations=tuple(middle[first:]),
        dispersions=tuple(spread[first:]),
        limits=limits,
        violations=tuple(found),
        capability=capability(shown, limits, setup.tolerance, is_stable=not broken),
    )


def baseline_limits(setup: Setup, groups: Sequence[Subgroup], *, exclude: bool) -> ControlLimits | Unknown:
    """The limits by the baseline `groups`; unknown while there are too few of them."""
    return estimate(setup.kind, groups, exclude=exclude)


def new_signals(judged: Study, after: int) -> list[Violation]:
    """The violations that begin with a subgroup later than number `after`.

    A rule that goes on being broken is one signal, as is one that both charts break at once: the cause is
    the same.
    """
    completed = {(each.rule, each.where, each.numbers[-1]) for each in judged.violations}
    return [
        each
        for each in judged.violations
        if each.numbers[-1] > after
        and (each.rule, each.where, each.numbers[-1] - 1) not in completed
        and (each.where is Where.LOCATION or (each.rule, Where.LOCATION, each.numbers[-1]) not in completed)
    ]


def judge_shifts(
    shifts: Sequence[ShiftCount], limits: Sequence[Limits | None], rules: Collection[Rule]
) -> list[Violation]:
    """The rules that a p chart breaks, by the places of `shifts`. Each deviates by its own size's sigma.

    A shift in which nothing was tried is no point, and parts none.
    """
    known = [(place, each, own) for place, (each, own) in enumerate(zip(shifts, limits, strict=True)) if own]
    numbers = [place for place, _, _ in known]
    deviations = [in_sigmas([each.failed / each.tried], own)[0] for _, each, own in known]
    return violations(numbers, deviations, rules, Where.LOCATION)


def _broken(
    groups: Sequence[Subgroup],
    plotted: tuple[Sequence[float], Sequence[float | None]],
    limits: ControlLimits | Unknown,
    rules: Collection[Rule],
    first: int,
) -> list[Violation]:
    """The violations that are completed by a group from the place `first` on."""
    if isinstance(limits, Unknown) or not groups[first:]:
        return []
    numbers = [each.number for each in groups]
    middle, spread = plotted
    found = [
        *violations(numbers, in_sigmas(middle, limits.location), rules, Where.LOCATION),
        *beyond_limits(numbers, spread, limits.dispersion, rules),
    ]
    return [each for each in found if each.numbers[-1] >= numbers[first]]

"""Charts read from the database and judged: what the loop and whoever looks at a chart share."""

from dataclasses import dataclass
from datetime import datetime

from andon_mes.processes import units
from andon_mes.spc import store
from andon_mes.spc.charts import subgroups
from andon_mes.spc.decide import Setup, Study, baseline_limits, study
from andon_mes.spc.model import (
    BASELINE_SUBGROUPS,
    RULE_SETS,
    ControlLimits,
    Measured,
    Rule,
    Unknown,
)
from andon_mes.spc.rules import LONGEST_WINDOW
from andon_mes.spc.store import Baseline, Charted
from andon_mes.store.engine import Connection


@dataclass(frozen=True, slots=True)
class Known:
    """The points of a stream: those in the database, and behind them those that are not there yet."""

    connection: Connection
    charted: Charted
    model_id: int
    new: tuple[Measured, ...] = ()

    def points(self, first: int, last: int) -> list[Measured]:
        """The points with the ordinals `first` to `last`, in the characteristic's unit, in order.

        What was taken in a unit that does not fit any more is left out, with all before it.
        """
        stored, given = store.list_points(self.connection, self.charted, self.model_id, first, last)
        found: list[Measured] = []
        for each, unit in zip(stored, given, strict=True):
            value = _converted(each.value, unit, self.charted.unit)
            if value is None:
                found.clear()
            else:
                found.append(each if value == each.value else _with(each, value))
        return found + [each for each in self.new if first <= each.ordinal <= last]


@dataclass(frozen=True, slots=True)
class JudgedBy:
    """Limits, and the baseline that they come from."""

    limits: ControlLimits | Unknown
    baseline: Baseline


@dataclass(frozen=True, slots=True)
class Asked:
    """Which part of a chart is looked at, and how it is judged.

    `last`: that many subgroups at most, the youngest. `rules` None: those that signal. `own_limits`:
    estimated from what is shown, without what is beyond them where `excludes` says so.
    """

    last: int
    since: datetime | None = None
    until: datetime | None = None
    rules: tuple[Rule, ...] | None = None
    own_limits: bool = False
    excludes: bool = False


@dataclass(frozen=True, slots=True)
class Shown:
    """A part of a chart, judged."""

    study: Study
    baseline: Baseline | None
    points: int


def setup(charted: Charted) -> Setup | None:
    """How the characteristic is charted; None when it is not."""
    if charted.chart is None:
        return None
    return Setup(charted.chart, charted.size, RULE_SETS[charted.rules or "default"], charted.tolerance)


def limits(known: Known, chosen: Setup) -> JudgedBy:
    """The limits by the baseline that a person set last, or by the first subgroups."""
    own = store.find_baseline(known.connection, known.charted, known.model_id)
    baseline = own or Baseline(1, BASELINE_SUBGROUPS * chosen.size, excludes=False)
    groups = subgroups(known.points(baseline.first, baseline.last), chosen.size)
    if own is None and len(groups) < BASELINE_SUBGROUPS:
        return JudgedBy(Unknown.TOO_FEW, baseline)
    return JudgedBy(baseline_limits(chosen, groups, exclude=baseline.excludes), baseline)


def show(known: Known, chosen: Setup, asked: Asked) -> Shown:
    """The part of the chart that is asked for; every rule sees what came before it."""
    stream = store.list_streams(known.connection, known.charted).get(known.model_id)
    count = stream.points if stream else 0
    span = (1, count)
    if asked.since is not None or asked.until is not None:
        span = store.find_span(known.connection, known.charted, known.model_id, asked.since, asked.until) or (
            1,
            0,
        )
    size = chosen.size
    last_group = span[1] // size
    first_group = max((span[0] - 1 + size - 1) // size + 1, last_group - asked.last + 1)
    shown = subgroups(known.points((first_group - 1) * size + 1, last_group * size), size)
    if asked.own_limits:
        own = baseline_limits(chosen, shown, exclude=asked.excludes)
        return Shown(study(chosen, shown, own, asked=asked.rules), None, count)
    by = limits(known, chosen)
    begin = context(by.baseline, first_group, size)
    before = subgroups(known.points((begin - 1) * size + 1, (first_group - 1) * size), size)
    judged = study(chosen, shown, by.limits, before=before, asked=asked.rules)
    return Shown(judged, by.baseline, count)


def context(baseline: Baseline, first: int, size: int) -> int:
    """The subgroup from which on the rules look back from subgroup `first`.

    They do not look behind a baseline that a person set: what was before it was another process.
    """
    begin = max(1, first - LONGEST_WINDOW - 2)
    changed = (baseline.first - 1) // size + 1
    return max(begin, changed) if baseline.set_by is not None and first >= changed else begin


def _converted(value: float, unit: str, wanted: str) -> float | None:
    try:
        return units.convert(value, unit, wanted)
    except (KeyError, ValueError):
        return None


def _with(point: Measured, value: float) -> Measured:
    return Measured(point.ordinal, value, point.at, point.attempt_id)

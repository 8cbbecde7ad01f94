"""OEE of one piece of equipment: availability x performance x quality. Pure.

Time counts within the hours that the plant's calendar plans, by the six states of SEMI E10. Scheduled down
and non-scheduled time is not asked of the equipment; productive, standby and engineering time is up, so that
standby shows in the performance. Time whose state nobody knows counts neither as up nor as down: it lowers
the coverage, and below `LEAST_COVERAGE` the figures are unknown and only their bounds are given.
Seconds everywhere.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from andon_mes.equipment.model import E10, StateSpan

LEAST_COVERAGE = 0.95
"""The share of the planned time whose state must be known before a figure is given."""

Span = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class Made:
    """Attempts that were completed at the equipment for one process; those that passed are good."""

    standard_cycle_time: float
    processed: int
    good: int


class Unknown(StrEnum):
    """Why there is no figure."""

    NOTHING_PLANNED = "NOTHING_PLANNED"
    LITTLE_COVERAGE = "LITTLE_COVERAGE"
    NOTHING_COUNTED = "NOTHING_COUNTED"


@dataclass(frozen=True, slots=True)
class Bounds:
    """What the true figure cannot leave, whatever the unknown time was. `upper` None: nothing limits it."""

    lower: float
    upper: float | None


@dataclass(frozen=True, slots=True)
class Oee:
    """The figures of one piece of equipment, as shares; None is unknown, and `unknown` says why.

    `performance` above 1 means that the standard cycle time is longer than the work takes.
    """

    planned: float
    seconds: Mapping[E10 | None, float]
    coverage: float | None
    processed: int
    good: int
    availability: float | None
    performance: float | None
    quality: float | None
    oee: float | None
    availability_bounds: Bounds | None
    oee_bounds: Bounds | None
    unknown: Unknown | None


def roll_up(spans: Sequence[StateSpan], planned: Sequence[Span]) -> dict[E10 | None, float]:
    """Seconds of `planned` in each E10 state; under None those that no span, or one without a state, covers.

    A span ends where the next one begins, if it says nothing else or claims to last longer.
    """
    found: dict[E10 | None, timedelta] = {}
    for begin, end in planned:
        known = timedelta()
        for state, start, stop in _in_order(spans, end):
            lasted = max(timedelta(), min(stop, end) - max(start, begin))
            known += lasted
            found[state] = found.get(state, timedelta()) + lasted
        found[None] = found.get(None, timedelta()) + (end - begin) - known
    return {state: lasted.total_seconds() for state, lasted in found.items() if lasted}


def judge(seconds: Mapping[E10 | None, float], made: Sequence[Made]) -> Oee:
    """The factors and their product, of the time in each state and of what was made."""
    planned = sum(seconds.values())
    unknown = seconds.get(None, 0.0)
    up = sum(seconds.get(each, 0.0) for each in (E10.PRODUCTIVE, E10.STANDBY, E10.ENGINEERING))
    asked = up + seconds.get(E10.UNSCHEDULED_DOWN, 0.0)
    ideal = sum(each.standard_cycle_time * each.processed for each in made)
    good = sum(each.standard_cycle_time * each.good for each in made)
    why = _why_unknown(seconds, made)
    coverage = (planned - unknown) / planned if planned else None
    # What is not known is taken to have been like what is: at most a twentieth of it, and within the bounds.
    scale = coverage if why is None else None
    return Oee(
        planned=planned,
        seconds=seconds,
        coverage=coverage,
        processed=sum(each.processed for each in made),
        good=sum(each.good for each in made),
        availability=_share(up, asked) if _enough(coverage) else None,
        performance=None if scale is None else _share(ideal * scale, up),
        quality=_share(good, ideal),
        oee=None if scale is None else _share(good * scale, asked),
        availability_bounds=_availability_bounds(up, asked, unknown),
        oee_bounds=_oee_bounds(good, asked, unknown),
        unknown=why,
    )


def _in_order(spans: Sequence[StateSpan], end: datetime) -> Iterator[tuple[E10 | None, datetime, datetime]]:
    ordered = sorted(spans, key=lambda each: (each.started_at, each.id))
    for number, each in enumerate(ordered):
        following = ordered[number + 1].started_at if number + 1 < len(ordered) else end
        stop = following if each.ended_at is None else min(each.ended_at, following)
        yield (each.state.e10 if each.state is not None else None), each.started_at, stop


def _why_unknown(seconds: Mapping[E10 | None, float], made: Sequence[Made]) -> Unknown | None:
    planned = sum(seconds.values())
    idle = seconds.get(E10.SCHEDULED_DOWN, 0.0) + seconds.get(E10.NON_SCHEDULED, 0.0)
    if planned - idle <= 0:
        return Unknown.NOTHING_PLANNED
    if not _enough(1 - seconds.get(None, 0.0) / planned):
        return Unknown.LITTLE_COVERAGE
    if not any(each.processed for each in made) and seconds.get(E10.PRODUCTIVE, 0.0) > 0:
        return Unknown.NOTHING_COUNTED  # it worked, so something was made that no attempt says was made here
    return None


def _enough(coverage: float | None) -> bool:
    return coverage is not None and coverage >= LEAST_COVERAGE


def _availability_bounds(up: float, asked: float, unknown: float) -> Bounds | None:
    most = asked + unknown
    return Bounds(up / most, (up + unknown) / most) if most else None


def _oee_bounds(good: float, asked: float, unknown: float) -> Bounds | None:
    """All of the unknown time was asked of the equipment, or none of it was."""
    most = asked + unknown
    return Bounds(good / most, _share(good, asked)) if most else None


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole else None

"""A report's rows, one by one: read, and reckon what has to be. Works in the caller's transaction."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import groupby
from typing import Any

from andon_mes.evidence.model import BUCKETS
from andon_mes.exports import store, tables
from andon_mes.exports.genealogy import rows_of
from andon_mes.exports.model import Language, Row, Table, with_shares
from andon_mes.exports.store import Chosen
from andon_mes.genealogy.store import get_record
from andon_mes.numbers.calendar import Calendar
from andon_mes.oee import controller as oee
from andon_mes.reports.model import Counts, Tally, percent, tally
from andon_mes.reports.period import Period, production_days
from andon_mes.store.engine import Connection

Group = tuple[date | str | None, ...]


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked of a report. Dates are production dates, both included."""

    first: date
    last: date
    now: datetime
    language: Language = Language.EN
    chosen: Chosen = field(default_factory=Chosen)
    by: tuple[str, ...] = ("day", "process")
    equipment: str | None = None
    serial: str | None = None


def production(connection: Connection, _calendar: Calendar, asked: Asked) -> tuple[Table, Iterator[Row]]:
    """Each lot with its quantities and rates."""
    rows = store.lots_between(connection, asked.first, asked.last, asked.chosen)
    return tables.PRODUCTION, rows


def quality(connection: Connection, calendar: Calendar, asked: Asked) -> tuple[Table, Iterator[Row]]:
    """Yields and cycle times by whatever of day, shift, process, model and release is asked."""
    return tables.quality(asked.by), _quality_rows(connection, calendar, asked)


def defects(connection: Connection, calendar: Calendar, asked: Asked) -> tuple[Table, Iterator[Row]]:
    """Failed attempts by defect code, most frequent first: a Pareto."""
    found = store.defects_in(connection, _period(calendar, asked), asked.chosen)
    shares = with_shares([row.failed for row in found])
    is_korean = asked.language is Language.KO
    return tables.DEFECTS, (
        (
            rank,
            row.code,
            (row.name_ko if is_korean else None) or row.name,
            row.severity,
            row.process,
            failed,
            row.serials,
            *of_all,
        )
        for rank, (row, (failed, *of_all)) in enumerate(zip(found, shares, strict=True), start=1)
    )


def cycle_times(connection: Connection, calendar: Calendar, asked: Asked) -> tuple[Table, Iterator[Row]]:
    """How many attempts of each process took how long, in the classes of the metrics."""
    found = store.cycle_classes_in(connection, _period(calendar, asked), asked.chosen)
    return tables.CYCLE_TIMES, _class_rows(found)


def attempts(connection: Connection, calendar: Calendar, asked: Asked) -> tuple[Table, Iterator[Row]]:
    """Each completed attempt."""
    rows = store.attempts_in(connection, _period(calendar, asked), asked.chosen)
    return tables.ATTEMPTS, rows


def oee_of_equipment(connection: Connection, calendar: Calendar, asked: Asked) -> tuple[Table, Iterator[Row]]:
    """OEE of each piece of equipment, with its bounds."""
    wanted = oee.Asked(asked.first, asked.last, asked.now, asked.equipment)
    found = oee.of_equipment(connection, calendar, wanted)
    return tables.OEE, (_oee_row(each) for each in found)


def genealogy(connection: Connection, _calendar: Calendar, asked: Asked) -> tuple[Table, Iterator[Row]]:
    """The life of one serial, oldest first. Raises: NotFound (SERIAL_UNKNOWN)."""
    return tables.GENEALOGY, iter(rows_of(get_record(connection, asked.serial or "")))


def _period(calendar: Calendar, asked: Asked) -> Period:
    return production_days(calendar, asked.first, asked.last)


def _quality_rows(connection: Connection, calendar: Calendar, asked: Asked) -> Iterator[Row]:
    by_release = "release" in asked.by
    found: dict[Group, list[Counts]] = {}
    for parts, period in _stretches(calendar, asked):
        for release, counts in store.counts_in(connection, period, asked.chosen, by_release=by_release):
            known: dict[str, Any] = {
                **parts,
                "process": counts.process,
                "model": counts.product_model,
                "release": release,
            }
            group = tuple(known[name] for name in tables.GROUPS if name in asked.by)
            found.setdefault(group, []).append(counts)
        if "day" in asked.by:  # nothing of later stretches belongs to these
            yield from _tallied(found)
            found = {}
    yield from _tallied(found)


def _stretches(calendar: Calendar, asked: Asked) -> Iterator[tuple[dict[str, Any], Period]]:
    """The period in pieces, each wholly of one production date and shift where these are asked."""
    if "day" not in asked.by and "shift" not in asked.by:
        yield {}, _period(calendar, asked)
        return
    for number in range((asked.last - asked.first).days + 1):
        on = date.fromordinal(asked.first.toordinal() + number)
        shifts = calendar.shifts_of(on)
        if "shift" in asked.by:
            for each in shifts:
                yield {"day": on, "shift": each.code}, Period(each.starts_at, each.ends_at)
        else:
            yield {"day": on}, Period(shifts[0].starts_at, shifts[1].ends_at)


def _tallied(found: dict[Group, list[Counts]]) -> Iterator[Row]:
    for group in sorted(found, key=lambda each: tuple(map(str, each))):
        yield (*group, *_figures(tally(found[group])))


def _figures(seen: Tally) -> Row:
    return (
        seen.processed,
        seen.passed,
        seen.failed,
        seen.first,
        seen.first_passed,
        percent(seen.first_pass_yield),
        percent(seen.rework_ratio),
        *(None if each is None else round(each, 3) for each in (seen.average, seen.shortest, seen.longest)),
    )


def _class_rows(found: Iterable[Any]) -> Iterator[Row]:
    bounds = (0.0, *BUCKETS, None)
    for (process, standard), rows in groupby(found, key=lambda row: (row.process, row.standard_cycle_time)):
        classes = list(rows)
        for row, (count, *of_all) in zip(
            classes, with_shares([each.attempts for each in classes]), strict=True
        ):
            yield process, standard, bounds[row.bucket], bounds[row.bucket + 1], count, *of_all


def _oee_row(seen: oee.EquipmentOee) -> Row:
    figures = seen.figures
    bounds = figures.oee_bounds
    return (
        seen.code,
        seen.name,
        seen.process,
        round(figures.planned, 3),
        percent(figures.coverage),
        figures.processed,
        figures.good,
        percent(figures.availability),
        percent(figures.performance),
        percent(figures.quality),
        percent(figures.oee),
        percent(bounds.lower) if bounds else None,
        percent(bounds.upper) if bounds else None,
        figures.unknown,
    )

"""Readings to whole minutes, and stored minutes to runs that the judge's noise is measured on. Pure."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from typing import TypeVar

from andon.evidence.increments import Baseline, advance
from andon.evidence.model import Reading, Tally
from andon.judge.model import Counts, Look
from andon.kernel.ids import EnvironmentName, UnitName, Version

T = TypeVar("T")

_MINUTE_S = 60
_MOST_LATE_S = 20  # a source that was silent for so long leaves out that minute, rather than a wrong one


@dataclass(frozen=True, slots=True)
class Series:
    """One metric of a unit in an environment."""

    unit: UnitName
    environment: EnvironmentName
    metric: str


@dataclass(frozen=True, slots=True)
class Minute:
    """What one release gained in one whole minute. number: minutes since 1970."""

    version: Version
    number: int
    counts: Counts


@dataclass(frozen=True, slots=True)
class Open:
    """A minute that goes on. is_whole: it was seen from its beginning and without a pause."""

    number: int
    is_whole: bool
    baseline: Baseline
    gained: Mapping[Version, Tally] = field(default_factory=dict)


def collect(
    before: Open | None, reading: Reading, serving: Collection[Version]
) -> tuple[Open | None, tuple[Minute, ...]]:
    """Add a reading; the minute that goes on now, and those that ended with it.

    serving: releases that take requests; they have a minute also where it brought nothing. What came between
    the last reading of a minute and the first of the next counts for the former.
    """
    number = _number(reading.at)
    if before is None:
        begun, _ = advance(None, reading)
        return None if begun is None else Open(number, False, begun), ()
    after, gains = advance(before.baseline, reading)
    if reading.problem or after is None or reading.at < before.baseline.at:
        return before, ()
    is_soon = (reading.at - before.baseline.at).total_seconds() <= _MOST_LATE_S
    is_whole = before.is_whole and is_soon
    gained = {
        version: _sum(before.gained.get(version), gains.get(version)) for version in {*before.gained, *gains}
    }
    if number == before.number:
        return Open(number, is_whole, after, gained), ()
    ended = sorted({*serving, *(v for v, tally in gained.items() if tally.exposure)}) if is_whole else []
    minutes = (Minute(each, before.number, _counts(gained.get(each))) for each in ended)
    return Open(number, is_soon, after), tuple(minutes)


def alone(minutes: Sequence[Minute], good: Collection[Version]) -> list[list[Counts]]:
    """Runs of minutes without a gap, of one good release each."""
    return [
        [each.counts for each in run]
        for version in sorted(good)
        for run in _unbroken([each for each in minutes if each.version == version])
    ]


def beside(minutes: Sequence[Minute], good: Collection[Version]) -> list[list[Look]]:
    """Runs of minutes in which the same two good releases both had something; the older one as stable.

    minutes: by number, and of one minute the older release first.
    """
    pairs: dict[tuple[Version, Version], list[tuple[int, Look]]] = {}
    busy = (each for each in minutes if each.version in good and each.counts.exposure)
    for number, same in groupby(busy, key=lambda each: each.number):
        both = list(same)
        if len(both) == 2:
            key = (both[0].version, both[1].version)
            pairs.setdefault(key, []).append((number, Look(both[0].counts, both[1].counts)))
    return [
        [look for _, look in run]
        for key in sorted(pairs)
        for run in _parted(pairs[key], [number for number, _ in pairs[key]])
    ]


def _unbroken(minutes: Sequence[Minute]) -> Iterator[Sequence[Minute]]:
    return _parted(minutes, [each.number for each in minutes])


def _parted(values: Sequence[T], numbers: Sequence[int]) -> Iterator[Sequence[T]]:
    begun = 0
    for i in range(1, len(values) + 1):
        if i == len(values) or numbers[i] != numbers[i - 1] + 1:
            yield values[begun:i]
            begun = i


def _number(at: datetime) -> int:
    return int(at.timestamp()) // _MINUTE_S


def _sum(one: Tally | None, other: Tally | None) -> Tally:
    found = [each for each in (one, other) if each is not None]
    return Tally(sum(each.exposure for each in found), sum(each.bad for each in found))


def _counts(tally: Tally | None) -> Counts:
    return Counts() if tally is None else Counts(tally.exposure, min(tally.bad, tally.exposure))

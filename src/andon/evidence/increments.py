"""Turns cumulative readings into what came on top of the last one. Pure.

The baseline is a value that its owner stores, so a restart of Andon loses and doubles nothing.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import zip_longest

from andon.evidence.model import ONE_SERIES, Reading, Tally, measured
from andon.kernel.ids import Version

_NOTHING = Tally(0, 0)


@dataclass(frozen=True, slots=True)
class Baseline:
    """The last reading of one source that was counted, and of releases that it no longer names the last."""

    at: datetime
    epoch: str
    tallies: Mapping[Version, Tally]
    edges: tuple[float, ...] = ()


def begin(reading: Reading) -> Baseline | None:
    """A baseline that counts nothing of what was there before; None when the source did not answer."""
    return None if reading.problem else Baseline(reading.at, reading.epoch, reading.tallies, reading.edges)


def advance(baseline: Baseline | None, reading: Reading) -> tuple[Baseline | None, dict[Version, Tally]]:
    """The next baseline, and what every release gained since `baseline`; never negative.

    Without a baseline the reading only begins one. A reading with a problem, or an older one, changes
    nothing. Another epoch is a new beginning: all of it is gain. So is a tally that fell, where the source
    has no epochs; one that has them fell because it forgot a part, and what is left was counted before. All
    of a release that the source did not name before is gain: an answer without it said that it had nothing.

    In the epoch ONE_SERIES nothing begins anew: less than before is an older view of the same counts. It
    gains nothing, and the most that was seen stays the baseline, so that the newer view counts once. Counts
    that were really taken back gain nothing until they are above it again: too little, never too much.

    Buckets are counts like all others: one that fell is a tally that fell. Other edges than the baseline's
    only begin anew without a gain: which part lay between the new edges before is not known.
    """
    if baseline is None:
        return begin(reading), {}
    if reading.problem or reading.at < baseline.at:
        return baseline, {}
    if reading.edges != baseline.edges:
        return begin(reading), {}
    if reading.epoch == ONE_SERIES:
        return _advance_one_series(baseline, reading)
    known = baseline.tallies if reading.epoch == baseline.epoch else {}
    begins_anew = not reading.epoch
    gained = {
        version: _gain(known.get(version, _NOTHING), now, begins_anew=begins_anew)
        for version, now in reading.tallies.items()
    }
    return Baseline(reading.at, reading.epoch, {**known, **reading.tallies}, reading.edges), gained


def _advance_one_series(baseline: Baseline, reading: Reading) -> tuple[Baseline, dict[Version, Tally]]:
    if baseline.epoch != ONE_SERIES:  # counted in another way until now: how much of it is new is not known
        return Baseline(reading.at, reading.epoch, reading.tallies, reading.edges), {}
    known = baseline.tallies
    most = {version: _most(known.get(version, _NOTHING), now) for version, now in reading.tallies.items()}
    gained = {
        version: _gain(known.get(version, _NOTHING), now, begins_anew=False) for version, now in most.items()
    }
    return Baseline(reading.at, reading.epoch, {**known, **most}, reading.edges), gained


def add(left: Tally, right: Tally) -> Tally:
    """Sum of two tallies."""
    if left.buckets or right.buckets:
        return measured(one + other for one, other in _paired(left, right))
    return Tally(left.exposure + right.exposure, left.bad + right.bad)


def _most(left: Tally, right: Tally) -> Tally:
    if left.buckets or right.buckets:
        return measured(max(pair) for pair in _paired(left, right))
    return Tally(max(left.exposure, right.exposure), max(left.bad, right.bad))


def _gain(before: Tally, now: Tally, *, begins_anew: bool) -> Tally:
    if now.buckets:
        gained = measured(count - earlier for earlier, count in _paired(before, now))
    else:
        gained = Tally(now.exposure - before.exposure, now.bad - before.bad)
    if min(gained.exposure, gained.bad, *gained.buckets) >= 0:
        return gained
    return now if begins_anew else _NOTHING


def _paired(left: Tally, right: Tally) -> Iterator[tuple[int, int]]:
    """Bucket by bucket; a tally of nothing has none."""
    return zip_longest(left.buckets, right.buckets, fillvalue=0)

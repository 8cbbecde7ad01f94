"""How unquiet a plant is by itself: its noise, measured on what its good releases did minute by minute.

Counts are summed over stretches of 1, 2, 4 ... minutes, and their variance is compared with that of
independent events: the Fano factor by time scale. Each gets an upper bound. `cover` then chooses, among the
noises that the judge can widen by (blocks.py), the one that lies above all bounds and costs the least delay.
Pure; who reads the history is in rollouts/noises. The reasoning is in docs/design/judge.md.
"""

import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, TypeVar

from andon.judge.model import Counts, Look, Noise, NoiseSource

T = TypeVar("T")

# Without history evidence counts half. That is enough for noise that is gone within some minutes, and keeps
# the judge useful; it is no bound, and the plan says so.
SUPPOSED = Noise(dispersion=2.0, source=NoiseSource.SUPPOSED)
WANDER_MOST = 2.0  # a factor of 7 either way: beyond it a comparison says nothing any more

MINUTES_LEAST = 120  # of history, and
EVENTS_LEAST = 50  # bad events in it, before it is believed
_PIECE = 512  # minutes whose own mean is taken as the rate; slower change is the day's, common to both arms
_STRETCHES_LEAST = 8  # at a time scale, before anything is said of it
_SCALES = tuple(2**i for i in range(8))  # minutes
_HORIZON = 128  # minutes up to which growth at the longest scale is taken to go on
_Z = 0.84  # one-sided 80 %
_MINUTE_S = 60.0


@dataclass(frozen=True, slots=True)
class Scale:
    """What stretches of so many minutes say.

    fano: variance of what they count, over that of independent events, with 80 % bounds on either side.
    information: about the log ratio of two such arms in one stretch, as if events were independent.
    """

    minutes: int
    fano: float
    at_least: float
    at_most: float
    information: float

    @property
    def rate(self) -> float:
        """Information a minute."""
        return self.information / self.minutes


class _Square(NamedTuple):
    """One stretch: the squared deviation of its count, what independent events would give, information."""

    squared: float
    expected: float
    information: float


def measure(alone: Iterable[Sequence[Counts]], beside: Iterable[Sequence[Look]]) -> Noise | None:
    """Return the noise of a metric from the plant's history; None while there is too little of it.

    alone: runs of minutes without a gap, of one release each. Only its changes within some hours count, and
    what both arms of a rollout would share counts, too: too much rather than too little.
    beside: the same of two good releases at once, where what they share cancels. Preferred where there is
    enough; what lies between them for good counts as noise.
    """
    one, two = [list(run) for run in alone], [list(run) for run in beside]
    minutes = sum(map(len, one)) + sum(map(len, two))
    bad = sum(each.bad for run in one for each in run)
    bad += sum(each.stable.bad + each.candidate.bad for run in two for each in run)
    if minutes < MINUTES_LEAST or bad < EVENTS_LEAST:
        return None
    scales = curve(one, two)
    return None if not scales else cover(scales, minutes)


def curve(alone: Sequence[Sequence[Counts]], beside: Sequence[Sequence[Look]]) -> list[Scale]:
    """Return the Fano factors by time scale, as far as the history reaches and somewhat beyond.

    What was seen of one release alone is more, and says it; unless two at once plainly differ from it at
    their longest scale: less, where both share what moves them, or more, where arms lie apart for good.
    """
    single = list(_scales(lambda minutes: (s for run in alone for s in _within(run, minutes))))
    pairs = list(_scales(lambda minutes: (s for run in beside for s in _between(run, minutes))))
    chosen = pairs if _tells_more(pairs, single) else single
    return [*chosen, *_beyond(chosen)]


def _tells_more(pairs: Sequence[Scale], single: Sequence[Scale]) -> bool:
    if not (pairs and single):
        return bool(pairs)
    last = pairs[-1]
    same = next((each for each in single if each.minutes == last.minutes), single[-1])
    return last.at_least > same.at_most or last.at_most < same.fano


def _scales(squares: Callable[[int], Iterable[_Square]]) -> Iterator[Scale]:
    for minutes in _SCALES:
        scale = _scale(minutes, list(squares(minutes)))
        if scale is None:
            return
        yield scale


def cover(scales: Sequence[Scale], minutes: int = 0) -> Noise:
    """Return the noise that lies above every bound and with which the judge is soonest.

    A noise (D, s, B) has the Fano factor D + s^2 v(min(t, B)) at scale t, with v the information in t. For
    each block B and dispersion D the least s follows; the cost is the time that ratios of 2 to 10 would take.
    minutes: of history, to be told.
    """
    highest = max(each.at_most for each in scales)
    choices = [Noise(highest)]
    levels = sorted({1.0, *(each.at_most for each in scales if each.at_most < highest)})
    for block, level in itertools.product(sorted({each.minutes for each in scales}), levels):
        over = ((each.at_most - level) / (each.rate * min(each.minutes, block)) for each in scales)
        wander = math.sqrt(max(0.0, *over))
        if 0.0 < wander <= WANDER_MOST:
            choices.append(Noise(level, wander, block * _MINUTE_S))
    rate = scales[0].rate
    return replace(
        min(choices, key=lambda each: _cost(each, rate)), source=NoiseSource.MEASURED, minutes=minutes
    )


def _beyond(scales: Sequence[Scale]) -> Iterator[Scale]:
    """What grew up to the longest scale is taken to go on growing: noise that fades only grows slower."""
    if len(scales) < 3:
        return
    last, before = scales[-1], scales[-3]
    slope = max(0.0, last.fano - before.fano) / (last.minutes - before.minutes)
    minutes = 2 * last.minutes
    while minutes <= _HORIZON:
        grown = 1.0 + slope * (minutes - last.minutes) / last.fano
        yield Scale(minutes, last.fano * grown, last.at_least, last.at_most * grown, last.rate * minutes)
        minutes *= 2


def _cost(noise: Noise, rate: float) -> float:
    """Sum of the log of the minutes that ratios of 2, 3, 5 and 10 take, roughly. rate: information a minute.

    Evidence of 5 is wanted. Within one block it is d^2 / 2 over (s^2 + D / v), over many it grows in
    proportion to their number.
    """
    spread = noise.wander**2
    over_many = spread * noise.lasts_s / _MINUTE_S + noise.dispersion / rate
    total = 0.0
    for ratio in (2.0, 3.0, 5.0, 10.0):
        room = math.log(ratio) ** 2 / 10.0
        time = over_many / room
        if spread < room:
            time = min(time, noise.dispersion / (rate * (room - spread)))
        total += math.log(time)
    return total


def _between(run: Sequence[Look], minutes: int) -> Iterator[_Square]:
    """Stretches of two like releases side by side: what is the candidate's of all bad events."""
    for stretch in _whole(run, minutes):
        deviation = expected = 0.0
        for look in stretch:
            both = look.stable.exposure + look.candidate.exposure
            bad = look.stable.bad + look.candidate.bad
            part = look.candidate.exposure / both if both else 0.0
            deviation += look.candidate.bad - part * bad
            expected += part * (1.0 - part) * bad
        if expected > 0.0:
            yield _Square(deviation**2, expected, expected)


def _within(run: Sequence[Counts], minutes: int) -> Iterator[_Square]:
    """Stretches of one release against the mean of some hours. Two such arms would know half of each."""
    for piece in _parts(run, _PIECE):
        stretches = list(_whole(piece, minutes))
        if len(stretches) < 2:
            continue
        counted = [(sum(m.exposure for m in s), sum(m.bad for m in s)) for s in stretches]
        exposure, bad = sum(n for n, _ in counted), sum(x for _, x in counted)
        if not 0 < bad < exposure:
            continue
        rate = bad / exposure
        correction = len(stretches) / (len(stretches) - 1)  # the mean was taken from the same counts
        for n, x in counted:
            expected = rate * (1.0 - rate) * n
            if expected > 0.0:
                yield _Square((x - rate * n) ** 2 * correction, expected, expected / 2.0)


def _parts(run: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    return (run[i : i + size] for i in range(0, len(run), size))


def _whole(run: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    return (run[i : i + size] for i in range(0, len(run) - size + 1, size))


def _scale(minutes: int, squares: Sequence[_Square]) -> Scale | None:
    if len(squares) < _STRETCHES_LEAST:
        return None
    expected = math.fsum(each.expected for each in squares)
    fano = math.fsum(each.squared for each in squares) / expected
    spread = math.fsum((each.squared - fano * each.expected) ** 2 for each in squares)
    freedom = float(len(squares))
    if spread > 0.0:
        freedom = max(1.0, min(freedom, 2.0 * (fano * expected) ** 2 / spread))
    low, high = (_chi_square(freedom, z) / freedom for z in (-_Z, _Z))
    known = max(1.0, fano)
    information = math.fsum(each.information for each in squares) / len(squares)
    return Scale(minutes, known, max(1.0, fano / high), known / low, information)


def _chi_square(freedom: float, z: float) -> float:
    """A quantile of a chi-square distribution, z that of the normal one, by Wilson and Hilferty."""
    part = 2.0 / (9.0 * freedom)
    return freedom * (1.0 - part + z * math.sqrt(part)) ** 3

"""What a station measured, as lines of an SVG: parts of 1 over time. Pure; the template draws them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from andon.api.fleet_model import SampleView

WIDTH, HEIGHT = 640, 120
MEASURES = ("cpu", "memory", "disk")
_MOST_POINTS = 240
_GAP = 5  # so many usual distances without a sample is a gap, and no line is drawn over it


@dataclass(frozen=True, slots=True)
class Gauge:
    """One measure. path: of an SVG, in WIDTH x HEIGHT; last, most: parts of 1."""

    name: str
    path: str
    last: float
    most: float


def gauges(samples: Sequence[SampleView]) -> list[Gauge]:
    """The lines of all measures, oldest sample first; none where nothing was measured."""
    if not samples:
        return []
    kept = _thinned(samples)
    return [
        Gauge(name, _path(kept, name), _value(samples[-1], name), max(_value(each, name) for each in samples))
        for name in MEASURES
    ]


def _thinned(samples: Sequence[SampleView]) -> Sequence[SampleView]:
    step = max(1, len(samples) // _MOST_POINTS)
    return [*samples[:-1:step], samples[-1]]


def _path(samples: Sequence[SampleView], name: str) -> str:
    start, end = samples[0].at, samples[-1].at
    span = (end - start).total_seconds() or 1.0
    usual = span / max(1, len(samples) - 1)
    parts: list[str] = []
    before: datetime | None = None
    for each in samples:
        x = (each.at - start).total_seconds() / span * WIDTH
        is_gap = before is None or (each.at - before).total_seconds() > _GAP * usual
        parts.append(f"{'M' if is_gap else 'L'}{x:.1f} {(1 - _value(each, name)) * HEIGHT:.1f}")
        before = each.at
    return "".join(parts)


def _value(sample: SampleView, name: str) -> float:
    return min(1.0, max(0.0, float(getattr(sample, name))))

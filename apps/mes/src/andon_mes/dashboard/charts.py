"""Geometry of the charts: numbers in, coordinates of an SVG view box out. Pure; the templates draw them."""

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 720, 240
LEFT, RIGHT, TOP, BOTTOM = 56, 16, 12, 28
_FEWEST_COLUMNS, _MOST_COLUMNS = 6, 12


@dataclass(frozen=True, slots=True)
class Tick:
    """A line of the scale: where, and what it says."""

    at: float
    label: str


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a Pareto chart, from its left edge and top; `share` is that of all up to and with it."""

    label: str
    count: int
    left: float
    top: float
    width: float
    height: float
    share: float


@dataclass(frozen=True, slots=True)
class Pareto:
    """The most frequent first, and the line of what they come to together."""

    columns: tuple[Column, ...]
    cumulative: str
    ticks: tuple[Tick, ...]
    left_off: int


def pareto(counts: Sequence[tuple[str, int]]) -> Pareto | None:
    """The chart of `counts`; None of nothing. What is rare is left off and counted."""
    known = sorted((each for each in counts if each[1] > 0), key=lambda each: (-each[1], each[0]))
    if not known:
        return None
    shown, total = known[:_MOST_COLUMNS], sum(count for _, count in known)
    step = (WIDTH - LEFT - RIGHT) / max(len(shown), _FEWEST_COLUMNS)
    inner = HEIGHT - TOP - BOTTOM
    columns, points, so_far = [], [], 0
    for place, (label, count) in enumerate(shown):
        so_far += count
        height = inner * count / total
        left = LEFT + place * step + step * 0.15
        columns.append(
            Column(
                label,
                count,
                round(left, 1),
                round(TOP + inner - height, 1),
                round(step * 0.7, 1),
                round(height, 1),
                so_far / total,
            )
        )
        points.append((LEFT + (place + 0.5) * step, TOP + inner * (1 - so_far / total)))
    ticks = tuple(Tick(TOP + inner * (1 - part), f"{part:.0%}") for part in (0.0, 0.25, 0.5, 0.75, 1.0))
    return Pareto(tuple(columns), path(points), ticks, total - so_far)


def path(points: Sequence[tuple[float, float]]) -> str:
    """A line through `points`."""
    return "".join(f"{'L' if at else 'M'}{x:.1f} {y:.1f}" for at, (x, y) in enumerate(points))


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a stacked bar of width 100; `amount` in the unit of what was given."""

    name: str
    left: float
    width: float
    amount: float


def stack(amounts: Sequence[tuple[str, float]]) -> tuple[Part, ...]:
    """The parts of a bar, in their order; nothing when there is nothing of any."""
    total = sum(amount for _, amount in amounts)
    parts, left = [], 0.0
    for name, amount in amounts:
        if amount > 0:
            parts.append(Part(name, round(left, 3), round(100 * amount / total, 3), amount))
            left += 100 * amount / total
    return tuple(parts)

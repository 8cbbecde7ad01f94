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


@dataclass(frozen=True, slots=True)
class Point:
    """One point of a control chart; `rules` are those that it completes."""

    x: float
    y: float
    label: str
    value: float
    rules: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """A horizontal line: where, of which kind (centre, limit, spec), and its value."""

    y: float
    kind: str
    value: float


@dataclass(frozen=True, slots=True)
class Control:
    """A control chart: what was measured, and the lines that it is judged by."""

    points: tuple[Point, ...]
    path: str
    lines: tuple[Line, ...]
    lower: str
    upper: str


Plotted = tuple[str, float | None, tuple[str, ...]]
"""A point's label, its value (None leaves a gap), and the rules that it completes."""


def control(
    plotted: Sequence[Plotted],
    lines: Sequence[tuple[str, float | None]],
    limits: Sequence[tuple[float | None, float | None]] = (),
) -> Control | None:
    """The chart of `plotted`; None when nothing was measured. `limits`: each point's own, lower and upper."""
    values = [value for _, value, _ in plotted if value is not None]
    if not values:
        return None
    known = [(kind, value) for kind, value in lines if value is not None]
    own = [each for pair in limits for each in pair if each is not None]
    low, high = _scale([*values, *own, *(value for _, value in known)])
    step = (WIDTH - LEFT - RIGHT) / max(len(plotted), 2)

    def x(place: int) -> float:
        return round(LEFT + (place + 0.5) * step, 1)

    def y(value: float) -> float:
        return round(TOP + (HEIGHT - TOP - BOTTOM) * (high - value) / (high - low), 1)

    points = tuple(
        Point(x(place), y(value), label, value, rules)
        for place, (label, value, rules) in enumerate(plotted)
        if value is not None
    )
    return Control(
        points,
        path([(each.x, each.y) for each in points]),
        tuple(Line(y(value), kind, value) for kind, value in known),
        _stairs([(x(place), step, y(each[0])) for place, each in enumerate(limits) if each[0] is not None]),
        _stairs([(x(place), step, y(each[1])) for place, each in enumerate(limits) if each[1] is not None]),
    )


def _scale(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    room = (high - low) * 0.08 or abs(high) * 0.08 or 1.0
    return low - room, high + room


def _stairs(steps: Sequence[tuple[float, float, float]]) -> str:
    """A line that is level over each step, where every point has a limit of its own."""
    return path([each for x, step, y in steps for each in ((x - step / 2, y), (x + step / 2, y))])

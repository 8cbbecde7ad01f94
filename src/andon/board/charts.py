"""Evidence as pictures: geometry of SVG paths from the judge's looks. Pure; the template draws them.

The effect chart shows the rate ratio on a logarithmic scale with its anytime-valid interval: it closes on 1
or leaves it. The evidence chart shows both e-values, as parts of what they must reach, on one scale. Below it
stands how much the candidate was exposed to.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from andon.api.model import FindingView, LookMetric, LookView, MetricPolicyView

WIDTH, HEIGHT, EVIDENCE_HEIGHT = 640, 200, 84
LEFT, RIGHT, TOP, BOTTOM = 44, 12, 10, 22
EXPOSURE_HEIGHT = 34
_MOST_POINTS = 160
_WIDEST = 8.0
_EDGE = math.log(_WIDEST)
_TICKS = (0.25, 0.5, 1.0, 2.0, 4.0)


@dataclass(frozen=True, slots=True)
class Tick:
    """A line of the scale: where, and what it says."""

    at: float
    label: str


@dataclass(frozen=True, slots=True)
class Step:
    """Where the share changed."""

    at: float
    share: float


@dataclass(frozen=True, slots=True)
class Chart:
    """Both pictures of one metric, in the coordinates of their view boxes.

    tone: `fail` when the interval has left 1 upwards, `pass` when it is below the margin, else `open`.
    """

    metric: str
    title: str
    title_ko: str
    band: str
    middle: str
    last: tuple[float, float] | None
    ticks: tuple[Tick, ...]
    equal: float
    margin: float
    steps: tuple[Step, ...]
    harm: str
    safe: str
    boundary: float
    exposure: str
    most_exposure: int
    tone: str
    began_at: datetime
    ended_at: datetime


def thinned(looks: Sequence[LookView], most: int = _MOST_POINTS) -> list[LookView]:
    """At most `most` looks, evenly taken; the first and the last stay."""
    if len(looks) <= most:
        return list(looks)
    return [looks[round(index * (len(looks) - 1) / (most - 1))] for index in range(most)]


def chart(
    policy: MetricPolicyView, looks: Sequence[LookView], said: FindingView | None = None
) -> Chart | None:
    """The pictures of one metric; None before its first look.

    said: what the judge says now; its boundary of harm is the one in force, which is a little higher than
    1 / alpha where a part of alpha is kept for the guardrail.
    """
    seen = [each for each in looks if policy.name in each.metrics]
    if not seen:
        return None
    points = thinned(seen)
    across = _scale([each.at for each in points])
    found = [each.metrics[policy.name] for each in points]
    upper = [
        (x, _down(each.high if each.high is not None else math.inf))
        for x, each in zip(across, found, strict=True)
    ]
    lower = [(x, _down(each.low)) for x, each in zip(across, found, strict=True)]
    middle = [(x, _down(each.ratio)) for x, each in zip(across, found, strict=True) if each.ratio is not None]
    harm_boundary, safe_boundary = math.log(1 / policy.alpha), math.log(1 / policy.beta)
    if said is not None and not said.by_guardrail:
        harm_boundary, safe_boundary = said.log_harm_boundary, said.log_safe_boundary
    return Chart(
        metric=policy.name,
        title=policy.title,
        title_ko=policy.title_ko,
        band=_area(upper, lower),
        middle=_line(middle),
        last=middle[-1] if middle else None,
        ticks=tuple(Tick(_down(each), f"{each:g}×") for each in _TICKS),
        equal=_down(1.0),
        margin=_down(policy.margin),
        steps=_steps(points, across),
        harm=_line(
            [(x, _part(each.log_e_harm, harm_boundary)) for x, each in zip(across, found, strict=True)]
        ),
        safe=_line(
            [(x, _part(each.log_e_safe, safe_boundary)) for x, each in zip(across, found, strict=True)]
        ),
        boundary=_part(1.0, 1.0),
        exposure=_filled([(x, each.candidate.exposure) for x, each in zip(across, found, strict=True)]),
        most_exposure=found[-1].candidate.exposure,
        tone=tone(found[-1], policy.margin),
        began_at=points[0].at,
        ended_at=points[-1].at,
    )


def tone(found: LookMetric, margin: float) -> str:
    """What the interval says for itself."""
    if found.low > 1:
        return "fail"
    return "pass" if found.high is not None and found.high < margin else "open"


def _scale(times: Sequence[datetime]) -> list[float]:
    span = (times[-1] - times[0]).total_seconds()
    width = WIDTH - LEFT - RIGHT
    if span <= 0:
        return [float(WIDTH - RIGHT)] * len(times)
    return [round(LEFT + width * (each - times[0]).total_seconds() / span, 1) for each in times]


def _down(value: float) -> float:
    """A ratio's place: larger is higher, beyond the edges is at the edge."""
    place = _EDGE if math.isinf(value) else -_EDGE if value <= 0 else math.log(value)
    inside = max(-_EDGE, min(_EDGE, place))
    return round(TOP + (HEIGHT - TOP - BOTTOM) * (_EDGE - inside) / (2 * _EDGE), 1)


def _part(log_e: float, boundary: float) -> float:
    """The place of an e-value as a part of its boundary, from 0 to 1.25."""
    part = max(0.0, min(1.25, log_e / boundary)) if boundary > 0 else 0.0
    return round(EVIDENCE_HEIGHT - 4 - (EVIDENCE_HEIGHT - 12) * part / 1.25, 1)


def _line(points: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x:g} {y:g}" for x, y in points) if points else ""


def _area(upper: Sequence[tuple[float, float]], lower: Sequence[tuple[float, float]]) -> str:
    return _line([*upper, *reversed(lower)]) + "Z"


def _filled(points: Sequence[tuple[float, int]]) -> str:
    """The candidate's exposure so far as an area over the time, the last of it at full height."""
    most = max((count for _, count in points), default=0)
    if not most:
        return ""
    floor = EXPOSURE_HEIGHT - 2
    top = [(x, round(floor - (floor - 6) * count / most, 1)) for x, count in points]
    return _area(top, [(top[0][0], floor), (top[-1][0], floor)])


def _steps(points: Sequence[LookView], across: Sequence[float]) -> tuple[Step, ...]:
    found: list[Step] = []
    for x, each in zip(across, points, strict=True):
        if not found or found[-1].share != each.share:
            found.append(Step(x, each.share))
    return tuple(found)

"""What the judge says, drawn with characters: where the effect may lie, and how far the evidence has come.

Pure, as `render.py`. The words of what comes next are the board's.
"""

import math
from datetime import datetime

from rich.markup import escape

from andon.api.model import FindingView, MetricPolicyView, OutlookView, RolloutView
from andon.board import story
from andon.board.story import Phrase
from andon.board.words import say

_WIDTH = 41
_EDGE = math.log(8.0)  # the scale reaches from an eighth of the stable's rate to eight times as much
_TONES = {"pass": "green", "fail": "red", "invalid": "magenta", "inconclusive": "yellow"}


def finding(found: FindingView, policy: MetricPolicyView | None, turning: OutlookView | None) -> str:
    """One metric in some lines: what is said of it, its interval, both weights, and what would turn it."""
    tone = _TONES.get(found.outcome, "white")
    lines = [f"[{tone}]{found.metric}[/] {escape(found.reason)}"]
    if found.ratio is not None:
        high = "∞" if found.high is None else f"{found.high:.2f}"
        lines.append(
            f"  {interval(found, policy)} [bold]{found.ratio:.2f}[/] times the stable"
            f" [dim]({found.low:.2f} to {high})[/]"
        )
    lines.append(
        f"  {weight(found.log_e_harm, found.log_harm_boundary, 'red')} harm"
        f"   {weight(found.log_e_safe, found.log_safe_boundary, 'green')} safe"
    )
    if turning is not None and (said := turned(turning)):
        lines.append(f"  [dim]{said}[/]")
    return "\n".join(lines)


def interval(found: FindingView, policy: MetricPolicyView | None) -> str:
    """The anytime-valid interval on a logarithmic scale: `│` is equal, `╎` the margin, `●` the ratio."""
    cells = ["[dim]─[/]"] * _WIDTH
    tone = "red" if found.low > 1 else "green" if _is_below(found, policy) else "cyan"
    top = math.inf if found.high is None else found.high
    for at in range(_cell(found.low), _cell(top) + 1):
        cells[at] = f"[{tone}]━[/]"
    if policy is not None:
        cells[_cell(policy.margin)] = "[red]╎[/]"
    cells[_cell(1.0)] = "│"
    cells[_cell(found.ratio or 0.0)] = f"[{tone} bold]●[/]"
    return "".join(cells)


def weight(log_e: float, boundary: float, tone: str, width: int = 12) -> str:
    """Evidence as part of what it must reach."""
    part = max(0.0, min(1.0, log_e / boundary)) if boundary > 0 else 0.0
    full = int(part * width)
    return f"[{tone}]{'█' * full}[/][dim]{'░' * (width - full)}[/] {part:4.0%}"


def turned(turning: OutlookView) -> str:
    """What would change the metric's verdict; empty where nothing in reach does."""
    said = []
    if turning.bad_to_fail is not None:
        said.append(f"{turning.bad_to_fail:,} bad in a row would take it back")
    if turning.good_to_pass is not None:
        said.append(f"{turning.good_to_pass:,} good in a row would let it go on")
    return "; ".join(said)


def following(view: RolloutView, now: datetime) -> str:
    """What happens next and when, in a line; empty where it is over."""
    if view.is_over:
        return ""
    comes = story.following(view, now=now, is_corded=False)
    text = _words(comes.now)
    if comes.until is not None and comes.clock is not None:
        left = max(0, round((comes.until - now).total_seconds()))
        text += f"; {_words(comes.clock)} in {left // 60}:{left % 60:02d}"
    return text + (f"; then {_words(comes.after)}" if comes.after is not None else "")


def _words(phrase: Phrase) -> str:
    return say("en", phrase.key, **phrase.values)


def _is_below(found: FindingView, policy: MetricPolicyView | None) -> bool:
    return policy is not None and found.high is not None and found.high < policy.margin


def _cell(ratio: float) -> int:
    place = -_EDGE if ratio <= 0 else min(_EDGE, max(-_EDGE, math.log(ratio))) if ratio < math.inf else _EDGE
    return round((place + _EDGE) / (2 * _EDGE) * (_WIDTH - 1))

"""The judge's memory and verdict as plain JSON values. Floats go through `repr`: they come back bit for bit.

Not here: where they are stored. A key that is missing takes its default, so an older record can be read.
"""

import math
from dataclasses import asdict
from typing import Any

from andon.judge.model import Counts, JudgeState, MetricState, RatioState, Verdict

_SERIES = ("log_likelihood", "log_margin", "log_absolute")


def state_to_json(state: JudgeState) -> dict[str, Any]:
    """Return plain dicts, lists and numbers."""
    metrics = {name: asdict(metric) for name, metric in state.metrics.items()}
    for metric in metrics.values():
        for name in _SERIES:
            metric[name] = list(metric[name])
    return {"metrics": metrics, "ratio": asdict(state.ratio)}


def state_from_json(data: dict[str, Any]) -> JudgeState:
    """Read what `state_to_json` wrote."""
    metrics = {name: _metric(metric) for name, metric in data["metrics"].items()}
    return JudgeState(metrics, RatioState(**data["ratio"]))


def verdict_to_json(verdict: Verdict) -> dict[str, Any]:
    """Return the verdict for the timeline and the API; an unbounded interval ends in None."""
    data = asdict(verdict)
    for finding in data["findings"]:
        low, high = finding["interval"]
        finding["interval"] = [low, None if math.isinf(high) else high]
    data["findings"] = list(data["findings"])
    return data


def _metric(data: dict[str, Any]) -> MetricState:
    values: dict[str, Any] = {
        **data,
        "stable": Counts(**data["stable"]),
        "candidate": Counts(**data["candidate"]),
    }
    return MetricState(**values | {name: tuple(values[name]) for name in _SERIES if name in values})

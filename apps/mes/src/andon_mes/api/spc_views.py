"""Control charts and their signals as JSON documents."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from andon_mes.api.views import row_view
from andon_mes.signals.model import Signal
from andon_mes.signals.store import Held
from andon_mes.spc.decide import Study
from andon_mes.spc.model import Capability, Limits, Rule, Unknown, Violation
from andon_mes.spc.reading import Shown
from andon_mes.spc.shifts import ShiftStudy
from andon_mes.spc.store import Baseline, Charted

_DIGITS = 9


def chart_view(
    charted: Charted, models: Sequence[str], model: str | None, shown: Shown | None
) -> dict[str, Any]:
    """A chart; `shown` None where the characteristic is not charted, or nothing was measured."""
    judged = shown.study if shown else None
    found = judged.limits if judged else Unknown.TOO_FEW if charted.chart else Unknown.NO_CHART
    why, limits = (found, None) if isinstance(found, Unknown) else (None, found)
    return {
        "process": charted.process,
        "characteristic": charted.name,
        "unit": charted.unit,
        "product_model": model,
        "product_models": list(models),
        "chart": charted.chart,
        "subgroup_size": charted.size,
        "tolerance": asdict(charted.tolerance),
        "on_signal": charted.on_signal,
        "points_taken": shown.points if shown else 0,
        "location": limits and _limits(limits.location),
        "dispersion": limits and _limits(limits.dispersion),
        "sigma_within": limits and _rounded(limits.sigma),
        "baseline": shown and _baseline(charted, shown.baseline, limits.excluded if limits else ()),
        "points": _points(judged) if judged else [],
        "violations": [_violation(each) for each in judged.violations] if judged else [],
        "capability": _capability(judged.capability if judged else Capability(why=why)),
        "why": why,
    }


def shift_chart_view(process: str, judged: ShiftStudy) -> dict[str, Any]:
    """A p chart."""
    rules = _rules(judged.violations)
    return {
        "process": process,
        "points": [
            {
                "shift": each.label,
                "starts_at": each.starts_at.isoformat(),
                "tried": each.tried,
                "failed": each.failed,
                "share": _rounded(each.failed / each.tried) if each.tried else None,
                "centre": own and _rounded(own.centre),
                "lower": None if own is None else _rounded(own.lower),
                "upper": None if own is None else _rounded(own.upper),
                "rules": rules.get(place, []),
            }
            for place, (each, own) in enumerate(zip(judged.shifts, judged.limits, strict=True))
        ],
        "why": judged.why,
    }


def signal_view(signal: Signal) -> dict[str, Any]:
    """A signal."""
    return row_view(asdict(signal))


def held_view(held: Held) -> dict[str, Any]:
    """Whether a process is held."""
    at = held.at.isoformat() if held.at else None
    return {"process": held.process, "held_reason": held.reason, "held_by": held.by, "held_at": at}


def _points(judged: Study) -> list[dict[str, Any]]:
    rules = _rules(judged.violations)
    return [
        {
            "number": group.number,
            "at": group.at.isoformat(),
            "location": _rounded(location),
            "dispersion": None if spread is None else _rounded(spread),
            "values": [_rounded(each) for each in group.values],
            "process_data_ids": list(group.attempt_ids),
            "rules": rules.get(group.number, []),
        }
        for group, location, spread in zip(judged.groups, judged.locations, judged.dispersions, strict=True)
    ]


def _rules(violations: Sequence[Violation]) -> dict[int, list[Rule]]:
    found: dict[int, list[Rule]] = {}
    for each in violations:
        known = found.setdefault(each.numbers[-1], [])
        if each.rule not in known:
            known.append(each.rule)
    return found


def _violation(violation: Violation) -> dict[str, Any]:
    return {"rule": violation.rule, "chart": violation.where, "subgroups": list(violation.numbers)}


def _baseline(charted: Charted, baseline: Baseline | None, excluded: Sequence[int]) -> dict[str, Any] | None:
    if baseline is None:
        return None
    return {
        "first_subgroup": (baseline.first - 1) // charted.size + 1,
        "last_subgroup": baseline.last // charted.size,
        "exclude_signalled": baseline.excludes,
        "excluded": list(excluded),
        "reason": baseline.reason,
        "set_by": baseline.set_by,
        "set_at": baseline.set_at.isoformat() if baseline.set_at else None,
    }


def _capability(said: Capability) -> dict[str, Any]:
    shown = asdict(said)
    return {key: round(value, 4) if isinstance(value, float) else value for key, value in shown.items()}


def _limits(limits: Limits) -> dict[str, float]:
    return {key: _rounded(value) for key, value in asdict(limits).items()}


def _rounded(value: float) -> float:
    """Without the noise of floating point."""
    return round(value, _DIGITS)

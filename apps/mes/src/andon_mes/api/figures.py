"""Figures as JSON documents: shares in percent with two decimals, times in seconds, instants in UTC."""

from dataclasses import asdict
from datetime import datetime
from typing import Any

from andon_mes.api.views import row_view
from andon_mes.equipment.model import E10
from andon_mes.oee.controller import EquipmentOee
from andon_mes.oee.model import Bounds
from andon_mes.reports.model import Quantities, Tally, percent
from andon_mes.reports.today import Equipment, Floor, FloorProcess, ProcessToday, Running, Summary, Waiting
from andon_mes.serials.model import SerialStatus


def summary_view(seen: Summary) -> dict[str, Any]:
    """Today at one look. What nobody has measured is null."""
    return {
        "production_date": seen.production_date.isoformat(),
        "shift": seen.shift,
        "begins_at": seen.day.begins_at.isoformat(),
        "ends_at": seen.day.ends_at.isoformat(),
        "seen_at": seen.seen_at.isoformat(),
        "lots_today": seen.lots,
        **_quantities(seen.quantities),
        "takt_time": _seconds(seen.takt),
        "rolled_throughput_yield": percent(seen.rolled_throughput_yield),
        **asdict(seen.attention),
        "processes": [_process_today(each) for each in seen.processes],
        "models": [
            {
                "product_model": each.code,
                "processed": each.tally.processed,
                "first_pass_yield": percent(each.tally.first_pass_yield),
                "rolled_throughput_yield": percent(each.rolled_throughput_yield),
            }
            for each in seen.models
        ],
    }


def floor_view(seen: Floor) -> dict[str, Any]:
    """The floor as it is now."""
    return {
        "seen_at": seen.seen_at.isoformat(),
        "production_date": seen.production_date.isoformat(),
        "shift": seen.shift,
        "takt_time": _seconds(seen.takt),
        "pace": _seconds(seen.pace),
        "processes": [_process_now(each, seen.seen_at) for each in seen.processes],
        "other_equipment": [_equipment(each) for each in seen.other_equipment],
        "calls": [row_view(asdict(each)) for each in seen.calls],
        "attempts_left_off": seen.left_off,
    }


def tally_view(seen: Tally) -> dict[str, Any]:
    """What some attempts came to."""
    return {
        "processed": seen.processed,
        "passed": seen.passed,
        "failed": seen.failed,
        "first_attempts": seen.first,
        "first_passed": seen.first_passed,
        "first_pass_yield": percent(seen.first_pass_yield),
        "rework_ratio": percent(seen.rework_ratio),
        "average_cycle_time": _seconds(seen.average),
        "shortest_cycle_time": _seconds(seen.shortest),
        "longest_cycle_time": _seconds(seen.longest),
    }


def oee_view(seen: EquipmentOee) -> dict[str, Any]:
    """The OEE of a piece of equipment."""
    figures = seen.figures
    return {
        "equipment": seen.code,
        "name": seen.name,
        "process": seen.process,
        "planned_seconds": round(figures.planned, 3),
        "seconds": {each.name.lower(): round(figures.seconds.get(each, 0.0), 3) for each in E10}
        | {"unknown": round(figures.seconds.get(None, 0.0), 3)},
        "coverage": percent(figures.coverage),
        "processed": figures.processed,
        "good": figures.good,
        "availability": percent(figures.availability),
        "performance": percent(figures.performance),
        "quality": percent(figures.quality),
        "oee": percent(figures.oee),
        "availability_bounds": _bounds(figures.availability_bounds),
        "oee_bounds": _bounds(figures.oee_bounds),
        "unknown_because": figures.unknown,
    }


def _bounds(seen: Bounds | None) -> dict[str, Any] | None:
    return None if seen is None else {"lower": percent(seen.lower), "upper": percent(seen.upper)}


def _quantities(seen: Quantities) -> dict[str, Any]:
    return {
        "target_quantity": seen.target,
        "generated_quantity": seen.generated,
        "actual_quantity": seen.actual,
        "defect_quantity": seen.defect,
        "completion_rate": percent(seen.completion_rate),
        "defect_rate": percent(seen.defect_rate),
        "scrap_ratio": percent(seen.scrap_ratio),
    }


def _process_today(seen: ProcessToday) -> dict[str, Any]:
    return {
        **_process(seen, seen.waiting),
        **tally_view(seen.tally),
        "cycle_time_against_standard": percent(seen.against_standard),
        "rolled_throughput_yield": percent(seen.rolled_throughput_yield),
        "throughput_per_hour": _rounded(seen.throughput_per_hour, 2),
    }


def _process_now(seen: FloorProcess, now: datetime) -> dict[str, Any]:
    return {
        **_process(seen, seen.waiting),
        "running": [_running(each, now, seen.process.standard_cycle_time) for each in seen.running],
        "equipment": [_equipment(each) for each in seen.equipment],
    }


def _process(seen: ProcessToday | FloorProcess, waiting: Waiting) -> dict[str, Any]:
    return {
        "process": seen.process.code,
        "name": seen.process.name,
        "name_ko": seen.process.name_ko,
        "standard_cycle_time": seen.process.standard_cycle_time,
        "wip": waiting.wip,
        "waiting": waiting.of(SerialStatus.WAITING),
        "in_process": waiting.of(SerialStatus.IN_PROCESS),
        "rework": waiting.of(SerialStatus.REWORK),
        "defective": waiting.of(SerialStatus.DEFECTIVE),
        "held": waiting.of(SerialStatus.HOLD),
    }


def _running(seen: Running, now: datetime, standard: int) -> dict[str, Any]:
    seconds = seen.seconds(now)
    return {**row_view(asdict(seen)), "seconds": _seconds(seconds), "is_over_standard": seconds > standard}


def _equipment(seen: Equipment) -> dict[str, Any]:
    return row_view(asdict(seen))


def _seconds(value: float | None) -> float | None:
    return _rounded(value, 3)


def _rounded(value: float | None, places: int) -> float | None:
    return None if value is None else round(value, places)

"""Stored things as JSON documents. Times leave as UTC with their zone; screens show plant time."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date, datetime
from typing import Any

from andon_mes.lots.model import Lot, Production, Quantities
from andon_mes.processes.model import OpenWork
from andon_mes.serials.model import Serial


def lot_view(lot: Lot, quantities: Quantities) -> dict[str, Any]:
    """A lot with its derived quantities; a rate of nothing is null, not 0."""
    counted = quantities.actual + quantities.defect
    return {
        "id": lot.id,
        "lot_number": lot.lot_number,
        "plant_code": lot.plant_code,
        "product_model": lot.product_model,
        "shift": lot.shift,
        "production_date": lot.production_date.isoformat(),
        "target_quantity": lot.target_quantity,
        "generated_quantity": quantities.generated,
        "actual_quantity": quantities.actual,
        "defect_quantity": quantities.defect,
        "completion_rate": round(100 * quantities.actual / lot.target_quantity, 2),
        "defect_rate": round(100 * quantities.defect / counted, 2) if counted else None,
        "status": lot.status,
        "priority": lot.priority,
        "created_at": instant(lot.created_at),
        "started_at": instant(lot.started_at),
        "completed_at": instant(lot.completed_at),
        "created_by": lot.created_by,
        "notes": lot.notes,
    }


def production_view(models: Sequence[Production]) -> dict[str, Any]:
    """What is under way, summed and by product model."""
    return {
        "open_lots": sum(each.open_lots for each in models),
        "running_lots": sum(each.running_lots for each in models),
        "serials_in_process": sum(each.serials_in_process for each in models),
        "models": [asdict(each) for each in models],
    }


def safe_point_view(found: OpenWork) -> dict[str, Any]:
    """Whether a place may be restarted, and what stands against it."""
    words = found.words()
    return {
        "is_safe": found.serials == 0,
        "serials_open": found.serials,
        "lots_open": found.lots,
        "open_serials": [asdict(each) | {"started_at": instant(each.started_at)} for each in found.oldest],
        "reason": words.en,
        "reason_ko": words.ko,
    }


def serial_view(serial: Serial) -> dict[str, Any]:
    """A serial without its history."""
    return {
        "serial_number": serial.serial_number,
        "checksum": serial.checksum,
        "sequence_in_lot": serial.sequence_in_lot,
        "status": serial.status,
        "current_process": serial.current_process,
        "is_defective": serial.is_defective,
        "defect_code": serial.defect_code,
        "defect_description": serial.defect_description,
        "created_at": instant(serial.created_at),
        "started_at": instant(serial.started_at),
        "completed_at": instant(serial.completed_at),
        "shipped_at": instant(serial.shipped_at),
        "held_from": serial.held_from,
    }


def row_view(row: dict[str, Any], *, without: frozenset[str] = frozenset()) -> dict[str, Any]:
    """A row with its dates as text, without the columns that are nobody's business."""
    return {key: _value(value) for key, value in row.items() if key not in without}


def _value(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value


def instant(at: datetime | None) -> str | None:
    """An instant as text; unknown stays unknown."""
    return None if at is None else at.isoformat()

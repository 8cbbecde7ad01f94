"""The birth certificate as a document: pure, from the rows to JSON values. Times are UTC with their zone.

What nobody recorded is null. Limits are those that are configured when it is issued; what breached the
limits of its own time stands in `limit_breaches` of the attempt.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from andon_mes.genealogy.model import FORMAT, Issued, Record, Row
from andon_mes.serials.model import SerialStatus, is_only_abort

_INTERNAL = frozenset(
    {"id", "serial_id", "process_id", "process_data_id", "rework_id", "original_process_id"}
)
_OF_ATTEMPT = _INTERNAL | {
    "completion_digest",
    "completion_seq",
    "created_at",
    "updated_at",
    "process_specific_data",
}
_OF_HISTORY = _INTERNAL | {"entity_type", "entity_id"}
_OF_SERIAL = (
    "serial_number",
    "checksum",
    "sequence_in_lot",
    "status",
    "held_from",
    "current_process",
    "is_defective",
    "defect_code",
    "created_at",
    "started_at",
    "completed_at",
    "shipped_at",
)
_OF_LOT = ("lot_number", "plant_code", "shift", "production_date")


def certificate(record: Record, issued: Issued) -> dict[str, Any]:
    """All that is known of one serial."""
    serial = record.serial
    return {
        "format": FORMAT,
        "issued_at": issued.at.isoformat(),
        "issued_by_release": issued.release,
        "plant": {"code": issued.plant_code, "zone": issued.zone},
        "serial": {name: _value(serial[name]) for name in _OF_SERIAL},
        "lot": {name: _value(serial[name]) for name in _OF_LOT} | {"status": serial["lot_status"]},
        "product_model": {
            "code": serial["model"],
            "name": serial["model_name"],
            "name_ko": serial["model_name_ko"],
            "specification": serial["specification"],
        },
        "attempts": [_attempt(each, record.limits.get(each["process"], ())) for each in record.attempts],
        "components": tree(record.components, serial["id"]),
        "inside_of": [_shown(each) for each in record.inside_of],
        "defects": [_shown(each) for each in record.defects],
        "reworks": [_shown(each) for each in record.reworks],
        "holds": holds(record.history),
        "recalls": [_shown(each) for each in record.recalls],
        "labels": [_shown(each) for each in record.labels],
        "contested": [_shown(each) for each in record.contested],
        "history": [_shown(each, _OF_HISTORY) for each in record.history],
        "releases": sorted({each["release"] for each in record.attempts if each["release"]}),
        "audit": audit(record.last_record, record.seal),
    }


def tree(uses: Sequence[Row], serial_id: int) -> list[dict[str, Any]]:
    """What is and was in a serial; a component that is a serial of this MES `contains` what is in it."""
    by_serial: dict[int, list[Row]] = {}
    for each in uses:
        by_serial.setdefault(each["serial_id"], []).append(each)
    return _branch(by_serial, serial_id, frozenset())


def _branch(
    by_serial: Mapping[int, Sequence[Row]], serial_id: int, above: frozenset[int]
) -> list[dict[str, Any]]:
    shown = []
    for use in by_serial.get(serial_id, ()):
        inner = use["subassembly_id"]
        known = _shown(use, _INTERNAL | {"subassembly_id"})
        is_inside = inner is not None and use["removed_at"] is None and inner not in above
        known["contains"] = _branch(by_serial, inner, above | {serial_id}) if is_inside else []
        shown.append(known)
    return shown


def holds(history: Sequence[Row]) -> list[dict[str, Any]]:
    """Each time the serial was held: from when to when, why and by whom; `to` is null while it lasts."""
    found: list[dict[str, Any]] = []
    for each in history:
        is_hold, was_hold = each["new_status"] == SerialStatus.HOLD, each["old_status"] == SerialStatus.HOLD
        if was_hold and not is_hold and found:
            for held in reversed(found):
                if held["to"] is not None:
                    break
                held["to"], held["released_by"] = _value(each["changed_at"]), each["changed_by"]
        if is_hold and not is_only_abort(each["old_status"], each["reason"]):
            found.append(
                {
                    "from": _value(each["changed_at"]),
                    "to": None,
                    "reason": each["reason"],
                    "held_by": each["changed_by"],
                    "released_by": None,
                }
            )
    return found


def audit(last_record: int | None, seal: Row | None) -> dict[str, Any]:
    """The seal that the chain of the audit ends with, and whether it covers the last change of the serial."""
    sealed = None if last_record is None else seal is not None and seal["last_record"] >= last_record
    return {
        "last_record": last_record,
        "is_sealed": sealed,
        "seal": None
        if seal is None
        else {"id": seal["id"], "digest": seal["digest"], "sealed_at": _value(seal["sealed_at"])},
    }


def _attempt(row: Row, limits: Sequence[Row]) -> dict[str, Any]:
    data = row["process_specific_data"] or {}
    names = {each["name"] for each in limits} | {f"{each['name']}_unit" for each in limits}
    return _shown(row, _OF_ATTEMPT) | {
        "measurements": [_measured(data, each, row) for each in limits if data.get(each["name"]) is not None],
        "data": {name: value for name, value in data.items() if name not in names},
    }


def _measured(data: Mapping[str, Any], known: Row, row: Row) -> dict[str, Any]:
    breached = {each["name"] for each in row["limit_breaches"] or ()}
    return {
        "name": known["name"],
        "value": data[known["name"]],
        "unit": data.get(f"{known['name']}_unit", known["unit"]),
        "lower": known["lower"],
        "upper": known["upper"],
        "limit_unit": known["unit"],
        "is_within": known["name"] not in breached,
    }


def _shown(row: Row, without: frozenset[str] = _INTERNAL) -> dict[str, Any]:
    return {name: _value(value) for name, value in row.items() if name not in without}


def _value(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value

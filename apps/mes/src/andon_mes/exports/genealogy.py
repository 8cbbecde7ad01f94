"""The life of one serial as rows in the order of time: the birth certificate for a spreadsheet. Pure.

The certificate itself, on one page and signed, is genealogy/'s.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from andon_mes.exports.model import Row
from andon_mes.genealogy.model import Record

Known = Mapping[str, Any]


def rows_of(record: Record) -> list[Row]:
    """Every event of the serial, oldest first; at one instant, in the order in which they are listed here."""
    found = [
        *(row for each in record.history for row in _state(each)),
        *(row for each in record.attempts for row in _attempt(each, record)),
        *(row for each in record.components for row in _component(each)),
        *(row for each in record.defects for row in _defect(each)),
        *(row for each in record.reworks for row in _rework(each)),
        *(row for each in record.labels for row in _label(each)),
        *(row for each in record.recalls for row in _recall(each)),
    ]
    return sorted(found, key=_instant_of)


def _instant_of(row: Row) -> datetime:
    at = row[0]
    if not isinstance(at, datetime):
        raise TypeError(f"{row} has no instant")
    return at


def _state(each: Known) -> Iterator[Row]:
    yield (
        each["changed_at"], "STATE", None, each["old_status"], None, each["new_status"], each["changed_by"],
        each["reason"],
    )  # fmt: skip


def _attempt(each: Known, record: Record) -> Iterator[Row]:
    process, by = each["process"], each["operator_id"]
    place = each["equipment_id"] or each["station"]
    number = str(each["attempt"])
    yield each["started_at"], "START", process, number, None, None, by, place
    if each["completed_at"] is None:
        return
    at = each["completed_at"]
    yield at, "ATTEMPT", process, number, each["defect_code"], each["status"], by, each["defect_description"]
    data = each["process_specific_data"] or {}
    for limit in record.limits.get(process, ()):
        if data.get(limit["name"]) is not None:
            value = f"{data[limit['name']]} {data.get(limit['name'] + '_unit', limit['unit'])}"
            limits = f"{_bound(limit['lower'])} ... {_bound(limit['upper'])} {limit['unit']}"
            yield at, "MEASUREMENT", process, limit["name"], None, value, by, limits


def _component(each: Known) -> Iterator[Row]:
    number = each["component_serial"] or each["component_lot"]
    item, process = each["component"], each["process"]
    yield (
        each["scanned_at"],
        "COMPONENT",
        process,
        item,
        number,
        f"{each['quantity']:g}",
        each["operator_id"],
        None,
    )
    if each["removed_at"] is not None:
        removed = (each["removed_by"], each["removal_reason"])
        yield each["removed_at"], "REMOVED", process, item, number, None, *removed


def _defect(each: Known) -> Iterator[Row]:
    code, process = each["defect_code"], each["process"]
    yield each["opened_at"], "DEFECT", process, None, code, "OPEN", each["opened_by"], each["description"]
    for status in ("contained", "dispositioned", "verified"):
        if each[f"{status}_at"] is not None:
            said = each["disposition"] if status == "dispositioned" else None
            by = each[f"{status}_by"]
            yield each[f"{status}_at"], "DEFECT", process, said, code, status.upper(), by, each["reason"]
    if each["closed_at"] is not None:
        yield each["closed_at"], "DEFECT", process, None, code, "CLOSED", None, None


def _rework(each: Known) -> Iterator[Row]:
    process, code, by = each["process"], each["defect_code"], each["operator"]
    yield each["started_at"], "REWORK", process, None, code, None, by, each["reason"]
    if each["completed_at"] is not None:
        yield each["completed_at"], "REWORK", process, None, code, each["final_result"], by, each["notes"]


def _label(each: Known) -> Iterator[Row]:
    copy = str(each["copy_number"])
    yield (
        each["printed_at"],
        "LABEL",
        None,
        copy,
        each["template_code"],
        None,
        each["printed_by"],
        each["reason"],
    )


def _recall(each: Known) -> Iterator[Row]:
    of = each["component_serial"] or each["component_lot"]
    yield each["opened_at"], "RECALL", None, each["component"], of, each["outcome"], None, each["reason"]


def _bound(value: float | None) -> str:
    return "" if value is None else f"{value:g}"

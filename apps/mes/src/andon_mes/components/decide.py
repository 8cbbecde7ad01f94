"""Whether a component may go into a serial (docs/design/mes.md, rule 8). Pure."""

import math
from collections.abc import Sequence
from datetime import datetime

from andon_mes.components.model import BomItem, Elsewhere, Holder, Kind, Scan, Take, Use, found_of
from andon_mes.components.pattern import matches
from andon_mes.components.refusals import Reason, Refuse
from andon_mes.lots.model import LotStatus
from andon_mes.serials.model import SerialStatus

_OPEN_LOTS = frozenset({LotStatus.RELEASED, LotStatus.IN_PROGRESS, LotStatus.CLOSING})
_FINISHED = frozenset({SerialStatus.COMPLETED, SerialStatus.SHIPPED})


def decide_use(
    bom: Sequence[BomItem],
    uses: Sequence[Use],
    scan: Scan,
    process: str,
    *,
    holder: Holder,
    elsewhere: Elsewhere,
) -> Take | Refuse:
    """Whether `scan` may be booked at `process`, and how much of it.

    A component belongs to its process; one that makes good for a removed one is taken wherever the rework is.
    """
    refused = refused_holder(holder)
    if refused is not None:
        return refused
    item = next((each for each in bom if each.component == scan.component), None)
    if item is None:
        known = ", ".join(each.component for each in bom if each.process == process) or "-"
        return Refuse(Reason.COMPONENT_UNKNOWN, {"component": scan.component, "known": known})
    replaced, refused = _replaced(uses, scan)
    if refused is not None:
        return refused
    if item.process != process and replaced is None and not _was_removed(uses, scan.component):
        about: dict[str, object] = {
            "component": item.component,
            "process": process,
            "belongs": item.process,
        }
        return Refuse(Reason.COMPONENT_WRONG_PROCESS, about)
    return (
        _refused_number(item, scan)
        or _refused_elsewhere(scan, elsewhere)
        or _taken(item, uses, scan, replaced)
    )


def decide_removal(holder: Holder, use: Use) -> Refuse | None:
    """Why `use` may not be taken out of its serial; None when it may. Held ones may be: that is a rework."""
    if use.removed_at is not None:
        return Refuse(Reason.COMPONENT_REMOVED, {"component": use.component})
    if holder.status in _FINISHED | {SerialStatus.SCRAPPED}:
        return refused_holder(holder)
    return None


def refused_holder(holder: Holder) -> Refuse | None:
    """Why the serial takes no component now; None when it does."""
    about: dict[str, object] = {"serial": holder.serial_number, "lot": holder.lot_number}
    if holder.status is SerialStatus.SCRAPPED:
        return Refuse(Reason.SERIAL_SCRAPPED, about)
    if holder.status in _FINISHED:
        return Refuse(Reason.SERIAL_COMPLETED, about)
    if holder.lot is LotStatus.HOLD:
        return Refuse(Reason.LOT_HOLD, about)
    if holder.lot not in _OPEN_LOTS:
        return Refuse(Reason.LOT_NOT_RELEASED, about | {"lot_status": holder.lot})
    if holder.status is SerialStatus.HOLD:
        return Refuse(Reason.SERIAL_HOLD, about)
    return None


def taken_as(uses: Sequence[Use], take: Take, at: datetime) -> list[Use]:
    """`uses` as they are once `take` is booked `at`: what the next scan of the same request is held to."""
    scan = take.scan
    kept = [each if each.id != take.removes else _removed(each, at) for each in uses]
    return [*kept, Use(0, scan.component, scan.component_serial, scan.component_lot, take.quantity)]


def _removed(use: Use, at: datetime) -> Use:
    return Use(use.id, use.component, use.component_serial, use.component_lot, use.quantity, at)


def _replaced(uses: Sequence[Use], scan: Scan) -> tuple[Use | None, Refuse | None]:
    if scan.replaces is None:
        return None, None
    found = next((each for each in uses if each.id == scan.replaces), None)
    about: dict[str, object] = {"component": scan.component, "use": scan.replaces}
    if found is None or found.component != scan.component:
        return None, Refuse(Reason.COMPONENT_NOT_THERE, about)
    if found.removed_at is not None:
        return None, Refuse(Reason.COMPONENT_REMOVED, about)
    if not scan.reason:
        return None, Refuse(Reason.COMPONENT_REASON, about)
    return found, None


def _was_removed(uses: Sequence[Use], component: str) -> bool:
    return any(each.component == component and each.removed_at is not None for each in uses)


def _refused_number(item: BomItem, scan: Scan) -> Refuse | None:
    number = scan.component_serial if item.kind is Kind.SERIAL else scan.component_lot
    is_half = item.kind is Kind.LOT and scan.component_serial is not None
    if number is None or is_half:
        return Refuse(Reason.COMPONENT_KIND, {"component": item.component, "kind": item.kind})
    if item.pattern is not None and not matches(item.pattern, number):
        return Refuse(
            Reason.COMPONENT_PATTERN,
            {"component": item.component, "number": number, "pattern": item.pattern},
        )
    return None


def _refused_elsewhere(scan: Scan, elsewhere: Elsewhere) -> Refuse | None:
    about: dict[str, object] = {
        "component": scan.component,
        "number": scan.component_serial or scan.component_lot,
        "where": elsewhere.is_in,
        "recall": elsewhere.recall,
        "component_status": elsewhere.status,
    }
    if elsewhere.contains_holder:
        return Refuse(Reason.COMPONENT_CYCLE, about)
    if elsewhere.is_in is not None:
        return Refuse(Reason.COMPONENT_IN_USE, about)
    if elsewhere.recall is not None:
        return Refuse(Reason.COMPONENT_RECALLED, about)
    if elsewhere.status is not None and elsewhere.status not in _FINISHED:
        return Refuse(Reason.COMPONENT_NOT_FINISHED, about)
    return None


def _taken(item: BomItem, uses: Sequence[Use], scan: Scan, replaced: Use | None) -> Take | Refuse:
    room = item.quantity - found_of(item, uses) + (replaced.quantity if replaced else 0)
    room = 0.0 if math.isclose(room, 0, abs_tol=1e-9) else room
    wanted = _wanted(item, scan, room)
    about: dict[str, object] = {
        "component": item.component,
        "quantity": item.quantity,
        "kind": item.kind,
    }
    if item.kind is Kind.SERIAL and wanted != 1:
        return Refuse(Reason.COMPONENT_KIND, about)
    if wanted <= 0 or (wanted > room and not math.isclose(wanted, room, rel_tol=1e-9)):
        return Refuse(Reason.COMPONENT_QUANTITY, about | {"room": max(room, 0)})
    return Take(scan, wanted, replaced.id if replaced else None)


def _wanted(item: BomItem, scan: Scan, room: float) -> float:
    if scan.quantity is not None:
        return scan.quantity
    return 1.0 if item.kind is Kind.SERIAL else room

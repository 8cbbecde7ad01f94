"""Defects and reworks as JSON documents."""

from dataclasses import asdict
from typing import Any

from andon_mes.api.views import row_view
from andon_mes.defects.model import Defect
from andon_mes.defects.signature import standing
from andon_mes.reworks.model import Rework


def defect_view(defect: Defect) -> dict[str, Any]:
    """A defect; its signature says whether it still stands."""
    shown = row_view(asdict(defect))
    shown["process_data_id"] = shown.pop("attempt_id")
    for internal in ("serial_id", "lot_id", "process_id"):
        del shown[internal]
    if defect.signature is not None:
        shown["signature"] = {**defect.signature, "standing": standing(defect)}
    return shown


def rework_view(rework: Rework) -> dict[str, Any]:
    """A rework."""
    shown = row_view(asdict(rework)) | {"status": rework.status}
    del shown["process_id"]
    return shown

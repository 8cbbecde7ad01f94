"""What clients get about recalls, for the description at /openapi.json."""

from datetime import datetime

from andon_mes.api.fields import Document
from andon_mes.recalls.model import Outcome
from andon_mes.serials.model import SerialStatus


class RecallShown(Document):
    """A recall: what of, why, by whom, and when it was ended."""

    number: str
    component: str | None
    component_serial: str | None
    component_lot: str | None
    reason: str
    opened_by: str
    opened_at: datetime
    ended_by: str | None
    ended_at: datetime | None
    end_reason: str | None


class RecalledUnit(Document):
    """A serial that contains what is recalled: its status when it was found, and now."""

    serial_number: str
    lot_number: str
    found_status: SerialStatus
    status: SerialStatus
    outcome: Outcome
    shipped_at: datetime | None


class RecallWithUnits(Document):
    """The units that contain a component; of a recall that holds, also the recall itself.

    Who only looks gets `to_hold`, what would be held, and `held` 0; a recall holds, and has `to_hold` 0.
    """

    affected: int
    to_hold: int
    held: int
    already_held: int
    shipped: int
    scrapped: int
    units: list[RecalledUnit]
    number: str | None = None
    component: str | None = None
    component_serial: str | None = None
    component_lot: str | None = None
    reason: str | None = None
    opened_by: str | None = None
    opened_at: datetime | None = None
    ended_by: str | None = None
    ended_at: datetime | None = None
    end_reason: str | None = None


class RecallPage(Document):
    """Newest first; `total` is over all pages."""

    recalls: list[RecallShown]
    page: int
    page_size: int
    total: int

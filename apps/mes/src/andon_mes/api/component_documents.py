"""What clients get about components, for the description at /openapi.json."""

from datetime import datetime

from andon_mes.api.fields import Document
from andon_mes.components.model import Kind


class ComponentShown(Document):
    """A component that is or was in a serial: by whom and when it was put in, and taken out and why."""

    id: int
    component: str
    component_serial: str | None
    component_lot: str | None
    quantity: float
    process: str | None
    attempt: int | None
    operator_id: str | None
    scanned_at: datetime
    removed_at: datetime | None
    removed_by: str | None
    removal_reason: str | None


class ComponentMissing(Document):
    """A required component of which less is there than the bill of materials says."""

    component: str
    process: str
    kind: Kind
    quantity: float
    found: float


class ComponentsOfSerial(Document):
    """What is and was in a serial, in the order of the scans, and what is missing, by process."""

    serial_number: str
    components: list[ComponentShown]
    missing: list[ComponentMissing]

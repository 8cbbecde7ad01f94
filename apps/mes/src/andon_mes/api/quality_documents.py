"""What clients get about defects, reworks and contested reports, for the description at /openapi.json."""

from datetime import datetime
from typing import Any

from andon_mes.api.fields import Document
from andon_mes.defects.model import DefectStatus, Disposition, Meaning
from andon_mes.defects.signature import SignatureStanding
from andon_mes.reworks.model import ReworkResult, ReworkStatus


class SignatureShown(Document):
    """Who signed what, in what sense, and whether the defect is still what was signed."""

    user: str
    full_name: str
    meaning: Meaning
    reason: str
    signed_at: datetime
    digest: str
    document: dict[str, Any]
    standing: SignatureStanding


class DefectRecord(Document):
    """A defect. `process_data_id` is the attempt that failed; null where no attempt found it."""

    id: int
    serial_number: str
    lot_number: str
    process: str
    process_data_id: int | None
    rework_id: int | None
    defect_code: str
    severity: str | None
    description: str | None
    status: DefectStatus
    disposition: Disposition | None
    opened_by: str | None
    opened_at: datetime
    contained_by: str | None
    contained_at: datetime | None
    dispositioned_by: str | None
    dispositioned_at: datetime | None
    reason: str | None
    signature: SignatureShown | None
    verified_by: str | None
    verified_at: datetime | None
    closed_by: str | None
    closed_at: datetime | None


class DefectWithHistory(DefectRecord):
    """A defect and every change of its status, oldest first."""

    history: list[dict[str, Any]]


class DefectPage(Document):
    """Newest first; `total` is over all pages."""

    defects: list[DefectRecord]
    page: int
    page_size: int
    total: int


class ReworkShown(Document):
    """A rework. `is_granted`: quality let it be done past the limits."""

    id: int
    serial_number: str
    lot_number: str
    original_process: str
    defect_code: str
    reason: str | None
    status: ReworkStatus
    started_at: datetime
    completed_at: datetime | None
    operator: str | None
    is_completed: bool
    is_granted: bool
    final_result: ReworkResult | None
    notes: str | None


class ReworkPage(Document):
    """Newest first; `total` is over all pages."""

    reworks: list[ReworkShown]
    page: int
    page_size: int
    total: int


class ContestedShown(Document):
    """A report that contradicts what is closed, as it arrived, and what a person made of it."""

    id: int
    serial_number: str
    process_code: str
    code: str
    content: Any
    release: str
    received_at: datetime
    resolved: bool
    resolved_by: str | None
    resolved_at: datetime | None
    resolution: str | None


class ContestedPage(Document):
    """Oldest first; `total` is over all pages."""

    contested_events: list[ContestedShown]
    page: int
    page_size: int
    total: int

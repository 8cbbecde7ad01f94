"""What clients get, for the description at /openapi.json.

Nothing is built from these: views.py and the stores make the documents, and a test holds them to this.
"""

from datetime import date, datetime
from typing import Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict

from andon_mes.lots.model import LotStatus, Priority
from andon_mes.processes.model import AttemptStatus
from andon_mes.serials.model import SerialStatus

T = TypeVar("T")


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Problem(_Document):
    """RFC 9457 problem details, in English and Korean. `field` and `value` say which input it is about."""

    type: str
    status: int
    code: str
    title: str
    title_ko: str
    detail: str
    detail_ko: str
    field: str = ""
    value: Any = None
    others: list[dict[str, Any]] = []


class Data(_Document, Generic[T]):
    """Success."""

    data: T


class LotShown(_Document):
    """A lot, its quantities counted from its serials. A rate is in percent, null while nothing is counted."""

    id: int
    lot_number: str
    plant_code: str
    product_model: str
    shift: str
    production_date: date
    target_quantity: int
    generated_quantity: int
    actual_quantity: int
    defect_quantity: int
    completion_rate: float
    defect_rate: float | None
    status: LotStatus
    priority: Priority
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    created_by: str | None
    notes: str | None


class SerialShown(_Document):
    """A serial without its history. `held_from` is where a held one returns to."""

    serial_number: str
    checksum: str
    sequence_in_lot: int
    status: SerialStatus
    current_process: str | None
    is_defective: bool
    defect_code: str | None
    defect_description: str | None
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    shipped_at: datetime | None
    held_from: SerialStatus | None


class LotWithSerials(LotShown):
    """A lot and its serials in their order."""

    serials: list[SerialShown]


class LotPage(_Document):
    """Newest first; `total` is over all pages."""

    lots: list[LotShown]
    page: int
    page_size: int
    total: int


class SerialsMade(_Document):
    """The new serials of a lot."""

    lot_number: str
    serials: list[SerialShown]


class SerialWithHistory(SerialShown):
    """A serial, its attempts, the history of its states, and the reports that wait for a person's look."""

    lot_number: str
    attempts: list[dict[str, Any]]
    history: list[dict[str, Any]]
    contested: list[dict[str, Any]]


class Started(_Document):
    """An attempt that was opened. `violation`: the refusal that an event from offline would have met."""

    process_data_id: int
    serial_number: str
    lot_number: str
    process_code: str
    attempt: int
    started_at: datetime
    status: AttemptStatus
    serial_status: SerialStatus | None = None
    violation: str | None = None
    violation_detail: str | None = None
    violation_detail_ko: str | None = None


class Completed(_Document):
    """An attempt that was closed; `already_known` when this very report had closed it before."""

    process_data_id: int
    serial_number: str
    process_code: str
    attempt: int
    result: AttemptStatus
    already_known: bool = False
    defect_code: str | None = None
    limit_breaches: list[dict[str, Any]] = []
    cycle_time: float | None = None
    start_inferred: bool = False
    serial_status: SerialStatus | None = None
    current_process: str | None = None
    violation: str | None = None
    violation_detail: str | None = None
    violation_detail_ko: str | None = None


class Aborted(_Document):
    """An attempt that was ended without a result, and where its serial is now."""

    process_data_id: int
    serial_number: str
    lot_number: str
    process_code: str
    attempt: int
    status: AttemptStatus
    serial_status: SerialStatus
    held_from: SerialStatus | None
    current_process: str | None


class ValidationShown(_Document):
    """One part of a validation: `Passed`, `Failed` with why, or `Skipped` where nothing was asked of it."""

    validation: Literal[
        "UnitStatusValidation", "UnitRouteValidation", "UnitTraceValidation", "StationValidation"
    ]
    result: Literal["Passed", "Failed", "Skipped"]
    code: str | None = None
    message: str | None = None
    message_ko: str | None = None


class UnitValidated(_Document):
    """A serial, whether it may start, and its parts in the order of IPC-2591 CFX ValidateUnits."""

    serial_number: str
    result: Literal["Passed", "Failed"]
    validations: list[ValidationShown]


class Validated(_Document):
    """Whether every serial may start the process."""

    process_code: str
    result: Literal["Passed", "Failed"]
    units: list[UnitValidated]


class ProductionOfModel(_Document):
    """What of one product model is under way."""

    product_model: str
    open_lots: int
    running_lots: int
    serials_in_process: int


class ProductionShown(_Document):
    """What is under way: lots that the line was given and has not ended, those that run among them, serials
    that are on a machine now. Sums over `models`."""

    open_lots: int
    running_lots: int
    serials_in_process: int
    models: list[ProductionOfModel]


class OpenSerialShown(_Document):
    """A serial that somebody works on, and where."""

    serial_number: str
    lot_number: str
    process_code: str
    attempt: int
    station: str | None
    equipment_id: str | None
    started_at: datetime


class SafePointShown(_Document):
    """Whether the place may be restarted. `open_serials` are the oldest twenty of `serials_open`."""

    is_safe: bool
    serials_open: int
    lots_open: int
    open_serials: list[OpenSerialShown]
    reason: str
    reason_ko: str


class ItemDone(_Document):
    """What came of one item: the status and the document that it would have been answered alone.

    `code` is that of a problem, null when there was none. 503 may be sent again as it is.
    """

    index: int
    status: int
    code: str | None
    is_replayed: bool
    body: dict[str, Any]


class BatchDone(_Document):
    """What came of each item, in their order. Items do not depend on each other."""

    succeeded: int
    failed: int
    results: list[ItemDone]


class Alive(_Document):
    """The process answers."""

    status: str
    release: str


class Ready(Alive):
    """The database answers, on this revision of the schema."""

    schema_: str

    model_config = ConfigDict(extra="forbid", alias_generator=lambda name: name.rstrip("_"))


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The errors that an endpoint may answer with, by their status."""
    words = {
        400: "The body is no JSON",
        401: "It is not known who asks: no credential, or one that is not valid",
        403: "The permission table does not let the caller; `detail` names the permission",
        404: "There is no such thing",
        409: "The state does not allow it, or the interlock refuses; `code` says why",
        412: "Somebody else has changed it meanwhile: read it again",
        413: "The document is too long",
        422: "A field cannot be used, or the key was used for another content",
        429: "It was asked too often: wait as long as Retry-After says",
        428: "Send the ETag of what is changed as If-Match",
        503: "The database did not answer in time: send the same again",
    }
    content = {"application/problem+json": {"schema": Problem.model_json_schema()}}
    return {status: {"description": words[status], "content": content} for status in statuses}


READS = problems(401, 403, 404, 422, 503)
WRITES = problems(400, 401, 403, 404, 409, 413, 422, 503)
OPEN_READS = problems(404, 422, 503)
WATCHED = problems(503)

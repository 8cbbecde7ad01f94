"""What clients send.

A field that is not known is refused, not dropped: a misspelt one would otherwise be lost unseen. The reports
of stations are the exception: while a release is rolled out, two of them answer, and a station that already
sends a field of the newer must not be stopped by the older. What only a station knows goes into
`process_specific_data`, which is free. What the fields are made of: fields.py.
"""

from typing import Annotated, Any, Literal

from pydantic import AliasChoices, Field

from andon_mes.api.component_bodies import Reported
from andon_mes.api.fields import (
    LINE,
    Body,
    Checksum,
    Code,
    Day,
    Instant,
    Name,
    Notes,
    Number,
    Quantity,
    Report,
    Text,
    YesOrNo,
)
from andon_mes.lots.model import LotAction, Priority
from andon_mes.serials.model import SerialAction

AskedStatus = Literal["CREATED", "DRAFT", "RELEASED", "IN_PROGRESS", "HOLD", "CLOSING", "CLOSED", "CANCELLED"]


class NewLotBody(Body):
    """POST lots. Without a date and shift the plant's calendar says them."""

    product_model: Annotated[str, Field(max_length=50, pattern=LINE)] = "NH-F2X-001"
    target_quantity: Quantity
    priority: Priority = Priority.NORMAL
    production_date: Day | None = None
    shift: str | None = Field(default=None, pattern="^[DN]$")
    created_by: Name | None = None
    notes: Notes | None = None


class ProductionQuery(Body):
    """GET production: of which product model; of all where none is named."""

    product_model: Annotated[str, Field(min_length=1, max_length=50, pattern=LINE)] | None = None


class SafePointQuery(Body):
    """GET safe-point: which place; each that is named must fit."""

    process: Code | None = None
    station: Name | None = None
    equipment: Name | None = None


class LotQuery(Body):
    """GET lots: which page, and which lots. The source's CREATED means those that did not begin."""

    page: int = Field(default=1, ge=1, le=1_000_000)
    page_size: int = Field(default=20, ge=1, le=100)
    status: AskedStatus | None = None
    priority: Priority | None = None
    plant: str | None = Field(default=None, max_length=10)
    on: Day | None = Field(default=None, alias="date")


class LotChangeBody(Body):
    """PATCH lots/{lot_number}. A hold, a close and a cancel need their reason."""

    action: LotAction | None = None
    reason: Text | None = None
    changed_by: Name | None = None
    priority: Priority | None = None
    notes: Notes | None = None


class GenerateBody(Body):
    """POST lots/{id}/serials/generate."""

    quantity: Quantity
    created_by: Name | None = None


class SerialChangeBody(Body):
    """PATCH serials/{serial_number}. A hold and a scrap need their reason."""

    action: SerialAction
    reason: Text | None = None
    changed_by: Name | None = None


class _Workplace(Report):
    """Who and what works, as far as a station says it. `station` is also taken as `workstation`."""

    equipment_id: Name | None = None
    station: Name | None = Field(default=None, validation_alias=AliasChoices("station", "workstation"))
    application_version: Annotated[str, Field(max_length=40, pattern=LINE)] | None = None
    configuration_hash: Annotated[str, Field(max_length=80, pattern=LINE)] | None = None


class StartBody(_Workplace):
    """POST process/start (docs/design/mes.md, rule 10). Typed numbers carry their check characters.

    `is_offline`: it was made while the MES could not be reached; it is applied, not refused (rule 5).
    """

    serial_number: Number
    process_code: Code
    operator_id: Name
    timestamp: Instant
    checksum: Checksum | None = None
    is_keyed: YesOrNo = False
    is_offline: YesOrNo = False


class CompleteBody(_Workplace):
    """POST process/complete (docs/design/mes.md, rule 10): by `process_data_id`, or by serial and process.

    The attempt's number may be said, also by the source's name `work_order`; it must agree.
    """

    serial_number: Number | None = None
    process_code: Code | None = None
    process_data_id: int | None = Field(default=None, strict=True, gt=0, lt=2**63)
    attempt: int | None = Field(
        default=None, strict=True, gt=0, le=1000, validation_alias=AliasChoices("attempt", "work_order")
    )
    operator_id: Name
    is_pass: YesOrNo
    timestamp: Instant
    cycle_time: float | None = Field(default=None, strict=True, ge=0, le=1_000_000, allow_inf_nan=False)
    process_specific_data: dict[str, Any] = Field(
        default_factory=dict, validation_alias=AliasChoices("process_specific_data", "process_data")
    )
    inspection_result: dict[str, Any] | None = None
    defect_code: Annotated[str, Field(max_length=50, pattern=LINE)] | None = None
    defect_description: Text | None = None
    components: Reported = Field(default_factory=list)
    checksum: Checksum | None = None
    is_keyed: YesOrNo = False
    is_offline: YesOrNo = False


class UnitBody(Body):
    """A serial to be validated."""

    serial_number: Number
    checksum: Checksum | None = None


class ValidateBody(_Workplace):
    """POST process/validate: may these serials start this process here? Without an operator none is asked."""

    process_code: Code
    operator_id: Name | None = None
    units: Annotated[list[UnitBody], Field(min_length=1, max_length=100)]


class BatchBody(Body):
    """Up to 100 events. Each is a document as it would be sent alone, with its own `idempotency_key`.

    Without a key the content of the event is its key, as it is when it is sent alone.
    """

    items: Annotated[list[dict[str, Any]], Field(min_length=1, max_length=100)]


class SerialInBatchBody(SerialChangeBody):
    """An item of POST serials/change-batch."""

    serial_number: Number


class LookupBody(Body):
    """POST serials/lookup."""

    serial_numbers: Annotated[list[Number], Field(min_length=1, max_length=100)]

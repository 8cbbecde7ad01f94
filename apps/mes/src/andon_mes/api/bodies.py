"""What clients send.

A field that is not known is refused, not dropped: a misspelt one would otherwise be lost unseen. The reports
of stations are the exception: while a release is rolled out, two of them answer, and a station that already
sends a field of the newer must not be stopped by the older. What only a station knows goes into
`process_specific_data`, which is free. Numbers and truth values are never guessed from text, and no control
character reaches a name.
"""

from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    AliasChoices,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
)
from pydantic_core import PydanticCustomError

from andon_mes.lots.model import LotAction, Priority
from andon_mes.serials.model import SerialAction

_LINE = r"^[^\x00-\x1f\x7f]*$"
_PARAGRAPH = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$"
_EARLIEST, _LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)


def _written(value: object) -> object:
    """Times and dates are text: a number would be taken for seconds since 1970."""
    if not isinstance(value, str | date) or (isinstance(value, str) and "-" not in value[:5]):
        raise PydanticCustomError("iso_8601", "Input should be text of ISO 8601, such as 2025-11-10")
    return value


def _of_this_century(value: datetime) -> datetime:
    """A number holds two digits of the year, and a clock that is further off is broken."""
    if not _EARLIEST <= value < _LATEST:
        raise PydanticCustomError("century", "Input should be from 2000 to 2099")
    return value


def _day_of_this_century(value: date) -> date:
    _of_this_century(datetime(value.year, value.month, value.day, tzinfo=UTC))
    return value


_Number = Annotated[str, Field(min_length=10, max_length=100, pattern=_LINE)]
_Code = Annotated[str, Field(min_length=1, max_length=20, pattern=_LINE)]
_Name = Annotated[str, Field(min_length=1, max_length=100, pattern=_LINE)]
_Text = Annotated[str, Field(max_length=500, pattern=_PARAGRAPH)]
_Notes = Annotated[str, Field(max_length=1000, pattern=_PARAGRAPH)]
_Checksum = Annotated[str, Field(pattern="^[0-9A-Z]{2}$")]
_Quantity = Annotated[int, Field(strict=True, gt=0, le=9999)]
_YesOrNo = Annotated[bool, Field(strict=True)]
_Instant = Annotated[AwareDatetime, BeforeValidator(_written), AfterValidator(_of_this_century)]
_Day = Annotated[date, BeforeValidator(_written), AfterValidator(_day_of_this_century)]


AskedStatus = Literal["CREATED", "DRAFT", "RELEASED", "IN_PROGRESS", "HOLD", "CLOSING", "CLOSED", "CANCELLED"]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)


class _Report(_Body):
    """What stations and their vendors send: fields of a newer release are passed over."""

    model_config = ConfigDict(extra="ignore")


class NewLotBody(_Body):
    """POST lots. Without a date and shift the plant's calendar says them."""

    product_model: Annotated[str, Field(max_length=50, pattern=_LINE)] = "NH-F2X-001"
    target_quantity: _Quantity
    priority: Priority = Priority.NORMAL
    production_date: _Day | None = None
    shift: str | None = Field(default=None, pattern="^[DN]$")
    created_by: _Name | None = None
    notes: _Notes | None = None


class ProductionQuery(_Body):
    """GET production: of which product model; of all where none is named."""

    product_model: Annotated[str, Field(min_length=1, max_length=50, pattern=_LINE)] | None = None


class SafePointQuery(_Body):
    """GET safe-point: which place; each that is named must fit."""

    process: _Code | None = None
    station: _Name | None = None
    equipment: _Name | None = None


class LotQuery(_Body):
    """GET lots: which page, and which lots. The source's CREATED means those that did not begin."""

    page: int = Field(default=1, ge=1, le=1_000_000)
    page_size: int = Field(default=20, ge=1, le=100)
    status: AskedStatus | None = None
    priority: Priority | None = None
    plant: str | None = Field(default=None, max_length=10)
    on: _Day | None = Field(default=None, alias="date")


class LotChangeBody(_Body):
    """PATCH lots/{lot_number}. A hold and a cancel need their reason."""

    action: LotAction | None = None
    reason: _Text | None = None
    changed_by: _Name | None = None
    priority: Priority | None = None
    notes: _Notes | None = None


class GenerateBody(_Body):
    """POST lots/{id}/serials/generate."""

    quantity: _Quantity
    created_by: _Name | None = None


class SerialChangeBody(_Body):
    """PATCH serials/{serial_number}. A hold and a scrap need their reason."""

    action: SerialAction
    reason: _Text | None = None
    changed_by: _Name | None = None


class StartBody(_Report):
    """POST process/start (docs/design/mes.md, rule 10). Typed numbers carry their check characters."""

    serial_number: _Number
    process_code: _Code
    operator_id: _Name
    equipment_id: _Name | None = None
    timestamp: _Instant
    checksum: _Checksum | None = None
    is_keyed: _YesOrNo = False


class CompleteBody(_Report):
    """POST process/complete (docs/design/mes.md, rule 10): by `process_data_id`, or by serial and process.

    The attempt's number may be said, also by the source's name `work_order`; it must agree.
    """

    serial_number: _Number | None = None
    process_code: _Code | None = None
    process_data_id: int | None = Field(default=None, strict=True, gt=0, lt=2**63)
    attempt: int | None = Field(
        default=None, strict=True, gt=0, le=1000, validation_alias=AliasChoices("attempt", "work_order")
    )
    operator_id: _Name
    is_pass: _YesOrNo
    timestamp: _Instant
    cycle_time: float | None = Field(default=None, strict=True, ge=0, le=1_000_000, allow_inf_nan=False)
    process_specific_data: dict[str, Any] = Field(
        default_factory=dict, validation_alias=AliasChoices("process_specific_data", "process_data")
    )
    inspection_result: dict[str, Any] | None = None
    defect_code: Annotated[str, Field(max_length=50, pattern=_LINE)] | None = None
    defect_description: _Text | None = None
    checksum: _Checksum | None = None
    is_keyed: _YesOrNo = False

"""What clients send. Unknown fields are ignored: a station of a newer release may talk to an older MES."""

from datetime import date
from typing import Annotated, Any

from pydantic import AliasChoices, AwareDatetime, BaseModel, ConfigDict, Field

from andon_mes.lots.model import LotAction, LotStatus, Priority
from andon_mes.serials.model import SerialAction

_Number = Annotated[str, Field(min_length=10, max_length=100)]
_Code = Annotated[str, Field(min_length=1, max_length=20)]
_Name = Annotated[str, Field(min_length=1, max_length=100)]
_Checksum = Annotated[str, Field(pattern="^[0-9A-Z]{2}$")]


class _Body(BaseModel):
    model_config = ConfigDict(extra="ignore", str_strip_whitespace=True)


class NewLotBody(_Body):
    """POST lots. Without a date and shift the plant's calendar says them."""

    product_model: str = Field(default="NH-F2X-001", max_length=50)
    target_quantity: int = Field(gt=0, le=9999)
    priority: Priority = Priority.NORMAL
    production_date: date | None = None
    shift: str | None = Field(default=None, pattern="^[DN]$")
    created_by: _Name | None = None
    notes: str | None = Field(default=None, max_length=1000)


class LotQuery(_Body):
    """GET lots: which page, and which lots."""

    page: int = Field(default=1, ge=1, le=1_000_000)
    page_size: int = Field(default=20, ge=1, le=100)
    status: LotStatus | None = None
    priority: Priority | None = None
    plant: str | None = Field(default=None, max_length=10)
    on: date | None = Field(default=None, alias="date")


class LotChangeBody(_Body):
    """PATCH lots/{lot_number}. A hold and a cancel need their reason."""

    action: LotAction | None = None
    reason: str | None = Field(default=None, max_length=500)
    changed_by: _Name | None = None
    priority: Priority | None = None
    notes: str | None = Field(default=None, max_length=1000)


class GenerateBody(_Body):
    """POST lots/{id}/serials/generate."""

    quantity: int = Field(gt=0, le=9999)
    created_by: _Name | None = None


class SerialChangeBody(_Body):
    """PATCH serials/{serial_number}. A hold and a scrap need their reason."""

    action: SerialAction
    reason: str | None = Field(default=None, max_length=500)
    changed_by: _Name | None = None


class StartBody(_Body):
    """POST process/start (mes.md rule 10). Typed numbers carry their check characters."""

    serial_number: _Number
    process_code: _Code
    operator_id: _Name
    equipment_id: _Name | None = None
    timestamp: AwareDatetime
    checksum: _Checksum | None = None
    is_keyed: bool = False


class CompleteBody(_Body):
    """POST process/complete (mes.md rule 10): by `process_data_id`, or by serial and process."""

    serial_number: _Number | None = None
    process_code: _Code | None = None
    process_data_id: int | None = Field(default=None, gt=0, lt=2**63)
    operator_id: _Name
    is_pass: bool
    timestamp: AwareDatetime
    cycle_time: float | None = Field(default=None, ge=0, le=1_000_000, allow_inf_nan=False)
    process_specific_data: dict[str, Any] = Field(
        default_factory=dict, validation_alias=AliasChoices("process_specific_data", "process_data")
    )
    inspection_result: dict[str, Any] | None = None
    defect_code: str | None = Field(default=None, max_length=50)
    defect_description: str | None = Field(default=None, max_length=500)
    checksum: _Checksum | None = None
    is_keyed: bool = False

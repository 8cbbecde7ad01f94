"""What clients send about defects, reworks and contested reports."""

from typing import Annotated, Literal

from pydantic import Field

from andon_mes.api.fields import LINE, Body, Code, Day, Instant, Name, Notes, Number, Text, YesOrNo
from andon_mes.defects.model import DefectAction, DefectStatus, Disposition, Meaning
from andon_mes.reworks.model import ReworkAction, ReworkStatus

DefectCode = Annotated[str, Field(min_length=1, max_length=50, pattern=LINE)]
Reason = Annotated[str, Field(min_length=3, max_length=500, pattern=r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$")]
Password = Annotated[str, Field(min_length=1, max_length=200, repr=False)]


class Page(Body):
    """Which page, of how many."""

    page: int = Field(default=1, ge=1, le=1_000_000)
    page_size: int = Field(default=20, ge=1, le=100)


class DefectQuery(Page):
    """GET defects. `date` is the plant's production date; `since` is inclusive, `until` is not."""

    status: DefectStatus | None = None
    is_live: bool | None = None
    process: Code | None = None
    code: DefectCode | None = None
    lot: Name | None = None
    serial_number: Name | None = None
    disposition: Disposition | None = None
    on: Day | None = Field(default=None, alias="date")
    since: Instant | None = None
    until: Instant | None = None


class NewDefectBody(Body):
    """POST defects: one that no attempt found. `hold` keeps its serial from going on."""

    serial_number: Number
    process_code: Code
    defect_code: DefectCode
    description: Text | None = None
    operator_id: Name | None = None
    hold: YesOrNo = True


class SignatureBody(Body):
    """A person's signature: their own password, entered again, and in what sense they sign."""

    password: Password
    meaning: Meaning


class DefectChangeBody(Body):
    """PATCH defects/{id}. Everything needs its reason; a concession its signature."""

    action: DefectAction
    reason: Reason
    disposition: Disposition | None = None
    signature: SignatureBody | None = None


class ReworkQuery(Page):
    """GET reworks. `since` is inclusive, `until` is not."""

    status: ReworkStatus | None = None
    process: Code | None = None
    serial_number: Name | None = None
    lot: Name | None = None
    since: Instant | None = None
    until: Instant | None = None


class NewReworkBody(Body):
    """POST reworks: the serial is to be reworked for a defect at a process."""

    serial_number: Number
    process_code: Code
    defect_code: DefectCode
    reason: Reason
    operator_id: Name | None = None


class ReworkChangeBody(Body):
    """PATCH reworks/{id}. To complete needs its result, to cancel its reason."""

    action: ReworkAction
    final_result: Literal["PASS", "FAIL"] | None = None
    notes: Notes | None = None
    reason: Reason | None = None
    operator_id: Name | None = None


class ContestedQuery(Page):
    """GET contested-events: those that wait for a person, unless asked otherwise."""

    resolved: bool = False
    serial_number: Name | None = None
    process: Code | None = None


class ResolveBody(Body):
    """PATCH contested-events/{id}: why nothing more needs to be done about it."""

    reason: Reason

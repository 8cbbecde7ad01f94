"""What clients ask of figures and reports. Dates are production dates, both included; without them, today."""

from typing import Literal

from pydantic import Field

from andon_mes.api.fields import Body, Code, Day, Name
from andon_mes.exports.model import Form, Language


class PeriodQuery(Body):
    """From which production date to which."""

    first: Day | None = Field(default=None, alias="from")
    last: Day | None = Field(default=None, alias="to")


class OeeQuery(PeriodQuery):
    """GET oee: of one piece of equipment; of all in use where none is named."""

    equipment: Name | None = None


class ReportQuery(PeriodQuery):
    """GET reports/{report}: the period, the form and language, and which rows. A filter that the report does
    not know is refused. `by` may be repeated."""

    form: Form = Field(default=Form.JSON, alias="format")
    language: Language = Field(default=Language.EN, alias="lang")
    model: Name | None = None
    process: Code | None = None
    lot: Name | None = None
    release: Name | None = None
    equipment: Name | None = None
    serial: Name | None = None
    by: list[Literal["day", "shift", "process", "model", "release"]] = Field(default=[], max_length=5)

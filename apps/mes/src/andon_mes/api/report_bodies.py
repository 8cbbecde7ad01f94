"""What clients ask of figures and reports. Dates are production dates, both included; without them, today."""

from pydantic import Field

from andon_mes.api.fields import Body, Day, Name


class PeriodQuery(Body):
    """From which production date to which."""

    first: Day | None = Field(default=None, alias="from")
    last: Day | None = Field(default=None, alias="to")


class OeeQuery(PeriodQuery):
    """GET oee: of one piece of equipment; of all in use where none is named."""

    equipment: Name | None = None

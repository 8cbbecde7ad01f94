"""How stations and vendors name the components that they put in."""

from typing import Annotated

from pydantic import ConfigDict, Field

from andon_mes.api.fields import LINE, Body, Name, Text
from andon_mes.components.model import Scan


class ScannedComponent(Body):
    """One component: its serial number, or the lot it is of; a serial may say its lot, too.

    `replaces` names the use that comes out for it, and `reason` why.
    """

    component: Annotated[str, Field(min_length=1, max_length=50, pattern=LINE)]
    component_serial: Name | None = None
    component_lot: Name | None = None
    quantity: float | None = Field(default=None, strict=True, gt=0, le=1_000_000, allow_inf_nan=False)
    replaces: int | None = Field(default=None, strict=True, gt=0, lt=2**31)
    reason: Text | None = None

    def scan(self) -> Scan:
        """What is to be decided."""
        return Scan(
            self.component,
            self.component_serial,
            self.component_lot,
            self.quantity,
            self.replaces,
            self.reason,
        )


class ReportedComponent(ScannedComponent):
    """One component in a completion: fields of a newer release are passed over."""

    model_config = ConfigDict(extra="ignore")


Scanned = Annotated[list[ScannedComponent], Field(min_length=1, max_length=100)]
Reported = Annotated[list[ReportedComponent], Field(max_length=100)]

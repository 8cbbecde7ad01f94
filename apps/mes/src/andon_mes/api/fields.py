"""What bodies are made of: kinds of text, numbers and instants; the kinds of body that come and go.

Numbers and truth values are never guessed from text, and no control character reaches a name.
"""

from datetime import UTC, date, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

LINE = r"^[^\x00-\x1f\x7f]*$"
PARAGRAPH = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$"
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


Number = Annotated[str, Field(min_length=10, max_length=100, pattern=LINE)]
Code = Annotated[str, Field(min_length=1, max_length=20, pattern=LINE)]
Name = Annotated[str, Field(min_length=1, max_length=100, pattern=LINE)]
Text = Annotated[str, Field(max_length=500, pattern=PARAGRAPH)]
Notes = Annotated[str, Field(max_length=1000, pattern=PARAGRAPH)]
Checksum = Annotated[str, Field(pattern="^[0-9A-Z]{2}$")]
Quantity = Annotated[int, Field(strict=True, gt=0, le=9999)]
YesOrNo = Annotated[bool, Field(strict=True)]
Instant = Annotated[AwareDatetime, BeforeValidator(_written), AfterValidator(_of_this_century)]
Day = Annotated[date, BeforeValidator(_written), AfterValidator(_day_of_this_century)]


class Document(BaseModel):
    """What a client gets."""

    model_config = ConfigDict(extra="forbid")


class Body(BaseModel):
    """What a client sends: a field that is not known is refused."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)


class Report(Body):
    """What stations and their vendors send: fields of a newer release are passed over."""

    model_config = ConfigDict(extra="ignore")

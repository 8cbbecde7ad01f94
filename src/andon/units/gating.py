"""What gates of a unit's rollouts ask beyond people: the state of production, and outside systems."""

import re
from datetime import timedelta
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from andon.units.fields import Interval, Name, Section

_LONGEST = timedelta(minutes=1)
_URL = re.compile(
    r"https?://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?)(:(?P<port>[0-9]{1,5}))?(/[!-~]*)?"
)


def _short(value: timedelta) -> timedelta:
    if value > _LONGEST:
        raise ValueError(f"{_LONGEST.seconds} s is the longest")
    return value


def _whole_url(value: str) -> str:
    found = _URL.fullmatch(value)
    if value and (found is None or not 0 < int(found["port"] or 1) < 1 << 16):
        raise ValueError("write a whole address such as https://changes.plant.example/andon, without a login")
    return value


Patience = Annotated[Interval, AfterValidator(_short)]
FieldPath = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$", max_length=200)]


class Production(Section):
    """A state of production that a gate waits for, as a unit says it over HTTP in a JSON document."""

    unit: Name | None = Field(
        None,
        description="Unit that is asked, in the same environment; unset: this one",
    )
    path: str = Field(
        pattern=r"^/[^\s#?]*$",
        max_length=500,
        description="The document's path, such as /api/v1/production",
    )
    query: dict[str, str] = Field(
        {}, max_length=20, description='What is asked, such as { product_model = "NH-F2X-001" }'
    )
    field: FieldPath = Field(
        description="Value in the document, such as data.running_lots; a number names a place in a list"
    )
    equals: bool | int | float | str | None = Field(None, description="The gate is open while it equals this")
    below: float | None = Field(None, description="The gate is open while it is a number below this")
    timeout: Patience = Field(timedelta(seconds=2), description="Longest to wait for one answer")

    @model_validator(mode="after")
    def _says_what_is_wanted(self) -> Self:
        if (self.equals is None) == (self.below is None):
            raise ValueError("say either `equals` or `below`")
        return self


class Webhook(Section):
    """An outside system that says yes or no at a gate: it is asked, or it answers by itself, or both."""

    url: Annotated[str, AfterValidator(_whole_url)] = Field(
        "",
        max_length=500,
        description="Where it is asked; its origin must stand in ANDON_ROLLOUTS__WEBHOOKS. "
        "Empty: it is not asked, and answers by itself",
    )
    signed_by: Name | None = Field(
        None,
        description="Signs what is sent: the secret `webhook.<name>` of `andon secrets`. Needed with `url`",
    )
    every: Patience = Field(
        timedelta(seconds=10), description="Time between two questions until it says yes or no"
    )
    timeout: Patience = Field(timedelta(seconds=5), description="Longest to wait for one answer")

    @model_validator(mode="after")
    def _is_signed(self) -> Self:
        if self.url and self.signed_by is None:
            raise ValueError(
                "with `url` it needs `signed_by`, a secret by which the other side knows who asks"
            )
        return self

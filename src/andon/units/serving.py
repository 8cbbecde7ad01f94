"""What a manifest may ask of the gateway."""

import re
from datetime import timedelta
from ipaddress import ip_network
from typing import Annotated, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from andon.units.fields import Duration, Interval, Section

_PATH = re.compile(r"/[!-~]{0,199}")


def _path_start(value: str) -> str:
    if not _PATH.fullmatch(value):
        raise ValueError('write the beginning of a path, such as "/static/"')
    return value


PathStart = Annotated[str, AfterValidator(_path_start)]
_ORIGIN = re.compile(r"https?://[a-z0-9.-]+(:[0-9]{1,5})?|https?://\[[0-9a-f:]+\](:[0-9]{1,5})?")


def _origin(value: str) -> str:
    if not _ORIGIN.fullmatch(value):
        raise ValueError('write scheme, name and port alone, such as "https://board.plant.local:8443"')
    return value


Origin = Annotated[str, StringConstraints(max_length=200), AfterValidator(_origin)]


def _network(value: str) -> str:
    try:
        return str(ip_network(value))
    except ValueError as error:
        raise ValueError('write a network, such as "10.20.0.0/16" or "10.20.0.5"') from error


Network = Annotated[str, AfterValidator(_network)]


class Limit(Section):
    """How many requests one client address may make; beyond it the answer is 429. The table may be empty."""

    requests: int = Field(100, ge=1, le=1_000_000, description="Requests at once, and in each `per`")
    per: Interval = Field(timedelta(minutes=1), description="Time in which as many come back")

    @model_validator(mode="after")
    def _is_counted(self) -> Self:
        if self.per < timedelta(milliseconds=50):
            raise ValueError('`per` must be "50ms" or longer')
        return self


class Outliers(Section):
    """When an instance of the stable release gets a rest. Never one on trial: its failures are evidence."""

    failures: int = Field(5, ge=1, le=1000, description="Answers 502, 503, 504 or none in a row")
    rest: Interval = Field(timedelta(seconds=30), description="First rest; each further one is longer")
    most: float = Field(0.5, gt=0, lt=1, description="Most instances (0 to 1) that rest at once")


class Gateway(Section):
    """How requests reach the instances."""

    sticky: bool = Field(False, description="A session keeps its release by a cookie for the whole rollout")
    session_requests: int = Field(
        1,
        ge=1,
        le=100_000,
        description="Most requests that one session makes; the sample-ratio check counts sessions",
    )
    timeout: Interval = Field(timedelta(seconds=60), description="Longest a request may take")
    timeouts: dict[PathStart, Interval] = Field(
        {},
        max_length=20,
        description='Of paths that begin so, such as `{ "/reports/" = "5m" }`; the longest beginning counts',
    )
    retries: int = Field(
        2,
        ge=0,
        le=5,
        description="How often a request is tried again, elsewhere, that did not reach an instance or may be "
        "repeated. 0: a candidate that dies costs requests",
    )
    compress: bool = Field(False, description="Compress text with brotli or gzip for clients that take it")
    compress_above: int = Field(1000, ge=30, le=10_000_000, description="Size in bytes from which on")
    security_headers: bool = Field(
        True, description="Add frame deny and nosniff to answers that do not say otherwise"
    )
    cors: list[Origin] = Field(
        [], max_length=50, description="Sites whose pages may call, with cookies; all others may not"
    )
    cache: list[PathStart] = Field(
        [], max_length=20, description="Beginnings of paths of static files, which browsers may keep"
    )
    cache_for: Duration = Field(timedelta(days=30), description="How long they may keep them")
    preview_from: list[Network] = Field(
        ["127.0.0.0/8", "::1/128"],
        max_length=50,
        description="Networks that may ask for a release on trial by the header `x-andon-preview: VERSION`",
    )
    mirror_writes: bool = Field(
        False,
        description="Where a step mirrors: also requests that are not GET, HEAD or OPTIONS. Only for a unit "
        "whose releases share no data, or each write is done twice",
    )
    limit: Limit | None = Field(None, description="Limit of requests for each client address")
    outliers: Outliers | None = Field(None, description="Rest for an instance that cannot serve")

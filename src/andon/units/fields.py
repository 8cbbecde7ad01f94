"""The kinds of values that a manifest is made of: durations, names, inner paths, commands, tables."""

import re
from collections.abc import Collection, Iterable
from datetime import timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

INSTANCE_WORDS = ("host", "port", "data", "version", "instance")
APPLICATION_WORDS = ("slot", "data", "version", "agent", "token")
TASK_WORDS = ("data", "version", "environment", "url")
_WORD = re.compile(r"\{([a-z]+)\}")
_LONGEST = timedelta(days=366)
_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}


def duration(value: Any) -> Any:
    """`"300ms"`, `"1s"`, `"5m"`, `"2h"`, `"1d"` as a timedelta; anything else is left to fail."""
    if isinstance(value, str):
        for suffix in sorted(_UNITS, key=len, reverse=True):
            number = value.removesuffix(suffix)
            if number != value and number.replace(".", "", 1).isdecimal():
                return _bounded(float(number) * _UNITS[suffix])
        raise ValueError('write a number with a unit, such as "300ms", "30s", "5m", "1h"')
    if isinstance(value, int | float):
        raise ValueError('give the unit too, such as "30s"')  # noqa: TRY004  pydantic wants ValueError
    return value


def _bounded(seconds: float) -> timedelta:
    if seconds > _LONGEST.total_seconds():
        raise ValueError("a year is the longest")
    return timedelta(seconds=seconds)


def _more_than_nothing(value: timedelta) -> timedelta:
    if value <= timedelta():
        raise ValueError("must be longer than nothing")
    return value


Duration = Annotated[timedelta, BeforeValidator(duration)]
Interval = Annotated[Duration, AfterValidator(_more_than_nothing)]
Name = Annotated[str, Field(pattern=r"^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$")]


def _inner(value: str) -> str:
    parts = value.replace("\\", "/").split("/")
    if not value or value.startswith("/") or ".." in parts or "\0" in value:
        raise ValueError("write a path below the manifest's folder, without `..`")
    return value


InnerPath = Annotated[str, AfterValidator(_inner)]


def _filled_in(command: list[str]) -> list[str]:
    return _known(command, INSTANCE_WORDS)


def _known(command: list[str], words: tuple[str, ...]) -> list[str]:
    if unknown := unknown_word(command, words):
        known = ", ".join(f"{{{each}}}" for each in words)
        raise ValueError(f"{{{unknown}}} is not filled in; known are {known}")
    return command


def unknown_word(texts: Iterable[str], words: Collection[str]) -> str:
    """The first word in braces that is not one of `words`; empty where there is none."""
    return next((word for part in texts for word in _WORD.findall(part) if word not in words), "")


def _filled_in_somewhere(command: list[str]) -> list[str]:
    return _known(command, tuple(dict.fromkeys((*INSTANCE_WORDS, *APPLICATION_WORDS))))


def _filled_in_for_a_task(command: list[str]) -> list[str]:
    return _known(command, TASK_WORDS)


RunCommand = Annotated[list[str], AfterValidator(_filled_in_somewhere)]
InstanceCommand = Annotated[list[str], AfterValidator(_filled_in)]
TaskCommand = Annotated[list[str], AfterValidator(_filled_in_for_a_task)]


class Section(BaseModel):
    """A table of the manifest; unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, serialize_by_alias=True)

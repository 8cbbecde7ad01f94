"""Stations, their rings and lines, pins, recalls, and what is known of each. Facts, frozen.

What a station says of itself has the words of `andon_wire.protocol`; who gets what stands in `assign.py`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from andon.access.policies.calendar import Calendar
from andon.kernel.errors import InvalidInput
from andon.kernel.ids import EnvironmentName, StationName, UnitName, Version
from andon_wire.protocol import Machine, UnitState

RINGS = ("lab", "pilot", "line", "plant")  # a new home's rings, in the order in which waves open them
LAST_RING = "plant"
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,58}[a-z0-9])?")
_LABEL = re.compile(r"[a-z0-9][a-z0-9._/-]{0,59}")
MOST_LABELS = 32


class Standing(StrEnum):
    """Whether a station belongs to the fleet."""

    WAITING = "waiting"  # enrolled, and waits for a person to let it in
    ACTIVE = "active"
    RETIRED = "retired"  # its key is worth nothing any more


@dataclass(frozen=True, slots=True)
class Station:
    """A computer with an agent. public_key: its Ed25519 key, 32 bytes in hex.

    ring: a standing label that says how early it gets something new. token: id of the one that let it in.
    """

    name: StationName
    environment: EnvironmentName
    ring: str
    line: str
    public_key: str
    machine: Machine
    enrolled_at: datetime
    labels: Mapping[str, str] = field(default_factory=dict)
    standing: Standing = Standing.ACTIVE
    token: str = ""
    retired_at: datetime | None = None

    @property
    def is_active(self) -> bool:
        """Whether it gets releases."""
        return self.standing is Standing.ACTIVE


@dataclass(frozen=True, slots=True)
class Seen:
    """What a station reported last. seq: its events are durable here up to this one, for ever rising.

    revision: of the wanted document that it acts on. checkpoint: the note of the timeline that it holds.
    """

    at: datetime | None = None
    boot: str = ""
    revision: int = 0
    seq: int = 0
    units: Mapping[str, UnitState] = field(default_factory=dict)
    checkpoint: str = ""
    address: str = ""

    def is_reachable(self, now: datetime, patience: timedelta) -> bool:
        """Whether it was heard of within `patience`."""
        return self.at is not None and now - self.at <= patience


@dataclass(frozen=True, slots=True)
class Ring:
    """A standing label on stations. position: waves open rings from the lowest up."""

    name: str
    position: int


class Scope(StrEnum):
    """What a maintenance window is for; the narrowest one that is there counts."""

    STATION = "station"
    LINE = "line"
    RING = "ring"
    ENVIRONMENT = "environment"


@dataclass(frozen=True, slots=True)
class Window:
    """When stations may switch: a calendar as the plant's own (`access/policies/calendar.py`)."""

    scope: Scope
    name: str
    calendar: Calendar


@dataclass(frozen=True, slots=True)
class Pin:
    """A unit on a station stays where it is, whatever is rolled out. version None: what it runs.

    expires_at: None until a person takes it off.
    """

    station: StationName
    unit: UnitName
    version: Version | None
    reason: str
    actor: str
    at: datetime
    expires_at: datetime | None = None

    def holds(self, now: datetime) -> bool:
        """Whether it counts at `now`."""
        return self.expires_at is None or now < self.expires_at


@dataclass(frozen=True, slots=True)
class Recall:
    """A release that must not run in an environment any more: whoever has it goes to `to`.

    direct: at once, without a safe point.
    """

    unit: UnitName
    environment: EnvironmentName
    version: Version
    to: Version
    direct: bool
    reason: str
    actor: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Opened:
    """What a unit's candidate has been given in an environment, so that more share never takes any away.

    permitted: stations that may switch now; the others of their line only get ready. earlier: those that had
    it before the share rose last, so that the others are the wave that is filling.
    """

    version: Version | None = None
    share: float = 0.0
    stations: frozenset[StationName] = frozenset()
    permitted: frozenset[StationName] = frozenset()
    earlier: frozenset[StationName] = frozenset()


NOTHING_OPENED = Opened()


def station_name(value: str) -> StationName:
    """`value`, when it may name a station, a line or a ring.

    Raises:
        InvalidInput: lower-case letters, digits and hyphens, at most 60.
    """
    if not _NAME.fullmatch(value):
        raise InvalidInput(
            "bad-station-name",
            f"{value[:60]!r} is no name of a station, a line or a ring",
            hint="use lower-case letters, digits and hyphens, at most 60",
        )
    return StationName(value)


def labels(values: Mapping[str, str]) -> Mapping[str, str]:
    """`values`, when they may be labels of a station, in the order of their names.

    Raises:
        InvalidInput: too many, or one that cannot be.
    """
    if len(values) > MOST_LABELS:
        raise InvalidInput("too-many-labels", f"{len(values)} labels; {MOST_LABELS} are the most")
    for key, value in values.items():
        if not _LABEL.fullmatch(key) or len(value) > 100 or not value.isprintable():
            raise InvalidInput(
                "bad-label", f"label {key[:60]!r} cannot be", hint="write labels as kind=assembly"
            )
    return dict(sorted(values.items()))


def derived_name(hostname: str) -> str:
    """A name of a station made of its host's name; empty where nothing of it can be used."""
    text = re.sub(r"[^a-z0-9]+", "-", hostname.partition(".")[0].lower()).strip("-")
    return text[:50].strip("-")


def needs_reason(reason: str) -> None:
    """Nobody changes the fleet without saying why; raises InvalidInput."""
    if not reason.strip():
        raise InvalidInput("no-reason", "a change of the fleet needs a reason", hint="--reason TEXT")

"""What the API says of the fleet. Values only; `fleet_views.py` makes them."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from andon.api.account_model import CalendarView
from andon.api.viewing import View

Standing = Literal["waiting", "active", "retired"]


class UnitOnStation(View):
    """How a unit stands on a station, and what is wanted there. Times are the station's own.

    wanted: version; may_switch: whether it may switch now, or only get ready. is_drifted: its files are not
    what was installed. differs: it runs another release than the wanted one.
    """

    unit: str
    running: str | None
    confirmed: str | None
    standby: str | None
    wanted: str | None
    may_switch: bool
    phase: str = Field(examples=["idle"])
    since: datetime | None
    progress: float | None
    reason: str
    wanted_reason: str
    attempt: int
    restarts: int
    crashes: int
    is_drifted: bool
    differs: bool
    pinned: str | None = Field(description="Why it stays where it is; null: it is not pinned")
    pinned_by: str | None = None
    pinned_until: datetime | None = Field(None, description="When the pin runs out; null: never by itself")


class StationView(View):
    """A station in a list. last_seen_at null: never; is_reachable: heard of within the last minutes."""

    name: str
    environment: str
    ring: str
    line: str
    labels: dict[str, str]
    standing: Standing
    is_reachable: bool
    last_seen_at: datetime | None
    platform: str
    agent: str
    revision: int
    acts_on: int = Field(description="Revision of what is wanted that the station acts on")
    units: list[UnitOnStation]


class MachineView(View):
    """What a station is made of, as it says itself. Sizes in bytes."""

    id: str
    hostname: str
    system: str
    release: str
    cpu: str
    cpus: int
    memory: int
    disk: int
    addresses: list[str]


class StationDetail(StationView):
    """A station whole. enrolled_by: id of the token that let it in."""

    machine: MachineView
    public_key: str
    enrolled_at: datetime
    enrolled_by: str
    retired_at: datetime | None
    address: str
    window: str = Field(description="Which maintenance window counts, such as `line/line-1`; empty: none")


class SampleView(View):
    """Metrics at one moment. Parts of 1; network in bytes since the machine started."""

    at: datetime
    cpu: float
    memory: float
    disk: float
    sent: int
    received: int
    processes: int
    uptime_s: float
    response_s: float | None


class RingView(View):
    """A ring, and how many stations stand in it."""

    name: str
    position: int
    stations: int


class EnrolmentTokenView(View):
    """An enrolment token without its text."""

    id: str
    station: str
    environment: str
    ring: str
    line: str
    labels: dict[str, str]
    needs_approval: bool
    replaces: bool
    created_at: datetime
    created_by: str
    reason: str
    expires_at: datetime
    used_at: datetime | None
    used_by: str
    revoked_at: datetime | None


class NewEnrolmentToken(View):
    """A token with its text, which is shown this once."""

    token: EnrolmentTokenView
    text: str


class PinView(View):
    """A unit on a station that stays. version null: what it runs."""

    station: str
    unit: str
    version: str | None
    reason: str
    actor: str
    at: datetime
    expires_at: datetime | None


class RecallView(View):
    """A release that must not run there any more."""

    unit: str
    environment: str
    version: str
    to: str
    direct: bool
    reason: str
    actor: str
    at: datetime


class WindowView(View):
    """When stations there may switch."""

    scope: Literal["station", "line", "ring", "environment"]
    name: str
    calendar: CalendarView


class RetriedView(View):
    """Stations that try again."""

    stations: list[str]


class TallyView(View):
    """What happened to one release in one environment over all stations, and how many run it now."""

    unit: str
    environment: str
    version: str
    stations: int
    drifted: int
    installs_ok: int
    installs_failed: int
    returns: int
    starts: int
    crashes: int
    refusals: int
    run_s: float
    is_revoked: bool = Field(default=False, description="It can be installed nowhere any more")
    to_move: list[str] = Field(default=[], description="Stations that run it although it was revoked")


class CheckedUpdate(View):
    """Whether there is something newer. checksum: SHA-256 of what full_package_url gives, in hex.

    Both files are served by ranges. patch_url null: there is none from the current version.
    """

    update_available: bool
    new_version: str | None
    patch_url: str | None
    patch_checksum: str | None
    patch_size: int | None
    full_package_url: str | None
    full_package_size: int | None
    checksum: str | None
    checksum_algorithm: Literal["sha-256"] = "sha-256"
    changes: str = Field(description="Notes of the new version; where there are none, the reason")
    reason: str = Field(description="Why it should move, or stay")
    rollback_supported: bool
    is_return: bool = Field(description="It goes back on purpose: the new version is the older one")

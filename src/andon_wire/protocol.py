"""What an agent and a control plane say to each other, as documents over HTTP. Additive only.

    POST /api/v1/agents/enrol              Enrol      -> Enrolled     once, with a one-time token
    GET  /api/v1/agents/wanted             ?have=<revision>&wait=<s>  -> a signed Wanted; 304: nothing new
    POST /api/v1/agents/reports            Report     -> Reported     buffered while offline; each event once
    GET  /registry/metadata/..., /registry/targets/...                static files (TUF)

An agent signs each request with its own Ed25519 key (`identity.py`); it listens on nothing but the loopback.
A field that one side does not know is ignored, a missing one has its default, so that an agent of a year ago
and a control plane of today understand each other. Times are aware, in UTC; durations are seconds.
"""

from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

VERSION = 1
MOST_EVENTS = 500  # of one report
MOST_SAMPLES = 500
MOST_REPORT_BYTES = 1 << 20

Name = Annotated[str, Field(pattern=r"^[a-z0-9](?:[a-z0-9-]{0,58}[a-z0-9])?$")]
VersionText = Annotated[str, Field(min_length=1, max_length=60, pattern=r"^[0-9A-Za-z][0-9A-Za-z.+!_-]*$")]
Sentence = Annotated[str, Field(max_length=1000)]


class Document(BaseModel):
    """Base of all that is sent."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Machine(Document):
    """What a station is made of. Sizes in bytes."""

    id: str = Field(max_length=120)  # stable per machine
    hostname: str = Field("", max_length=255)
    system: str = Field("", max_length=40)  # linux, windows
    platform: str = Field("", max_length=60)  # such as linux-x86_64, as artifacts are named
    release: str = Field("", max_length=200)  # of the system
    cpu: str = Field("", max_length=200)
    cpus: int = Field(0, ge=0)
    memory: int = Field(0, ge=0)
    disk: int = Field(0, ge=0)
    addresses: list[Annotated[str, Field(max_length=60)]] = Field([], max_length=32)
    agent: str = Field("", max_length=60)  # version of the agent
    software: dict[str, str] = Field({}, max_length=32)  # that updates may depend on, with its version


class Enrol(Document):
    """A machine asks to become a station. public_key: Ed25519, 32 bytes in hex."""

    protocol: int = VERSION
    token: str = Field(min_length=1, max_length=200)
    public_key: str = Field(pattern=r"^[0-9a-f]{64}$")
    machine: Machine


class Enrolled(Document):
    """It is one. root: the TUF root to pin (JSON text); wanted_key: Ed25519 in hex, signs what is wanted."""

    station: Name
    line: str = ""
    ring: str = ""
    environment: str = ""
    root: str
    wanted_key: str
    registries: list[str] = []  # where the static files are, best first; relative ones to the control plane
    timeline_keys: list[str] = Field([], max_length=8)  # verifier keys of the timeline (andon_wire.note)
    now: AwareDatetime


class Windows(Document):
    """When a switch may happen: weekdays (0 Monday) and minutes of the day in `zone`; none: always."""

    zone: str = "UTC"
    spans: list[
        tuple[int, int, int]
    ] = []  # weekday, from minute, until minute (exclusive, may pass midnight)


class WantedUnit(Document):
    """Which release of a unit a station should run. version None: none; the unit is taken off.

    attempt: raised when a person asks to try again what failed. may_switch: whether it may switch now, or
    only get ready (its line has enough stations under way). is_return: going back on purpose, to an older
    release. direct: at once, without a safe point; for a release that must not run any more.
    """

    version: VersionText | None
    rollout: str = ""
    attempt: int = 0
    may_switch: bool = True
    is_return: bool = False
    direct: bool = False
    windows: Windows = Windows()
    reason: Sentence = ""


class EdgeRule(Document):
    """An alert that the agent raises itself: `metric` beyond `limit` for `for_s`; again after `pause_s`."""

    name: Name
    metric: Literal["cpu", "memory", "disk", "response"]  # parts of 1; response in seconds
    limit: float
    for_s: float = 0.0
    level: Literal["info", "warning", "error", "critical"] = "warning"
    pause_s: float = 300.0


class Pace(Document):
    """How often, and how fast. bandwidth: bytes a second, 0 without a limit; jitter: part of an interval."""

    poll_s: float = 3600.0
    report_s: float = 30.0
    jitter: float = 0.2
    bandwidth: int = 0
    download: Windows = Windows()


class Wanted(Document):
    """What one station should run, as signed by the control plane (a JWS, EdDSA; `identity.py`).

    revision: rises with every change; an agent refuses one that is lower than what it has seen.
    checkpoint: the newest signed note of the timeline that this station should keep as a witness; proof: that
    it continues the tree of `proof_size` records, which the station reported: hashes in hex.
    """

    protocol: int = VERSION
    station: Name
    revision: int
    issued_at: AwareDatetime
    units: dict[Name, WantedUnit] = {}
    pace: Pace = Pace()
    rules: list[EdgeRule] = []
    registries: list[str] = []
    checkpoint: str = ""
    proof_size: int = Field(0, ge=0)
    proof: list[Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]] = Field([], max_length=64)


class Phase(StrEnum):
    """Where a station is with a unit; the same words in the journal, on the board and in evidence."""

    IDLE = "idle"  # what is wanted runs and is confirmed, or nothing is wanted
    DOWNLOADING = "downloading"
    INSTALLING = "installing"  # into the standby slot
    READY = "ready"  # in the standby slot, verified; waits for window, permission, safe point
    SWITCHING = "switching"  # data backed up, old one ended, pointer moved, new one started
    WATCHING = "watching"  # runs; not yet known to be healthy
    RETURNING = "returning"  # back to the former version
    FAILED = "failed"  # the wanted version was tried and taken back, or could not be installed; see reason
    HELD = "held"  # cannot go on without a person


class UnitState(Document):
    """How a unit stands on a station. running: the version whose process is wanted; None: none.

    restarts, crashes: since the running version was switched to. progress: of a download, 0 to 1.
    """

    running: VersionText | None = None
    confirmed: VersionText | None = None  # last version that was seen healthy
    standby: VersionText | None = None
    wanted: VersionText | None = None
    attempt: int = 0
    phase: Phase = Phase.IDLE
    since: AwareDatetime | None = None
    progress: float | None = Field(None, ge=0, le=1)
    reason: Sentence = ""
    restarts: int = Field(0, ge=0)
    crashes: int = Field(0, ge=0)
    tree: str = Field("", max_length=64)  # of the running version, as it was verified last
    is_drifted: bool = False  # its files are not what was installed
    pid: int | None = None


class EventKind(StrEnum):
    """What happened on a station."""

    ENROLLED = "enrolled"
    STARTED = "agent-started"
    DOWNLOADED = "downloaded"
    INSTALLED = "installed"
    SWITCHED = "switched"
    CONFIRMED = "confirmed"
    RETURNED = "returned"  # the former version came back
    GAVE_UP = "gave-up"
    CRASHED = "crashed"
    REFUSED = "refused"  # something did not verify
    ALERT = "alert"
    ALERT_OVER = "alert-over"
    DRIFT = "drift"
    RESTORED = "restored"  # declared data came back
    SPLIT_VIEW = "split-view"  # the timeline's checkpoint contradicts an older one


class StationEvent(Document):
    """One thing that happened. seq: rises by one on a station, for ever, so that each is taken once."""

    seq: int = Field(ge=1)
    at: AwareDatetime
    kind: EventKind
    unit: str = Field("", max_length=60)
    version: str = Field("", max_length=60)
    former: str = Field("", max_length=60)
    rollout: str = Field("", max_length=60)
    attempt: int = 0
    reason: Sentence = ""
    facts: dict[str, Any] = {}  # small; numbers and short texts


class Sample(Document):
    """Metrics at one moment. Parts of 1; network in bytes since the machine started; uptime in seconds."""

    at: AwareDatetime
    cpu: float = Field(ge=0)
    memory: float = Field(ge=0, le=1)
    disk: float = Field(ge=0, le=1)
    sent: int = Field(0, ge=0)
    received: int = Field(0, ge=0)
    processes: int = Field(0, ge=0)
    uptime_s: float = Field(0, ge=0)
    response_s: float | None = Field(None, ge=0)  # of the control plane's last answer


class Report(Document):
    """What a station tells: what is, whole; and what happened and was measured since the last that was taken.

    boot: changes with each start of the agent. revision: of the wanted document that it acts on.
    """

    protocol: int = VERSION
    at: AwareDatetime
    boot: str = Field(max_length=60)
    revision: int = 0
    machine: Machine | None = None  # when it changed, and at each start
    units: dict[Name, UnitState] = Field({}, max_length=64)
    events: list[StationEvent] = Field([], max_length=MOST_EVENTS)
    samples: list[Sample] = Field([], max_length=MOST_SAMPLES)
    checkpoint: str = Field("", max_length=8192)  # the newest one that this station holds


class Reported(Document):
    """Durable here up to `seq`; the agent forgets those. revision: what is wanted now, to ask at once."""

    seq: int
    revision: int
    now: AwareDatetime

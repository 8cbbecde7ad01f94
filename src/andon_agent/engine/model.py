"""A unit on a station: what the journal keeps of it, and what is seen of it. Values only.

Durations are told by the machine's uptime, which no clock that is set can move; it begins anew with each
start of the machine, which `boot` names. Times for people are aware, in UTC.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

from andon_wire.application import Application
from andon_wire.protocol import EventKind, Phase, WantedUnit

SlotName = Literal["a", "b"]
SLOTS: tuple[SlotName, SlotName] = ("a", "b")


def other(slot: SlotName) -> SlotName:
    """The other slot of the unit."""
    return "b" if slot == "a" else "a"


@dataclass(frozen=True, slots=True)
class Now:
    """A moment. uptime: seconds since the machine started, comparable between processes of one `boot`."""

    at: datetime
    uptime: float
    boot: str


@dataclass(frozen=True, slots=True)
class Process:
    """One process of this machine, told apart from any other that had its pid.

    started: when it was started, as its system says it; boot: the start of the machine it belongs to.
    """

    pid: int
    started: float
    boot: str


@dataclass(frozen=True, slots=True)
class Held:
    """A release in a slot. tree: the SHA-256 that names its files."""

    slot: SlotName
    version: str
    tree: str


@dataclass(frozen=True, slots=True)
class Target:
    """What is being brought here, from its download until it is confirmed or taken back."""

    version: str
    slot: SlotName
    attempt: int = 0
    rollout: str = ""
    is_return: bool = False


@dataclass(frozen=True, slots=True)
class Failed:
    """What was tried and is not tried again before `attempt` rises."""

    version: str
    attempt: int
    reason: str


class Step(StrEnum):
    """How far a change is, while SWITCHING or RETURNING. Each ends durably before the next begins."""

    NONE = "none"
    STOP = "stop"  # what runs is being ended
    BACK_UP = "back-up"  # the data of the version that leaves
    RESTORE = "restore"  # the data of the version that comes back
    POINT = "point"  # the pointer moves
    START = "start"
    TRIAL = "trial"  # of the agent itself: its launcher tries the new one


@dataclass(frozen=True, slots=True)
class Happened:
    """Something to be told once. number: rises by one within the unit, for ever."""

    number: int
    at: datetime
    kind: EventKind
    unit: str
    version: str = ""
    former: str = ""
    rollout: str = ""
    attempt: int = 0
    reason: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class State:
    """A unit, as its journal has it. Every line of the journal is one of these, whole.

    active: what should run; confirmed: the last that was seen healthy; former: what was confirmed before it
    and is still there; back: what a return under way leads to. attempt, rollout: of the active release.
    starts: how often a process of the unit was started; token: of the present start.
    process: None while there is none; with `is_launching`, it is being started at this moment.
    deaths, start_after, ended_at, switched_at: uptimes. ended_at: when the process was asked to end.
    switched_at: when the active version was first started; boots: starts of the machine since, until it is
    confirmed. backup: the copy of the data from before the switch, by its name; returns: an older one that
    comes back with its version, in a return on purpose. told: number of the last event that was made;
    outbox: those not yet handed over.
    """

    unit: str
    phase: Phase = Phase.IDLE
    step: Step = Step.NONE
    since: datetime | None = None
    reason: str = ""
    boot: str = ""
    is_agent: bool = False
    active: Held | None = None
    back: Held | None = None
    confirmed: Held | None = None
    former: Held | None = None
    target: Target | None = None
    attempt: int = 0
    rollout: str = ""
    failed: tuple[Failed, ...] = ()
    process: Process | None = None
    is_launching: bool = False
    starts: int = 0
    token: str = ""
    deaths: tuple[float, ...] = ()
    start_after: float | None = None
    ended_at: float | None = None
    switched_at: float | None = None
    boots: int = 0
    restarts: int = 0
    crashes: int = 0
    backup: str = ""
    returns: str = ""
    is_drifted: bool = False
    told: int = 0
    outbox: tuple[Happened, ...] = ()

    def entered(self, phase: Phase, at: datetime, reason: str, step: Step = Step.NONE) -> "State":
        """The same unit in another phase or step; `since` stays where the phase does."""
        since = self.since if phase is self.phase and self.since is not None else at
        return replace(self, phase=phase, step=step, since=since, reason=reason)

    def failed_as(self, version: str) -> Failed | None:
        """What is known of an earlier failure of this version."""
        return next((each for each in self.failed if each.version == version), None)


class Job(StrEnum):
    """What may take long and is done in the background; each goes on where it was interrupted."""

    DOWNLOAD = "download"
    INSTALL = "install"
    BACK_UP = "back-up"
    RESTORE = "restore"
    CLEAN = "clean"
    LOOK = "look"  # whether the files of the active release are still what was installed


class WorkState(StrEnum):
    """How far a piece of background work is."""

    TODO = "todo"
    DOING = "doing"
    DONE = "done"
    FAILED = "failed"  # is tried again at `retry_at`
    REFUSED = "refused"  # not trusted; never tried again
    HOPELESS = "hopeless"  # trying again does not help


@dataclass(frozen=True, slots=True)
class Work:
    """How a job stands. progress: 0 to 1; retry_at: uptime; detail: what it failed of, or what it found."""

    state: WorkState = WorkState.TODO
    detail: str = ""
    progress: float | None = None
    failures: int = 0
    retry_at: float | None = None


@dataclass(frozen=True, slots=True)
class Running:
    """Processes of a unit. is_alive: the noted one runs; end: how it ended, where that is known.

    found: one of the present start that was not noted; is_starting: one is being started, and has no mark
    yet; has_strays: other things of the unit run.
    """

    is_alive: bool = False
    end: str = ""
    found: Process | None = None
    is_starting: bool = False
    has_strays: bool = False

    @property
    def is_anything(self) -> bool:
        """Whether anything of the unit runs, whatever its version."""
        return self.is_alive or self.is_starting or self.has_strays or self.found is not None


@dataclass(frozen=True, slots=True)
class Health:
    """What is known of the active version's health. healthy_for: seconds without a break; None: it is not."""

    healthy_for: float | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Safe:
    """Whether the running version may be ended now, and why not."""

    is_safe: bool
    why: str = ""


class Outcome(StrEnum):
    """What became of a trial of the agent itself."""

    OPEN = "open"
    FAILED = "failed"  # the launcher went back to the former agent


@dataclass(frozen=True, slots=True)
class Trial:
    """What the launcher was asked to try, and what became of it."""

    slot: SlotName
    outcome: Outcome = Outcome.OPEN
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Seen:
    """What the world looked like at one moment; gathered before deciding.

    pointer: the slot that it names; held: releases in the slots, of those that were installed whole;
    contract, standby: of the active and the target's release. own_slot: the slot that this agent runs from.
    said: of what the last start of the active release printed, the line that says most likely what is wrong.
    short: bytes that are missing on the disk for the copy of the active release's data, which a switch makes.
    others_busy: whether other units are on their way. is_drift_due: time to look at the active files again.
    """

    pointer: SlotName | None = None
    held: Mapping[SlotName, Held] = field(default_factory=dict)
    contract: Application | None = None
    standby: Application | None = None
    running: Running = Running()
    health: Health = Health()
    said: str = ""
    safe: Safe = Safe(is_safe=False)
    jobs: Mapping[Job, Work] = field(default_factory=dict)
    is_window_open: bool = True
    has_rubbish: bool = False
    short: int = 0
    others_busy: bool = False
    own_slot: SlotName | None = None
    trial: Trial | None = None
    is_drift_due: bool = False

    def job(self, job: Job) -> Work:
        """How it stands."""
        return self.jobs.get(job, Work())

    def has(self, held: Held | None) -> bool:
        """Whether that release is whole in its slot."""
        return held is not None and self.held.get(held.slot) == held


Wanting = WantedUnit | None  # None: nothing was heard of this unit yet; it stays as it is


@dataclass(frozen=True, slots=True)
class Rules:
    """How patient the engine is. Seconds.

    recent_s: how long after a switch a crash loop still leads back; most_boots: starts of the machine while
    a version is watched; disk_tries: of a job whose files the disk does not take.
    """

    first_backoff_s: float = 0.5
    longest_backoff_s: float = 60.0
    recent_s: float = 3600.0
    most_boots: int = 5
    disk_tries: int = 5
    retry_s: float = 5.0
    longest_retry_s: float = 900.0
    tick_s: float = 1.0
    drift_s: float = 6 * 3600.0
    first_drift_s: float = 600.0  # after the agent started
    look_bytes_s: float = 8 << 20  # read at most

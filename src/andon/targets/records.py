"""What the local target keeps of an instance on disk, and what it sees of it. Values only."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from andon.kernel.ids import EnvironmentName, InstanceId, Process, UnitName, Version
from andon.targets.model import Instance, InstanceState


@dataclass(frozen=True, slots=True)
class Record:
    """One instance. Written before anything is done for it, so that a crash loses and doubles nothing.

    process: None while there is none; while STARTING, None means that it is being started at this moment.
    starts: how often its process was started. deaths: when it died, within the crash-loop window.
    start_after: end of the backoff. stop_signal, stop_patience: how to stop it, kept here because its
    manifest may be gone by then. terminated_at: when it was asked to stop. gave_up_at_instances: how many
    instances of its release were wanted when it was given up; another number means another try. killed_for:
    why we killed the present process ourselves.
    """

    id: InstanceId
    unit: UnitName
    environment: EnvironmentName
    version: Version
    state: InstanceState
    created_at: datetime
    since: datetime
    host: str = "127.0.0.1"
    port: int = 0
    process: Process | None = None
    starts: int = 0
    deaths: tuple[datetime, ...] = ()
    start_after: datetime | None = None
    stop_signal: str = "TERM"
    stop_patience: timedelta = timedelta(seconds=30)
    terminated_at: datetime | None = None
    gave_up_at_instances: int | None = None
    killed_for: str = ""
    detail: str = ""

    def entered(self, state: InstanceState, at: datetime, detail: str = "") -> "Record":
        """The same instance in `state` since `at`."""
        return replace(self, state=state, since=at, detail=detail)

    def as_instance(self, failed_checks: int) -> Instance:
        """What others see of it."""
        return Instance(
            id=self.id,
            unit=self.unit,
            environment=self.environment,
            version=self.version,
            state=self.state,
            host=self.host,
            port=self.port,
            pid=None if self.process is None else self.process.pid,
            restarts=max(0, self.starts - 1),
            failed_checks=failed_checks,
            since=self.since,
            detail=self.detail,
        )


class WorkState(StrEnum):
    """How far a piece of background work is."""

    TODO = "todo"
    DOING = "doing"
    DONE = "done"
    FAILED = "failed"
    REFUSED = "refused"  # not trusted; never tried again


@dataclass(frozen=True, slots=True)
class Work:
    """An installation or a migration. failures: attempts that failed; retry_at: when the next may be."""

    state: WorkState
    detail: str = ""
    failures: int = 0
    retry_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Checked:
    """What the checks of one process say. failed_in_a_row: health checks since the last good one."""

    is_ready: bool = False
    failed_in_a_row: int = 0
    problem: str = ""


@dataclass(frozen=True, slots=True)
class SeenInstance:
    """A record and the world. is_alive: anything of it runs; end: how its process ended, where known."""

    record: Record
    is_alive: bool
    end: str = ""
    checked: Checked | None = None


@dataclass(frozen=True, slots=True)
class SeenRelease:
    """One wanted release. share: of what arrives. is_settled: it is the stable one and alone.

    has_manifest: False where the manifest could not be had at this moment; then nothing is started.
    """

    version: Version
    instances: int
    share: float
    is_settled: bool
    install: Work
    migration: Work
    has_manifest: bool = True
    health_failures: int = 3
    ready_deadline: timedelta = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Rules:
    """How patient the target is."""

    crash_loop_deaths: int = 5
    crash_loop_window: timedelta = timedelta(minutes=2)
    first_backoff: timedelta = timedelta(milliseconds=500)
    longest_backoff: timedelta = timedelta(seconds=30)
    work_attempts: int = 3
    # An instance that still gets requests leaves the gateway's routes before it is asked to stop.
    drain_grace: timedelta = timedelta(milliseconds=1500)

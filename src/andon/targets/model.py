"""What a target makes true and what it sees. The protocol of all targets; one file per target beside it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from andon.kernel.ids import EnvironmentName, InstanceId, UnitName, Version
from andon.units.desired import Desired
from andon.units.model import Manifest


class InstanceState(StrEnum):
    """Where an instance is in its life. Only READY ones may get requests."""

    INSTALLING = "installing"
    STARTING = "starting"
    READY = "ready"
    UNHEALTHY = "unhealthy"  # alive, but its checks failed in a row
    RESTARTING = "restarting"  # died; waits for its backoff
    CRASH_LOOP = "crash-loop"  # died again and again; a person or a roll-back must act
    DRAINING = "draining"
    STOPPED = "stopped"
    REFUSED = "refused"  # its release does not verify; never started


@dataclass(frozen=True, slots=True)
class Instance:
    """One running copy of a release, as observed.

    memory: what it uses of the memory that it may have, 0 to 1; None where that is not known.
    """

    id: InstanceId
    unit: UnitName
    environment: EnvironmentName
    version: Version
    state: InstanceState
    host: str
    port: int
    pid: int | None
    restarts: int
    failed_checks: int  # in a row
    since: datetime
    detail: str  # one sentence for a person, such as the last error
    memory: float | None = None


@dataclass(frozen=True, slots=True)
class Assignment:
    """What a target is asked to make true for one unit and environment.

    manifests: of every release that is named in `desired` or still runs. refused: why releases whose
    manifest does not verify are not trusted, one sentence each.
    """

    desired: Desired
    manifests: Mapping[Version, Manifest]
    refused: Mapping[Version, str] = field(default_factory=dict)


class Target(Protocol):
    """Makes desired instances true. Level-triggered: safe to call again after any crash."""

    async def reconcile(self, assignment: Assignment) -> None:
        """Do the next bounded piece of work towards `assignment`; never waits for slow things to finish."""
        ...

    async def observe(self, unit: UnitName, environment: EnvironmentName) -> Sequence[Instance]:
        """The instances that are there, by release and age."""
        ...

    async def logs(self, instance: InstanceId, *, lines: int) -> Sequence[str]:
        """The last `lines` lines of an instance's output, oldest first."""
        ...

"""What a pipeline run is. Values only; `plan.py` makes the graph, `decide.py` walks it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from andon.kernel.ids import RunId, Sha256, UnitName, Version


class StageName(StrEnum):
    """The stages, in the order of their dependencies."""

    SOURCE = "source"
    BUILD = "build"
    TEST = "test"
    SECURITY = "security"
    BUNDLE = "bundle"  # of an application only: frozen for this platform
    PACKAGE = "package"
    DELTA = "delta"  # of an application only: from each release in the field
    SIGN = "sign"
    PUBLISH = "publish"


class StageState(StrEnum):
    """Where a stage is. CACHED: its inputs were seen before, so its outputs are reused."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    CACHED = "cached"
    FAILED = "failed"
    SKIPPED = "skipped"  # something that it needs failed


class RunState(StrEnum):
    """Where a run is."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of the graph."""

    name: StageName
    needs: tuple[StageName, ...]
    timeout: timedelta
    retries: int = 0


@dataclass(frozen=True, slots=True)
class StageResult:
    """What came out of a stage. `summary` is one sentence; `files` are in the cache, by SHA-256.

    Another attempt helps only where `is_retryable`. `facts` are JSON values for people and later stages.
    """

    is_ok: bool
    summary: str
    files: Mapping[str, Sha256] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    is_retryable: bool = False


@dataclass(frozen=True, slots=True)
class StageStatus:
    """How a stage is doing. `summary` is one sentence; `outputs` are the `files` and `facts` of its result.

    `failures` and `lost` count earlier attempts that failed, and whose process vanished; `retry_at` is
    when the next one may start.
    """

    name: StageName
    state: StageState = StageState.WAITING
    attempt: int = 0
    started_at: datetime | None = None
    finished_at: datetime | None = None
    input_hash: str = ""
    outputs: dict[str, Any] = field(default_factory=dict)
    summary: str = ""
    failures: int = 0
    lost: int = 0
    retry_at: datetime | None = None

    @property
    def files(self) -> Mapping[str, Sha256]:
        """Files of the result, by name."""
        files: Mapping[str, Sha256] = self.outputs.get("files", {})
        return files

    @property
    def facts(self) -> Mapping[str, Any]:
        """Facts of the result."""
        facts: Mapping[str, Any] = self.outputs.get("facts", {})
        return facts

    @property
    def is_over(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.state not in (StageState.WAITING, StageState.RUNNING)

    @property
    def is_good(self) -> bool:
        """Whether a stage that needs it may start."""
        return self.state in (StageState.DONE, StageState.CACHED)


@dataclass(frozen=True, slots=True)
class Run:
    """One walk from source to release."""

    id: RunId
    unit: UnitName
    version: Version | None  # known once the source stage is done
    path: str
    state: RunState
    stages: tuple[StageStatus, ...]
    actor: str
    created_at: datetime
    finished_at: datetime | None
    reason: str  # why it ended, or what stops it meanwhile, one sentence
    revision: int
    plan: tuple[Stage, ...] = ()
    cancelled_by: str = ""  # whoever asked for it to stop; empty: nobody
    cancel_reason: str = ""

    @property
    def names(self) -> tuple[StageName, ...]:
        """The stages that it has, in an order that respects their needs."""
        return tuple(each.name for each in self.stages)

    def stage(self, name: StageName) -> StageStatus:
        """Status of that stage; every run has those that wheels and bundles have in common."""
        return next(each for each in self.stages if each.name is name)

    def planned(self, name: StageName) -> Stage:
        """That stage as it was planned."""
        return next(each for each in self.plan if each.name is name)

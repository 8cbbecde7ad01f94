"""What a pipeline run is. Values only; `plan.py` makes the graph, `run.py` walks it."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from andon.kernel.ids import RunId, UnitName, Version


class StageName(StrEnum):
    """The stages, in the order of their dependencies."""

    SOURCE = "source"
    BUILD = "build"
    TEST = "test"
    SECURITY = "security"
    PACKAGE = "package"
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
class StageStatus:
    """How a stage is doing. `summary` is one sentence; `outputs` name files by SHA-256 for later stages."""

    name: StageName
    state: StageState = StageState.WAITING
    attempt: int = 0
    started_at: datetime | None = None
    finished_at: datetime | None = None
    input_hash: str = ""
    outputs: dict[str, Any] = field(default_factory=dict)
    summary: str = ""


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
    reason: str  # why it ended, one sentence
    revision: int

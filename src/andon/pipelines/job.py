"""What a worker is told and what it answers, as JSON files that outlive both sides."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from andon.kernel.errors import Damaged
from andon.kernel.ids import RunId, Sha256, UnitName
from andon.pipelines.model import StageName, StageResult

JOB, PROCESS, RESULT, LOCK = "job.json", "process.json", "result.json", "lock"
MARK = "ANDON_STAGE"  # environment variable by which every process of a stage is known


@dataclass(frozen=True, slots=True)
class PackageSources:
    """Where wheels come from: folders, and the configured index where `use_index`."""

    find_links: tuple[str, ...] = ()
    use_index: bool = True


@dataclass(frozen=True, slots=True)
class Limits:
    """What a worker may take: address space of each of its processes, and processor time in all."""

    memory_bytes: int = 4 << 30
    cpu_seconds: int = 3600


@dataclass(frozen=True, slots=True)
class Job:
    """One attempt of one stage. `folder` is its own; `files` and `facts` are of the stages it needs.

    given: what Andon knows and the worker cannot find, such as which former releases are in the field.
    """

    run: RunId
    unit: UnitName
    stage: StageName
    attempt: int
    path: Path
    folder: Path
    cache: Path
    files: Mapping[StageName, Mapping[str, Sha256]] = field(default_factory=dict)
    facts: Mapping[StageName, Mapping[str, Any]] = field(default_factory=dict)
    sources: PackageSources = PackageSources()
    limits: Limits = Limits()
    given: Mapping[str, Any] = field(default_factory=dict)

    @property
    def mark(self) -> str:
        """Value of `MARK` in the environment of every process of this attempt."""
        return f"{self.run}/{self.stage}/{self.attempt}"

    @property
    def work(self) -> Path:
        """Folder for what the stage throws away."""
        return self.folder / "work"

    def to_json(self) -> bytes:
        """As the file `job.json`."""
        return json.dumps(asdict(self), default=str, indent=1).encode()

    @classmethod
    def from_json(cls, content: bytes) -> "Job":
        """Read `job.json`.

        Raises:
            Damaged: it is not one.
        """
        try:
            row = json.loads(content)
            return cls(
                run=RunId(row["run"]),
                unit=UnitName(row["unit"]),
                stage=StageName(row["stage"]),
                attempt=row["attempt"],
                path=Path(row["path"]),
                folder=Path(row["folder"]),
                cache=Path(row["cache"]),
                files={StageName(each): files for each, files in row["files"].items()},
                facts={StageName(each): facts for each, facts in row["facts"].items()},
                sources=PackageSources(tuple(row["sources"]["find_links"]), row["sources"]["use_index"]),
                limits=Limits(**row["limits"]),
                given=row.get("given", {}),
            )
        except (ValueError, KeyError, TypeError) as error:
            raise Damaged("bad-job", f"the job of a worker cannot be read: {error!r}") from error


def result_to_json(result: StageResult) -> bytes:
    """As the file `result.json`."""
    return json.dumps(asdict(result)).encode()


def result_from_json(content: bytes) -> StageResult:
    """Read `result.json`.

    Raises:
        Damaged: it is not one.
    """
    try:
        return StageResult(**json.loads(content))
    except (ValueError, TypeError) as error:
        raise Damaged("bad-result", f"the result of a worker cannot be read: {error!r}") from error

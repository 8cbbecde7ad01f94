"""What the edges need of the rest, as protocols. `app.py` fills a `Services`; no rule lives here."""

from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

from andon.access.signatures.model import Document, Signature
from andon.api.people import Audit, Devices, Login, People, Policies, Secrets, Sessions, Signing, Tokens
from andon.evidence.model import Reading
from andon.fleet.whole import Fleet
from andon.gateway.model import Traffic
from andon.judge.registry import Judges
from andon.kernel.clock import Clock
from andon.kernel.ids import EnvironmentName, InstanceId, RolloutId, RunId, UnitName, Version
from andon.kernel.supervise import LoopHealth
from andon.pipelines.model import Run, StageName
from andon.releases.garbage.model import Collected
from andon.releases.model import Release
from andon.releases.notes import Notes
from andon.releases.stock import Look as RegistryLook
from andon.rollouts.changing import NO_CHANGES, Changes
from andon.rollouts.gates import Answered
from andon.rollouts.gather import Gained
from andon.rollouts.group import Turn
from andon.rollouts.holds.model import Hold
from andon.rollouts.model import Cord, GateSeen, RequestKind, Rollout
from andon.rollouts.sets.model import Member, SetRelease, SetRollout
from andon.rollouts.sets.signing import Together
from andon.rollouts.stables.store import Stable
from andon.rollouts.steps import Plan
from andon.rollouts.tasks.model import Try
from andon.targets.model import Instance
from andon.timeline.records import Record
from andon.timeline.store import Filter
from andon.units.desired import Desired
from andon.units.model import Manifest, StrategyName


class Look(Protocol):
    """One stored look of the judge, as `rollouts/store.py` describes it.

    gained: what the judge was given; findings: what it said, by metric.
    """

    @property
    def seq(self) -> int: ...
    @property
    def at(self) -> datetime: ...
    @property
    def share(self) -> float: ...
    @property
    def gained(self) -> Gained: ...
    @property
    def findings(self) -> Mapping[str, Mapping[str, Any]]: ...


class Releases(Protocol):
    """Published releases (`releases/store.py`)."""

    async def get(self, unit: UnitName, version: Version) -> Release: ...
    async def list(self, unit: UnitName | None = None) -> Sequence[Release]: ...
    async def revoked(self) -> frozenset[tuple[UnitName, Version]]: ...
    async def notes(self, unit: UnitName, version: Version) -> Notes: ...
    async def manifest(self, unit: UnitName, version: Version) -> Manifest: ...


class RegistryFiles(Protocol):
    """The registry's static files (`releases/storage/`). Both block: use a thread."""

    def size(self, path: str) -> int | None:
        """Bytes of a file; None where there is none."""
        ...

    def pieces(self, path: str, *, offset: int = 0) -> Iterator[bytes]:
        """The file's bytes from `offset` on; raises NotFound, Unavailable."""
        ...


class Upkeep(Protocol):
    """How the registry stands, and its garbage collection (`releases/upkeep.py`)."""

    async def look(self) -> RegistryLook: ...
    async def collect(self, *, actor: str, reason: str) -> Collected: ...


class Runs(Protocol):
    """Pipeline runs (`pipelines/store.py`)."""

    async def get(self, run: RunId, /) -> Run: ...
    async def list(self, unit: UnitName | None = None, *, limit: int = 50) -> Sequence[Run]: ...


class Ship(Protocol):
    """What people ask of pipelines."""

    async def unit_of(self, path: Path) -> UnitName:
        """The unit whose source tree is `path`."""
        ...

    async def start(self, path: Path, actor: str) -> Run:
        """Begin a run over the source tree `path`, which holds an `andon.toml`."""
        ...

    async def cancel(self, run: RunId, *, actor: str, reason: str) -> Run:
        """End a run that is under way."""
        ...


class Rollouts(Protocol):
    """Rollouts and the judge's looks (`rollouts/store.py`)."""

    async def get(self, rollout: RolloutId, /) -> Rollout: ...
    async def list(
        self,
        unit: UnitName | None = None,
        environment: EnvironmentName | None = None,
        limit: int = 50,
    ) -> Sequence[Rollout]: ...
    async def active(self) -> Sequence[RolloutId]: ...
    async def find_damaged(self, rollout: RolloutId) -> tuple[UnitName, EnvironmentName] | None: ...
    async def stables(self, unit: UnitName, environment: EnvironmentName) -> Sequence[Stable]: ...
    async def looks(self, rollout: RolloutId, after_seq: int = 0) -> Sequence[Look]: ...


class Commands(Protocol):
    """What people ask of rollouts (`rollouts/commands.py`)."""

    async def deploy(  # noqa: PLR0913  as the command
        self,
        unit: UnitName,
        environment: EnvironmentName,
        version: Version,
        *,
        strategy: StrategyName | None = None,
        actor: str,
        reason: str,
        needs_approval: bool = False,
        proposer_id: str = "",
        override: Signature | None = None,
        changes: Changes = NO_CHANGES,
        shown: str = "",
    ) -> Rollout: ...
    async def document_of_override(
        self, unit: UnitName, environment: EnvironmentName, version: Version
    ) -> Document: ...
    async def stable_in(self, unit: UnitName, environment: EnvironmentName) -> Version: ...
    async def preview(
        self,
        unit: UnitName,
        environment: EnvironmentName,
        version: Version,
        *,
        strategy: StrategyName | None = None,
        needs_approval: bool = False,
        changes: Changes = NO_CHANGES,
    ) -> Plan: ...
    async def obstacle(self, unit: UnitName, environment: EnvironmentName, version: Version) -> str: ...
    async def gate(self, rollout: RolloutId) -> Answered | None: ...
    async def close_damaged(
        self, rollout: RolloutId, actor: str, reason: str, *, signature: Signature | None = None
    ) -> bool: ...
    async def request(
        self,
        rollout: RolloutId,
        kind: RequestKind,
        actor: str,
        reason: str,
        *,
        signature: Signature | None = None,
    ) -> Rollout: ...
    async def check_role(self, rollout: RolloutId, login: str, roles: Collection[str]) -> None: ...
    async def approve(self, rollout: RolloutId, signature: Signature, roles: Collection[str]) -> Rollout: ...
    async def reject(self, rollout: RolloutId, signature: Signature, roles: Collection[str]) -> Rollout: ...
    async def rollback(  # noqa: PLR0913  as the command
        self,
        unit: UnitName,
        environment: EnvironmentName,
        *,
        to: Version | None = None,
        actor: str,
        reason: str,
        proposer_id: str = "",
        needs_approval: bool = False,
        signature: Signature | None = None,
    ) -> Rollout: ...
    async def pull_cord(
        self,
        environment: EnvironmentName | None,
        *,
        returns: bool,
        actor: str,
        reason: str,
        signature: Signature | None = None,
    ) -> object: ...
    async def present_document(self, signature: Signature) -> Document | None: ...
    async def document_of_pull(self, environment: EnvironmentName | None) -> Document: ...
    async def release_cord(
        self,
        environment: EnvironmentName | None,
        actor: str,
        reason: str,
        *,
        signature: Signature | None = None,
    ) -> object: ...
    async def cords(self) -> Sequence[Cord]: ...
    async def hold(self, unit: UnitName, environment: EnvironmentName, actor: str, reason: str) -> Hold: ...
    async def release_hold(
        self, unit: UnitName, environment: EnvironmentName, actor: str, reason: str
    ) -> Hold: ...
    async def holds(self) -> Sequence[Hold]: ...
    async def affected(self, environment: EnvironmentName, since: timedelta) -> Sequence[Turn]: ...
    async def rollback_all(
        self,
        environment: EnvironmentName,
        since: timedelta,
        *,
        actor: str,
        reason: str,
        signature: Signature | None = None,
    ) -> Sequence[Turn]: ...
    async def document_of_rollback_all(self, environment: EnvironmentName, since: timedelta) -> Document: ...
    async def document_of_answer(self, rollout: RolloutId, *, is_yes: bool) -> Document: ...
    async def document_of_request(self, rollout: RolloutId, kind: RequestKind) -> Document: ...
    async def document_of_rollback(
        self, unit: UnitName, environment: EnvironmentName, to: Version | None
    ) -> Document: ...
    async def document_of_cord(self, environment: EnvironmentName | None) -> Document: ...


class Before(Protocol):
    """What stands before steps: gates that no person signs, and tasks (`gate_parts.py`)."""

    async def seen(self, rollout: Rollout, /) -> Mapping[str, GateSeen]: ...
    async def answer(
        self, rollout: RolloutId, gate: str, *, is_yes: bool, actor: str, reason: str
    ) -> object: ...
    async def tries(self, rollout: RolloutId, /) -> Sequence[Try]: ...
    async def log(self, made: Try, /) -> str: ...


class StoredSet(Protocol):
    """A published set (`rollouts/sets/store.py`)."""

    @property
    def release(self) -> SetRelease: ...
    @property
    def at(self) -> datetime: ...
    @property
    def actor(self) -> str: ...


class Sets(Protocol):
    """Sets of units that move together (`rollouts/sets/commands.py`)."""

    async def publish(
        self, name: str, version: Version, members: Sequence[Member], actor: str
    ) -> SetRelease: ...
    async def list(self) -> Sequence[StoredSet]: ...
    async def rollouts(self, limit: int = 50) -> Sequence[SetRollout]: ...
    async def deploy(  # noqa: PLR0913  as the command
        self,
        name: str,
        environment: EnvironmentName,
        *,
        version: Version | None = None,
        actor: str,
        reason: str,
        proposer_id: str = "",
        needs_approval: bool = False,
    ) -> SetRollout: ...
    async def rollback(
        self,
        name: str,
        environment: EnvironmentName,
        *,
        actor: str,
        reason: str,
        signature: Signature | None = None,
    ) -> SetRollout: ...
    async def document_of_rollback(self, name: str, environment: EnvironmentName) -> Document: ...


class Approving(Protocol):
    """A yes to a whole set (`rollouts/sets/approving.py`)."""

    async def look(self, name: str, environment: EnvironmentName) -> Together: ...
    async def document(self, name: str, environment: EnvironmentName) -> Document: ...
    async def check_role(
        self, name: str, environment: EnvironmentName, login: str, roles: Collection[str]
    ) -> None: ...
    async def approve(
        self, name: str, environment: EnvironmentName, signature: Signature, roles: Collection[str]
    ) -> SetRollout: ...


class Retry(Protocol):
    """What people ask of targets (`targets/retries.py`)."""

    async def __call__(
        self,
        unit: UnitName,
        environment: EnvironmentName,
        version: Version | None = None,
        *,
        actor: str,
        reason: str,
    ) -> Sequence[Instance]: ...


class DesiredState(Protocol):
    """What should run (`units/store.py`)."""

    async def list(self) -> Sequence[Desired]: ...


class Timeline(Protocol):
    """What happened (`timeline/store.py`)."""

    async def get(self, number: int) -> Record: ...
    async def list(
        self, wanted: Filter, *, limit: int = 100, newest_first: bool = True
    ) -> Sequence[Record]: ...


@dataclass(frozen=True, slots=True)
class Probe:
    """Whether one part works: `problem` is a sentence, empty when it does; `hint` helps."""

    name: str
    problem: str = ""
    detail: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Services:
    """Everything that the API and the board may touch.

    instances: the target's view of one unit in one environment. logs: the last lines of an instance.
    retry: tries instances again that were given up.
    run_log: text of a stage from an offset, and the next offset. traffic: the gateway's last counts, None
    before the first. readings: the last evidence of a unit in an environment, empty when nobody asked yet.
    probes: parts whose failure makes `/ready` fail, such as the database and the gateway.
    settings: what may be shown of the settings in force. audit: proof and copies of the timeline.
    """

    clock: Clock
    version: str
    releases: Releases
    runs: Runs
    ship: Ship
    rollouts: Rollouts
    commands: Commands
    sets: Sets
    approving: Approving
    before: Before
    judges: Judges
    desired: DesiredState
    timeline: Timeline
    instances: Callable[[UnitName, EnvironmentName], Awaitable[Sequence[Instance]]]
    retry: Retry
    logs: Callable[[InstanceId, int], Awaitable[Sequence[str]]]
    run_log: Callable[[RunId, StageName, int], Awaitable[tuple[str, int]]]
    traffic: Callable[[], Traffic | None]
    readings: Callable[[UnitName, EnvironmentName], Sequence[Reading]]
    loops: Callable[[], Sequence[LoopHealth]]
    probes: Callable[[], Awaitable[Sequence[Probe]]]
    settings: Mapping[str, Any]
    people: People
    login: Login
    sessions: Sessions
    devices: Devices
    tokens: Tokens
    signing: Signing
    policies: Policies
    secrets: Secrets
    audit: Audit
    registry: RegistryFiles
    upkeep: Upkeep
    fleet: Fleet

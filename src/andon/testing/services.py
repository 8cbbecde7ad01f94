"""A plant in memory behind the `Services` of API and board: what they read, and commands that change it.

It decides nothing as the real engine does: a request changes the rollout at once, so that a page has
something to show. `scenes.py` fills it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from andon.access.model import PRODUCTION
from andon.access.policies.model import Policy
from andon.access.secrets.model import Secret
from andon.access.signatures.model import Document
from andon.api.services import Probe, Services
from andon.evidence.model import Reading
from andon.fleet.whole import Fleet
from andon.gateway.model import ReleaseTraffic, Traffic
from andon.judge.registry import Judges
from andon.kernel.clock import Clock, SystemClock
from andon.kernel.errors import Conflict, NotFound
from andon.kernel.ids import EnvironmentName, InstanceId, RolloutId, RunId, UnitName, Version, new_id
from andon.kernel.supervise import LoopHealth
from andon.pipelines.model import Run, RunState, StageName, StageStatus
from andon.releases.model import Release
from andon.releases.notes import Notes
from andon.releases.stock import Look as RegistryLook
from andon.rollouts.holds.model import Hold
from andon.rollouts.model import (
    Cord,
    GateSeen,
    Rollout,
)
from andon.rollouts.outside.commands import GateCommands
from andon.rollouts.outside.view import answered
from andon.rollouts.sets.model import SetRollout
from andon.rollouts.tasks.model import Try
from andon.targets.model import Instance, InstanceState
from andon.targets.retries import Retries
from andon.testing.access import FakeAccess, FakeDevices, FakeLogin, FakePeople, FakeSessions, FakeTokens
from andon.testing.fleet import Rows, Telling, fleet_of
from andon.testing.keeping import FakeAudit, FakeSecrets, matches
from andon.testing.ordering import FakeCommands
from andon.testing.outside import Answers
from andon.testing.pledges import FakePolicies, FakeSigning, policy_of
from andon.testing.registry_files import FakeFiles
from andon.testing.sets import FakeApproving, FakeSets, FakeStoredSet
from andon.testing.shelves import FakeLook, FakeReleases, FakeRollouts, Part
from andon.testing.upkeep import FakeUpkeep
from andon.timeline import origin
from andon.timeline.records import Event, Record
from andon.timeline.store import Filter
from andon.units.desired import Desired
from andon.units.model import Manifest


@dataclass(slots=True)
class FakePlant:
    """All of it, as plain collections that a test fills and reads."""

    clock: Clock = field(default_factory=SystemClock)
    releases: dict[tuple[str, str], Release] = field(default_factory=dict)
    manifests: dict[str, Manifest] = field(default_factory=dict)
    runs: dict[str, Run] = field(default_factory=dict)
    logs: dict[tuple[str, StageName], str] = field(default_factory=dict)
    rollouts: dict[str, Rollout] = field(default_factory=dict)
    damaged: set[str] = field(default_factory=set)
    revoked: set[tuple[UnitName, Version]] = field(default_factory=set)
    notes: dict[tuple[UnitName, Version], Notes] = field(default_factory=dict)
    looks: dict[str, list[FakeLook]] = field(default_factory=dict)
    desired: dict[tuple[str, str], Desired] = field(default_factory=dict)
    records: list[Record] = field(default_factory=list)
    cords: list[Cord] = field(default_factory=list)
    sets: list[FakeStoredSet] = field(default_factory=list)
    set_rollouts: list[SetRollout] = field(default_factory=list)
    holds: dict[tuple[UnitName, EnvironmentName], Hold] = field(default_factory=dict)
    changed: dict[str, Document] = field(default_factory=dict)  # by subject: what was signed, as it is now
    instances: list[Instance] = field(default_factory=list)
    readings: dict[tuple[str, str], list[Reading]] = field(default_factory=dict)
    counts: dict[tuple[UnitName, EnvironmentName, Version], ReleaseTraffic] = field(default_factory=dict)
    loops: list[LoopHealth] = field(default_factory=list)
    problems: list[Probe] = field(default_factory=list)
    secrets: dict[str, Secret] = field(default_factory=dict)
    gates: dict[str, GateSeen] = field(default_factory=dict)  # by key: what gates say that nobody signs
    tries: list[Try] = field(default_factory=list)
    outside: Answers = field(default_factory=Answers)
    stations: Rows = field(default_factory=Rows)
    registry: FakeFiles = field(default_factory=FakeFiles)
    stock: RegistryLook | None = None
    fleet: Fleet = field(init=False)
    access: FakeAccess = field(init=False)

    def __post_init__(self) -> None:
        """Everybody of `testing.access.PEOPLE` may sign in."""
        self.access = FakeAccess(self.clock)
        self.stations.told = Telling(self.tell)
        self.fleet = fleet_of(self.stations, self.clock)

    def note(self, kind: str, subject: str, actor: str, reason: str) -> None:
        """Put something that concerns no unit on the timeline."""
        self.tell(Event(kind, subject, actor, reason))

    def policy(self, environment: str) -> Policy:
        """What the environment demands."""
        return policy_of(self.access, environment)

    def production(self) -> frozenset[str]:
        """Names of the environments that are production."""
        named = {name for name, each in self.access.policies.items() if each.is_production}
        return frozenset({PRODUCTION, *named})

    def tell(self, event: Event, at: datetime | None = None) -> Record:
        """Put an event on the timeline."""
        here = origin.current()
        whole = replace(
            event,
            role=event.role or here.role,
            source=event.source or here.source,
            correlation=event.correlation or here.correlation,
        )
        number = len(self.records) + 1
        record = Record(number, at or self.clock.now(), whole, f"{number:064x}")
        self.records.append(record)
        return record

    def services(self) -> Services:
        """The plant as the edges see it."""
        return Services(
            clock=self.clock,
            version="0.1.0",
            releases=FakeReleases(self),
            registry=self.registry,
            upkeep=FakeUpkeep(self),
            runs=_Runs(self),
            ship=_Ship(self),
            rollouts=FakeRollouts(self),
            commands=FakeCommands(self),
            sets=FakeSets(self),
            approving=FakeApproving(self),
            before=_Before(self),
            judges=Judges(),
            desired=_Desired(self),
            timeline=_Timeline(self),
            instances=self._instances,
            retry=Retries(_Target(self), _Desired(self).list, self._publish).retry,
            logs=self._log,
            run_log=self._run_log,
            traffic=self._traffic,
            readings=lambda unit, environment: self.readings.get((unit, environment), []),
            loops=lambda: self.loops,
            probes=self._probes,
            settings={"home": ".andon"},
            people=FakePeople(self),
            login=FakeLogin(self),
            sessions=FakeSessions(self),
            devices=FakeDevices(self),
            tokens=FakeTokens(self),
            signing=FakeSigning(self),
            policies=FakePolicies(self),
            secrets=FakeSecrets(self),
            audit=FakeAudit(self),
            fleet=self.fleet,
        )

    async def _instances(self, unit: UnitName, environment: EnvironmentName) -> Sequence[Instance]:
        return [each for each in self.instances if (each.unit, each.environment) == (unit, environment)]

    async def _publish(self, event: Event) -> object:
        return self.tell(event)

    async def _log(self, instance: InstanceId, lines: int) -> Sequence[str]:
        if all(each.id != instance for each in self.instances):
            raise NotFound("no-such-instance", f"there is no instance {instance}")
        return [f"{number} INFO request handled" for number in range(1, 41)][-lines:]

    async def _run_log(self, run: RunId, stage: StageName, offset: int) -> tuple[str, int]:
        text = self.logs.get((run, stage), "")[offset:]
        return text, offset + len(text)

    def _traffic(self) -> Traffic | None:
        return Traffic("epoch", self.clock.now(), dict(self.counts)) if self.counts else None

    async def _probes(self) -> Sequence[Probe]:
        return self.problems or [Probe("database", detail="answers"), Probe("gateway", detail="serves")]


class _Runs(Part):
    async def get(self, run: RunId) -> Run:
        found = self._plant.runs.get(run)
        if found is None:
            raise NotFound("no-such-run", f"there is no run {run}")
        return found

    async def list(self, unit: UnitName | None = None, *, limit: int = 50) -> Sequence[Run]:
        found = [each for each in self._plant.runs.values() if unit in {None, each.unit}]
        return sorted(found, key=lambda each: each.created_at, reverse=True)[:limit]


class _Ship(Part):
    async def unit_of(self, path: Path) -> UnitName:
        # Its folder names it, so that a test can ship what is not there.
        return UnitName(path.name if path.name in self._plant.manifests else "mes")

    async def start(self, path: Path, actor: str) -> Run:
        now = self._plant.clock.now()
        run = Run(
            id=RunId(new_id("run", now)),
            unit=await self.unit_of(path),
            version=None,
            path=str(path),
            state=RunState.RUNNING,
            stages=tuple(StageStatus(name) for name in StageName),
            actor=actor,
            created_at=now,
            finished_at=None,
            reason="",
            revision=1,
        )
        self._plant.runs[run.id] = run
        return run

    async def cancel(self, run: RunId, *, actor: str, reason: str) -> Run:
        found = await _Runs(self._plant).get(run)
        if found.state is not RunState.RUNNING:
            raise Conflict("run-over", f"run {run} is over")
        now = self._plant.clock.now()
        ended = replace(
            found,
            state=RunState.CANCELLED,
            finished_at=now,
            reason=f"{actor}: {reason}",
            revision=found.revision + 1,
        )
        self._plant.runs[run] = ended
        return ended


class _Before(Part):
    async def seen(self, rollout: Rollout) -> Mapping[str, GateSeen]:
        answers = await self._plant.outside.list(rollout.id)
        return self._plant.gates | {key: answered(each) for key, each in answers.items()}

    async def answer(
        self, rollout: RolloutId, gate: str, *, is_yes: bool, actor: str, reason: str
    ) -> Rollout:
        commands = GateCommands(FakeRollouts(self._plant), self._plant.outside, self._plant.clock)
        return await commands.answer(rollout, gate, is_yes=is_yes, actor=actor, reason=reason)

    async def tries(self, rollout: RolloutId) -> Sequence[Try]:
        return [each for each in self._plant.tries if each.rollout == rollout]

    async def log(self, made: Try) -> str:
        return f"$ check {made.number}\nended with 0\n"


class _Target(Part):
    async def observe(self, unit: UnitName, environment: EnvironmentName) -> Sequence[Instance]:
        return await self._plant.services().instances(unit, environment)

    async def retry(self, unit: UnitName, environment: EnvironmentName, version: Version) -> int:
        place = (unit, environment, version)
        self._plant.instances = [
            replace(each, state=InstanceState.INSTALLING)
            if (each.unit, each.environment, each.version) == place
            else each
            for each in self._plant.instances
        ]
        return len(self._plant.instances)


class _Desired(Part):
    async def list(self) -> Sequence[Desired]:
        return sorted(self._plant.desired.values(), key=lambda each: (each.unit, each.environment))


class _Timeline(Part):
    async def get(self, number: int) -> Record:
        if not 1 <= number <= len(self._plant.records):
            raise NotFound("no-such-record", f"there is no record {number}", hint="andon timeline")
        return self._plant.records[number - 1]

    async def list(self, wanted: Filter, *, limit: int = 100, newest_first: bool = True) -> Sequence[Record]:
        found = [each for each in self._plant.records if matches(each, wanted)]
        return sorted(found, key=lambda each: each.number, reverse=newest_first)[:limit]

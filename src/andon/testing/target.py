"""A target in memory, under the same rules as the local one. A test says what goes wrong.

It keeps state as a machine does: processes live in it, not in what observes them. Time passes only by the
clock that it is given; an instance becomes ready after so many reconciles.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from andon.kernel.clock import Clock
from andon.kernel.errors import NotFound
from andon.kernel.ids import EnvironmentName, InstanceId, Process, UnitName, Version, new_id
from andon.targets.decide import (
    Create,
    Decision,
    Forget,
    Install,
    Kill,
    Migrate,
    Start,
    Stop,
    TryAgain,
    apply,
    decide,
)
from andon.targets.model import Assignment, Instance, InstanceState
from andon.targets.records import (
    Checked,
    Record,
    Rules,
    SeenInstance,
    SeenRelease,
    Work,
    WorkState,
)

_FIRST_PORT = 30000


@dataclass(slots=True)
class _Running:
    """A process that is not one."""

    age: int = 0  # reconciles since its start
    failed_checks: int = 0


@dataclass(slots=True)
class FakeTarget:
    """A `Target`.

    ready_after: reconciles from start to ready. never_ready, crashing, sick: releases that never become
    ready, that die as soon as they start, whose checks fail. refused: releases that do not verify, and why.
    stubborn: releases that do not stop when they are asked to. installed, migrated: what was done, in order.
    """

    clock: Clock
    ready_after: int = 1
    rules: Rules = field(default_factory=Rules)
    never_ready: set[Version] = field(default_factory=set)
    crashing: set[Version] = field(default_factory=set)
    sick: set[Version] = field(default_factory=set)
    stubborn: set[Version] = field(default_factory=set)
    refused: dict[Version, str] = field(default_factory=dict)
    installed: list[tuple[UnitName, Version]] = field(default_factory=list)
    migrated: list[tuple[UnitName, EnvironmentName, Version]] = field(default_factory=list)
    output: dict[InstanceId, list[str]] = field(default_factory=dict)
    _records: dict[InstanceId, Record] = field(default_factory=dict)
    _running: dict[InstanceId, _Running] = field(default_factory=dict)
    _starts: int = 0

    def crash(self, instance: InstanceId) -> None:
        """Its process ends now."""
        del self._running[instance]

    async def reconcile(self, assignment: Assignment) -> None:
        """One step of what the local target does in the background and at once."""
        key = (assignment.desired.unit, assignment.desired.environment)
        self._age(key)
        releases = [self._see_release(each.version, assignment) for each in assignment.desired.releases]
        seen = [self._see(each) for each in self._of(key)]
        for decision in decide(releases, seen, self.clock.now(), self.rules):
            self._do(decision, assignment)

    async def observe(self, unit: UnitName, environment: EnvironmentName) -> Sequence[Instance]:
        """By release and age."""
        found = sorted(
            self._of((unit, environment)), key=lambda each: (each.version, each.created_at, each.id)
        )
        return [each.as_instance(self._failed_checks(each)) for each in found]

    async def logs(self, instance: InstanceId, *, lines: int) -> Sequence[str]:
        """What the test, and the starts, put into `output`."""
        if instance not in self.output:
            raise NotFound("no-such-instance", f"there is no instance {instance}", hint="andon status")
        return self.output[instance][-lines:] if lines > 0 else []

    async def retry(self, unit: UnitName, environment: EnvironmentName, version: Version) -> int:
        """Begin anew with those that were given up; gives how many."""
        given_up = [
            each
            for each in self._of((unit, environment))
            if each.version == version and each.gave_up_at_instances is not None
        ]
        for each in given_up:
            decision = Decision(TryAgain(each.id), "a person retries")
            self._records[each.id] = apply(each, decision, self.clock.now())
        return len(given_up)

    def _of(self, key: tuple[UnitName, EnvironmentName]) -> list[Record]:
        return [each for each in self._records.values() if (each.unit, each.environment) == key]

    def _age(self, key: tuple[UnitName, EnvironmentName]) -> None:
        for record in self._of(key):
            running = self._running.get(record.id)
            if running is not None:
                running.age += 1
                running.failed_checks = running.failed_checks + 1 if record.version in self.sick else 0

    def _see_release(self, version: Version, assignment: Assignment) -> SeenRelease:
        wanted, manifest = assignment.desired, assignment.manifests.get(version)
        refusal = self.refused.get(version) or assignment.refused.get(version)
        is_installed = (wanted.unit, version) in self.installed
        is_migrated = (wanted.unit, wanted.environment, version) in self.migrated
        serving = [each.version for each in wanted.releases if each.instances > 0]
        seen = SeenRelease(
            version=version,
            instances=wanted.instances_of(version),
            share=wanted.share_of(version),
            is_settled=wanted.stable == version and serving == [version],
            install=Work(WorkState.REFUSED, refusal) if refusal else _done(is_installed),
            migration=_done(is_migrated or (manifest is not None and manifest.run.migrate is None)),
            has_manifest=manifest is not None,
        )
        if manifest is None:
            return seen
        return replace(seen, health_failures=manifest.health.failures, ready_deadline=manifest.ready.deadline)

    def _see(self, record: Record) -> SeenInstance:
        running = self._running.get(record.id)
        if running is None:
            return SeenInstance(record, is_alive=False, end="exited with code 1")
        is_ready = running.age >= self.ready_after and record.version not in self.never_ready
        return SeenInstance(record, True, checked=Checked(is_ready, running.failed_checks, "told to fail"))

    def _do(self, decision: Decision, assignment: Assignment) -> None:
        action, wanted, now = decision.action, assignment.desired, self.clock.now()
        match action:
            case Create():
                record = Record(
                    id=InstanceId(new_id("in", now)),
                    unit=wanted.unit,
                    environment=wanted.environment,
                    version=action.version,
                    state=InstanceState.INSTALLING,
                    created_at=now,
                    since=now,
                    detail=decision.reason,
                )
                self._records[record.id] = record
                self.output[record.id] = []
            case Install():
                self.installed.append((wanted.unit, action.version))
            case Migrate():
                self.migrated.append((wanted.unit, wanted.environment, action.version))
            case _:
                record = apply(self._records[action.id], decision, now)
                self._records[action.id] = record
                self._touch(decision, record, assignment)

    def _touch(self, decision: Decision, record: Record, assignment: Assignment) -> None:
        match decision.action:
            case Start():
                self._starts += 1
                manifest = assignment.manifests[record.version]
                self._records[record.id] = replace(
                    record,
                    port=_FIRST_PORT + self._starts,
                    process=Process(self._starts, 0, "fake"),
                    stop_patience=manifest.drain.timeout,
                )
                self.output[record.id].append(f"release {record.version} starts")
                if record.version not in self.crashing:
                    self._running[record.id] = _Running()
            case Stop() if record.version not in self.stubborn:
                self._running.pop(record.id, None)
            case Kill():
                self._running.pop(record.id, None)
            case Forget():
                del self._records[record.id]

    def _failed_checks(self, record: Record) -> int:
        running = self._running.get(record.id)
        return 0 if running is None else running.failed_checks


def _done(is_done: bool) -> Work:
    return Work(WorkState.DONE if is_done else WorkState.TODO)

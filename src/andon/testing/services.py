"""A plant in memory behind the `Services` of API and board: what they read, and commands that change it.

It decides nothing as the real engine does: a request changes the rollout at once, so that a page has
something to show. `scenes.py` fills it.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from andon.access.model import PRODUCTION
from andon.access.policies.model import Policy
from andon.access.secrets.model import Secret
from andon.access.signatures.model import Action, Document, Signature, Standing
from andon.api.services import Probe, Services
from andon.evidence.model import Reading
from andon.gateway.model import ReleaseTraffic, Traffic
from andon.judge.model import JudgePolicy, JudgeState, MetricPolicy
from andon.kernel.clock import Clock, SystemClock
from andon.kernel.errors import Conflict, Damaged, Forbidden, NotFound
from andon.kernel.ids import EnvironmentName, InstanceId, RolloutId, RunId, UnitName, Version, new_id
from andon.kernel.supervise import LoopHealth
from andon.pipelines.model import Run, RunState, StageName, StageStatus
from andon.releases.model import Release
from andon.rollouts import documents
from andon.rollouts.gates import Answered, counted, lacks_role
from andon.rollouts.gates import involved as involved_in
from andon.rollouts.model import (
    Cord,
    Evidence,
    Phase,
    RequestKind,
    Rollout,
    Stage,
    Trigger,
)
from andon.rollouts.refusals import no_pull
from andon.rollouts.steps import Gate, Plan, Step
from andon.targets.model import Instance, InstanceState
from andon.targets.retries import Retries
from andon.testing.access import FakeAccess, FakeDevices, FakeLogin, FakePeople, FakeSessions, FakeTokens
from andon.testing.keeping import FakeAudit, FakeSecrets, matches
from andon.testing.pledges import FakePolicies, FakeSigning, policy_of
from andon.timeline import origin
from andon.timeline.records import Event, Record, Severity
from andon.timeline.store import Filter
from andon.units.desired import Desired
from andon.units.model import Manifest, StrategyName


@dataclass(frozen=True, slots=True)
class FakeLook:
    """A stored look of the judge."""

    seq: int
    at: datetime
    share: float
    findings: dict[str, dict[str, Any]]


def a_plan(strategy: StrategyName = StrategyName.CANARY, soak: timedelta = timedelta(seconds=60)) -> Plan:
    """10 - 50 - 100 with errors and yield judged."""
    shares = (0.1, 0.5, 1.0)
    return Plan(
        strategy=strategy,
        steps=tuple(
            Step(
                share=share,
                candidate_instances=max(1, round(4 * share)),
                stable_instances=4,
                soak=soak,
                is_judged=True,
                max_wait=timedelta(minutes=30),
            )
            for share in shares
        ),
        instances=4,
        require_evidence=True,
        ready_deadline=timedelta(seconds=60),
        drain_timeout=timedelta(seconds=30),
        warm=timedelta(seconds=300),
        health_failures=3,
        policy=JudgePolicy(
            metrics=(
                MetricPolicy("errors", alpha=0.005, guardrail=0.05),
                MetricPolicy("yield", alpha=0.005, acceptable=0.02),
            )
        ),
        hash="5d41402abc4b2a76b9719d911017c592ae31c0d5e8a2d1f6b1c7d7f0a4e9b3c2",
    )


def a_rollout(at: datetime, **changes: Any) -> Rollout:
    """A canary of mes in production at its first step; `changes` replace fields."""
    base = Rollout(
        id=RolloutId(new_id("ro", at)),
        unit=UnitName("mes"),
        environment=EnvironmentName("production"),
        stable=Version("1.0.0"),
        candidate=Version("1.1.0"),
        plan=a_plan(),
        phase=Phase.STEPPING,
        stage=Stage.SERVING,
        step=0,
        entered_at=at,
        step_since=at,
        deadline_at=at + timedelta(minutes=30),
        request=None,
        evidence=Evidence(judge=JudgeState(metrics={})),
        trigger=None,
        reason="the candidate has 10 % of the requests",
        actor="jiwoo",
        created_at=at,
        finished_at=None,
    )
    return replace(base, **changes)


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
    looks: dict[str, list[FakeLook]] = field(default_factory=dict)
    desired: dict[tuple[str, str], Desired] = field(default_factory=dict)
    records: list[Record] = field(default_factory=list)
    cords: list[Cord] = field(default_factory=list)
    changed: dict[str, Document] = field(default_factory=dict)  # by subject: what was signed, as it is now
    instances: list[Instance] = field(default_factory=list)
    readings: dict[tuple[str, str], list[Reading]] = field(default_factory=dict)
    counts: dict[tuple[UnitName, EnvironmentName, Version], ReleaseTraffic] = field(default_factory=dict)
    loops: list[LoopHealth] = field(default_factory=list)
    problems: list[Probe] = field(default_factory=list)
    secrets: dict[str, Secret] = field(default_factory=dict)
    access: FakeAccess = field(init=False)

    def __post_init__(self) -> None:
        """Everybody of `testing.access.PEOPLE` may sign in."""
        self.access = FakeAccess(self.clock)

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
            releases=_Releases(self),
            runs=_Runs(self),
            ship=_Ship(self),
            rollouts=_Rollouts(self),
            commands=_Commands(self),
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


class _Part:
    def __init__(self, plant: FakePlant) -> None:
        self._plant = plant


class _Releases(_Part):
    async def get(self, unit: UnitName, version: Version) -> Release:
        found = self._plant.releases.get((unit, version))
        if found is None:
            raise NotFound("no-such-release", f"there is no release {unit}@{version}", hint="andon releases")
        return found

    async def list(self, unit: UnitName | None = None) -> Sequence[Release]:
        return [each for each in self._plant.releases.values() if unit in {None, each.unit}]

    async def manifest(self, unit: UnitName, version: Version) -> Manifest:
        await self.get(unit, version)
        found = self._plant.manifests.get(unit)
        if found is None:
            raise NotFound("no-manifest", f"{unit}@{version} has no manifest")
        return found


class _Runs(_Part):
    async def get(self, run: RunId) -> Run:
        found = self._plant.runs.get(run)
        if found is None:
            raise NotFound("no-such-run", f"there is no run {run}")
        return found

    async def list(self, unit: UnitName | None = None, *, limit: int = 50) -> Sequence[Run]:
        found = [each for each in self._plant.runs.values() if unit in {None, each.unit}]
        return sorted(found, key=lambda each: each.created_at, reverse=True)[:limit]


class _Ship(_Part):
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


class _Rollouts(_Part):
    async def get(self, rollout: RolloutId) -> Rollout:
        found = self._plant.rollouts.get(rollout)
        if rollout in self._plant.damaged:
            raise Damaged("rollout-damaged", f"the record of {rollout} cannot be read", hint="andon abort")
        if found is None:
            raise NotFound("no-such-rollout", f"there is no rollout {rollout}", hint="andon status")
        return found

    async def list(
        self, unit: UnitName | None = None, environment: EnvironmentName | None = None, limit: int = 50
    ) -> Sequence[Rollout]:
        found = [
            each
            for each in self._plant.rollouts.values()
            if unit in {None, each.unit} and environment in {None, each.environment}
        ]
        return sorted(found, key=lambda each: each.created_at, reverse=True)[:limit]

    async def active(self) -> Sequence[RolloutId]:
        return [each.id for each in self._plant.rollouts.values() if not each.phase.is_over]

    async def find_damaged(self, rollout: RolloutId) -> tuple[UnitName, EnvironmentName] | None:
        return (UnitName("mes"), EnvironmentName("staging")) if rollout in self._plant.damaged else None

    async def looks(self, rollout: RolloutId, after_seq: int = 0) -> Sequence[FakeLook]:
        return [each for each in self._plant.looks.get(rollout, []) if each.seq > after_seq]


class _Commands(_Part):
    async def deploy(  # noqa: PLR0913  as the real one
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
    ) -> Rollout:
        await _Releases(self._plant).get(unit, version)
        place = (UnitName(unit), EnvironmentName(environment))
        if any((each.unit, each.environment) == place for each in self._active()):
            raise Conflict(
                "rollout-active", f"a rollout of {unit} in {environment} is under way", hint="andon abort"
            )
        begun = a_rollout(
            self._plant.clock.now(),
            unit=unit,
            environment=environment,
            candidate=version,
            plan=a_plan(strategy or StrategyName.CANARY),
            actor=actor,
            reason=reason,
            proposer_id=proposer_id,
        )
        gate = self._gate(environment, needs_approval)
        if gate:
            begun = replace(
                begun,
                plan=replace(begun.plan, gate=gate),
                phase=Phase.PREPARING,
                stage=Stage.GATED,
                step_since=None,
            )
        self._plant.rollouts[begun.id] = begun
        self._tell("rollout.created", begun, actor, reason)
        return begun

    async def preview(
        self,
        unit: UnitName,
        environment: EnvironmentName,
        version: Version,
        *,
        strategy: StrategyName | None = None,
        needs_approval: bool = False,
    ) -> Plan:
        await _Releases(self._plant).get(unit, version)
        return replace(a_plan(strategy or StrategyName.CANARY), gate=self._gate(environment, needs_approval))

    async def gate(self, rollout: RolloutId) -> Answered | None:
        found = await _Rollouts(self._plant).get(rollout)
        if found.plan.gate is None:
            return None
        signed = [
            (each, Standing.VALID)
            for each in self._plant.access.signatures
            if (each.document.subject, each.document.action) == (f"rollout/{rollout}", Action.APPROVE)
        ]
        involved = involved_in(found, "")
        return Answered(found.plan.gate, found.is_gated, counted(signed, involved), tuple(signed), involved)

    def _gate(self, environment: EnvironmentName, needs_approval: bool) -> Gate | None:
        policy = self._plant.policy(environment)
        approvals = max(policy.approvals, 1 if needs_approval else 0)
        return Gate(approvals, policy.approver_role) if approvals else None

    async def close_damaged(
        self,
        rollout: RolloutId,
        actor: str,  # noqa: ARG002
        reason: str,  # noqa: ARG002
        *,
        signature: Signature | None = None,  # noqa: ARG002
    ) -> bool:
        return rollout in self._plant.damaged

    async def check_role(self, rollout: RolloutId, login: str, roles: Collection[str]) -> None:
        gate = (await _Rollouts(self._plant).get(rollout)).plan.gate
        if gate is not None and (why := lacks_role(gate, login, roles)):
            raise Forbidden("not-this-role", why, hint="ask somebody who holds it")

    async def approve(self, rollout: RolloutId, signature: Signature, roles: Collection[str]) -> Rollout:
        await self.check_role(rollout, signature.signer, roles)
        return self._answered(rollout, signature, phase=Phase.STEPPING, stage=Stage.SERVING)

    async def reject(self, rollout: RolloutId, signature: Signature, roles: Collection[str]) -> Rollout:
        await self.check_role(rollout, signature.signer, roles)
        return self._answered(rollout, signature, phase=Phase.RETURNED, trigger=Trigger.GATE)

    def _answered(self, rollout: RolloutId, signature: Signature, **changes: Any) -> Rollout:
        found = self._plant.rollouts[rollout]
        if not found.is_gated:
            raise Conflict("not-gated", f"rollout {rollout} does not wait for an approval")
        moved = replace(found, reason=f"{signature.signer}: {signature.reason}", **changes)
        self._plant.rollouts[rollout] = moved
        self._tell("rollout.answered", moved, signature.signer, signature.reason)
        return moved

    async def document_of_answer(self, rollout: RolloutId, *, is_yes: bool) -> Document:
        gate = self._plant.rollouts[rollout].plan.gate
        role = gate.approver_role if gate else ""
        answer = {"answer": "yes" if is_yes else "no", "gate": {"approver_role": role}, "role": role}
        return Document(Action.APPROVE, f"rollout/{rollout}", self._place(rollout) | answer)

    async def document_of_request(self, rollout: RolloutId, kind: RequestKind) -> Document:
        return Document(Action(kind.value), f"rollout/{rollout}", self._place(rollout))

    def _place(self, rollout: RolloutId) -> dict[str, Any]:
        found = self._plant.rollouts[rollout]
        return {"unit": found.unit, "environment": found.environment, "candidate": found.candidate}

    async def document_of_rollback(
        self, unit: UnitName, environment: EnvironmentName, to: Version | None
    ) -> Document:
        return Document(Action.ROLLBACK, f"unit/{unit}", {"unit": unit, "environment": environment, "to": to})

    async def document_of_cord(self, environment: EnvironmentName | None) -> Document:
        return Document(
            Action.RELEASE_CORD, f"cord/{environment or 'everywhere'}", {"environment": environment}
        )

    async def request(
        self,
        rollout: RolloutId,
        kind: RequestKind,
        actor: str,
        reason: str,
        *,
        signature: Signature | None = None,  # noqa: ARG002
    ) -> Rollout:
        found = await _Rollouts(self._plant).get(rollout)
        if found.phase.is_over:
            raise Conflict("rollout-over", f"rollout {rollout} is over", hint="andon deploy")
        changed = {
            RequestKind.PROMOTE: {"phase": Phase.FINISHING},
            RequestKind.PAUSE: {"paused_at": self._plant.clock.now()},
            RequestKind.RESUME: {"paused_at": None},
            RequestKind.ABORT: {"phase": Phase.RETURNING, "trigger": Trigger.ABORT},
        }[kind]
        moved = replace(found, reason=f"{actor}: {reason}", **changed)  # type: ignore[arg-type]
        self._plant.rollouts[rollout] = moved
        self._tell(f"rollout.{kind}d".replace("eed", "ed"), moved, actor, reason)
        return moved

    async def rollback(  # noqa: PLR0913  as the real one
        self,
        unit: UnitName,
        environment: EnvironmentName,
        *,
        to: Version | None = None,
        actor: str,
        reason: str,
        proposer_id: str = "",
        needs_approval: bool = False,  # noqa: ARG002
        signature: Signature | None = None,
    ) -> Rollout:
        if signature is None and Action.ROLLBACK in self._plant.policy(environment).signed:
            raise Forbidden("signature-required", "a rollback has to be signed")
        back = to or Version("1.0.0")
        return await self.deploy(unit, environment, back, actor=actor, reason=reason, proposer_id=proposer_id)

    async def present_document(self, signature: Signature) -> Document | None:
        return self._plant.changed.get(signature.document.subject)

    async def document_of_pull(self, environment: EnvironmentName | None) -> Document:
        there = [each.id for each in self._active() if environment in {None, each.environment}]
        return documents.pull(environment, there)

    async def pull_cord(
        self,
        environment: EnvironmentName | None,
        *,
        returns: bool,
        actor: str,
        reason: str,
        signature: Signature | None = None,  # noqa: ARG002
    ) -> Cord:
        before = next((each for each in self._plant.cords if each.environment == environment), None)
        if why := no_pull(before, returns=returns):
            raise Conflict("already-pulled", f"it is pulled already: {why}", hint="andon cord --release")
        if before is not None:
            self._plant.cords.remove(before)
        cord = Cord(environment, returns, actor, reason, self._plant.clock.now())
        self._plant.cords.append(cord)
        self._plant.tell(
            Event(
                "cord.pulled",
                "cord",
                actor,
                reason,
                environment=environment or "",
                severity=Severity.ALERT,
            )
        )
        return cord

    async def release_cord(
        self,
        environment: EnvironmentName | None,
        actor: str,
        reason: str,
        *,
        signature: Signature | None = None,  # noqa: ARG002
    ) -> None:
        left = [each for each in self._plant.cords if each.environment != environment]
        if len(left) == len(self._plant.cords):
            raise Conflict("cord-not-pulled", "the cord is not pulled there", hint="andon status")
        self._plant.cords[:] = left
        self._plant.tell(Event("cord.released", "cord", actor, reason, environment=environment or ""))

    async def cords(self) -> Sequence[Cord]:
        return list(self._plant.cords)

    def _active(self) -> Sequence[Rollout]:
        return [each for each in self._plant.rollouts.values() if not each.phase.is_over]

    def _tell(self, kind: str, rollout: Rollout, actor: str, reason: str) -> None:
        subject = f"rollout/{rollout.id}"
        self._plant.tell(
            Event(kind, subject, actor, reason, unit=rollout.unit, environment=rollout.environment)
        )


class _Target(_Part):
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


class _Desired(_Part):
    async def list(self) -> Sequence[Desired]:
        return sorted(self._plant.desired.values(), key=lambda each: (each.unit, each.environment))


class _Timeline(_Part):
    async def get(self, number: int) -> Record:
        if not 1 <= number <= len(self._plant.records):
            raise NotFound("no-such-record", f"there is no record {number}", hint="andon timeline")
        return self._plant.records[number - 1]

    async def list(self, wanted: Filter, *, limit: int = 100, newest_first: bool = True) -> Sequence[Record]:
        found = [each for each in self._plant.records if matches(each, wanted)]
        return sorted(found, key=lambda each: each.number, reverse=newest_first)[:limit]

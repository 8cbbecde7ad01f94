"""What people ask of a `FakePlant`: a request changes the rollout at once."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from andon.access.signatures.model import Action, Document, Signature, Standing
from andon.kernel.errors import Conflict, Forbidden, NotFound
from andon.kernel.ids import EnvironmentName, RolloutId, UnitName, Version
from andon.rollouts import documents
from andon.rollouts.changing import NO_CHANGES, Changes, changed
from andon.rollouts.gates import Answered, counted, lacks_role
from andon.rollouts.gates import involved as involved_in
from andon.rollouts.group import Turn
from andon.rollouts.holds.model import Hold
from andon.rollouts.holds.store import not_held
from andon.rollouts.model import (
    Cord,
    Phase,
    RequestKind,
    Rollout,
    Stage,
    Trigger,
)
from andon.rollouts.plan import Current, plan
from andon.rollouts.refusals import no_pull
from andon.rollouts.steps import Gate, Plan
from andon.testing.shelves import FakeReleases, FakeRollouts, Part, a_plan, a_rollout
from andon.timeline.records import Event, Severity
from andon.units.model import StrategyName


class FakeCommands(Part):
    """Deploy, answer, ask, go back, the cord, holds."""

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
        override: Signature | None = None,  # noqa: ARG002
        changes: Changes = NO_CHANGES,
        shown: str = "",
    ) -> Rollout:
        await FakeReleases(self._plant).get(unit, version)
        place = (UnitName(unit), EnvironmentName(environment))
        if any((each.unit, each.environment) == place for each in self._active()):
            raise Conflict(
                "rollout-active", f"a rollout of {unit} in {environment} is under way", hint="andon abort"
            )
        made = await self.preview(
            unit,
            environment,
            version,
            strategy=strategy,
            needs_approval=needs_approval,
            changes=changes,
        )
        if shown and shown != made.hash:
            raise Conflict(
                "plan-moved", "the plan is not the one that was shown any more", hint="look at it again"
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

    async def document_of_override(
        self, unit: UnitName, environment: EnvironmentName, version: Version
    ) -> Document:
        values = {"unit": unit, "environment": environment, "version": version}
        return Document(Action.OVERRIDE, f"unit/{unit}", values)

    async def stable_in(self, unit: UnitName, environment: EnvironmentName) -> Version:
        found = self._plant.desired.get((unit, environment))
        if found is None or found.stable is None:
            raise NotFound("never-finished", f"no release of {unit} finished its rollout in {environment}")
        return found.stable

    async def preview(
        self,
        unit: UnitName,
        environment: EnvironmentName,
        version: Version,
        *,
        strategy: StrategyName | None = None,
        needs_approval: bool = False,
        changes: Changes = NO_CHANGES,
    ) -> Plan:
        await FakeReleases(self._plant).get(unit, version)
        gate = self._gate(environment, needs_approval)
        manifest = self._plant.manifests.get(unit)
        if manifest is None or environment not in manifest.environments:
            return replace(a_plan(strategy or StrategyName.CANARY), gate=gate)
        wanted = changed(manifest, environment, changes)
        state = self._plant.desired.get((unit, environment))
        now = Current(state.stable, 4) if state and state.stable else Current()
        return plan(wanted, environment, now, strategy or StrategyName.CANARY, gate)

    async def obstacle(self, unit: UnitName, environment: EnvironmentName, _version: Version) -> str:
        if any((each.unit, each.environment) == (unit, environment) for each in self._active()):
            return f"a rollout of {unit} in {environment} is under way"
        return ""

    async def gate(self, rollout: RolloutId) -> Answered | None:
        found = await FakeRollouts(self._plant).get(rollout)
        if found.plan.gate is None:
            return None
        signed = [
            (each, Standing.VALID)
            for each in self._plant.access.signatures
            if (each.document.subject, each.document.action) == (f"rollout/{rollout}", Action.APPROVE)
        ]
        involved = involved_in(found.proposer_id, found.actor)
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
        gate = (await FakeRollouts(self._plant).get(rollout)).plan.gate
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
        found = await FakeRollouts(self._plant).get(rollout)
        if found.phase.is_over:
            raise Conflict("rollout-over", f"rollout {rollout} is over", hint="andon deploy")
        changed = {
            RequestKind.PROMOTE: {"phase": Phase.FINISHING},
            RequestKind.PAUSE: {"paused_at": self._plant.clock.now()},
            RequestKind.RESUME: {"paused_at": None},
            RequestKind.ABORT: {"phase": Phase.RETURNING, "trigger": Trigger.ABORT},
            RequestKind.ALERT: {"phase": Phase.RETURNING, "trigger": Trigger.ALERT},
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

    async def hold(self, unit: UnitName, environment: EnvironmentName, actor: str, reason: str) -> Hold:
        made = Hold(unit, environment, actor, reason, self._plant.clock.now())
        self._plant.holds[unit, environment] = made
        self._plant.tell(Event("hold.made", f"hold/{environment}/{unit}", actor, reason, unit, environment))
        return made

    async def release_hold(
        self, unit: UnitName, environment: EnvironmentName, actor: str, reason: str
    ) -> Hold:
        if (unit, environment) not in self._plant.holds:
            raise not_held(unit, environment)
        subject = f"hold/{environment}/{unit}"
        self._plant.tell(Event("hold.released", subject, actor, reason, unit, environment))
        return self._plant.holds.pop((unit, environment))

    async def affected(self, environment: EnvironmentName, since: timedelta) -> Sequence[Turn]:  # noqa: ARG002
        return [
            Turn(each.unit, each.candidate, each.stable, is_abort=True, rollout=each.id)
            for each in self._active()
            if each.environment == environment
        ]

    async def rollback_all(
        self,
        environment: EnvironmentName,
        since: timedelta,
        *,
        actor: str,
        reason: str,
        signature: Signature | None = None,  # noqa: ARG002
    ) -> Sequence[Turn]:
        turns = await self.affected(environment, since)
        for each in turns:
            await self.request(RolloutId(each.rollout), RequestKind.ABORT, actor, reason)
        return turns

    async def document_of_rollback_all(self, environment: EnvironmentName, since: timedelta) -> Document:
        units = [each.unit for each in await self.affected(environment, since)]
        return Document(
            Action.ROLLBACK, f"environment/{environment}", {"environment": environment, "units": units}
        )

    async def holds(self) -> Sequence[Hold]:
        return list(self._plant.holds.values())

    def _active(self) -> Sequence[Rollout]:
        return [each for each in self._plant.rollouts.values() if not each.phase.is_over]

    def _tell(self, kind: str, rollout: Rollout, actor: str, reason: str) -> None:
        subject = f"rollout/{rollout.id}"
        self._plant.tell(
            Event(kind, subject, actor, reason, unit=rollout.unit, environment=rollout.environment)
        )

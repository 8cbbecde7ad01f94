"""What a plan would meet if it began now: who could approve it, what evidence answers, what is in the way."""

from itertools import accumulate

from andon.access import rights
from andon.access.model import Place, User
from andon.api import viewing
from andon.api.services import Services
from andon.evidence.model import Reading
from andon.kernel.ids import EnvironmentName, UnitName, Version
from andon.rollouts.steps import Gate, GateKind, Plan, Task
from andon.units.model import Manifest


async def foreseen(
    services: Services, what: tuple[UnitName, EnvironmentName, Version], plan: Plan, manifest: Manifest | None
) -> viewing.ForeseenView:
    """All of it, as it is now; nothing is written."""
    unit, environment, _version = what
    readings = {each.metric: each for each in services.readings(unit, environment)}
    starts = [0.0, *accumulate(step.soak.total_seconds() for step in plan.steps)]
    return viewing.ForeseenView(
        obstacle=await services.commands.obstacle(*what),
        starts_s=starts[:-1],
        promoted_s=starts[-1],
        gates=[await _gate(services, each, Place(environment=environment, unit=unit)) for each in plan.gates],
        tasks=[_task(each) for each in plan.tasks],
        evidence=[
            _evidence(each.name, manifest, readings.get(each.name), required=each.required)
            for each in plan.policy.metrics
        ],
        judge=plan.policy.judge,
    )


async def _gate(services: Services, gate: Gate, place: Place) -> viewing.ForeseenGate:
    people: list[str] = []
    if gate.kind is GateKind.APPROVAL:
        people = [each.login for each in await services.people.list() if _could_sign(each, gate, place)]
    return viewing.ForeseenGate(
        name=gate.key,
        kind=gate.kind.value,
        before_step=gate.before_step,
        approvals=gate.approvals,
        role=gate.approver_role,
        people=sorted(people),
    )


def _could_sign(user: User, gate: Gate, place: Place) -> bool:
    has_role = any(
        each.role == gate.approver_role and rights.covers(each.scope, place) for each in user.grants
    )
    return has_role and not (user.is_disabled or user.signing_suspended_by)


def _task(task: Task) -> str:
    return f"{task.kind.value} {task.name}, at most {task.longest.total_seconds():.0f} s"


def _evidence(
    name: str, manifest: Manifest | None, reading: Reading | None, *, required: bool
) -> viewing.ForeseenEvidence:
    declared = manifest.evidence.get(name) if manifest else None
    source = declared.source if declared else ""
    if reading is None:
        return viewing.ForeseenEvidence(
            metric=name, source=source, required=required, answers=None, detail="nobody has asked it yet"
        )
    detail = reading.problem or f"last answered at {reading.at.isoformat(timespec='seconds')}"
    return viewing.ForeseenEvidence(
        metric=name, source=source, required=required, answers=not reading.problem, detail=detail
    )

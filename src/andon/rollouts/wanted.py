"""What should run while a rollout is where it is. Pure: the desired state is a function of the rollout.

So desired state can never contradict the phase, and a restart has nothing to work out.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

from andon.kernel.ids import RolloutId
from andon.rollouts.model import Phase, Rollout, Stage
from andon.rollouts.steps import Task
from andon.units.desired import Desired, DesiredRelease


@dataclass(frozen=True, slots=True)
class Wanted:
    """Instances and share of both releases. The shares sum to 1, or are both 0 where nothing serves."""

    candidate_instances: int
    stable_instances: int
    share: float
    stable_share: float


def wanted(rollout: Rollout) -> Wanted:
    """What the phase and the stage ask for."""
    plan = rollout.plan
    match rollout.working_phase:
        case Phase.PREPARING | Phase.HELD:
            return _preparing(rollout)
        case Phase.STEPPING:
            own = plan.steps[rollout.step if rollout.has_asked_for_instances else rollout.step - 1]
            return Wanted(own.candidate_instances, own.stable_instances, *_shares(rollout))
        case Phase.FINISHING:
            last = plan.steps[rollout.step]
            if rollout.stage is Stage.STOPPING:
                return Wanted(plan.instances, 0, *_shares(rollout))
            return Wanted(last.candidate_instances, last.stable_instances, *_shares(rollout))
        case Phase.RETURNING:
            return _returning(rollout)
        case Phase.PROMOTED:
            return Wanted(plan.instances, 0, 1.0, 0.0)
        case Phase.RETURNED:
            return Wanted(0, plan.stable_instances, *_shares(rollout))
        case _ as never:
            assert_never(never)


@dataclass(frozen=True, slots=True)
class WantedTask:
    """The task that should be running, and done once. Its key is the rollout, the step and the name.

    may_start: whether a try may begin now; one that runs may end. deadline_at: when the rollout gives up.
    """

    rollout: RolloutId
    step: int
    task: Task
    may_start: bool
    deadline_at: datetime | None


def task(rollout: Rollout) -> WantedTask | None:
    """The task that the rollout wants now; None where it wants none, and one that still runs must be ended.

    A cord or a pause lets no try begin. A promise of this function to who runs tasks: the same rows, the
    same task, so that after a crash nothing is remembered that is not in a row.
    """
    wants = rollout.phase in {Phase.PREPARING, Phase.STEPPING} and rollout.stage is Stage.CHECKING
    if not wants or rollout.task is None:
        return None
    is_stopped = rollout.is_paused or rollout.frozen_at is not None
    return WantedTask(rollout.id, rollout.step, rollout.task, not is_stopped, rollout.deadline_at)


def desired(rollout: Rollout, revision: int) -> Desired:
    """The same as the row that target and gateway read. What has no instances and no share is not named."""
    now = wanted(rollout)
    releases = [DesiredRelease(rollout.candidate, now.candidate_instances, now.share)]
    if rollout.stable is not None:
        releases.insert(0, DesiredRelease(rollout.stable, now.stable_instances, now.stable_share))
    is_promoted = rollout.working_phase in {Phase.FINISHING, Phase.PROMOTED}
    return Desired(
        unit=rollout.unit,
        environment=rollout.environment,
        revision=revision,
        stable=rollout.candidate if is_promoted else rollout.stable,
        releases=tuple(each for each in releases if each.instances or each.share),
        routing=rollout.routing,
    )


def _shares(rollout: Rollout) -> tuple[float, float]:
    share = rollout.share
    return share, 0.0 if rollout.stable is None else 1.0 - share


def _preparing(rollout: Rollout) -> Wanted:
    step = rollout.plan.steps[rollout.step]
    if not rollout.has_asked_for_instances:
        return Wanted(0, rollout.plan.stable_instances, *_shares(rollout))
    if not rollout.plan.needs_gap:
        return Wanted(step.candidate_instances, step.stable_instances, *_shares(rollout))
    match rollout.stage:
        case Stage.ROUTING | Stage.DRAINING:
            return Wanted(0, rollout.plan.stable_instances, 0.0, 0.0)
        case Stage.STOPPING:
            return Wanted(0, 0, 0.0, 0.0)
        case _:
            return Wanted(step.candidate_instances, 0, 0.0, 0.0)


def _returning(rollout: Rollout) -> Wanted:
    plan = rollout.plan
    is_leaving = rollout.stage in {Stage.ROUTING, Stage.DRAINING}
    candidate = plan.steps[rollout.step].candidate_instances if is_leaving else 0
    if not plan.needs_gap:
        return Wanted(candidate, plan.stable_instances, *_shares(rollout))
    if is_leaving or rollout.stage is Stage.STOPPING:
        return Wanted(candidate, 0, 0.0, 0.0)
    is_back = rollout.stage in {Stage.RESTORING, Stage.VERIFYING}
    return Wanted(0, plan.stable_instances, 0.0, 1.0 if is_back else 0.0)

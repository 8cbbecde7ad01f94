"""What is shown of a plan before it begins: what is read, who is asked, how long it takes, what stays."""

from dataclasses import dataclass
from datetime import timedelta

from andon.kernel.ids import Version
from andon.rollouts.notes import returns
from andon.rollouts.steps import TASK_GRACE, Gate, Plan, Step, Task


@dataclass(frozen=True, slots=True)
class Read:
    """A metric that is read. waits: promotion waits for it; steps: indexes of those that it judges."""

    metric: str
    waits: bool
    steps: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Outlook:
    """A plan as a person weighs it.

    earliest: until the candidate is the stable release, when everything is ready and yes at once. latest:
    when each stage takes all the time that it has; a pause or the cord comes on top. returns: what a return
    brings back and what it cannot, a sentence.
    """

    reads: tuple[Read, ...]
    gates: tuple[Gate, ...]
    tasks: tuple[Task, ...]
    earliest: timedelta
    latest: timedelta
    returns: str


def outlook(plan: Plan, stable: Version | None) -> Outlook:
    """Of `plan`, where `stable` runs now (None: nothing)."""
    judged = tuple(index for index, step in enumerate(plan.steps) if step.is_judged)
    return Outlook(
        reads=tuple(Read(each.name, each.required, judged) for each in plan.policy.metrics),
        gates=plan.gates,
        tasks=plan.tasks,
        earliest=sum((each.soak for each in plan.steps), timedelta()) + plan.warm,
        latest=_latest(plan),
        returns=returns(plan, stable),
    )


def _latest(plan: Plan) -> timedelta:
    first = plan.install_deadline
    gap = plan.confirm_deadline + plan.drain_timeout + plan.stop_deadline if plan.needs_gap else timedelta()
    steps = sum((_longest(plan, index, step) for index, step in enumerate(plan.steps)), timedelta())
    leaving = timedelta() if plan.needs_gap else plan.warm + plan.drain_timeout + plan.stop_deadline
    return first + gap + steps + leaving


def _longest(plan: Plan, index: int, step: Step) -> timedelta:
    """Gates that stand together are counted one by one, so this may be more than it can be, never less."""
    before = (
        each.expires_after if isinstance(each, Gate) else each.longest + TASK_GRACE + plan.ready_deadline
        for each in plan.before(index)
    )
    return sum(before, timedelta()) + plan.ready_deadline + plan.confirm_deadline + step.max_wait

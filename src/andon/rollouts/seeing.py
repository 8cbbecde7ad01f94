"""What an observation says of a rollout, as claims. Pure; what follows from them is in `decide.py`."""

from collections.abc import Sequence
from datetime import timedelta

from andon.kernel.ids import Version
from andon.rollouts.model import Observation, Rollout, SeenInstance, Stage
from andon.rollouts.steps import Gate, Task, TaskKind
from andon.rollouts.wanted import wanted
from andon.targets.model import InstanceState

# The gateway's weights are thousandths.
_SHARE_TOLERANCE = 0.001
# What the clocks of machines that watch the clock may differ by, and more.
CLOCK_TOLERANCE = timedelta(seconds=5)
# P(a fair split ever gives under half of its share once so many sessions were expected) is below 1e-5
# for any share of 1 % or more: Chernoff, exp(-150 (1 - log 2) / 2), summed over all later looks.
DROP_SESSIONS = 150


def is_confirmed(rollout: Rollout, seen: Observation) -> bool:
    """Whether the gateway serves what the rollout wants, at the revision that stands in the database."""
    want = wanted(rollout)
    return (
        seen.acknowledged_revision is not None
        and seen.acknowledged_revision >= seen.desired_revision
        and _is_close(seen.share, want.share)
        and _is_close(seen.stable_share, want.stable_share)
    )


def _is_close(share: float | None, wanted_share: float) -> bool:
    return share is not None and abs(share - wanted_share) <= _SHARE_TOLERANCE


def of(version: Version | None, seen: Observation) -> Sequence[SeenInstance]:
    """The instances of a release; none of no release."""
    return [each for each in seen.instances if each.version == version]


def ready(version: Version | None, seen: Observation) -> int:
    """How many instances of a release can take requests."""
    return sum(each.state is InstanceState.READY for each in of(version, seen))


def is_gone(version: Version | None, seen: Observation) -> bool:
    """Whether nothing of a release runs any more. A target that does not answer does not say so.

    Of a fleet's candidate: no station that is heard of has to do with it any more.
    """
    if seen.fleet.remaining:
        return False
    return not seen.target_problem and all(each.state is InstanceState.STOPPED for each in of(version, seen))


def is_past_deadline(rollout: Rollout, seen: Observation) -> bool:
    """Whether the present stage has had its time."""
    return rollout.deadline_at is not None and seen.now >= rollout.deadline_at


def is_gate_late(rollout: Rollout, gate: Gate, seen: Observation) -> bool:
    """Whether this gate has had its time. The stage lasts as long as the gate that has most of it."""
    longest = max(each.expires_after for each in rollout.gates)
    return rollout.deadline_at is not None and seen.now >= rollout.deadline_at - longest + gate.expires_after


def clock_step(rollout: Rollout, seen: Observation) -> timedelta:
    """How far the clock was set, as far as the rollout can tell; nothing below what machines differ by.

    A clock that went back while nobody looked shows by a beginning that is still to come.
    """
    step = seen.clock_step or min(timedelta(), seen.now - rollout.entered_at)
    return step if abs(step) > CLOCK_TOLERANCE else timedelta()


def is_candidate_ready(rollout: Rollout, seen: Observation) -> bool:
    """Whether all the instances that the candidate should have now can take requests.

    Of a fleet: whether a station that confirmed it is heard of.
    """
    if rollout.plan.fleet is not None:
        return seen.fleet.answering > 0 and not seen.target_problem
    return ready(rollout.candidate, seen) >= wanted(rollout).candidate_instances


def lingering(rollout: Rollout, seen: Observation) -> SeenInstance | None:
    """An instance of a serving candidate that has been neither ready nor failed for the ready deadline."""
    if not rollout.has_users:
        return None
    slow = (InstanceState.INSTALLING, InstanceState.STARTING, InstanceState.RESTARTING)
    limit = seen.now - rollout.plan.ready_deadline
    return next(
        (each for each in of(rollout.candidate, seen) if each.state in slow and each.since <= limit), None
    )


# While the next step is being prepared, the share of the one before is in force.
_AT_ITS_SHARE = {Stage.SERVING, Stage.GATED, Stage.SCALING, Stage.CHECKING}


def has_traffic_dropped(rollout: Rollout, seen: Observation) -> bool:
    """Whether the candidate gets under half of its share, beyond what chance can do.

    Counted in sessions, because a sticky session moves as a whole.
    """
    if rollout.stage not in _AT_ITS_SHARE:
        return False
    total = seen.step_requests_candidate + seen.step_requests_stable
    expected = rollout.share * total
    return (
        expected >= DROP_SESSIONS * rollout.plan.policy.session_requests
        and seen.step_requests_candidate < expected / 2
    )


def soak_left(rollout: Rollout, seen: Observation) -> timedelta:
    """What is left of the step's soak; nothing or less when it is over."""
    return (rollout.step_since or seen.now) + rollout.plan.steps[rollout.step].soak - seen.now


def named(task: Task) -> str:
    """A task in a sentence."""
    return f"smoke test {task.name}" if task.kind is TaskKind.SMOKE else f"command {task.name}"


def count(there: int, needed: int) -> str:
    """`1 of 3 instances`."""
    return f"{there} of {needed} {'instance' if needed == 1 else 'instances'}"

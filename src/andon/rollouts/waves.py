"""The waves of a fleet: whom a step asks, when it is full, how it goes back. Pure; part of `decide.py`.

A wave asks stations; each takes the release at its own safe point, and goes back by itself where it does not
work there. Who is asked is not here: `fleet/assign.py` makes stations of a share. Silence fills no wave.
"""

import math

from andon.rollouts import seeing
from andon.rollouts.actions import ConfirmStep, Decision, Finish, SetShare, StartTask, Wait
from andon.rollouts.guards import back
from andon.rollouts.model import Observation, Phase, Rollout, Trigger
from andon.rollouts.steps import FleetPlan
from andon.targets.stations import FleetSeen, Heads

_ROUNDING = 1e-9


def ask(rollout: Rollout, seen: Observation) -> Decision:
    """Nothing has to start first: the next stations are asked, behind the tasks before their share."""
    step, task = rollout.plan.steps[rollout.step], rollout.task
    if seen.target_problem:
        silent = f"the fleet does not answer: {seen.target_problem}"
        return _or_late(rollout, seen, silent, Trigger.TIMEOUT)
    if task is not None:
        return Decision(StartTask(task.name), f"{seeing.named(task)} may run")
    ring = f", up to ring {step.ring}" if step.ring else ""
    stations = f"{step.candidate_instances} of {seen.fleet.stations} stations"
    return Decision(SetShare(step.share), f"wave {rollout.step + 1}: {stations}{ring}")


def filling(rollout: Rollout, seen: Observation) -> Decision:
    """Wait until enough of the wave confirmed it. A return to a former release has no other way to go."""
    fleet = rollout.plan.fleet
    if obstacle := _not_asked(rollout, seen):
        return _or_late(rollout, seen, obstacle, Trigger.TIMEOUT)
    if fleet is None:
        return _or_late(rollout, seen, "its plan has no fleet", Trigger.TIMEOUT)
    said = f"{heads(_wave(seen))} {rollout.candidate}"
    if is_full(fleet, seen):
        return Decision(ConfirmStep(), f"wave {rollout.step + 1} is full: {said}")
    waiting = f"wave {rollout.step + 1} fills: {said}, {_missing(fleet, seen)}"
    if rollout.plan.is_rollback:
        return Decision(Wait(), waiting)
    wave = _wave(seen)
    is_silence = not (wave.confirmed or wave.failed)
    return _or_late(rollout, seen, waiting, Trigger.NO_EVIDENCE if is_silence else Trigger.NOT_READY)


def not_serving(rollout: Rollout, seen: Observation) -> tuple[Trigger, str] | None:
    """What keeps a full wave from counting: nobody can be asked how it is."""
    if obstacle := _not_asked(rollout, seen):
        return Trigger.TIMEOUT, obstacle
    if not seen.fleet.answering:
        confirmed = seen.fleet.everybody.confirmed
        said = f"none of the {confirmed} stations that confirmed {rollout.candidate} is heard of"
        return Trigger.NO_EVIDENCE, said
    return None


def warm(rollout: Rollout, seen: Observation) -> Decision:
    """Each station keeps the former release in its other slot; whoever is off catches up afterwards."""
    if obstacle := _not_asked(rollout, seen):
        return Decision(Wait(), obstacle)
    if not seeing.is_candidate_ready(rollout, seen):
        return Decision(Wait(), f"no station that runs {rollout.candidate} is heard of")
    if rollout.stable is not None and not seeing.is_past_deadline(rollout, seen):
        return Decision(Wait(), f"{rollout.stable} is kept in mind: a return is still one word")
    return promoted(rollout, seen)


def promoted(rollout: Rollout, seen: Observation, reason: str = "") -> Decision:
    """The end of a good one. Who was off or failed gets what is stable from now on."""
    everybody = seen.fleet.everybody
    left = everybody.asked - everybody.confirmed
    rest = f"; {_stations(left)} still to come" if left else ""
    because = f"; {reason}" if reason else ""
    return Decision(Finish(Phase.PROMOTED), f"{rollout.candidate} is the stable release{rest}{because}")


def is_full(fleet: FleetPlan, seen: Observation) -> bool:
    """Whether enough of the wave's stations confirmed it: of those that can be reached, and of all."""
    wave = _wave(seen)
    return wave.confirmed >= needed(fleet, wave)


def needed(fleet: FleetPlan, wave: Heads) -> int:
    """How many have to confirm it: enough of those that can be reached, and of all that were asked."""
    return max(math.ceil(fleet.success * wave.reachable - _ROUNDING), fleet.least_of(wave.asked))


def needed_now(fleet: FleetPlan, seen: FleetSeen) -> int:
    """How many stations of the present wave have to confirm it before the next one opens."""
    return needed(fleet, wave_of(seen))


def wave_of(seen: FleetSeen) -> Heads:
    """Of those that were asked last; of all, where nobody was new."""
    return seen.wave if seen.wave.asked else seen.everybody


def heads(counted: Heads) -> str:
    """`3 of 12 stations confirmed (1 failed, 2 switched off)`, without the version."""
    parts = (
        (counted.under_way, "under way"),
        (counted.failed, "failed"),
        (counted.lost, "lost while they switched"),
        (counted.silent, "switched off"),
    )
    beside = ", ".join(f"{count} {what}" for count, what in parts if count)
    shown = f" ({beside})" if beside else ""
    return f"{counted.confirmed} of {_stations(counted.asked)}{shown} confirmed"


def going_back(rollout: Rollout, seen: Observation) -> str:
    """How far a return is, in a sentence."""
    left, off = seen.fleet.remaining, seen.fleet.remaining_silent
    said = f"{_stations(left)} still to leave {rollout.candidate}" if left else f"{rollout.candidate} is left"
    return f"{said}; {off} that are switched off go back when they come" if off else said


def _wave(seen: Observation) -> Heads:
    return wave_of(seen.fleet)


def _missing(fleet: FleetPlan, seen: Observation) -> str:
    """How many are needed, and where few can be reached, how many more have to be switched on."""
    wave = _wave(seen)
    count = needed(fleet, wave)
    said = f"{count} {'is' if count == 1 else 'are'} needed"
    if count <= wave.reachable:
        return said
    of_all = f" ({fleet.least:.0%} of all that were asked)" if fleet.least else ""
    return f"{said}{of_all}: at least {_stations(count - wave.reachable)} more must be switched on"


def _not_asked(rollout: Rollout, seen: Observation) -> str:
    if seen.target_problem:
        return f"the fleet does not answer: {seen.target_problem}"
    if not seeing.is_confirmed(rollout, seen):
        return f"not all stations of share {rollout.share:.1%} are asked yet"
    return ""


def _stations(count: int) -> str:
    return f"{count} {'station' if count == 1 else 'stations'}"


def _or_late(rollout: Rollout, seen: Observation, waiting: str, trigger: Trigger) -> Decision:
    if seeing.is_past_deadline(rollout, seen):
        return back(rollout, seen, trigger, f"{waiting}, longer than allowed")
    return Decision(Wait(), waiting)

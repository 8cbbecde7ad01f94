"""What a person should know of a plan before it begins, one sentence each. Pure."""

from collections.abc import Sequence

from andon.judge import wording
from andon.judge.model import MetricPolicy
from andon.kernel.ids import Version
from andon.rollouts.steps import FleetPlan, Gate, GateKind, Migration, Plan, Step, Task, TaskKind
from andon.units.model import StrategyName

_WHO = {
    GateKind.WINDOW: "the plant's calendar",
    GateKind.PRODUCTION: "the state of production",
    GateKind.WEBHOOK: "the outside system",
    GateKind.SET: "the rest of its set",
}


def notes(made: Plan, stable: Version | None) -> tuple[str, ...]:
    """All of them, in the order in which things come. stable: what runs now."""
    return (
        *_policy_gate(made.gate),
        *(each for number, step in enumerate(made.steps) for each in _before(number, step)),
        *_waves(made),
        *_comparison(made, stable),
        *_noise(made.policy.metrics, stable),
        *_routing(made.steps),
        _returns(made, stable),
    )


def _waves(made: Plan) -> tuple[str, ...]:
    """Who is asked when, what fills a wave, and what takes it back."""
    fleet = made.fleet
    if fleet is None:
        return ()
    found, before = [], 0
    for number, each in enumerate(made.steps, 1):
        ring = f" (up to ring {each.ring})" if each.ring else ""
        asked = f"{each.candidate_instances} of {fleet.stations} stations"
        more = each.candidate_instances - before
        proof = f"of these {fleet.least_of(more)} or more must confirm it" if more else "nobody new"
        found.append(f"Wave {number}{ring}: {asked}, {more} more; {proof}.")
        before = each.candidate_instances
    if fleet.left_out:
        found.append(f"No further station stands in ring {', '.join(fleet.left_out)}: no wave of its own.")
    found.append(_thresholds(fleet))
    if fleet.pinned:
        found.append(f"{fleet.pinned} pinned stations stay where they are.")
    return tuple(found)


def _thresholds(fleet: FleetPlan) -> str:
    hours = fleet.deadline.total_seconds() / 3600
    return (
        f"A wave is full when {fleet.success:.0%} of its stations that can be reached confirmed it, and "
        f"{_least(fleet)}; after {hours:g} h without that it comes back. More than {fleet.errors:.1%} of "
        f"those asked that failed take it back. Stations that are switched off catch up."
    )


def _least(fleet: FleetPlan) -> str:
    return f"{fleet.least:.0%} of all of them, switched off or not" if fleet.least else "at least one"


def _returns(made: Plan, stable: Version | None) -> str:
    """What a return brings back, and what it cannot."""
    if stable is None:
        return "There is no release to return to; an abort takes the unit down, and its data stay."
    match made.migration:
        case Migration.NONE:
            return "A return brings back the software whole; what was written meanwhile stays."
        case Migration.EXPAND:
            return (
                "Its migration only adds to the data (expand): a return brings back the software, which runs "
                "on what was added."
            )
        case Migration.CONTRACT:
            return (
                "Its migration takes away data that an older release used (contract): a return brings back "
                f"the software, not the data; {stable} must not need them, and no release before it runs."
            )
        case Migration.UNKNOWN:
            return "Its migration changes data; a return takes the software back, not the data."


def _noise(metrics: Sequence[MetricPolicy], stable: Version | None) -> tuple[str, ...]:
    if stable is None:
        return ()
    said = ((each.name, wording.noise(each.noise)) for each in metrics)
    return tuple(f"{name}: {words}." for name, words in said if words)


def _policy_gate(gate: Gate | None) -> tuple[str, ...]:
    if gate is None:
        return ()
    said = f"{_people(gate)} said yes, one of whom neither shipped nor proposed it"
    first = f"Nothing of it starts before {said}."
    return (first, f"Without that it ends after {gate.expires_after.days} days.")


def _people(gate: Gate) -> str:
    people = "1 person" if gate.approvals == 1 else f"{gate.approvals} people"
    return f"{people} with the role {gate.approver_role}"


def _before(number: int, step: Step) -> list[str]:
    where = f"Before share {step.share:.0%}" if number or step.share < 1 else "Before it gets anything"
    return [f"{where} {_element(each)}." for each in step.before]


def _element(element: Gate | Task) -> str:
    if isinstance(element, Task):
        what = "smoke test" if element.kind is TaskKind.SMOKE else "command"
        return f"{what} {element.name} has to go well"
    if element.kind is GateKind.APPROVAL:
        return f"{_people(element)} must say yes"
    if element.kind is GateKind.HOLD:
        return f"it waits until a person resumes it ({element.name})"
    asked = f" ({element.asks})" if element.asks else ""
    return f"{_WHO[element.kind]} must say yes{asked}"


def _comparison(made: Plan, stable: Version | None) -> tuple[str, ...]:
    if made.is_rollback:
        return ("It goes to the former release in one step, watched by health only.",)
    if stable is None:
        return ("It is the first release here: nothing to compare it with, and nothing to return to.",)
    if made.strategy is StrategyName.RECREATE:
        gap = f"Release {stable} is stopped before the new one starts: there is a gap in service"
        return (f"{gap}, and another one if it has to return.",)
    if not any(each.is_judged for each in made.steps):
        return ("No evidence is waited for: it goes on after its soak unless harm is seen.",)
    return ()


def _routing(steps: Sequence[Step]) -> list[str]:
    found = []
    for each in steps:
        for match in each.routing.matches:
            who = f"{match.kind.value} {match.name}={match.value}"
            found.append(f"Requests with {who} go to it while its share is {each.share:.0%}.")
        if each.routing.mirror:
            part = f"{each.routing.mirror:.0%} of the stable release's requests"
            when = f"while its share is {each.share:.0%}"
            found.append(f"{part} are sent to it as well {when}; its answers are dropped.")
    return found

"""What to do next for the agent's own release. Pure; what decide.py is for every other unit.

The pointer moves only when the new agent has confirmed itself; until then the launcher (launcher/) tries it,
and goes back by itself when it dies or stays silent. So the pointer always names an agent that works.
"""

from dataclasses import replace

from andon_agent.engine.actions import (
    ConfirmSelf,
    Decision,
    GiveUp,
    Rest,
    ReturnSelf,
    Switch,
    Try,
    Wait,
)
from andon_agent.engine.case import Case
from andon_agent.engine.decide import bookkeeping
from andon_agent.engine.model import Held, Outcome, Seen
from andon_agent.engine.pursuing import pursue, upkeep
from andon_wire.protocol import Phase

_RAN_WITHOUT = "this agent was not started by its launcher, so it cannot update itself"


def decide_own(case: Case) -> Decision:
    """The next action for the agent's own unit."""
    first = bookkeeping(case)
    if first is not None:
        return first
    state, seen = case.state, case.seen
    if state.phase is Phase.SWITCHING:
        return _on_trial(case)
    if seen.own_slot is None:
        if state.phase is Phase.HELD:
            return upkeep(case, _RAN_WITHOUT)
        return Decision(Rest(Phase.HELD), _RAN_WITHOUT)
    running = seen.held.get(seen.own_slot)
    if state.active is not None and running is not None and running.slot != state.active.slot:
        return Decision(ReturnSelf(running), f"{state.active.version} does not stay alive")
    decision = pursue(_as_running(case))
    if isinstance(decision.action, Switch) and state.target is not None:
        return Decision(Try(state.target.slot), f"the launcher tries {state.target.version}")
    return decision


def _on_trial(case: Case) -> Decision:
    state, seen = case.state, case.seen
    target, trial = state.target, seen.trial
    if target is None:
        return Decision(Rest(Phase.IDLE), "nothing is on trial")
    if trial is not None and trial.slot == target.slot and trial.outcome is Outcome.FAILED:
        return Decision(GiveUp(target.version, target.attempt), trial.reason or "it did not confirm itself")
    held = seen.held.get(target.slot)
    if seen.own_slot == target.slot and held is not None:
        return _confirming(case, held)
    if held is None or held.version != target.version:
        return Decision(
            GiveUp(target.version, target.attempt), f"{target.version} is not whole in its slot any more"
        )
    if trial is None or trial.slot != target.slot:
        return Decision(Try(target.slot), f"the launcher tries {target.version}")
    return Decision(Wait(), "ends, for the launcher to try the new agent")


def _confirming(case: Case, held: Held) -> Decision:
    contract, health = case.seen.standby, case.seen.health
    settle_s = contract.health.settle_s if contract is not None else 0.0
    is_settled = health.healthy_for is not None and health.healthy_for >= settle_s
    if case.seen.pointer == case.seen.own_slot or is_settled:
        return Decision(ConfirmSelf(held), f"{held.version} works")
    return Decision(Wait(), health.problem or f"{held.version} is on trial")


def _as_running(case: Case) -> Case:
    """An agent is always at a safe point: applications do not notice that it ends."""
    seen: Seen = replace(case.seen, running=replace(case.seen.running, is_alive=False))
    return replace(case, seen=seen)

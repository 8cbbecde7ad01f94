"""What to do next for one unit. Pure: journal, disk, processes, what is wanted, the time in; an action out.

The same situation gives the same action after any crash. Guards stand in order of danger: bookkeeping, a
change under way (changing.py), what must run (running.py), what is wanted and upkeep (pursuing.py). What is
not here: how anything is done (execute.py), what an action means for the state (transitions.py), the agent's
own release (own.py).
"""

from typing import assert_never

from andon_agent.engine.actions import Adopt, Confirm, Decision, Reboot, Repoint, Tell, Wait
from andon_agent.engine.case import Case, version_of
from andon_agent.engine.changing import returning, switching, watching
from andon_agent.engine.pursuing import pursue
from andon_agent.engine.running import keep_running
from andon_wire.protocol import Phase

CHANGES = (Phase.SWITCHING, Phase.RETURNING)


def decide(case: Case) -> Decision:
    """The next action, and why."""
    first = bookkeeping(case)
    if first is not None:
        return first
    match case.state.phase:
        case Phase.SWITCHING:
            return switching(case)
        case Phase.RETURNING:
            return returning(case)
        case Phase.WATCHING:
            return watching(case)
        case Phase.IDLE | Phase.DOWNLOADING | Phase.INSTALLING | Phase.READY | Phase.FAILED | Phase.HELD:
            return _settled(case)
        case _ as never:
            assert_never(never)


def bookkeeping(case: Case) -> Decision | None:
    """What comes before everything else: a new start of the machine, news, a lost journal."""
    state, seen = case.state, case.seen
    if state.boot != case.now.boot:
        return Decision(Reboot(), "the machine was started" if state.boot else "first look at this unit")
    if state.outbox:
        return Decision(Tell(), f"{len(state.outbox)} events to tell")
    if state.phase in CHANGES:
        return None
    if state.active is not None and seen.pointer != state.active.slot and seen.has(state.active):
        return Decision(Repoint(state.active), f"{state.active.version} is what runs")
    if state.active is None and seen.pointer is not None:
        held = seen.held.get(seen.pointer)
        if held is not None:
            return Decision(Adopt(held), f"{held.version} is what ran here")
    return None


def _settled(case: Case) -> Decision:
    """A release runs for good, or none does, while another may be made ready."""
    running = keep_running(case)
    if running is not None and not isinstance(running.action, Wait):
        return running
    if running is None and _is_late(case):
        return Decision(Confirm(), f"{version_of(case.state.active)} works after all")
    ahead = pursue(case)
    if isinstance(ahead.action, Wait) and running is not None:
        return running
    return ahead


def _is_late(case: Case) -> bool:
    """Whether a release that was given up, with nothing to return to, has become healthy."""
    state, healthy = case.state, case.seen.health.healthy_for
    settle_s = case.seen.contract.health.settle_s if case.seen.contract is not None else 0.0
    return (
        state.active is not None and state.confirmed is None and healthy is not None and healthy >= settle_s
    )

"""What the active release's process needs: a start, another one, an end, the former release. Pure."""

from andon_agent.engine.actions import (
    AskToEnd,
    Decision,
    Died,
    GiveUp,
    Kill,
    Launch,
    Lost,
    Note,
    Return,
    Wait,
)
from andon_agent.engine.case import Case, version_of
from andon_agent.engine.model import Held
from andon_wire.application import CrashLoop
from andon_wire.protocol import Phase

_STOP_S = 10.0  # of a release whose contract is not known


def keep_running(case: Case) -> Decision | None:
    """What the active release's process needs; None when it runs, or nothing should."""
    state, running = case.state, case.seen.running
    if state.active is None:
        return end(case)
    if state.process is not None:
        return (
            None
            if running.is_alive
            else died(case, saying(running.end or "its process is gone", case.seen.said))
        )
    if running.is_anything:
        return _unnoted(case)
    if state.start_after is not None and case.now.uptime < state.start_after:
        return Decision(Wait(state.start_after - case.now.uptime), f"started again soon: {state.reason}")
    if not case.seen.has(state.active):
        return _without_files(case)
    return Decision(Launch(), f"{state.active.version} should run")


def saying(why: str, said: str) -> str:
    """Why, with what the application itself printed of it."""
    return f"{why}; it printed: {said}" if said else why


def _unnoted(case: Case) -> Decision:
    running = case.seen.running
    if case.state.is_launching and running.found is not None:
        return Decision(Note(running.found), f"process {running.found.pid} was started")
    if case.state.is_launching and running.is_starting:
        return Decision(Wait(), "it is being started")
    return Decision(Kill(), "what an earlier start left behind is ended")


def _without_files(case: Case) -> Decision:
    version, former = version_of(case.state.active), case.state.former
    why = f"{version} is not whole in its slot any more"
    if case.state.phase is Phase.WATCHING:
        return back_or_stay(case, why)
    if former is not None and case.seen.has(former):
        return Decision(Return(former, is_failure=False), why)
    return Decision(Lost(), why)


def died(case: Case, how: str) -> Decision:
    """The process is gone, or could not be started: again after a while, or back."""
    state, now, rules = case.state, case.now, case.rules
    loop = case.seen.contract.crash_loop if case.seen.contract is not None else CrashLoop()
    deaths = (*(each for each in state.deaths if now.uptime - each < loop.within_s), now.uptime)[-16:]
    if len(deaths) >= loop.deaths:
        back = _back_from_loop(case)
        why = f"{version_of(state.active)} died {len(deaths)} times in {loop.within_s:g} s, last: {how}"
        if back is not None:
            return Decision(Return(back, is_failure=True), why)
        how = why
    pause_s = min(rules.first_backoff_s * 2 ** (len(deaths) - 1), rules.longest_backoff_s)
    return Decision(Died(deaths, now.uptime + pause_s, is_told=len(deaths) <= loop.deaths), how)


def _back_from_loop(case: Case) -> Held | None:
    state, now = case.state, case.now
    back = state.former if state.confirmed == state.active else state.confirmed
    is_recent = state.switched_at is not None and now.uptime - state.switched_at < case.rules.recent_s
    return back if back is not None and is_recent and case.seen.has(back) else None


def end(case: Case) -> Decision | None:
    """How to end what runs of the unit: asked first, then by force. None: nothing does."""
    state, now, running = case.state, case.now, case.seen.running
    if not running.is_anything:
        return None
    if not running.is_alive and running.found is None:
        return Decision(Kill(), "what an earlier start left behind is ended")
    stop_s = case.seen.contract.stop_s if case.seen.contract is not None else _STOP_S
    if state.ended_at is None:
        return Decision(AskToEnd(), f"asked to end within {stop_s:g} s: {state.reason}")
    left_s = state.ended_at + stop_s - now.uptime
    if left_s > 0:
        return Decision(Wait(left_s), "asked to end")
    return Decision(Kill(), f"did not end within {stop_s:g} s")


def back_or_stay(case: Case, why: str) -> Decision:
    """Return to the confirmed release where there is one, else make do with what is there."""
    state, seen = case.state, case.seen
    back = state.confirmed if state.confirmed != state.active or state.phase is Phase.SWITCHING else None
    if back is not None and seen.has(back):
        return Decision(Return(back, is_failure=True), why)
    version = state.target.version if state.target is not None else version_of(state.active)
    attempt = state.target.attempt if state.target is not None else 0
    return Decision(GiveUp(version, attempt), f"{why}; there is nothing to return to")

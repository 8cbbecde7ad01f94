"""From one release to another and back, step by step. Pure.

A step is done when the world shows that it is; then it is journalled, and the next one begins.
"""

from typing import assert_never

from andon_agent.engine.actions import (
    Advance,
    Begin,
    Confirm,
    Decision,
    GiveUp,
    Launch,
    Lost,
    Point,
    Return,
    Wait,
)
from andon_agent.engine.case import Case, version_of
from andon_agent.engine.model import Job, Step, Target, WorkState
from andon_agent.engine.running import back_or_stay, end, keep_running, saying


def switching(case: Case) -> Decision:
    """What ran is ended and backed up, the pointer moves, the target is started."""
    state, seen = case.state, case.seen
    match state.step:
        case Step.BACK_UP:
            return _backing_up(case)
        case Step.POINT:
            return _pointing(case, state.target)
        case Step.START:
            if not seen.has(state.active):
                return back_or_stay(case, f"{version_of(state.active)} is not whole in its slot any more")
            return end(case) or Decision(Launch(), f"{version_of(state.active)} is started")
        case Step.RESTORE:
            return _restoring(case)
        case Step.STOP | Step.NONE | Step.TRIAL:
            has_data = state.active is not None and seen.contract is not None and bool(seen.contract.data)
            step = Step.RESTORE if state.returns else Step.POINT
            step = Step.BACK_UP if has_data and state.target is not None else step
            return end(case) or Decision(Advance(step), state.reason)
        case _ as never:
            assert_never(never)


def _pointing(case: Case, target: Target | None) -> Decision:
    if target is None:
        return Decision(Point(None), case.state.reason)
    held = case.seen.held.get(target.slot)
    if held is None or held.version != target.version:
        return back_or_stay(case, f"{target.version} is not whole in its slot any more")
    return Decision(Point(held), f"{held.version} comes next")


def _backing_up(case: Case) -> Decision:
    work = case.seen.job(Job.BACK_UP)
    match work.state:
        case WorkState.TODO:
            return Decision(Begin(Job.BACK_UP), "its data is backed up")
        case WorkState.DOING:
            return Decision(Wait(), "its data is being backed up")
        case WorkState.DONE:
            step = Step.RESTORE if case.state.returns else Step.POINT
            return Decision(Advance(step, backup=work.detail), "its data is backed up")
        case WorkState.FAILED | WorkState.REFUSED | WorkState.HOPELESS:
            return _without_copy(case, f"its data could not be backed up: {work.detail}")
        case _ as never:
            assert_never(never)


def _without_copy(case: Case, why: str) -> Decision:
    """No room for the copy is no fault of what comes: it comes once there is (`pursuing.closed_gate`)."""
    back = case.state.confirmed
    if case.seen.short and back is not None and case.seen.has(back):
        return Decision(Return(back, is_failure=False), why)
    return back_or_stay(case, why)


def returning(case: Case) -> Decision:
    """What runs is ended, the data of before comes back where declared, the former release is started."""
    state, seen = case.state, case.seen
    if state.step is not Step.START and not seen.has(state.back):
        return _nowhere(case)
    match state.step:
        case Step.RESTORE:
            return _restoring(case)
        case Step.POINT:
            return Decision(Point(state.back), state.reason)
        case Step.START:
            if not seen.has(state.active):
                return Decision(Lost(), f"{version_of(state.active)} is not whole in its slot any more")
            return end(case) or Decision(Launch(), state.reason)
        case Step.STOP | Step.NONE | Step.BACK_UP | Step.TRIAL:
            step = Step.RESTORE if state.backup else Step.POINT
            return end(case) or Decision(Advance(step), state.reason)
        case _ as never:
            assert_never(never)


def _nowhere(case: Case) -> Decision:
    """What should come back is lost: what is there has to do."""
    target = case.state.target
    version = version_of(case.state.active) if target is None else target.version
    why = f"{case.state.reason}; {version_of(case.state.back)} is not whole in its slot any more"
    return Decision(GiveUp(version, 0 if target is None else target.attempt), why)


def _restoring(case: Case) -> Decision:
    work, why = case.seen.job(Job.RESTORE), case.state.reason
    match work.state:
        case WorkState.TODO:
            return Decision(Begin(Job.RESTORE), "the data of before comes back")
        case WorkState.DOING:
            return Decision(Wait(), "the data of before comes back")
        case WorkState.DONE:
            return Decision(Advance(Step.POINT, restored=work.detail), why)
        case WorkState.FAILED | WorkState.REFUSED | WorkState.HOPELESS:
            return Decision(Advance(Step.POINT), f"{why}; its data could not be restored: {work.detail}")
        case _ as never:
            assert_never(never)


def watching(case: Case) -> Decision:
    """It runs; confirmed when it is healthy, taken back when it is not in time."""
    state, seen, wanting = case.state, case.seen, case.wanting
    contract, version = seen.contract, version_of(state.active)
    back = state.confirmed if state.confirmed != state.active else None
    if wanting is not None and back is not None and wanting.version == back.version and seen.has(back):
        return Decision(Return(back, is_failure=False), wanting.reason or f"{back.version} is wanted again")
    if state.boots >= case.rules.most_boots:
        return back_or_stay(case, f"the machine was started {state.boots} times under {version}")
    running = keep_running(case)
    if running is not None and not isinstance(running.action, Wait):
        return running
    healthy = seen.health.healthy_for if running is None else None
    settle_s = contract.health.settle_s if contract is not None else 0.0
    if healthy is not None and healthy >= settle_s:
        return Decision(Confirm(), f"{version} works")
    deadline_s = contract.health.deadline_s if contract is not None else 0.0
    left_s = (state.switched_at or 0.0) + deadline_s - case.now.uptime
    if left_s <= 0 and healthy is None:
        return back_or_stay(case, f"{version} was not healthy within {deadline_s:g} s{_ill(case)}")
    return running or Decision(Wait(), seen.health.problem or f"{version} is watched")


def _ill(case: Case) -> str:
    """What was wrong to the end: with what runs, or else with the last start."""
    state, seen = case.state, case.seen
    if state.crashes and not seen.running.is_alive:
        return f": {state.reason}"
    return saying(f": {seen.health.problem}" if seen.health.problem else "", seen.said)

"""Towards what is wanted, up to the switch, and upkeep when nothing is to be done. Pure."""

from typing import assert_never

from andon_agent.engine.actions import (
    Begin,
    Decision,
    Downloaded,
    Drift,
    Drop,
    GiveUp,
    Installed,
    Rest,
    Switch,
    Take,
    Wait,
)
from andon_agent.engine.case import Case
from andon_agent.engine.model import Job, Target, WorkState, other
from andon_agent.engine.versions import is_older
from andon_wire.application import Application
from andon_wire.protocol import Phase, WantedUnit

_COPIED = " on the disk for the copy of its data that a change makes"


def pursue(case: Case) -> Decision:
    """What is wanted, step by step, while what runs goes on to run."""
    state, wanted = case.state, case.wanting
    if wanted is None:
        return upkeep(case, "nothing was heard of what is wanted")
    if state.target is not None and state.target.version != wanted.version:
        return Decision(Drop(), f"{wanted.version or 'nothing'} is wanted instead")
    if wanted.version is None:
        return _taking_off(case, wanted)
    if state.target is None:
        return _beginning(case, wanted, wanted.version)
    return _making_ready(case, wanted, state.target)


def _taking_off(case: Case, wanted: WantedUnit) -> Decision:
    if case.state.active is None:
        return _rest(case, Phase.IDLE, "nothing is wanted here")
    if case.state.is_agent:
        return _rest(case, Phase.HELD, "an agent does not take itself off")
    return closed_gate(case, wanted) or Decision(Switch(), wanted.reason or "nothing is wanted here")


def _beginning(case: Case, wanted: WantedUnit, version: str) -> Decision:
    state = case.state
    if state.active is not None and state.active.version == version:
        failed = state.failed_as(version)
        if failed is not None and state.confirmed is None:
            return _rest(case, Phase.FAILED, failed.reason)
        return _rest(case, Phase.IDLE, f"{version} runs")
    failed = state.failed_as(version)
    if failed is not None and wanted.attempt <= failed.attempt:
        return _rest(case, Phase.FAILED, failed.reason)
    floor = state.confirmed or state.active
    if floor is not None and is_older(version, floor.version) and not wanted.is_return:
        why = f"{version} is older than {floor.version}, and nobody signed that it should come back"
        return Decision(GiveUp(version, wanted.attempt, is_refused=True), why)
    slot = "a" if state.active is None else other(state.active.slot)
    target = Target(version, slot, wanted.attempt, wanted.rollout, wanted.is_return)
    return Decision(Take(target), wanted.reason or f"{version} is wanted")


def _making_ready(case: Case, wanted: WantedUnit, target: Target) -> Decision:
    match case.state.phase:
        case Phase.DOWNLOADING:
            return _job(case, target, Job.DOWNLOAD, Decision(Downloaded(), f"{target.version} is here"))
        case Phase.INSTALLING:
            return _job(case, target, Job.INSTALL, Decision(Installed(), f"{target.version} is installed"))
        case Phase.READY:
            held = case.seen.held.get(target.slot)
            if held is None or held.version != target.version:
                return Decision(Take(target), f"{target.version} is not whole in its slot any more")
            return closed_gate(case, wanted) or Decision(Switch(), f"{target.version} comes now")
        case _:
            return Decision(Drop(), "begun anew")


def _job(case: Case, target: Target, job: Job, done: Decision) -> Decision:
    work = case.seen.job(job)
    match work.state:
        case WorkState.TODO:
            return Decision(Begin(job), f"{job.value} of {target.version}")
        case WorkState.DOING:
            return Decision(Wait(), f"{job.value} of {target.version}")
        case WorkState.DONE:
            return done
        case WorkState.REFUSED:
            return Decision(GiveUp(target.version, target.attempt, is_refused=True), work.detail)
        case WorkState.HOPELESS:
            return Decision(GiveUp(target.version, target.attempt), work.detail)
        case WorkState.FAILED:
            left_s = (work.retry_at or 0.0) - case.now.uptime
            if left_s > 0:
                return Decision(Wait(left_s), f"tried again soon: {work.detail}")
            return Decision(Begin(job), f"{job.value} of {target.version} once more")
        case _ as never:
            assert_never(never)


def closed_gate(case: Case, wanted: WantedUnit) -> Decision | None:
    """Why a switch must wait; None: now."""
    state, seen = case.state, case.seen
    if not wanted.may_switch:
        return Decision(Wait(), "waits until it may: enough stations of its line are under way")
    if state.is_agent and seen.others_busy:
        return Decision(Wait(), "waits until the applications are settled")
    if state.target is not None and seen.short:
        return Decision(Wait(), f"waits for room: {_mebibytes(seen.short)} MiB more have to be free{_COPIED}")
    if wanted.direct:
        return None
    if not seen.is_window_open:
        return Decision(Wait(), "waits for its window")
    if not seen.running.is_alive or seen.safe.is_safe or _is_past_safe_point(case, seen.contract):
        return None
    return Decision(
        Wait(), f"waits for a safe point: {seen.safe.why}" if seen.safe.why else "waits for a safe point"
    )


def _mebibytes(count: int) -> int:
    return -(-count // (1 << 20))


def _is_past_safe_point(case: Case, contract: Application | None) -> bool:
    since = case.state.since
    if contract is None or contract.safe_point.deadline_s == 0 or since is None:
        return False
    return (case.now.at - since).total_seconds() >= contract.safe_point.deadline_s


def _rest(case: Case, phase: Phase, why: str) -> Decision:
    if case.state.phase is not phase:
        return Decision(Rest(phase), why)
    return upkeep(case, case.state.reason or why)


def upkeep(case: Case, otherwise: str) -> Decision:
    """What may be done while nothing else is to be done."""
    state, seen = case.state, case.seen
    look = seen.job(Job.LOOK)
    if look.state is WorkState.DONE and bool(look.detail) != state.is_drifted:
        return Decision(Drift(bool(look.detail)), look.detail or "its files are what was installed")
    if seen.is_drift_due and state.active is not None and _may_begin(case, Job.LOOK):
        return Decision(Begin(Job.LOOK), "its files are looked at")
    if seen.has_rubbish and _may_begin(case, Job.CLEAN):
        return Decision(Begin(Job.CLEAN), "what nothing needs is removed")
    return Decision(Wait(), otherwise)


def _may_begin(case: Case, job: Job) -> bool:
    work = case.seen.job(job)
    is_early = work.state is WorkState.FAILED and case.now.uptime < (work.retry_at or 0.0)
    return work.state not in (WorkState.DOING, WorkState.HOPELESS, WorkState.REFUSED) and not is_early

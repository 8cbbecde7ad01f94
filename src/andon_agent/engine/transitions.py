"""What an action means for a unit's state: the only place a phase changes. Pure.

The state is written to the journal before the world is touched where the action begins something (a start),
and after it where the action can be repeated (moving the pointer). execute.py says which.
"""

from dataclasses import dataclass, replace
from typing import assert_never

from andon_agent.engine.actions import (
    Adopt,
    Advance,
    AskToEnd,
    Begin,
    Confirm,
    ConfirmSelf,
    Decision,
    Died,
    Downloaded,
    Drift,
    Drop,
    GiveUp,
    Installed,
    Kill,
    Launch,
    Lost,
    Note,
    Point,
    Reboot,
    Repoint,
    Rest,
    Return,
    ReturnSelf,
    Switch,
    Take,
    Tell,
    Try,
    Wait,
)
from andon_agent.engine.case import version_of
from andon_agent.engine.model import Failed, Happened, Held, Now, Process, State, Step, Target
from andon_wire.protocol import EventKind, Phase

_MOST_FAILED, _MOST_OUTBOX, _MOST_REASON = 20, 100, 900


def apply(state: State, decision: Decision, now: Now) -> State:
    """The state after the decision; the same one where nothing is to be remembered."""
    action, why = decision.action, decision.reason[:_MOST_REASON]
    match action:
        case Wait() | Begin() | Kill() | Repoint():
            return state
        case Tell() | Rest() | Reboot() | AskToEnd():
            return _noting(state, action, now, why)
        case Launch() | Note() | Died():
            return _process(state, action, now, why)
        case Take() | Drop() | Downloaded() | Installed() | GiveUp():
            return _bringing(state, action, now, why)
        case Switch() | Advance() | Point() | Confirm():
            return _changing(state, action, now, why)
        case Return() | Lost() | Adopt() | Drift():
            return _keeping(state, action, now, why)
        case Try() | ConfirmSelf() | ReturnSelf():
            return _own(state, action, now, why)
        case _ as never:
            assert_never(never)


def launched(state: State, process: Process, now: Now) -> State:
    """A launch came to a process."""
    return replace(state, process=process, is_launching=False, boot=now.boot)


@dataclass(frozen=True, slots=True)
class About:
    """Of which release something is told. former: the one that ran before."""

    version: str = ""
    former: str = ""
    rollout: str = ""
    attempt: int = 0


def tell(state: State, kind: EventKind, now: Now, reason: str, about: About) -> State:
    """The state with one more thing to tell, under the next number."""
    happened = Happened(
        number=state.told + 1,
        at=now.at,
        kind=kind,
        unit=state.unit,
        version=about.version,
        former=about.former,
        rollout=about.rollout,
        attempt=about.attempt,
        reason=reason,
    )
    return replace(state, told=happened.number, outbox=(*state.outbox, happened)[-_MOST_OUTBOX:])


def _noting(state: State, action: Tell | Rest | Reboot | AskToEnd, now: Now, why: str) -> State:
    match action:
        case Tell():
            return replace(state, outbox=())
        case Rest(phase):
            return state.entered(phase, now.at, why)
        case Reboot():
            return _rebooted(state, now)
        case AskToEnd():
            return replace(state, ended_at=now.uptime)
        case _ as never:
            assert_never(never)


def _of_active(state: State, former: str = "") -> About:
    return About(version_of(state.active), former, state.rollout, state.attempt)


def _of_target(state: State) -> About:
    target = state.target
    return About() if target is None else About(target.version, "", target.rollout, target.attempt)


def _with(known: tuple[Failed, ...], failed: Failed) -> tuple[Failed, ...]:
    kept = [each for each in known if each.version != failed.version]
    return (*kept, failed)[-_MOST_FAILED:]


def _rebooted(state: State, now: Now) -> State:
    is_watched = state.phase is Phase.WATCHING
    return replace(
        state,
        boot=now.boot,
        process=None,
        is_launching=False,
        deaths=(),
        start_after=None,
        ended_at=None,
        switched_at=None if state.switched_at is None else now.uptime,
        boots=state.boots + 1 if is_watched and state.boot else state.boots,
    )


def _process(state: State, action: Launch | Note | Died, now: Now, why: str) -> State:
    match action:
        case Note(process):
            return launched(state, process, now)
        case Died(deaths, start_after, is_told):
            after = replace(
                state,
                process=None,
                is_launching=False,
                deaths=deaths,
                start_after=start_after,
                ended_at=None,
                crashes=state.crashes + 1,
                reason=why,
            )
            return tell(after, EventKind.CRASHED, now, why, _of_active(state)) if is_told else after
        case Launch():
            return _launching(state, now, why)
        case _ as never:
            assert_never(never)


def _launching(state: State, now: Now, why: str) -> State:
    after = replace(
        state, process=None, is_launching=True, starts=state.starts + 1, start_after=None, ended_at=None
    )
    match state.phase:
        case Phase.SWITCHING:
            after = after.entered(Phase.WATCHING, now.at, why)
            after = replace(after, switched_at=now.uptime, boots=0, restarts=0, crashes=0, deaths=())
            former = "" if state.confirmed is None else state.confirmed.version
            return tell(after, EventKind.SWITCHED, now, why, _of_active(after, former))
        case Phase.RETURNING:
            left = state.target
            failed = None if left is None else state.failed_as(left.version)
            is_failure = left is not None and failed is not None and failed.attempt >= left.attempt
            after = after.entered(Phase.FAILED if is_failure else Phase.IDLE, now.at, why)
            after = replace(after, target=None, back=None, backup="", switched_at=None, boots=0)
            after = replace(after, restarts=0, crashes=0, deaths=())
            return tell(after, EventKind.RETURNED, now, why, _of_return(state))
        case _:
            return replace(after, restarts=state.restarts + 1 if state.crashes else state.restarts)


def _bringing(
    state: State, action: Take | Drop | Downloaded | Installed | GiveUp, now: Now, why: str
) -> State:
    match action:
        case Take(target):
            return replace(state.entered(Phase.DOWNLOADING, now.at, why), target=target)
        case Drop():
            return replace(state.entered(Phase.IDLE, now.at, why), target=None)
        case Downloaded():
            after = state.entered(Phase.INSTALLING, now.at, why)
            former = after.former
            if former is not None and state.target is not None and not _is_back(state.target, former):
                after = replace(after, former=None, backup="")  # its slot is written from here on
            return tell(after, EventKind.DOWNLOADED, now, why, _of_target(state))
        case Installed():
            return tell(
                state.entered(Phase.READY, now.at, why), EventKind.INSTALLED, now, why, _of_target(state)
            )
        case GiveUp(version, attempt, is_refused):
            return _given_up(state, Failed(version, attempt, why), now, is_refused=is_refused)
        case _ as never:
            assert_never(never)


def _given_up(state: State, failed: Failed, now: Now, *, is_refused: bool) -> State:
    after = replace(state.entered(Phase.FAILED, now.at, failed.reason), target=None)
    after = replace(after, failed=_with(state.failed, failed), back=None)
    if state.phase in (Phase.SWITCHING, Phase.WATCHING, Phase.RETURNING) and not state.is_agent:
        after = replace(after, confirmed=None)  # or there would be something to return to
    kind = EventKind.REFUSED if is_refused else EventKind.GAVE_UP
    rollout = state.target.rollout if state.target is not None else state.rollout
    return tell(after, kind, now, failed.reason, About(failed.version, "", rollout, failed.attempt))


def _changing(state: State, action: Switch | Advance | Point | Confirm, now: Now, why: str) -> State:
    match action:
        case Switch():
            after = state.entered(Phase.SWITCHING, now.at, why, Step.STOP)
            target, former = state.target, state.former
            is_back = target is not None and former is not None and _is_back(target, former)
            return replace(after, backup="", returns=state.backup if is_back else "", ended_at=None)
        case Advance(step, backup, restored):
            after = replace(state.entered(state.phase, now.at, why, step), backup=backup or state.backup)
            after = replace(after, ended_at=None, process=None, is_launching=False)
            if not restored:
                return after
            return tell(after, EventKind.RESTORED, now, restored, _of_return(state))
        case Point(to):
            return _pointed(state, to, now, why)
        case Confirm():
            return _confirmed(state, now, why)
        case _ as never:
            assert_never(never)


def _pointed(state: State, to: Held | None, now: Now, why: str) -> State:
    if to is None:
        after = state.entered(Phase.IDLE, now.at, why)
        after = replace(after, active=None, confirmed=None, former=None, target=None, backup="")
        after = replace(after, is_drifted=False, attempt=0, rollout="")
        return tell(after, EventKind.SWITCHED, now, why, About("", version_of(state.active), state.rollout))
    after = replace(state.entered(state.phase, now.at, why, Step.START), active=to, is_drifted=False)
    if state.phase is Phase.RETURNING:
        return replace(after, confirmed=to, former=None, attempt=0, rollout="")
    target = state.target
    return after if target is None else replace(after, attempt=target.attempt, rollout=target.rollout)


def _confirmed(state: State, now: Now, why: str) -> State:
    active = state.active
    former = state.confirmed if state.confirmed != active else state.former
    after = replace(state.entered(Phase.IDLE, now.at, why), confirmed=active, former=former)
    kept = tuple(each for each in state.failed if each.version != version_of(active))
    target = None if state.phase is Phase.WATCHING else state.target
    after = replace(after, failed=kept, boots=0, target=target)
    return tell(after, EventKind.CONFIRMED, now, why, _of_active(state))


def _keeping(state: State, action: Return | Lost | Adopt | Drift, now: Now, why: str) -> State:
    match action:
        case Return(to, is_failure):
            return _going_back(state, to, now, why, is_failure=is_failure)
        case Lost():
            after = state.entered(Phase.FAILED, now.at, why)
            after = replace(after, active=None, confirmed=None, former=None, target=None, back=None)
            after = replace(after, process=None, is_launching=False)
            return tell(after, EventKind.GAVE_UP, now, why, _of_active(state))
        case Adopt(held):
            after = replace(state.entered(Phase.IDLE, now.at, why), active=held, confirmed=held)
            return replace(after, target=None, former=None, process=None, is_launching=False)
        case Drift(is_drifted):
            after = replace(state, is_drifted=is_drifted)
            return tell(after, EventKind.DRIFT, now, why, _of_active(state)) if is_drifted else after
        case _ as never:
            assert_never(never)


def _going_back(state: State, to: Held, now: Now, why: str, *, is_failure: bool) -> State:
    leaves = state.target if state.phase in (Phase.SWITCHING, Phase.WATCHING) else None
    version = leaves.version if leaves is not None else ("" if state.active is None else state.active.version)
    attempt = leaves.attempt if leaves is not None else state.attempt
    after = state.entered(Phase.RETURNING, now.at, why, Step.STOP)
    after = replace(after, back=to, ended_at=None, start_after=None)
    if leaves is None:
        after = replace(after, target=_left(state))
    if state.phase is Phase.SWITCHING and not state.returns:
        after = replace(after, backup="")  # the new version never ran: the data is as it was
    if not is_failure:
        return after
    after = replace(after, failed=_with(state.failed, Failed(version, attempt, why)))
    rollout = leaves.rollout if leaves is not None else state.rollout
    return tell(after, EventKind.GAVE_UP, now, why, About(version, to.version, rollout, attempt))


def _is_back(target: Target, former: Held) -> bool:
    """Whether what is brought here is the release that was here before, and still is in its slot."""
    return target.is_return and (target.slot, target.version) == (former.slot, former.version)


def _of_return(state: State) -> About:
    left = state.target
    former = "" if left is None else left.version
    rollout, attempt = ("", 0) if left is None else (left.rollout, left.attempt)
    if state.back is None:  # a return on purpose is a switch
        return About(former, version_of(state.active), rollout, attempt)
    return About(state.back.version, former, rollout, attempt)


def _left(state: State) -> Target | None:
    """What a confirmed release that is left was, as the target of the switch that brought it."""
    if state.active is None:
        return None
    return Target(state.active.version, state.active.slot, state.attempt, state.rollout)


def _own(state: State, action: Try | ConfirmSelf | ReturnSelf, now: Now, why: str) -> State:
    match action:
        case Try():
            return state.entered(Phase.SWITCHING, now.at, why, Step.TRIAL)
        case ConfirmSelf(to):
            after = _pointed(replace(state, phase=Phase.SWITCHING), to, now, why)
            return _confirmed(replace(after, target=None), now, why)
        case ReturnSelf(to):
            failed = Failed("" if state.active is None else state.active.version, state.attempt, why)
            after = replace(state.entered(Phase.FAILED, now.at, why), active=to, confirmed=to, former=None)
            after = replace(after, target=None, failed=_with(state.failed, failed))
            about = About(to.version, failed.version, state.rollout, state.attempt)
            return tell(after, EventKind.RETURNED, now, why, about)
        case _ as never:
            assert_never(never)

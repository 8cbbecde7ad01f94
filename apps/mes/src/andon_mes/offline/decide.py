"""What becomes of an event that was made offline. Pure.

It is never refused for the route (docs/design/mes.md, rule 5). It is applied as if it had come in time; where
the interlock would have refused it, it is applied all the same and its serial is held. The queues of several
stations empty in any order: a violation is forgiven when what was missing arrives and lies before it by its
own time.
"""

from dataclasses import replace
from datetime import UTC, datetime

from andon_mes.offline.model import Record, RecordClosed, Settle, Standing
from andon_mes.processes.decide import (
    count,
    decide_completion,
    decide_start,
    next_number,
    next_place,
    passed_processes,
)
from andon_mes.processes.model import (
    MOST_ATTEMPTS,
    MOST_REWORKS,
    Attempt,
    AttemptStatus,
    BeginAndClose,
    Close,
    Report,
    Same,
    Situation,
)
from andon_mes.processes.refusals import KEPT, Refusal, Refuse
from andon_mes.serials.model import SerialStatus

OVER = frozenset({SerialStatus.COMPLETED, SerialStatus.SHIPPED, SerialStatus.SCRAPPED})
"""Nothing is open of a serial of one of these."""

GONE = frozenset({SerialStatus.SHIPPED, SerialStatus.SCRAPPED})
"""A serial of one of these stays what it is; what arrives is evidence."""

_FORGIVABLE = frozenset({Refusal.ROUTE_PREVIOUS_NOT_PASSED.value, Refusal.ATTEMPT_OPEN_ELSEWHERE.value})
_NONE_FOR_WHAT_WAITS = KEPT | {Refusal.START_MISSING}
_NEVER = datetime.max.replace(tzinfo=UTC)


def behind_hold(seen: Situation) -> Situation:
    """The situation without the serial's hold: what follows an event that was held is judged by itself."""
    if seen.serial is not SerialStatus.HOLD or seen.held_from is None:
        return seen
    return replace(seen, serial=seen.held_from, held_from=None)


def decide_offline_start(seen: Situation, process: str) -> Record:
    """As which attempt a start is written, and what it violates."""
    decision = decide_start(seen, process)
    number = next_number(seen, process)
    if not isinstance(decision, Refuse):
        return Record(number)
    is_open = any(each.status is AttemptStatus.IN_PROGRESS for each in seen.attempts)
    return Record(number, decision, is_parked=is_open or behind_hold(seen).serial in OVER)


def decide_offline_completion(
    seen: Situation, report: Report, *, infers_start: bool
) -> Settle | RecordClosed | Same | Refuse:
    """Which attempt a completion closes. Only what contradicts a closed attempt is refused, and kept."""
    decision = decide_completion(seen, report, infers_start=infers_start)
    if isinstance(decision, Same):
        return decision
    if isinstance(decision, Close):
        return Settle(decision.attempt)
    violation = decision if isinstance(decision, Refuse) else None
    waiting = _waiting(seen, report)
    if (
        violation is not None
        and violation.code is Refusal.ATTEMPT_CLOSED_DIFFERENTLY
        and _is_running(waiting)
    ):
        return violation
    if waiting is not None:
        is_none = violation is None or violation.code in _NONE_FOR_WHAT_WAITS
        return Settle(waiting, None if is_none else violation)
    if isinstance(decision, BeginAndClose):
        return RecordClosed(decision.number)
    if decision.code in KEPT:
        return decision
    return RecordClosed(next_number(seen, report.process), decision)


def worse(first: str | None, second: str | None) -> str | None:
    """Of two violations of an attempt, at its start and its end, the one that is not forgiven so easily."""
    return first if second is None or (first is not None and second in _FORGIVABLE) else second


def decide_standing(
    before: Situation, after: Situation, *, new: Attempt, is_held_offline: bool, moves: bool
) -> Standing:
    """What the serial is once `new` is written; `after` has it among its attempts.

    `is_held_offline` says that an earlier event of this kind brought about the hold of `before`. `moves` is
    False for what leaves the serial where it was: a parked start.
    """
    if before.serial in GONE:
        return Standing(before.serial, before.held_from, None)
    explained = [each for each in after.attempts if _is_explained(after, each)]
    parked = [each.id for each in explained if _is_parked(each)]
    reopened = tuple(parked[:1]) if is_held_offline else ()
    forgiven = {each.id for each in explained if each.id not in parked or each.id in reopened}
    base, at_process = place_of(_reopen(after, reopened))
    if not moves and not reopened:
        base = behind_hold(before).serial
    violating = [each.id for each in after.attempts if each.violation and each.id not in forgiven]
    is_held = (
        new.id in violating
        or base is SerialStatus.DEFECTIVE
        or (before.serial is SerialStatus.HOLD and (not is_held_offline or bool(violating)))
    )
    status, held_from = (SerialStatus.HOLD, base) if is_held else (base, None)
    return Standing(status, held_from, at_process, tuple(sorted(forgiven)), reopened)


def place_of(seen: Situation) -> tuple[SerialStatus, str | None]:
    """Where a serial is by its attempts alone, and at which process. DEFECTIVE is for quality to decide."""
    for each in seen.attempts:
        if each.status is AttemptStatus.IN_PROGRESS:
            return SerialStatus.IN_PROCESS, each.process
    place = next_place(seen, passed_processes(seen))
    if place.at_process is None:
        return place.serial, None
    ended = [
        each.status
        for each in seen.attempts
        if each.process == place.at_process and each.status is not AttemptStatus.ABORTED
    ]
    if ended and ended[-1] is AttemptStatus.FAIL:
        is_over = count(seen, place.at_process) >= MOST_ATTEMPTS or seen.reworks > MOST_REWORKS
        is_over = is_over and place.at_process not in seen.granted
        return (SerialStatus.DEFECTIVE if is_over else SerialStatus.REWORK), place.at_process
    return (SerialStatus.WAITING if seen.attempts else SerialStatus.CREATED), place.at_process


def _waiting(seen: Situation, report: Report) -> Attempt | None:
    """The attempt that waits for this report though it is refused: the open one, else the last parked one."""
    here = [
        each
        for each in seen.attempts
        if each.process == report.process
        and report.attempt_id in {None, each.id}
        and report.number in {None, each.number}
    ]
    is_open = [each for each in here if each.status is AttemptStatus.IN_PROGRESS]
    return next(iter([*is_open, *reversed([each for each in here if _is_parked(each)])]), None)


def _is_running(attempt: Attempt | None) -> bool:
    return attempt is not None and attempt.status is AttemptStatus.IN_PROGRESS


def _is_parked(attempt: Attempt) -> bool:
    return (
        attempt.status is AttemptStatus.ABORTED
        and attempt.violation is not None
        and attempt.completed_at is None
    )


def _is_explained(seen: Situation, attempt: Attempt) -> bool:
    """Whether `attempt` is no violation by the own times of all that has arrived by now."""
    if attempt.violation not in _FORGIVABLE or attempt.process not in seen.route:
        return False
    began = attempt.started_at
    others = [each for each in seen.attempts if each.id != attempt.id]
    passed = {
        each.process
        for each in others
        if each.status is AttemptStatus.PASS and each.completed_at is not None and each.completed_at <= began
    } | seen.accepted
    earlier = seen.route[: seen.route.index(attempt.process)]
    return (
        attempt.process not in passed
        and all(each in passed or each in seen.optional for each in earlier)
        and not any(_overlap(attempt, each) for each in others)
    )


def _overlap(one: Attempt, other: Attempt) -> bool:
    if other.status is AttemptStatus.ABORTED:
        return False
    return one.started_at < (other.completed_at or _NEVER) and other.started_at < (one.completed_at or _NEVER)


def _reopen(seen: Situation, reopened: tuple[int, ...]) -> Situation:
    attempts = tuple(
        replace(each, status=AttemptStatus.IN_PROGRESS) if each.id in reopened else each
        for each in seen.attempts
    )
    return replace(seen, attempts=attempts)

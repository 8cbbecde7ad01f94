"""Apply what was made offline: read the situation, decide, write; one transaction each."""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, assert_never

from andon_mes.components import controller as components
from andon_mes.components.store import Booked
from andon_mes.idempotency.store import Answer
from andon_mes.kernel.errors import Problem, Words
from andon_mes.lots import store as lots
from andon_mes.lots.model import LotStatus
from andon_mes.offline import store
from andon_mes.offline.decide import (
    GONE,
    OVER,
    behind_hold,
    decide_offline_completion,
    decide_offline_start,
    decide_standing,
    worse,
)
from andon_mes.offline.model import (
    OFFLINE_ROUTE_EXPLAINED,
    OFFLINE_ROUTE_VIOLATION,
    OFFLINE_STILL_HELD,
    RecordClosed,
    Settle,
    Standing,
)
from andon_mes.processes import answers
from andon_mes.processes import store as attempts
from andon_mes.processes.closing import Closing, prepare_components, result_of, set_aside, write_closed
from andon_mes.processes.decide import decide_outcome, tries_with
from andon_mes.processes.model import (
    Attempt,
    AttemptStatus,
    CompletionEvent,
    Report,
    Same,
    Serving,
    Situation,
    StartEvent,
)
from andon_mes.processes.refusals import Refusal, Refuse
from andon_mes.processes.store import Opening, Result
from andon_mes.serials.model import SerialStatus
from andon_mes.situations.store import Subject, asked_of, find_subject
from andon_mes.store.engine import Connection
from andon_mes.store.history import Change

_LONGEST_REASON = 500


@dataclass(frozen=True, slots=True)
class _Case:
    """One event that is applied: its serial, whose hold it meets, and what it violates."""

    subject: Subject
    is_held_offline: bool
    violation: Problem | None


def start(connection: Connection, event: StartEvent, content: object, serving: Serving) -> Answer:
    """Open an attempt that began while nobody could be asked. What is of no serial or process is refused."""
    subject = find_subject(connection, asked_of(event, serving.now))
    refused = _unusable(subject, event)
    if refused is not None or subject is None:
        return _kept(connection, event, refused or answers.unknown(event.serial_number), content, serving)
    seen, is_ours = _look_through(connection, subject)
    record = decide_offline_start(seen, event.process)
    case = _Case(subject, is_ours, _problem(record.violation, subject))
    opening = Opening(
        record.number,
        status=AttemptStatus.ABORTED if record.is_parked else AttemptStatus.IN_PROGRESS,
        violation=_code(case.violation),
    )
    attempt = attempts.open_attempt(connection, subject, event, opening, serving)
    standing = decide_standing(
        subject.seen,
        _with(subject.seen, attempt),
        new=attempt,
        is_held_offline=is_ours,
        moves=not record.is_parked,
    )
    change = Change(event.operator_id, event.at)
    _stand(connection, case, standing, {} if subject.started_at else {"started_at": event.at}, change)
    if not record.is_parked:
        _begin_lot(connection, subject, change)
    return answers.started(event, subject, attempt, **_told(case, standing, attempt))


def complete(connection: Connection, event: CompletionEvent, content: object, serving: Serving) -> Answer:
    """Close an attempt that ended while nobody could be asked. A contradiction is refused, and kept.

    A defect code or a measurement that cannot be used is set aside: the work counts, and its serial is held.
    """
    subject = find_subject(connection, asked_of(event, serving.now))
    refused = _unusable(subject, event)
    if refused is not None or subject is None:
        return _kept(connection, event, refused or answers.unknown(event.serial_number), content, serving)
    seen, is_ours = _look_through(connection, subject)
    infers_start = subject.infers_start.get(event.process, False)
    decision = decide_offline_completion(seen, Report.of(event), infers_start=infers_start)
    match decision:
        case Same(attempt):
            return answers.known(subject, attempt)
        case Refuse():
            refusal = answers.refusal(decision, event.serial_number, subject)
            return _kept(connection, event, refusal, content, serving)
        case Settle() | RecordClosed():
            case = _Case(subject, is_ours, _problem(decision.violation, subject))
            return _apply(connection, case, event, decision, content, serving=serving)
        case _:
            assert_never(decision)


def _apply(
    connection: Connection,
    case: _Case,
    event: CompletionEvent,
    decision: Settle | RecordClosed,
    content: object,
    *,
    serving: Serving,
) -> Answer:
    prepared = prepare_components(connection, case.subject, event)
    if isinstance(prepared, Problem):  # what could not be booked is kept, and the work that was done counts
        attempts.keep_contested(connection, event, prepared.code, content, serving=serving)
        case, prepared = replace(case, violation=case.violation or prepared), None
    event, unusable = set_aside(connection, case.subject, event)
    if unusable:  # no event that comes later explains it, as it may a place in the route
        attempts.keep_contested(connection, event, unusable[0].code, content, serving=serving)
        case = replace(case, violation=unusable[0])
    attempt = _attempt_of(connection, case.subject, event, decision, serving)
    code = worse(attempt.violation, _code(case.violation))
    if code is not None and code == attempt.violation:  # its start has met it before
        first = Refuse(Refusal(code), {"process": attempt.process})
        case = replace(case, violation=_problem(first, case.subject))
    if prepared is not None:
        components.book(connection, prepared, Booked(event.operator_id, event.at, attempt.id))
    is_inferred = isinstance(decision, RecordClosed)
    result, closed = _close(connection, case, attempt, event, serving, is_inferred=is_inferred)
    standing = decide_standing(
        case.subject.seen,
        _with(case.subject.seen, closed),
        new=closed,
        is_held_offline=case.is_held_offline,
        moves=True,
    )
    values = _columns(case.subject, closed, event, result, standing)
    change = Change(event.operator_id, event.at, result.defect_code)
    _stand(connection, case, standing, values, change)
    if standing.serial is SerialStatus.COMPLETED:
        lots.close_when_complete(connection, case.subject.lot_id, change)
    return answers.completed(
        case.subject,
        attempt,
        result,
        start_inferred=is_inferred,
        current_process=standing.at_process,
        **_told(case, standing, closed),
    )


def _attempt_of(
    connection: Connection,
    subject: Subject,
    event: CompletionEvent,
    decision: Settle | RecordClosed,
    serving: Serving,
) -> Attempt:
    match decision:
        case Settle(attempt):
            return attempt
        case RecordClosed(number):
            began = event.at - timedelta(seconds=event.cycle_time or 0)
            # Closed in this very transaction: it is never open beside another.
            opening = Opening(number, is_inferred=True, status=AttemptStatus.ABORTED)
            _begin_lot(connection, subject, Change(event.operator_id, began))
            begun = event.inferred_start(began)
            return attempts.open_attempt(connection, subject, begun, opening, serving)
        case _:
            assert_never(decision)


def _close(
    connection: Connection,
    case: _Case,
    attempt: Attempt,
    event: CompletionEvent,
    serving: Serving,
    *,
    is_inferred: bool,
) -> tuple[Result, Attempt]:
    """Write how the attempt ended, and give it as it is then."""
    seen = case.subject.seen
    result = result_of(connection, case.subject, attempt, event, serving, inferred=is_inferred)
    tries = tries_with(seen, attempt)
    outcome = decide_outcome(seen, event.process, tries=tries, passed=result.passed)
    if behind_hold(seen).serial in OVER:
        outcome = replace(outcome, opens_rework=False)
    write_closed(connection, case.subject, event, Closing(attempt, result, outcome), serving.now)
    code = _code(case.violation)
    attempts.mark_offline(connection, attempt.id, code)
    closed = replace(
        attempt,
        status=AttemptStatus.PASS if result.passed else AttemptStatus.FAIL,
        completed_at=event.at,
        digest=event.digest,
        violation=code,
    )
    return result, closed


def _columns(
    subject: Subject, closed: Attempt, event: CompletionEvent, result: Result, standing: Standing
) -> dict[str, Any]:
    values: dict[str, Any] = {
        "is_defective": not result.passed,
        "defect_code": result.defect_code,
        "defect_description": None if result.passed else event.defect_description,
    }
    if standing.serial is SerialStatus.COMPLETED:
        values["completed_at"] = event.at
    if subject.started_at is None:
        values["started_at"] = closed.started_at
    return values


def _stand(
    connection: Connection, case: _Case, standing: Standing, values: dict[str, Any], change: Change
) -> None:
    """Write what the serial is now, and why; what is scrapped or shipped stays as it is."""
    store.forgive(connection, standing)
    before = case.subject.seen.serial
    if before in GONE:
        return
    if case.violation is not None and standing.serial is SerialStatus.HOLD:
        change = replace(change, reason=_reason(case.violation))
    elif before is SerialStatus.HOLD:
        is_still = standing.serial is SerialStatus.HOLD
        change = replace(change, reason=OFFLINE_STILL_HELD if is_still else OFFLINE_ROUTE_EXPLAINED)
    columns = values | {"held_from": standing.held_from, "current_process": standing.at_process}
    attempts.move_serial(connection, case.subject, standing.serial, columns, change)


def _reason(violation: Problem) -> str:
    """Why the serial is held: the code, and in both languages what of the event could not be used."""
    said = f"{OFFLINE_ROUTE_VIOLATION}: {violation.code}"
    if violation.field:
        said = f"{said} ({violation.field}): {violation.detail.en} / {violation.detail.ko}"
    return said[:_LONGEST_REASON]


def _begin_lot(connection: Connection, subject: Subject, change: Change) -> None:
    if subject.seen.lot is LotStatus.RELEASED:
        attempts.begin_lot(connection, subject, change)


def _look_through(connection: Connection, subject: Subject) -> tuple[Situation, bool]:
    """The situation by which the event is judged, and whether its hold is one of these events' own."""
    is_held = subject.seen.serial is SerialStatus.HOLD
    if not is_held or not store.is_held_offline(connection, subject.serial_id):
        return subject.seen, False
    return behind_hold(subject.seen), True


def _unusable(subject: Subject | None, event: StartEvent | CompletionEvent) -> Answer | None:
    """What cannot be applied, as there is nothing to apply it to."""
    refused = answers.refused_identity(subject, event.serial_number, event.checksum)
    if refused is None and subject is not None and event.process not in subject.process_ids:
        why = Words(f"There is no process {event.process}", f"{event.process} 공정이 없습니다")
        refuse = Refuse(Refusal.STATION_WRONG_PROCESS, {"process": event.process, "why": why})
        return answers.refusal(refuse, event.serial_number, subject)
    return refused


def _kept(
    connection: Connection,
    event: StartEvent | CompletionEvent,
    refusal: Answer,
    content: object,
    serving: Serving,
) -> Answer:
    """Keep what is refused for a person: nobody stands at the station any more who could do it again."""
    attempts.keep_contested(connection, event, answers.code_of(refusal), content, serving=serving)
    return refusal


def _with(seen: Situation, attempt: Attempt) -> Situation:
    others = [each for each in seen.attempts if each.id != attempt.id]
    return replace(seen, attempts=tuple(sorted([*others, attempt], key=lambda each: each.id)))


def _problem(violation: Refuse | None, subject: Subject) -> Problem | None:
    return None if violation is None else answers.problem(violation, subject.serial_number, subject)


def _code(violation: Problem | None) -> str | None:
    return None if violation is None else violation.code


def _told(case: _Case, standing: Standing, attempt: Attempt) -> dict[str, object]:
    """What the station hears of it: where the serial is, and what the event violates, unless explained."""
    code = None if attempt.id in standing.explained else attempt.violation
    said = case.violation if code is not None else None
    return {
        "serial_status": standing.serial,
        "violation": code,
        "violation_detail": None if said is None else said.detail.en,
        "violation_detail_ko": None if said is None else said.detail.ko,
    }

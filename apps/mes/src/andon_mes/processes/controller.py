"""Start and complete: read the situation, decide, write; one transaction each."""

import json
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, assert_never

from andon_mes.components import controller as components
from andon_mes.components.controller import Prepared
from andon_mes.components.refusals import problem_of_component
from andon_mes.components.store import Booked
from andon_mes.defects import store as defects
from andon_mes.defects.model import NewDefect
from andon_mes.idempotency.store import Answer
from andon_mes.kernel.errors import InvalidInput, Words, as_document, invalid
from andon_mes.lots import store as lots
from andon_mes.lots.model import LotStatus
from andon_mes.numbers.checksum import is_intact, likely_cause
from andon_mes.processes import limits, measured, store
from andon_mes.processes.decide import decide_completion, decide_outcome, decide_start
from andon_mes.processes.model import (
    Attempt,
    AttemptStatus,
    Begin,
    BeginAndClose,
    Close,
    CompletionEvent,
    Outcome,
    Report,
    Same,
    StartEvent,
)
from andon_mes.processes.refusals import Refusal, Refuse, problem_of
from andon_mes.processes.store import Result
from andon_mes.serials.model import SerialStatus
from andon_mes.situations.store import Subject, asked_of, find_subject
from andon_mes.store.engine import Connection
from andon_mes.store.history import Change

_CONFLICT = 409
_KEPT = frozenset({Refusal.ATTEMPT_CLOSED_DIFFERENTLY, Refusal.ATTEMPT_DISAGREES})


@dataclass(frozen=True, slots=True)
class Serving:
    """Who serves this request, and when."""

    release: str
    now: datetime


def start(connection: Connection, event: StartEvent, serving: Serving) -> Answer:
    """Open an attempt, or answer with the refusal."""
    subject = find_subject(connection, asked_of(event, serving.now))
    refused = _refused_identity(subject, event.serial_number, event.checksum)
    if refused is not None or subject is None:
        return refused or _refusal(Refuse(Refusal.SERIAL_UNKNOWN, {}), event.serial_number, subject)
    decision = decide_start(subject.seen, event.process)
    match decision:
        case Refuse():
            return _refusal(decision, event.serial_number, subject)
        case Begin(number):
            attempt = _begin(connection, subject, event, number, serving, inferred=False)
        case _:
            assert_never(decision)
    return _answer(
        201,
        {
            "process_data_id": attempt.id,
            "serial_number": event.serial_number,
            "lot_number": subject.lot_number,
            "process_code": event.process,
            "attempt": attempt.number,
            "started_at": event.at.isoformat(),
            "status": AttemptStatus.IN_PROGRESS,
        },
    )


def complete(connection: Connection, event: CompletionEvent, content: object, serving: Serving) -> Answer:
    """Close an attempt, or answer with the refusal. `content` is what arrived, to be kept if contested.

    Raises: InvalidInput when the defect code or a measurement cannot be used.
    """
    subject = find_subject(connection, asked_of(event, serving.now))
    refused = _refused_identity(subject, event.serial_number, event.checksum)
    if refused is not None or subject is None:
        return refused or _refusal(Refuse(Refusal.SERIAL_UNKNOWN, {}), event.serial_number, subject)
    decision = decide_completion(
        subject.seen,
        Report(event.process, event.digest, event.at, event.process_data_id, event.attempt),
        infers_start=subject.infers_start.get(event.process, False),
    )
    match decision:
        case Refuse():
            if decision.code in _KEPT:
                store.keep_contested(
                    connection, event, decision.code, content, release=serving.release, now=serving.now
                )
            return _refusal(decision, event.serial_number, subject)
        case Same(attempt):
            return _answer(
                200,
                {
                    "process_data_id": attempt.id,
                    "serial_number": event.serial_number,
                    "process_code": event.process,
                    "attempt": attempt.number,
                    "result": attempt.status,
                    "already_known": True,
                },
            )
        case Close() | BeginAndClose():
            return _close_with_components(connection, subject, decision, event, serving)
        case _:
            assert_never(decision)


def _close_with_components(
    connection: Connection,
    subject: Subject,
    decision: Close | BeginAndClose,
    event: CompletionEvent,
    serving: Serving,
) -> Answer:
    """Nothing is written before it is clear that all of its components may be booked, and none is missing."""
    prepared = _prepared(connection, subject, event)
    if isinstance(prepared, Answer):
        return prepared
    match decision:
        case Close(attempt):
            pass
        case BeginAndClose(number):
            attempt, subject = _infer_start(connection, subject, event, number, serving)
        case _:
            assert_never(decision)
    if prepared is not None:
        components.book(connection, prepared, Booked(event.operator_id, event.at, attempt.id))
    is_inferred = isinstance(decision, BeginAndClose)
    return _close(connection, subject, attempt, event, serving, inferred=is_inferred)


def _prepared(connection: Connection, subject: Subject, event: CompletionEvent) -> Prepared | Answer | None:
    """What of the event's components is to be booked; None for a product that has none."""
    if not subject.has_components and not event.components:
        return None
    prepared = components.prepare(connection, event.serial_number, event.process, event.components, event.at)
    refused = prepared.refusal_of_missing() if isinstance(prepared, Prepared) else prepared
    if refused is None or (isinstance(prepared, Prepared) and not event.is_pass):
        return prepared if isinstance(prepared, Prepared) else None
    document = as_document(problem_of_component(refused), _CONFLICT)
    return Answer(_CONFLICT, json.dumps(document, ensure_ascii=False))


def _begin(
    connection: Connection,
    subject: Subject,
    event: StartEvent,
    number: int,
    serving: Serving,
    *,
    inferred: bool,
) -> Attempt:
    attempt = store.open_attempt(connection, subject, event, number, inferred=inferred, now=serving.now)
    change = Change(event.operator_id, serving.now)
    values: dict[str, Any] = {"current_process": event.process}
    if subject.started_at is None:
        values["started_at"] = event.at
    store.move_serial(connection, subject, SerialStatus.IN_PROCESS, values, change)
    if subject.seen.lot is LotStatus.RELEASED:
        store.begin_lot(connection, subject, change)
    return attempt


def _infer_start(
    connection: Connection, subject: Subject, event: CompletionEvent, number: int, serving: Serving
) -> tuple[Attempt, Subject]:
    """Open the attempt that nobody started, and say what the serial and its lot are now."""
    began = event.at - timedelta(seconds=event.cycle_time or 0)
    attempt = _begin(connection, subject, event.inferred_start(began), number, serving, inferred=True)
    lot = LotStatus.IN_PROGRESS if subject.seen.lot is LotStatus.RELEASED else subject.seen.lot
    seen = replace(subject.seen, serial=SerialStatus.IN_PROCESS, lot=lot)
    return attempt, replace(subject, seen=seen)


def _close(
    connection: Connection,
    subject: Subject,
    attempt: Attempt,
    event: CompletionEvent,
    serving: Serving,
    *,
    inferred: bool,
) -> Answer:
    result = _result(connection, subject, attempt, event, serving, inferred=inferred)
    outcome = decide_outcome(subject.seen, event.process, number=attempt.number, passed=result.passed)
    store.close_attempt(connection, attempt, event, result, serving.now)
    change = Change(event.operator_id, serving.now, result.defect_code)
    store.move_serial(connection, subject, outcome.serial, _columns(outcome, result, event), change)
    if attempt.number > 1:
        word = AttemptStatus.PASS if result.passed else AttemptStatus.FAIL
        store.close_reworks(connection, subject, event.process, word, event.at)
    _keep_defect(connection, subject, event, attempt=attempt, outcome=outcome, result=result)
    if outcome.serial is SerialStatus.COMPLETED:
        lots.close_when_complete(connection, subject.lot_id, Change(event.operator_id, serving.now))
    return _answer(
        200,
        {
            "process_data_id": attempt.id,
            "serial_number": event.serial_number,
            "process_code": event.process,
            "attempt": attempt.number,
            "result": AttemptStatus.PASS if result.passed else AttemptStatus.FAIL,
            "defect_code": result.defect_code,
            "limit_breaches": [each.as_document() for each in result.breaches],
            "cycle_time": result.cycle_time,
            "start_inferred": inferred,
            "serial_status": outcome.serial,
            "current_process": outcome.at_process,
        },
    )


def _keep_defect(
    connection: Connection,
    subject: Subject,
    event: CompletionEvent,
    *,
    attempt: Attempt,
    outcome: Outcome,
    result: Result,
) -> None:
    """A fail opens a defect, with a rework where the rule gives one; a passed rework verifies its own."""
    process_id = subject.process_ids[event.process]
    change = Change(event.operator_id, event.at, result.defect_code)
    if result.passed:
        if attempt.number > 1:
            defects.verify_reworked(connection, subject.serial_id, process_id, change)
        return
    if (code := result.defect_code) is None:
        return
    rework_id = store.open_rework(connection, subject, event, code) if outcome.opens_rework else None
    new = NewDefect(subject.serial_id, process_id, code, event.defect_description, attempt.id)
    defects.open_failed(connection, new, rework_id, change)


def _columns(outcome: Outcome, result: Result, event: CompletionEvent) -> dict[str, Any]:
    return {
        "current_process": outcome.at_process,
        "is_defective": not result.passed,
        "defect_code": result.defect_code,
        "defect_description": event.defect_description if not result.passed else None,
        "held_from": SerialStatus.DEFECTIVE if outcome.serial is SerialStatus.HOLD else None,
        "completed_at": event.at if outcome.serial is SerialStatus.COMPLETED else None,
    }


def _result(
    connection: Connection,
    subject: Subject,
    attempt: Attempt,
    event: CompletionEvent,
    serving: Serving,
    *,
    inferred: bool,
) -> Result:
    """Whether the attempt passed: the station says so, and its measurements are within their limits."""
    process_id = subject.process_ids[event.process]
    if event.is_pass and event.defect_code is not None:
        raise invalid(
            "defect_code",
            event.defect_code,
            Words("A part that passes has no defect", "합격 제품에는 불량 코드를 지정할 수 없습니다"),
            Words("Send null, or is_pass false", "null을 보내거나 is_pass를 false로 보내세요"),
        )
    if not event.is_pass:
        known = store.list_defect_codes(connection, process_id)
        if event.defect_code not in known:
            raise _unknown_defect(event, known)
    schema = store.find_data_schema(connection, process_id, subject.lot_id)
    if schema is not None:
        measured.require_fit(event.data, schema)
    found = limits.breaches(event.data, store.list_characteristics(connection, process_id))
    defect_code = event.defect_code or (found[0].characteristic.defect_code if found else None)
    cycle_time = _cycle_time(attempt, event, inferred=inferred)
    return Result(event.is_pass and not found, defect_code, found, cycle_time, serving.release)


def _cycle_time(attempt: Attempt, event: CompletionEvent, *, inferred: bool) -> float | None:
    """In seconds; unknown, not 0, when nobody measured it, or the station's clock went back."""
    if event.cycle_time is not None:
        return event.cycle_time
    measured = (event.at - attempt.started_at).total_seconds()
    return None if inferred or measured < 0 else measured


def _unknown_defect(event: CompletionEvent, known: list[str]) -> InvalidInput:
    listed = ", ".join(known) or "-"
    return invalid(
        "defect_code",
        event.defect_code,
        Words(
            f"A fail at {event.process} needs one of its defect codes",
            f"{event.process} 공정의 불합격에는 해당 공정의 불량 코드가 필요합니다",
        ),
        Words(f"Use one of: {listed}", f"다음 중 하나를 사용하세요: {listed}"),
        code="DEFECT_CODE_UNKNOWN",
    )


def _refused_identity(subject: Subject | None, number: str, checksum: str | None) -> Answer | None:
    """The refusal of a number whose check characters do not belong to it, before anything else is asked."""
    if checksum is None or is_intact(number, checksum):
        return None
    near = likely_cause(number, checksum)
    about: dict[str, object] = {"checksum": checksum, "near": f" (→ {near}?)" if near else ""}
    return _refusal(Refuse(Refusal.CHECKSUM_BAD, about), number, subject)


def _refusal(decision: Refuse, number: str, subject: Subject | None) -> Answer:
    about: dict[str, object] = {"serial": number}
    if subject is not None:
        about["lot"] = subject.lot_number
    document = as_document(problem_of(decision.code, about | decision.about), _CONFLICT)
    return Answer(_CONFLICT, json.dumps(document, ensure_ascii=False))


def _answer(status_code: int, data: dict[str, object]) -> Answer:
    return Answer(status_code, json.dumps({"data": data}, ensure_ascii=False))

"""Start and complete: read the situation, decide, write; one transaction each.

What was made offline has its own way, as it is not refused (offline/controller.py).
"""

from dataclasses import replace
from datetime import timedelta
from typing import Any, assert_never

from andon_mes.components import controller as components
from andon_mes.components.store import Booked
from andon_mes.idempotency.store import Answer, conflict
from andon_mes.kernel.errors import Problem
from andon_mes.lots import store as lots
from andon_mes.lots.model import LotStatus
from andon_mes.processes import answers, store
from andon_mes.processes.closing import (
    Closing,
    prepare_components,
    require_usable,
    result_of,
    write_closed,
)
from andon_mes.processes.decide import (
    decide_completion,
    decide_outcome,
    decide_start,
    is_to_be_kept,
    tries_with,
)
from andon_mes.processes.model import (
    Attempt,
    Begin,
    BeginAndClose,
    Close,
    CompletionEvent,
    Outcome,
    Report,
    Same,
    Serving,
    StartEvent,
)
from andon_mes.processes.refusals import Refuse
from andon_mes.processes.store import Opening, Result
from andon_mes.serials.model import SerialStatus
from andon_mes.situations.store import Subject, asked_of, find_subject
from andon_mes.store.engine import Connection
from andon_mes.store.history import Change


def start(connection: Connection, event: StartEvent, serving: Serving) -> Answer:
    """Open an attempt, or answer with the refusal."""
    subject = find_subject(connection, asked_of(event, serving.now))
    refused = answers.refused_identity(subject, event.serial_number, event.checksum)
    if refused is not None or subject is None:
        return refused or answers.unknown(event.serial_number)
    decision = decide_start(subject.seen, event.process)
    match decision:
        case Refuse():
            return answers.refusal(decision, event.serial_number, subject)
        case Begin(number):
            attempt = _begin(connection, subject, event, number, serving, inferred=False)
        case _:
            assert_never(decision)
    return answers.started(event, subject, attempt)


def complete(connection: Connection, event: CompletionEvent, content: object, serving: Serving) -> Answer:
    """Close an attempt, or answer with the refusal. `content` is what arrived, to be kept if contested.

    Raises: InvalidInput when the defect code or a measurement cannot be used.
    """
    subject = find_subject(connection, asked_of(event, serving.now))
    refused = answers.refused_identity(subject, event.serial_number, event.checksum)
    if refused is not None or subject is None:
        return refused or answers.unknown(event.serial_number)
    infers_start = subject.infers_start.get(event.process, False)
    decision = decide_completion(subject.seen, Report.of(event), infers_start=infers_start)
    match decision:
        case Refuse():
            if is_to_be_kept(subject.seen, event.process, decision):
                store.keep_contested(connection, event, decision.code, content, serving=serving)
            return answers.refusal(decision, event.serial_number, subject)
        case Same(attempt):
            return answers.known(subject, attempt)
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
    prepared = prepare_components(connection, subject, event)
    if isinstance(prepared, Problem):
        return conflict(prepared)
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


def _begin(
    connection: Connection,
    subject: Subject,
    event: StartEvent,
    number: int,
    serving: Serving,
    *,
    inferred: bool,
) -> Attempt:
    opening = Opening(number, is_inferred=inferred)
    attempt = store.open_attempt(connection, subject, event, opening, serving)
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
    require_usable(connection, subject, event)
    result = result_of(connection, subject, attempt, event, serving, inferred=inferred)
    outcome = decide_outcome(
        subject.seen, event.process, tries=tries_with(subject.seen, attempt), passed=result.passed
    )
    write_closed(connection, subject, event, Closing(attempt, result, outcome), serving.now)
    change = Change(event.operator_id, serving.now, result.defect_code)
    store.move_serial(connection, subject, outcome.serial, _columns(outcome, result, event), change)
    if outcome.serial is SerialStatus.COMPLETED:
        lots.close_when_complete(connection, subject.lot_id, Change(event.operator_id, serving.now))
    return answers.completed(
        subject,
        attempt,
        result,
        start_inferred=inferred,
        serial_status=outcome.serial,
        current_process=outcome.at_process,
    )


def _columns(outcome: Outcome, result: Result, event: CompletionEvent) -> dict[str, Any]:
    return {
        "current_process": outcome.at_process,
        "is_defective": not result.passed,
        "defect_code": result.defect_code,
        "defect_description": event.defect_description if not result.passed else None,
        "held_from": SerialStatus.DEFECTIVE if outcome.serial is SerialStatus.HOLD else None,
        "completed_at": event.at if outcome.serial is SerialStatus.COMPLETED else None,
    }

"""What closing an attempt writes beside its serial: its result, its components, its rework and defect."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from andon_mes.components import controller as components
from andon_mes.components.controller import Prepared
from andon_mes.components.refusals import problem_of_component
from andon_mes.defects import store as defects
from andon_mes.defects.model import NewDefect
from andon_mes.kernel.errors import InvalidInput, Problem, Words, invalid
from andon_mes.processes import limits, measured, store
from andon_mes.processes.limits import Breach
from andon_mes.processes.model import LONGEST_CYCLE, Attempt, AttemptStatus, CompletionEvent, Outcome, Serving
from andon_mes.processes.store import Result
from andon_mes.situations.store import Subject
from andon_mes.store.engine import Connection
from andon_mes.store.history import Change


def prepare_components(
    connection: Connection, subject: Subject, event: CompletionEvent
) -> Prepared | Problem | None:
    """What of the event's components is to be booked, or why it cannot be; None when there is nothing."""
    if not subject.has_components and not event.components:
        return None
    prepared = components.prepare(connection, event.serial_number, event.process, event.components, event.at)
    refused = prepared.refusal_of_missing() if isinstance(prepared, Prepared) else prepared
    if refused is None or (isinstance(prepared, Prepared) and not event.is_pass):
        return prepared if isinstance(prepared, Prepared) else None
    return problem_of_component(refused)


def result_of(
    connection: Connection,
    subject: Subject,
    attempt: Attempt,
    event: CompletionEvent,
    serving: Serving,
    *,
    inferred: bool,
) -> Result:
    """Whether the attempt passed: the station says so, and its measurements are within their limits.

    Raises: InvalidInput when a measurement cannot be read; `require_usable` has looked at all else.
    """
    process_id = subject.process_ids[event.process]
    found = limits.breaches(event.data, store.list_characteristics(connection, process_id))
    return judged(attempt, event, serving, found, inferred=inferred)


def judged(
    attempt: Attempt,
    event: CompletionEvent,
    serving: Serving,
    found: Sequence[Breach] = (),
    *,
    inferred: bool,
) -> Result:
    """How the attempt ended, with the breaches that were `found`; pure."""
    defect_code = event.defect_code or (found[0].characteristic.defect_code if found else None)
    is_ahead = attempt.clock_ahead or serving.is_ahead(event.at)
    cycle_time = _cycle_time(attempt, event, is_measured=not (inferred or is_ahead))
    return Result(
        event.is_pass and not found, defect_code, list(found), cycle_time, serving.release, is_ahead
    )


def require_usable(connection: Connection, subject: Subject, event: CompletionEvent) -> None:
    """Let an event pass whose defect code is one of its process, and whose measurements fit their schema.

    Raises: InvalidInput naming the field.
    """
    process_id = subject.process_ids[event.process]
    if (wrong := _wrong_defect(connection, event, process_id)) is not None:
        raise wrong
    schema = store.find_data_schema(connection, process_id, subject.lot_id)
    if schema is not None:
        measured.require_fit(event.data, schema)


def set_aside(
    connection: Connection, subject: Subject, event: CompletionEvent
) -> tuple[CompletionEvent, list[Problem]]:
    """The event without what of it cannot be used, and what that is; for what may not be refused."""
    process_id = subject.process_ids[event.process]
    found: list[tuple[str | None, InvalidInput]] = []
    wrong = _wrong_defect(connection, event, process_id)
    schema = store.find_data_schema(connection, process_id, subject.lot_id)
    if schema is not None:
        found += measured.misfits(event.data, schema)
    found += limits.unreadable(event.data, store.list_characteristics(connection, process_id))
    names = {name for name, _ in found} | {f"{name}_unit" for name, _ in found}
    data = {name: value for name, value in event.data.items() if name not in names}
    code = event.defect_code if wrong is None else None
    errors = [error for _, error in found] if wrong is None else [wrong, *(error for _, error in found)]
    return replace(event, data=data, defect_code=code), [each.problem for each in errors]


def _wrong_defect(connection: Connection, event: CompletionEvent, process_id: int) -> InvalidInput | None:
    if event.is_pass and event.defect_code is not None:
        return invalid(
            "defect_code",
            event.defect_code,
            Words("A part that passes has no defect", "합격 제품에는 불량 코드를 지정할 수 없습니다"),
            Words("Send null, or is_pass false", "null을 보내거나 is_pass를 false로 보내세요"),
        )
    if event.is_pass:
        return None
    known = store.list_defect_codes(connection, process_id)
    return None if event.defect_code in known else _unknown_defect(event, known)


def _cycle_time(attempt: Attempt, event: CompletionEvent, *, is_measured: bool) -> float | None:
    """In seconds; unknown, not 0, when nobody measured it, or the times are those of a wrong clock."""
    if event.cycle_time is not None:
        return event.cycle_time
    lasted = event.at - attempt.started_at
    is_known = is_measured and timedelta(0) <= lasted <= LONGEST_CYCLE
    return lasted.total_seconds() if is_known else None


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


@dataclass(frozen=True, slots=True)
class Closing:
    """An attempt, how it ended, and what that makes of its serial."""

    attempt: Attempt
    result: Result
    outcome: Outcome


def write_closed(
    connection: Connection, subject: Subject, event: CompletionEvent, closing: Closing, now: datetime
) -> None:
    """Write how the attempt ended, and what that makes of its rework and its defect."""
    attempt, result = closing.attempt, closing.result
    store.close_attempt(connection, attempt, event, result, now)
    if attempt.number > 1:
        word = AttemptStatus.PASS if result.passed else AttemptStatus.FAIL
        store.close_reworks(connection, subject, event.process, word, event.at)
    _keep_defect(connection, subject, event, closing)


def _keep_defect(connection: Connection, subject: Subject, event: CompletionEvent, closing: Closing) -> None:
    """A fail opens a defect, with a rework where the rule gives one; a passed rework verifies its own."""
    attempt, result, outcome = closing.attempt, closing.result, closing.outcome
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

"""What a start or a completion is answered: stored as it is, and given again under the same key."""

import json

from andon_mes.idempotency.store import Answer, conflict, success
from andon_mes.kernel.errors import Problem
from andon_mes.numbers.checksum import is_intact, likely_cause
from andon_mes.processes.model import Attempt, AttemptStatus, StartEvent
from andon_mes.processes.refusals import Refusal, Refuse, problem_of
from andon_mes.processes.store import Result
from andon_mes.situations.store import Subject


def refused_identity(subject: Subject | None, number: str, checksum: str | None) -> Answer | None:
    """The refusal of a number whose check characters do not belong to it, or that is nobody's."""
    if checksum is not None and not is_intact(number, checksum):
        near = likely_cause(number, checksum)
        about: dict[str, object] = {"checksum": checksum, "near": f" (→ {near}?)" if near else ""}
        return refusal(Refuse(Refusal.CHECKSUM_BAD, about), number, subject)
    return unknown(number) if subject is None else None


def unknown(number: str) -> Answer:
    """There is no such serial."""
    return refusal(Refuse(Refusal.SERIAL_UNKNOWN, {}), number, None)


def refusal(refused: Refuse, number: str, subject: Subject | None) -> Answer:
    """A refusal, its words filled from what is known of the serial and its lot."""
    return conflict(problem(refused, number, subject))


def problem(refused: Refuse, number: str, subject: Subject | None) -> Problem:
    """The refusal as a problem."""
    about: dict[str, object] = {"serial": number}
    if subject is not None:
        about["lot"] = subject.lot_number
    return problem_of(refused.code, about | refused.about)


def code_of(refusal: Answer) -> str:
    """The code of a refusal that was made here."""
    code: str = json.loads(refusal.body)["code"]
    return code


def started(event: StartEvent, subject: Subject, attempt: Attempt, **more: object) -> Answer:
    """An attempt that was opened."""
    return success(
        201,
        {
            "process_data_id": attempt.id,
            "serial_number": event.serial_number,
            "lot_number": subject.lot_number,
            "process_code": event.process,
            "attempt": attempt.number,
            "started_at": event.at.isoformat(),
            "status": attempt.status,
            **more,
        },
    )


def known(subject: Subject, attempt: Attempt) -> Answer:
    """A report that has closed its attempt before."""
    return success(
        200,
        {
            "process_data_id": attempt.id,
            "serial_number": subject.serial_number,
            "process_code": attempt.process,
            "attempt": attempt.number,
            "result": attempt.status,
            "already_known": True,
        },
    )


def completed(subject: Subject, attempt: Attempt, result: Result, **more: object) -> Answer:
    """An attempt that was closed."""
    return success(
        200,
        {
            "process_data_id": attempt.id,
            "serial_number": subject.serial_number,
            "process_code": attempt.process,
            "attempt": attempt.number,
            "result": AttemptStatus.PASS if result.passed else AttemptStatus.FAIL,
            "defect_code": result.defect_code,
            "limit_breaches": [each.as_document() for each in result.breaches],
            "cycle_time": result.cycle_time,
            **more,
        },
    )

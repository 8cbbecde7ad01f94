"""End an attempt without a result: read the situation, decide, write; in the caller's one transaction."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from andon_mes.aborts.decide import Abort, decide_abort
from andon_mes.kernel.errors import Conflict, NotFound
from andon_mes.lots import store as lots
from andon_mes.processes import answers, store
from andon_mes.processes.refusals import Refusal, Refuse, problem_of
from andon_mes.serials.model import SerialStatus, abort_reason
from andon_mes.situations.store import Asked, Subject, find_subject
from andon_mes.store.engine import Connection
from andon_mes.store.history import Change


@dataclass(frozen=True, slots=True)
class Wanted:
    """Whose open attempt at which process ends, at which time of its own; perhaps which attempt it must be.

    `bound_to` is the process that the sender's credential is for; None when it is for none.
    """

    serial_number: str
    process: str
    at: datetime
    attempt_id: int | None = None
    bound_to: str | None = None


def abort(connection: Connection, wanted: Wanted, change: Change) -> tuple[Subject, Abort]:
    """End the open attempt. Raises: NotFound; Conflict as `look` does."""
    subject, decided = look(connection, wanted, locks=True)
    store.abort_attempt(connection, decided.attempt, wanted.at, change.at)
    values: dict[str, Any] = {"held_from": decided.held_from, "current_process": decided.at_process}
    if decided.serial is SerialStatus.COMPLETED:
        values["completed_at"] = change.at
    said = abort_reason(wanted.process, decided.attempt.number, change.reason)
    told = Change(change.by, change.at, said)
    store.move_serial(connection, subject, decided.serial, values, told)
    if decided.serial is SerialStatus.COMPLETED:
        lots.close_when_complete(connection, subject.lot_id, told)
    return subject, decided


def look(connection: Connection, wanted: Wanted, *, locks: bool = False) -> tuple[Subject, Abort]:
    """What `abort` would do.

    Raises: NotFound (SERIAL_UNKNOWN); Conflict, ATTEMPT_NOT_OPEN, ATTEMPT_DISAGREES, STATION_WRONG_PROCESS.
    """
    asked = Asked(wanted.serial_number, wanted.process, wanted.at, bound_to=wanted.bound_to)
    subject = find_subject(connection, asked, locks=locks)
    if subject is None:
        raise NotFound(problem_of(Refusal.SERIAL_UNKNOWN, {"serial": wanted.serial_number}))
    decided = decide_abort(subject.seen, wanted.process, wanted.at, attempt_id=wanted.attempt_id)
    if isinstance(decided, Refuse):
        raise Conflict(answers.problem(decided, wanted.serial_number, subject))
    return subject, decided

"""What a person does with a rework: open, complete, cancel; each in the caller's one transaction."""

from dataclasses import dataclass

from andon_mes.defects import controller as quality
from andon_mes.defects import store as defects
from andon_mes.defects.controller import Choice, Finding
from andon_mes.defects.model import DefectAction, DefectStatus, Disposition
from andon_mes.kernel.errors import Conflict
from andon_mes.processes.refusals import Refusal, problem_of
from andon_mes.reworks import store
from andon_mes.reworks.model import Rework, ReworkResult, require_idle, require_open
from andon_mes.serials import store as serials
from andon_mes.serials.model import SerialStatus
from andon_mes.store.engine import Connection
from andon_mes.store.history import Change


@dataclass(frozen=True, slots=True)
class Wanted:
    """A rework that a person asks for. `may_grant` lets the limits of rule 4 be passed."""

    finding: Finding
    may_grant: bool


def open_wanted(connection: Connection, wanted: Wanted, change: Change) -> Rework:
    """Disposition the defect of the serial at the process with a rework; one is opened where there is none.

    Raises: what finding and disposing of a defect raise.
    """
    finding = wanted.finding
    serial = serials.get(connection, finding.serial_number)
    process_id = defects.find_process_id(connection, finding.process)
    known = None if process_id is None else defects.find_contained(connection, serial.id, process_id)
    defect = quality.find(connection, finding, change) if known is None else defects.get(connection, known)
    if defect.status is DefectStatus.OPEN:
        defect = quality.contain(connection, defect, change)
    choice = Choice(Disposition.REWORK, may_grant=wanted.may_grant)
    decided = quality.dispose(connection, defect, choice, change)
    assert decided.rework_id is not None
    return store.get(connection, decided.rework_id)


def complete(
    connection: Connection, rework: Rework, result: ReworkResult, change: Change, *, notes: str | None = None
) -> Rework:
    """Write how the repair went.

    A serial that must repeat its process still does: the attempt verifies the defect. One that was repaired
    aside from its route is verified by this, and goes on from where it was held. What failed waits for
    quality again.

    Raises: Conflict, REWORK_STATE when it is over, REWORK_RUNNING while its attempt is open, SERIAL_HOLD
        when it failed and somebody holds the serial.
    """
    _require_endable(connection, rework)
    store.end(connection, rework.id, result, change, notes)
    if result is not ReworkResult.PASS:
        _give_back(connection, rework, change)
    elif not _repeats(connection, rework):
        _verify(connection, rework, change)
    return store.get(connection, rework.id)


def cancel(connection: Connection, rework: Rework, change: Change) -> Rework:
    """Write that it will not be done; its defect waits for quality again.

    Raises: Conflict, REWORK_STATE when it is over, REWORK_RUNNING while its attempt is open, SERIAL_HOLD
        when somebody holds the serial.
    """
    _require_endable(connection, rework)
    store.end(connection, rework.id, ReworkResult.CANCELLED, change, change.reason)
    _give_back(connection, rework, change)
    return store.get(connection, rework.id)


def _require_endable(connection: Connection, rework: Rework) -> None:
    require_open(rework)
    serial = serials.get(connection, rework.serial_number)
    here = serial.current_process == rework.original_process
    is_on_machine = here and SerialStatus.IN_PROCESS in {serial.status, serial.held_from}
    require_idle(rework, is_on_machine=is_on_machine)


def _repeats(connection: Connection, rework: Rework) -> bool:
    serial = serials.get(connection, rework.serial_number)
    here = serial.current_process == rework.original_process
    return here and SerialStatus.REWORK in {serial.status, serial.held_from}


def _give_back(connection: Connection, rework: Rework, change: Change) -> None:
    if _repeats(connection, rework):
        serial = serials.get(connection, rework.serial_number)
        if serial.status is SerialStatus.HOLD:  # a person's hold stays until it is released
            raise Conflict(problem_of(Refusal.SERIAL_HOLD, {"serial": serial.serial_number}))
        serials.set_status(connection, serial, SerialStatus.DEFECTIVE, change)
    defects.give_back(connection, rework.id, change)


def _verify(connection: Connection, rework: Rework, change: Change) -> None:
    defect_id = defects.find_of_rework(connection, rework.id)
    if defect_id is None:
        return
    defect = defects.get(connection, defect_id)
    values = {"verified_by": change.by, "verified_at": change.at}
    defects.set_status(connection, defect.id, (defect.status, DefectAction.VERIFY), change, **values)
    quality.let_go(connection, defect, change)

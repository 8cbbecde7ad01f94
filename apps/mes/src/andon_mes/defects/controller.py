"""What a person does with a defect: read it, decide, write; each in the caller's one transaction."""

from dataclasses import dataclass
from typing import Any, assert_never

from andon_mes.defects import signature, store
from andon_mes.defects.decide import HOLDABLE, check_verification, decide_effect, decide_status
from andon_mes.defects.model import (
    Defect,
    DefectAction,
    Disposition,
    LetGo,
    MoveOn,
    NewDefect,
    Repair,
    Repeat,
    Scrap,
)
from andon_mes.defects.signature import Signer
from andon_mes.kernel.errors import Conflict, Forbidden, Problem, Words, invalid
from andon_mes.lots import store as lots
from andon_mes.processes import store as attempts
from andon_mes.processes.decide import decide_outcome
from andon_mes.processes.refusals import Refusal, problem_of
from andon_mes.reworks import store as reworks
from andon_mes.reworks.model import NewRework
from andon_mes.serials import store as serials
from andon_mes.serials.decide import decide_change
from andon_mes.serials.model import SerialAction, SerialStatus
from andon_mes.situations.store import Asked, find_subject
from andon_mes.store.engine import Connection
from andon_mes.store.history import Change


@dataclass(frozen=True, slots=True)
class Finding:
    """A defect that a person found, not an attempt: `holds` keeps its serial from going on."""

    serial_number: str
    process: str
    defect_code: str
    description: str | None
    holds: bool


@dataclass(frozen=True, slots=True)
class Choice:
    """What quality chose. `signer` signs a concession; `may_grant` lets the limits of rule 4 be passed."""

    disposition: Disposition
    signer: Signer | None = None
    may_grant: bool = False


def find(connection: Connection, finding: Finding, change: Change) -> Defect:
    """Open the defect, and hold the serial where that is wanted and possible.

    Raises: NotFound when the serial is none; Conflict (SERIAL_SCRAPPED) when it is scrap already;
        InvalidInput when process or defect code are none.
    """
    serial = serials.get(connection, finding.serial_number)
    if serial.status is SerialStatus.SCRAPPED:
        raise Conflict(problem_of(Refusal.SERIAL_SCRAPPED, {"serial": serial.serial_number}))
    process_id = store.find_process_id(connection, finding.process)
    if process_id is None:
        raise _unknown_process(finding.process)
    _require_code(connection, process_id, finding)
    failed = store.find_unclaimed_failure(connection, serial.id, process_id)
    new = NewDefect(serial.id, process_id, finding.defect_code, finding.description, failed)
    defect_id = store.open_defect(connection, new, change)
    defect = store.get(connection, defect_id)
    return contain(connection, defect, change) if finding.holds else defect


def contain(connection: Connection, defect: Defect, change: Change) -> Defect:
    """Keep the serial from going on; what is finished, held or gone already stays as it is.

    Raises: Conflict (DEFECT_STATE).
    """
    values = {"contained_by": change.by, "contained_at": change.at}
    store.set_status(connection, defect.id, (defect.status, DefectAction.CONTAIN), change, **values)
    serial = serials.get(connection, defect.serial_number)
    if serial.status in HOLDABLE:
        hold = Change(change.by, change.at, store.hold_reason(defect.id))
        serials.set_status(connection, serial, SerialStatus.HOLD, hold)
    return store.get(connection, defect.id)


def dispose(connection: Connection, defect: Defect, choice: Choice, change: Change) -> Defect:
    """Write what quality decided, and do it with the serial.

    Raises: Conflict as in decide.py; InvalidInput when a concession is not signed; Forbidden (GRANT_REFUSED)
        when only quality may let the serial be reworked again.
    """
    decide_status(defect.status, DefectAction.DISPOSITION)
    effect = decide_effect(choice.disposition, store.standing(connection, defect))
    values: dict[str, Any] = {
        "disposition": choice.disposition,
        "dispositioned_by": change.by,
        "dispositioned_at": change.at,
        "reason": change.reason,
    }
    if choice.disposition is Disposition.USE_AS_IS:
        if choice.signer is None:
            raise _unsigned()
        values["signature"] = signature.sign(defect, choice.signer, change.at)
    if isinstance(effect, Repeat | Repair):
        is_granted = isinstance(effect, Repeat) and effect.is_granted
        if is_granted and not choice.may_grant:
            raise _grant_refused()
        values["rework_id"] = _open_rework(connection, defect, is_granted=is_granted, change=change)
    store.set_status(connection, defect.id, (defect.status, DefectAction.DISPOSITION), change, **values)
    match effect:
        case Repeat():
            _move(connection, defect, SerialStatus.REWORK, change)
        case Repair():
            pass
        case MoveOn():
            _move_on(connection, defect, change)
        case LetGo():
            let_go(connection, defect, change)
        case Scrap():
            _scrap(connection, defect, change)
        case _:
            assert_never(effect)
    return store.get(connection, defect.id)


def verify(connection: Connection, defect: Defect, change: Change) -> Defect:
    """Write that the disposition was carried out and did what it should.

    Raises: Conflict, DEFECT_STATE or REWORK_NOT_PASSED.
    """
    decide_status(defect.status, DefectAction.VERIFY)
    has_passed = (
        defect.rework_id is not None
        and reworks.get(connection, defect.rework_id).final_result == "PASS"
        and not store.standing(connection, defect).at_process
    )
    check_verification(defect.disposition, rework_passed=has_passed)
    values = {"verified_by": change.by, "verified_at": change.at}
    store.set_status(connection, defect.id, (defect.status, DefectAction.VERIFY), change, **values)
    return store.get(connection, defect.id)


def close(connection: Connection, defect: Defect, change: Change) -> Defect:
    """Write that nobody needs to look at it again. Raises: Conflict (DEFECT_STATE)."""
    values = {"closed_by": change.by, "closed_at": change.at}
    store.set_status(connection, defect.id, (defect.status, DefectAction.CLOSE), change, **values)
    return store.get(connection, defect.id)


def let_go(connection: Connection, defect: Defect, change: Change) -> None:
    """Return the serial to where this defect held it; a hold of somebody else's stays."""
    serial = serials.get(connection, defect.serial_number)
    if serial.status is SerialStatus.HOLD and store.is_held_for(connection, defect):
        after = decide_change(serial.status, serial.held_from, SerialAction.RELEASE)
        serials.set_status(connection, serial, after, change)


def _open_rework(connection: Connection, defect: Defect, *, is_granted: bool, change: Change) -> int:
    new = NewRework(defect.serial_id, defect.process_id, defect.defect_code, is_granted=is_granted)
    return reworks.open_rework(connection, new, change)


def _move(connection: Connection, defect: Defect, after: SerialStatus, change: Change) -> None:
    serial = serials.get(connection, defect.serial_number)
    if serial.status is SerialStatus.HOLD and store.is_held_otherwise(connection, defect):
        serials.keep_held(connection, serial, after)
    else:
        serials.set_status(connection, serial, after, change)


def _move_on(connection: Connection, defect: Defect, change: Change) -> None:
    """Take the serial past the process at which it failed, as a pass would have."""
    subject = find_subject(connection, Asked(defect.serial_number, defect.process, change.at))
    if subject is None:
        return
    outcome = decide_outcome(subject.seen, defect.process, tries=1, passed=True)
    values = {
        "current_process": outcome.at_process,
        "is_defective": False,
        "completed_at": change.at if outcome.serial is SerialStatus.COMPLETED else None,
    }
    serial = serials.get(connection, defect.serial_number)
    if serial.status is SerialStatus.HOLD and store.is_held_otherwise(connection, defect):
        serials.keep_held(connection, serial, outcome.serial, **values)
        return
    values["held_from"] = None
    attempts.move_serial(connection, subject, outcome.serial, values, change)
    lots.close_when_complete(connection, defect.lot_id, change)


def _scrap(connection: Connection, defect: Defect, change: Change) -> None:
    serial = serials.get(connection, defect.serial_number)
    after = decide_change(serial.status, serial.held_from, SerialAction.SCRAP)
    serials.set_status(connection, serial, after, change)
    attempts.end_open_work(connection, serial.id, change.at)
    store.scrap_live(connection, serial.id, change)
    lots.close_when_complete(connection, serial.lot_id, change)


def _require_code(connection: Connection, process_id: int, finding: Finding) -> None:
    known = attempts.list_defect_codes(connection, process_id)
    if finding.defect_code not in known:
        listed = ", ".join(known) or "-"
        raise invalid(
            "defect_code",
            finding.defect_code,
            Words(
                f"{finding.process} has no such defect code", f"{finding.process} 공정의 불량 코드가 아닙니다"
            ),
            Words(f"Use one of: {listed}", f"다음 중 하나를 사용하세요: {listed}"),
            code="DEFECT_CODE_UNKNOWN",
        )


def _unknown_process(code: str) -> Exception:
    return invalid(
        "process_code",
        code,
        Words(f"There is no process {code!r}", f"공정 {code!r}이(가) 없습니다"),
        Words("Use a code of GET processes", "GET processes의 공정 코드를 사용하세요"),
        code="PROCESS_UNKNOWN",
    )


def _unsigned() -> Exception:
    return invalid(
        "signature",
        None,
        Words("Use as is needs an electronic signature", "특채에는 전자 서명이 필요합니다"),
        Words(
            "Send signature with your password, a meaning and a reason",
            "비밀번호, 의미, 사유를 담은 signature를 보내세요",
        ),
        code="SIGNATURE_REQUIRED",
    )


def _grant_refused() -> Exception:
    return Forbidden(
        Problem(
            "GRANT_REFUSED",
            Words(
                "Only quality may let it be reworked again", "추가 재작업은 품질 담당자만 승인할 수 있습니다"
            ),
            Words("The serial is past the limits of rework", "시리얼이 재작업 한도를 넘었습니다"),
            Words("Ask quality to disposition the defect", "품질 담당자에게 판정을 요청하세요"),
        )
    )

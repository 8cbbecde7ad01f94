"""The life of a defect, and what a disposition does with the serial (docs/design/mes.md, "Defects"). Pure."""

from typing import assert_never

from andon_mes.defects.model import (
    DefectAction,
    DefectEvent,
    DefectStatus,
    Disposition,
    Effect,
    LetGo,
    MoveOn,
    Repair,
    Repeat,
    Scrap,
    Standing,
)
from andon_mes.kernel.errors import Conflict, Problem, Words
from andon_mes.serials.model import SerialStatus

_NEXT: dict[DefectAction | DefectEvent, dict[DefectStatus, DefectStatus]] = {
    DefectAction.CONTAIN: {DefectStatus.OPEN: DefectStatus.CONTAINED},
    DefectAction.DISPOSITION: {DefectStatus.CONTAINED: DefectStatus.DISPOSITIONED},
    DefectAction.VERIFY: {DefectStatus.DISPOSITIONED: DefectStatus.VERIFIED},
    DefectAction.CLOSE: {DefectStatus.VERIFIED: DefectStatus.CLOSED},
    DefectEvent.RETURN: {DefectStatus.DISPOSITIONED: DefectStatus.CONTAINED},
    DefectEvent.SUPERSEDE: {
        DefectStatus.OPEN: DefectStatus.CLOSED,
        DefectStatus.CONTAINED: DefectStatus.CLOSED,
        DefectStatus.DISPOSITIONED: DefectStatus.CLOSED,
    },
}
HOLDABLE = frozenset(
    {
        SerialStatus.CREATED,
        SerialStatus.WAITING,
        SerialStatus.IN_PROCESS,
        SerialStatus.DEFECTIVE,
        SerialStatus.REWORK,
    }
)
"""A serial of one of these can still be kept from going on."""

_GONE = frozenset({SerialStatus.SCRAPPED, SerialStatus.SHIPPED})


def decide_status(status: DefectStatus, what: DefectAction | DefectEvent) -> DefectStatus:
    """The defect's next status.

    Raises: Conflict (DEFECT_STATE) when the status does not allow it.
    """
    after = _NEXT[what].get(status)
    if after is not None:
        return after
    possible = ", ".join(each.value for each in DefectAction if status in _NEXT[each]) or "-"
    raise Conflict(
        Problem(
            "DEFECT_STATE",
            Words("The defect's state does not allow this", "불량 상태에서 할 수 없는 작업입니다"),
            Words(f"The defect is {status}; it cannot {what}", f"불량 상태: {status}. 작업 불가: {what}"),
            Words(f"From here it can: {possible}", f"지금 가능한 작업: {possible}"),
        )
    )


def decide_effect(chosen: Disposition, seen: Standing) -> Effect:
    """What `chosen` does with the serial.

    Raises: Conflict, SERIAL_STATE when the serial is on a machine or gone, REWORK_OPEN when it already
        waits for a rework.
    """
    if seen.serial in _GONE or seen.serial is SerialStatus.IN_PROCESS:
        raise _serial_state(seen.serial, chosen)
    match chosen:
        case Disposition.SCRAP:
            return Scrap()
        case Disposition.USE_AS_IS:
            return MoveOn() if seen.at_process else LetGo()
        case Disposition.REWORK:
            return _decide_rework(seen)
        case _:
            assert_never(chosen)


def check_verification(disposition: Disposition | None, *, rework_passed: bool) -> None:
    """Let a person verify; a rework is verified by what passed, not by a word.

    Raises: Conflict (REWORK_NOT_PASSED).
    """
    if disposition is Disposition.REWORK and not rework_passed:
        raise Conflict(
            Problem(
                "REWORK_NOT_PASSED",
                Words("The rework has not passed", "재작업이 합격하지 않았습니다"),
                Words(
                    "A defect that is reworked is verified when its rework passes",
                    "재작업 불량은 재작업이 합격해야 확인됩니다",
                ),
                Words("Complete the rework first", "먼저 재작업을 완료하세요"),
            )
        )


def _decide_rework(seen: Standing) -> Effect:
    if SerialStatus.REWORK in {seen.serial, seen.held_from}:
        raise Conflict(
            Problem(
                "REWORK_OPEN",
                Words("A rework is open already", "이미 진행 중인 재작업이 있습니다"),
                Words("The serial waits for its rework", "시리얼이 재작업을 기다리고 있습니다"),
                Words("Complete or cancel that rework first", "먼저 해당 재작업을 완료하거나 취소하세요"),
            )
        )
    return Repeat(seen.is_past_limit) if seen.at_process else Repair()


def _serial_state(serial: SerialStatus, chosen: Disposition) -> Conflict:
    return Conflict(
        Problem(
            "SERIAL_STATE",
            Words("The serial's state does not allow this", "시리얼 상태에서 할 수 없는 작업입니다"),
            Words(
                f"The serial is {serial}; {chosen} cannot be done with it",
                f"시리얼 상태: {serial}. 판정 불가: {chosen}",
            ),
            Words(
                "Complete the open attempt first; what is scrapped or shipped stays so",
                "진행 중인 작업을 먼저 완료하세요. 폐기·출하된 시리얼은 바꿀 수 없습니다",
            ),
        )
    )

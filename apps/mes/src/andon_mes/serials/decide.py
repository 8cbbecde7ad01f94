"""What a person's action makes of a serial, and how many serials a lot may still have."""

from andon_mes.kernel.errors import Conflict, Problem, Words
from andon_mes.lots.model import LotStatus
from andon_mes.serials.model import SerialAction, SerialStatus

_FINAL = frozenset({SerialStatus.COMPLETED, SerialStatus.SHIPPED, SerialStatus.SCRAPPED})
_GONE = frozenset({SerialStatus.SHIPPED, SerialStatus.SCRAPPED})
NEEDS_REASON = frozenset({SerialAction.HOLD, SerialAction.SCRAP})
"""What a person must give a reason for; it goes on the history."""

_LIVE_LOTS = frozenset({LotStatus.DRAFT, LotStatus.RELEASED, LotStatus.IN_PROGRESS})


def decide_change(status: SerialStatus, held_from: SerialStatus | None, action: SerialAction) -> SerialStatus:
    """The serial's next status. Releasing returns it to where it was. What is held may be held once more.

    What is finished may be held before it is shipped; nothing returns from scrap or from the customer.

    Raises: Conflict (SERIAL_STATE) when the status does not allow the action.
    """
    if action is SerialAction.SCRAP and status not in _FINAL | {SerialStatus.IN_PROCESS}:
        return SerialStatus.SCRAPPED
    if action is SerialAction.HOLD and status not in _GONE:
        return SerialStatus.HOLD
    if action is SerialAction.SHIP and status is SerialStatus.COMPLETED:
        return SerialStatus.SHIPPED
    if action is SerialAction.RELEASE and status is SerialStatus.HOLD and held_from is not None:
        return held_from
    raise Conflict(
        Problem(
            "SERIAL_STATE",
            Words("The serial's state does not allow this", "시리얼 상태에서 할 수 없는 작업입니다"),
            Words(
                f"The serial is {status}; it cannot {action}", f"시리얼 상태: {status}. 작업 불가: {action}"
            ),
            Words(
                "Complete what is open, or release the hold; what is scrapped or shipped stays so",
                "진행 중인 작업을 완료하거나 보류를 해제하세요. 폐기·출하된 것은 되돌릴 수 없습니다",
            ),
        )
    )


def check_room(status: LotStatus, target: int, generated: int, wanted: int) -> None:
    """Let `wanted` more serials be generated, or say why not.

    Raises: Conflict, LOT_STATE when the lot is held or over, LOT_FULL when its target would be passed.
    """
    if status not in _LIVE_LOTS:
        raise Conflict(
            Problem(
                "LOT_STATE",
                Words("The lot takes no more serials", "이 로트에는 시리얼을 더 만들 수 없습니다"),
                Words(f"The lot is {status}", f"로트 상태: {status}"),
                Words("Release the hold, or use another lot", "보류를 해제하거나 다른 로트를 사용하세요")
                if status is LotStatus.HOLD
                else Words("Use another lot", "다른 로트를 사용하세요"),
            )
        )
    if generated + wanted > target:
        room = target - generated
        full = Words(
            "The lot has all its serials; make another lot",
            "시리얼이 모두 생성되었습니다. 다른 로트를 만드세요",
        )
        raise Conflict(
            Problem(
                "LOT_FULL",
                Words("The lot's target would be passed", "로트 목표 수량을 초과합니다"),
                Words(
                    f"{generated} of {target} serials exist; asked for: {wanted} more",
                    f"{target}개 중 {generated}개 생성됨, 추가 요청 {wanted}개",
                ),
                Words(f"Ask for at most {room}", f"최대 {room}개까지 요청하세요") if room > 0 else full,
            )
        )

"""What a person's action makes of a lot, or why it cannot."""

from andon_mes.kernel.errors import Conflict, Problem, Words
from andon_mes.lots.model import LotAction, LotStatus

_STARTED = (LotStatus.RELEASED, LotStatus.IN_PROGRESS, LotStatus.CLOSING)
_ALLOWED: dict[LotAction, dict[LotStatus, LotStatus]] = {
    LotAction.RELEASE: {LotStatus.DRAFT: LotStatus.RELEASED},
    LotAction.HOLD: dict.fromkeys(_STARTED, LotStatus.HOLD),
    LotAction.CANCEL: dict.fromkeys((LotStatus.DRAFT, *_STARTED, LotStatus.HOLD), LotStatus.CANCELLED),
    LotAction.CLOSE: dict.fromkeys((LotStatus.RELEASED, LotStatus.IN_PROGRESS), LotStatus.CLOSING),
    LotAction.SHIP: {LotStatus.CLOSED: LotStatus.CLOSED},
}
NEEDS_REASON = frozenset({LotAction.HOLD, LotAction.CANCEL, LotAction.CLOSE})
"""What a person must give a reason for; it goes on the history."""


def may_close(status: LotStatus, *, generated: int, target: int) -> bool:
    """Whether a lot of which no serial is under way is complete.

    Not while it is held, a draft, or cancelled; nor before its last serial was made, unless it is closing.
    """
    if status is LotStatus.CLOSING:
        return True
    return status in {LotStatus.RELEASED, LotStatus.IN_PROGRESS} and generated >= target


def decide_change(status: LotStatus, held_from: LotStatus | None, action: LotAction) -> LotStatus:
    """The lot's next status. Releasing a held lot returns it to where it was.

    Raises: Conflict (LOT_STATE) when the status does not allow the action.
    """
    if action is LotAction.RELEASE and status is LotStatus.HOLD:
        return held_from or LotStatus.RELEASED
    after = _ALLOWED[action].get(status)
    if after is not None:
        return after
    possible = [each.value for each in LotAction if status in _ALLOWED[each]]
    if status is LotStatus.HOLD:
        possible.append(LotAction.RELEASE.value)
    listed = ", ".join(possible) or "-"
    raise Conflict(
        Problem(
            "LOT_STATE",
            Words("The lot's state does not allow this", "로트 상태에서 할 수 없는 작업입니다"),
            Words(f"The lot is {status}; it cannot {action}", f"로트 상태: {status}. 작업 불가: {action}"),
            Words(f"From here it can: {listed}", f"지금 가능한 작업: {listed}"),
        )
    )

"""What a signal of a control chart is."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from andon_mes.kernel.errors import Conflict, Problem, Words


class OnSignal(StrEnum):
    """What a signal does beside being shown."""

    CALL = "call"
    HOLD = "hold"


class HoldAction(StrEnum):
    """What a person may do with a process."""

    HOLD = "hold"
    RELEASE = "release"


@dataclass(frozen=True, slots=True)
class NewSignal:
    """A signal that is to be raised. `key` says what it is of, so that it is raised once, whoever finds it.

    `points` is what it is made of: subgroups or shifts, values, limits. `made_at` is when its last point was.
    """

    key: str
    process_id: int
    rule: str
    chart: str
    points: dict[str, Any]
    characteristic_id: int | None = None
    model_id: int | None = None
    attempt_id: int | None = None
    made_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Signal:
    """A signal as it is stored."""

    id: int
    process: str
    characteristic: str | None
    product_model: str | None
    process_data_id: int | None
    rule: str
    chart: str
    points: dict[str, Any]
    raised_at: datetime
    acknowledged_by: str | None
    acknowledged_at: datetime | None
    cause: str | None


def require_unacknowledged(signal: Signal) -> None:
    """Let a person say the cause. Raises: Conflict (SIGNAL_ACKNOWLEDGED) when one has."""
    if signal.acknowledged_at is not None:
        raise Conflict(
            Problem(
                "SIGNAL_ACKNOWLEDGED",
                Words("The signal's cause is known already", "이미 원인이 등록된 신호입니다"),
                Words(
                    f"{signal.acknowledged_by} said: {signal.cause}",
                    f"{signal.acknowledged_by} 등록: {signal.cause}",
                ),
                Words("Read its cause", "등록된 원인을 확인하세요"),
            )
        )


def require_change(action: HoldAction, reason_held: str | None) -> None:
    """Let a person hold or release a process. Raises: Conflict (PROCESS_STATE) when it already is so."""
    is_held = reason_held is not None
    if is_held == (action is HoldAction.HOLD):
        raise Conflict(
            Problem(
                "PROCESS_STATE",
                Words("The process is so already", "공정이 이미 그 상태입니다"),
                Words(
                    f"It is held: {reason_held}" if is_held else "It is not held",
                    f"보류 중: {reason_held}" if is_held else "보류 중이 아닙니다",
                ),
                Words(
                    "Release it first to hold it for another reason"
                    if is_held
                    else "Nothing needs to be done",
                    "다른 사유로 보류하려면 먼저 해제하세요" if is_held else "조치할 것이 없습니다",
                ),
            )
        )

"""What a rework is, and how it may end."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from andon_mes.kernel.errors import Conflict, Problem, Words


class ReworkStatus(StrEnum):
    """Where a rework is. How a completed one ended is its `final_result`."""

    OPEN = "OPEN"
    COMPLETED = "COMPLETED"
    CANCELLED = "CANCELLED"


class ReworkResult(StrEnum):
    """How a rework ended."""

    PASS = "PASS"  # noqa: S105  a result of an inspection
    FAIL = "FAIL"
    CANCELLED = "CANCELLED"
    SCRAPPED = "SCRAPPED"


class ReworkAction(StrEnum):
    """What a person may do with a rework."""

    COMPLETE = "complete"
    CANCEL = "cancel"


@dataclass(frozen=True, slots=True)
class NewRework:
    """A rework to be opened; `is_granted` when it is past the limits of rule 4."""

    serial_id: int
    process_id: int
    defect_code: str
    is_granted: bool = False


@dataclass(frozen=True, slots=True)
class Rework:
    """A rework as it is stored."""

    id: int
    serial_number: str
    lot_number: str
    process_id: int
    original_process: str
    defect_code: str
    reason: str | None
    started_at: datetime
    completed_at: datetime | None
    operator: str | None
    is_completed: bool
    is_granted: bool
    final_result: ReworkResult | None
    notes: str | None

    @property
    def status(self) -> ReworkStatus:
        """Where it is."""
        if not self.is_completed:
            return ReworkStatus.OPEN
        is_cancelled = self.final_result is ReworkResult.CANCELLED
        return ReworkStatus.CANCELLED if is_cancelled else ReworkStatus.COMPLETED


def require_open(rework: Rework) -> None:
    """Let a person end the rework. Raises: Conflict (REWORK_STATE) when it has ended already."""
    if rework.is_completed:
        raise Conflict(
            Problem(
                "REWORK_STATE",
                Words("The rework is over", "이미 끝난 재작업입니다"),
                Words(f"It ended as {rework.final_result}", f"결과: {rework.final_result}"),
                Words("Open another rework if the serial needs one", "필요하면 새 재작업을 등록하세요"),
            )
        )


def require_idle(rework: Rework, *, is_on_machine: bool) -> None:
    """Let a person end the rework. Raises: Conflict (REWORK_RUNNING) while its attempt is open."""
    if is_on_machine:
        raise Conflict(
            Problem(
                "REWORK_RUNNING",
                Words("The rework is being done", "재작업이 진행 중입니다"),
                Words(
                    f"An attempt at {rework.original_process} is open; its completion ends the rework",
                    f"{rework.original_process} 공정 작업이 진행 중이며 완료되면 재작업도 끝납니다",
                ),
                Words("Complete that attempt", "해당 작업을 완료하세요"),
            )
        )

"""What is recalled, what becomes of each unit that contains it, and a recall as it is kept."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple, assert_never

from andon_mes.kernel.errors import Conflict, Problem, Words
from andon_mes.serials.model import SerialStatus

END_RECALL = ("defect", "update")
"""What ending a recall needs, and releasing what an open one names: the right to decide on defects."""


class Outcome(StrEnum):
    """What a recall does with a unit. A finished one is held, too: it is still in the house.

    Who only looks is told WOULD_BE_HELD where a recall would write HELD; that one is never stored.
    """

    WOULD_BE_HELD = "WOULD_BE_HELD"
    HELD = "HELD"
    ALREADY_HELD = "ALREADY_HELD"
    SHIPPED = "SHIPPED"
    SCRAPPED = "SCRAPPED"


@dataclass(frozen=True, slots=True)
class Target:
    """A component's serial or lot number, one of them; of `component` alone where it is named.

    A number of this MES's own - a serial, a lot - is found as well: that serial, the serials of that lot.
    """

    component_serial: str | None = None
    component_lot: str | None = None
    component: str | None = None


@dataclass(frozen=True, slots=True)
class Recall:
    """A recall as it is kept. Until it is ended, what it names goes into no product."""

    id: int
    number: str
    target: Target
    reason: str
    opened_by: str
    opened_at: datetime
    ended_by: str | None
    ended_at: datetime | None
    end_reason: str | None


class Unit(NamedTuple):
    """A serial that contains what is recalled, at any depth: where it was when it was found, and is now.

    A tuple, as there are ten thousand of them. `outcome` is an Outcome.
    """

    serial_number: str
    lot_number: str
    found_status: str
    status: str
    outcome: str
    shipped_at: datetime | None


def number_of(sequence: int) -> str:
    """The recall's number; it stands in the reason of every hold that it makes."""
    return f"RC-{sequence:06d}"


def outcome_of(status: SerialStatus) -> Outcome:
    """What a recall does with a unit in this status."""
    match status:
        case SerialStatus.SHIPPED:
            return Outcome.SHIPPED
        case SerialStatus.SCRAPPED:
            return Outcome.SCRAPPED
        case SerialStatus.HOLD:
            return Outcome.ALREADY_HELD
        case (
            SerialStatus.CREATED
            | SerialStatus.WAITING
            | SerialStatus.IN_PROCESS
            | SerialStatus.COMPLETED
            | SerialStatus.DEFECTIVE
            | SerialStatus.REWORK
        ):
            return Outcome.HELD
        case _:
            assert_never(status)


def look_of(status: SerialStatus) -> Outcome:
    """What a recall would do with a unit in this status; so far, nothing was done."""
    outcome = outcome_of(status)
    return Outcome.WOULD_BE_HELD if outcome is Outcome.HELD else outcome


def require_unrecalled(serial_number: str, number: str | None) -> None:
    """Raises: Conflict (RECALL_OPEN) when an open recall, of that `number`, names the serial."""
    if number is not None:
        raise Conflict(
            Problem(
                "RECALL_OPEN",
                Words("The serial is recalled", "리콜 대상 시리얼입니다"),
                Words(
                    f"The open recall {number} names {serial_number}",
                    f"진행 중인 리콜 {number}에 {serial_number}이(가) 포함되어 있습니다",
                ),
                Words(
                    "Ask quality to release it, or to end the recall; only then is it shipped",
                    "품질 담당자에게 보류 해제 또는 리콜 종료를 요청하세요. 출하는 리콜이 끝난 후 가능합니다",
                ),
            )
        )


def require_open(recall: Recall) -> None:
    """Raises: Conflict (RECALL_ENDED) when the recall is over."""
    if recall.ended_at is not None:
        raise Conflict(
            Problem(
                "RECALL_ENDED",
                Words("The recall is over", "이미 종료된 리콜입니다"),
                Words(
                    f"{recall.number} was ended by {recall.ended_by}",
                    f"{recall.number}은(는) {recall.ended_by}이(가) 종료했습니다",
                ),
                Words("Open another one where it is needed", "필요하면 새 리콜을 등록하세요"),
            )
        )

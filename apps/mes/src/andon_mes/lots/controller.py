"""What a person does with a lot: read it, decide, write; in the caller's one transaction."""

from typing import assert_never

from andon_mes.kernel.errors import Conflict, Problem, Words
from andon_mes.lots import store
from andon_mes.lots.decide import decide_change
from andon_mes.lots.model import Lot, LotAction
from andon_mes.processes import store as attempts
from andon_mes.serials import store as serials
from andon_mes.store.engine import Connection
from andon_mes.store.history import Change


def change_status(connection: Connection, lot: Lot, action: LotAction, change: Change) -> None:
    """Release, hold, close, cancel or ship a lot, and do with its serials what follows.

    Raises: Conflict, LOT_STATE when its status does not allow it, NOTHING_TO_SHIP.
    """
    after = decide_change(lot.status, lot.held_from, action)
    if after is not lot.status:
        store.set_status(connection, lot, after, change)
    match action:
        case LotAction.RELEASE | LotAction.HOLD:
            pass
        case LotAction.CLOSE:
            serials.void_unbegun(connection, lot.id, change)
        case LotAction.CANCEL:
            serials.void_unbegun(connection, lot.id, change)
            attempts.abort_open_of_lot(connection, lot.id, change.at)
            serials.hold_unfinished(connection, lot.id, change)
        case LotAction.SHIP:
            if serials.ship_finished(connection, lot.id, change) == 0:
                raise _nothing_to_ship(lot)
        case _:
            assert_never(action)
    store.close_when_complete(connection, lot.id, change)


def _nothing_to_ship(lot: Lot) -> Conflict:
    return Conflict(
        Problem(
            "NOTHING_TO_SHIP",
            Words("Nothing of the lot can be shipped", "출하할 제품이 없습니다"),
            Words(
                f"Lot {lot.lot_number} has no finished serial that is not held, recalled or shipped",
                f"로트 {lot.lot_number}에 출하 가능한 완료 시리얼이 없습니다",
            ),
            Words(
                "Release what is held, end the recall, or look at the lot",
                "보류를 해제하거나 리콜을 종료하거나 로트를 확인하세요",
            ),
        )
    )

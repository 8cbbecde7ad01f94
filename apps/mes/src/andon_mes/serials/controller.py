"""What a person does with a serial: read it, decide, write; in the caller's one transaction."""

from andon_mes.defects import store as defects
from andon_mes.kernel.errors import Conflict
from andon_mes.lots import store as lots
from andon_mes.lots.model import LotStatus
from andon_mes.processes import store as attempts
from andon_mes.processes.refusals import Refusal, problem_of
from andon_mes.recalls import store as recalls
from andon_mes.recalls.model import require_unrecalled
from andon_mes.serials import store
from andon_mes.serials.decide import decide_change
from andon_mes.serials.model import Serial, SerialAction, SerialStatus
from andon_mes.store.engine import Connection
from andon_mes.store.history import Change


def change_status(
    connection: Connection, number: str, action: SerialAction, change: Change, *, may_end_recall: bool = False
) -> None:
    """Hold a serial, release it to where it was, scrap it, or ship it.

    Raises: NotFound; Conflict, SERIAL_STATE when its status does not allow it, LOT_HOLD when it would be
        shipped out of a held lot, RECALL_OPEN when an open recall names it: then it is not shipped, and
        released only by who may end recalls.
    """
    serial = store.get(connection, number)
    after = next_status(connection, serial, action, may_end_recall=may_end_recall)
    store.set_status(connection, serial, after, change)
    if after is SerialStatus.SCRAPPED:
        attempts.end_open_work(connection, serial.id, change.at)
        defects.scrap_live(connection, serial.id, change)
    if after in {SerialStatus.SCRAPPED, SerialStatus.COMPLETED}:
        lots.close_when_complete(connection, serial.lot_id, change)


def next_status(
    connection: Connection, serial: Serial, action: SerialAction, *, may_end_recall: bool
) -> SerialStatus:
    """What the action would make of the serial. Raises: Conflict as `change_status` does."""
    after = decide_change(serial.status, serial.held_from, action)
    if action is SerialAction.SHIP or (action is SerialAction.RELEASE and not may_end_recall):
        require_unrecalled(serial.serial_number, recalls.find_open_of(connection, serial.id))
    if after is SerialStatus.SHIPPED:
        lot = lots.get_by_id(connection, serial.lot_id)
        if lot.status is LotStatus.HOLD:
            raise Conflict(problem_of(Refusal.LOT_HOLD, {"lot": lot.lot_number}))
    return after

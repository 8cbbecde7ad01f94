"""What a person does with a serial: read it, decide, write; in the caller's one transaction."""

from andon_mes.defects import store as defects
from andon_mes.kernel.errors import Conflict
from andon_mes.lots import store as lots
from andon_mes.lots.model import LotStatus
from andon_mes.processes import store as attempts
from andon_mes.processes.refusals import Refusal, problem_of
from andon_mes.serials import store
from andon_mes.serials.decide import decide_change
from andon_mes.serials.model import SerialAction, SerialStatus
from andon_mes.store.engine import Connection
from andon_mes.store.history import Change


def change_status(connection: Connection, number: str, action: SerialAction, change: Change) -> None:
    """Hold a serial, release it to where it was, scrap it, or ship it.

    Raises: NotFound; Conflict, SERIAL_STATE when its status does not allow it, LOT_HOLD when it would be
        shipped out of a held lot.
    """
    serial = store.get(connection, number)
    after = decide_change(serial.status, serial.held_from, action)
    if after is SerialStatus.SHIPPED:
        lot = lots.get_by_id(connection, serial.lot_id)
        if lot.status is LotStatus.HOLD:
            raise Conflict(problem_of(Refusal.LOT_HOLD, {"lot": lot.lot_number}))
    store.set_status(connection, serial, after, change)
    if after is SerialStatus.SCRAPPED:
        attempts.end_open_work(connection, serial.id, change.at)
        defects.scrap_live(connection, serial.id, change)
    if after in {SerialStatus.SCRAPPED, SerialStatus.COMPLETED}:
        lots.close_when_complete(connection, serial.lot_id, change)

"""Record a state or a calibration of a piece of equipment: read, decide, write; one transaction each."""

from datetime import datetime
from typing import assert_never

from andon_mes.equipment import store
from andon_mes.equipment.decide import Begin, Nothing, check_calibration, decide_state, due_after
from andon_mes.equipment.model import Calibration, Equipment, StateReport
from andon_mes.store.engine import Connection


def report_state(connection: Connection, code: str, report: StateReport, now: datetime) -> Equipment:
    """Write the state that `report` says, at its own time; one that it was in already changes nothing.

    Raises: NotFound; InvalidInput when it is of a time that has not come.
    """
    known = store.get(connection, code)
    store.lock(connection, known.id)
    decision = decide_state(store.spans_around(connection, known.id, report.at), report, now)
    match decision:
        case Nothing():
            return known
        case Begin(ends, until):
            store.begin_state(connection, known.id, report, ends, until)
        case _:
            assert_never(decision)
    return store.get(connection, code)


def calibrate(connection: Connection, code: str, made: Calibration, now: datetime) -> Equipment:
    """Record a calibration; the equipment's next is due when the latest of them says.

    Raises: NotFound; InvalidInput when the calibration cannot be.
    """
    check_calibration(made, now)
    known = store.get(connection, code)
    store.lock(connection, known.id)
    store.add_calibration(connection, known.id, made)
    store.set_due(connection, known.id, due_after(store.list_calibrations(connection, known.id)))
    return store.get(connection, code)

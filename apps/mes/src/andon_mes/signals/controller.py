"""Raise a signal once, with what follows from it, in the caller's one transaction."""

from datetime import datetime

from andon_mes.calls import store as calls
from andon_mes.calls.model import CallKind, NewCall
from andon_mes.signals import store
from andon_mes.signals.model import (
    HoldAction,
    NewSignal,
    OnSignal,
    Signal,
    require_change,
    require_unacknowledged,
)
from andon_mes.signals.store import Held
from andon_mes.store.actor import SYSTEM
from andon_mes.store.engine import Connection
from andon_mes.store.history import Change


def raise_signal(
    connection: Connection, new: NewSignal, follows: OnSignal | None, *, about: str, at: datetime
) -> bool:
    """Write the signal, and hold its process or call quality; nothing when it was raised before.

    `about` is the sentence that who is held or called reads.
    """
    if not store.add(connection, new, at):
        return False
    change = Change(SYSTEM.name, at, about)
    match follows:
        case OnSignal.HOLD:
            store.hold_process(connection, new.process_id, change)
        case OnSignal.CALL:
            call = NewCall(CallKind.QUALITY, new.process_id, message=about)
            calls.raise_call(connection, call, change)
        case None:
            pass
    return True


def acknowledge(connection: Connection, signal_id: int, change: Change) -> Signal:
    """Say what caused the signal. Raises: NotFound; Conflict (SIGNAL_ACKNOWLEDGED)."""
    require_unacknowledged(store.get(connection, signal_id))
    store.acknowledge(connection, signal_id, change)
    return store.get(connection, signal_id)


def change_hold(connection: Connection, held: Held, action: HoldAction, change: Change) -> Held:
    """Hold the process, or let it start again. Raises: Conflict (PROCESS_STATE)."""
    require_change(action, held.reason)
    match action:
        case HoldAction.HOLD:
            store.hold_process(connection, held.id, change)
        case HoldAction.RELEASE:
            store.release_process(connection, held.id, change)
    after = store.find_held(connection, held.process)
    assert after is not None
    return after

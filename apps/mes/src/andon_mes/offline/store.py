"""What the events from offline ask of the database beyond the others. Inside the caller's transaction."""

import sqlalchemy as sa

from andon_mes.offline.model import OFFLINE_ROUTE_VIOLATION, OFFLINE_STILL_HELD, Standing
from andon_mes.processes.model import AttemptStatus
from andon_mes.serials import store as serials
from andon_mes.store.schema import process_data

_OURS = (OFFLINE_ROUTE_VIOLATION, OFFLINE_STILL_HELD)


def is_held_offline(connection: sa.Connection, serial_id: int) -> bool:
    """Whether the serial is held by events from offline alone: a recall that joined their hold keeps it."""
    reasons = serials.list_hold_reasons(connection, serial_id)
    return bool(reasons) and all(each.startswith(_OURS) for each in reasons)


def forgive(connection: sa.Connection, standing: Standing) -> None:
    """Write that attempts violate nothing any more, and which of them are open now."""
    if standing.explained:
        chosen = process_data.c.id.in_(standing.explained)
        connection.execute(sa.update(process_data).where(chosen).values(violation=None))
    if standing.reopened:
        chosen = process_data.c.id.in_(standing.reopened)
        connection.execute(sa.update(process_data).where(chosen).values(status=AttemptStatus.IN_PROGRESS))

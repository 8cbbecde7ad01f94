"""What the events from offline ask of the database beyond the others. Inside the caller's transaction."""

import sqlalchemy as sa

from andon_mes.offline.model import OFFLINE_ROUTE_VIOLATION, Standing
from andon_mes.processes.model import AttemptStatus
from andon_mes.serials.model import SerialStatus
from andon_mes.store.schema import process_data, status_history

_LAST_HOLD = (
    sa.select(status_history.c.reason)
    .where(
        status_history.c.entity_type == "serial",
        status_history.c.entity_id == sa.bindparam("serial_id"),
        status_history.c.new_status == SerialStatus.HOLD,
        status_history.c.old_status != SerialStatus.HOLD,
    )
    .order_by(status_history.c.id.desc())
    .limit(1)
)


def is_held_offline(connection: sa.Connection, serial_id: int) -> bool:
    """Whether the last hold of the serial was brought about by an event from offline."""
    reason = connection.scalar(_LAST_HOLD, {"serial_id": serial_id})
    return (reason or "").startswith(OFFLINE_ROUTE_VIOLATION)


def forgive(connection: sa.Connection, standing: Standing) -> None:
    """Write that attempts violate nothing any more, and which of them are open now."""
    if standing.explained:
        chosen = process_data.c.id.in_(standing.explained)
        connection.execute(sa.update(process_data).where(chosen).values(violation=None))
    if standing.reopened:
        chosen = process_data.c.id.in_(standing.reopened)
        connection.execute(sa.update(process_data).where(chosen).values(status=AttemptStatus.IN_PROGRESS))

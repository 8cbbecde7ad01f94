"""The history of states: every change of a lot or a serial, written in the transaction that makes it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from andon_mes.store.later import later
from andon_mes.store.schema import status_history

_INSERT = sa.insert(status_history).inline()


@dataclass(frozen=True, slots=True)
class Change:
    """Who changed the state, when, and why. `by` is the operator's badge or the person's name."""

    by: str | None
    at: datetime
    reason: str | None = None


def record(
    connection: sa.Connection, entity: str, entity_id: int, states: tuple[str | None, str], change: Change
) -> None:
    """Write that `entity` ("lot" or "serial") went from the first to the second of `states`."""
    later(connection, _INSERT, row(entity, entity_id, states, change))


def row(entity: str, entity_id: int, states: tuple[str | None, str], change: Change) -> dict[str, Any]:
    """The row that `record` writes, for who writes many at once."""
    return {
        "entity_type": entity,
        "entity_id": entity_id,
        "old_status": states[0],
        "new_status": states[1],
        "changed_by": change.by,
        "changed_at": change.at,
        "reason": change.reason,
    }

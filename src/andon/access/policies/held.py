"""Holds the rows of policies against the records that told of them, by the rule of signatures/held.py."""

from typing import Any

from andon.access.policies import store
from andon.access.signatures.held import Kept, differences
from andon.store.engine import Database
from andon.timeline.records import Record
from andon.timeline.walk import Finding


async def policies(database: Database) -> list[Finding]:
    """What is wrong with the rows of policies."""
    return await differences(
        database, Kept("policy", store.CHANGED, _told, store.PolicyStore(database).contents)
    )


def _told(record: Record) -> tuple[str, Any]:
    event = record.event
    name = f"{event.after.get('environment')}, version {event.after.get('version')}"
    return name, {"after": dict(event.after), "actor": event.actor}

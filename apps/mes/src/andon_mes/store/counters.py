"""Counter rows: numbers without gaps among what is committed, in the order of the commits."""

import sqlalchemy as sa

from andon_mes.store.schema import counters

_NEXT = sa.text(
    "insert into counters (name, value) values (:name, 1) "
    "on conflict (name) do update set value = counters.value + 1 returning value"
)


def next_value(connection: sa.Connection, name: str) -> int:
    """The next number of the counter `name`, from 1. It is taken only if the transaction commits."""
    value: int = connection.execute(_NEXT, {"name": name}).scalar_one()
    return value


def current_value(connection: sa.Connection, name: str) -> int:
    """The number taken last; 0 before the first."""
    found = connection.execute(
        sa.select(counters.c.value).where(counters.c.name == name)
    ).scalar_one_or_none()
    return found or 0

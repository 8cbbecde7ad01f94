"""The order in which completions were committed, so that evidence reads each of them once.

SQLite has one writer: a counter row numbers them. On PostgreSQL writers commit beside each other, and a
counter row would make them queue. There the number is that of the transaction, and what is below the oldest
transaction that still runs is settled: nothing can appear there any more. Two functions of the database say
these (guards_postgresql.py); a database that was restored into another server begins behind what it had.
"""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles

from andon_mes.store import counters
from andon_mes.store.tables.columns import BigId

_COMPLETIONS = "completions"
_SETTLED = sa.text("select andon_mes_settled()")


class Place(sa.sql.expression.ColumnElement[int]):
    """The place of the completion that this transaction writes, as a value in its statement."""

    inherit_cache = True
    type = BigId


@compiles(Place, "sqlite")
def _counted(_element: Place, _compiler: Any, **_options: Any) -> str:
    return "(select value from counters where name = 'completions')"


@compiles(Place, "postgresql")
def _of_transaction(_element: Place, _compiler: Any, **_options: Any) -> str:
    return "andon_mes_place()"


def take_place(connection: sa.Connection) -> None:
    """Before a statement with `Place`."""
    if connection.dialect.name == "sqlite":
        counters.next_value(connection, _COMPLETIONS)


def settled_place(connection: sa.Connection) -> int:
    """The place up to which every completion is committed and seen by this transaction."""
    if connection.dialect.name == "sqlite":
        return counters.current_value(connection, _COMPLETIONS)
    settled: int = connection.execute(_SETTLED).scalar_one()
    return settled

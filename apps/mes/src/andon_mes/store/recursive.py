"""A help for recursive statements: what keeps SQLite from reading a whole table before it takes one step."""

from typing import Any

import sqlalchemy as sa


def tied(step: sa.ColumnElement[Any], column: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    """`column` of a table that is joined to a recursion, for a condition; `step` is the recursion's own key.

    Where statistics are there (ANALYZE) and a condition is on the joined table alone, SQLite makes a Bloom
    filter of all its rows first: 18 ms instead of 0.1 for a certificate at 40,000 serials. A condition that
    names the recursion's row, too, is asked row by row.
    """
    return sa.case((step.is_not(None), column))

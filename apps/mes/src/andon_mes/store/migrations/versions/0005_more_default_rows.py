"""The rows that a plant begins with: who may do what.

Each table is filled only while it is empty: what stands in it may be the plant's own.

Revision ID: 0005
"""

from collections.abc import Iterable, Mapping

import sqlalchemy as sa
from alembic import op

from andon_mes.access import rights

revision = "0005"
down_revision = "0004"


def _fill(table: str, rows: Iterable[Mapping[str, object]]) -> None:
    bind, filled = op.get_bind(), list(rows)
    target = sa.table(table, *map(sa.column, filled[0]))
    if not bind.execute(sa.select(sa.exists(sa.select(sa.text("1")).select_from(target)))).scalar():
        bind.execute(target.insert(), filled)


def upgrade() -> None:
    _fill(
        "permissions",
        (
            {"role": role.value, "resource": str(each.resource), "action": str(each.action)}
            for role, each in rights.rows()
        ),
    )


def downgrade() -> None:
    """Nothing: what stands in these tables may be the plant's own by now, and 0003 drops them."""

"""The rows that a plant begins with: who may do what, and what labels look like.

Each table is filled only while it is empty: what stands in it may be the plant's own.

Revision ID: 0005
"""

from collections.abc import Iterable, Mapping

import sqlalchemy as sa
from alembic import op

from andon_mes.access import rights

revision = "0005"
down_revision = "0004"


_SINCE = "2025-01-01 00:00:00.000000"
_ZPL = """^XA
^CI28
^PW480
^LL240
^FO24,24^A0N,34,34^FH^FD{serial}^FS
^FO24,70^A0N,30,30^FH^FD{checksum}^FS
^FO24,112^A0N,24,24^FH^FD{model}^FS
^FO24,146^A0N,22,22^FH^FD{lot}^FS
^FO24,178^A0N,22,22^FH^FD{date} {shift}^FS
^FO352,84^BXN,5,200^FH^FD{datamatrix}^FS
^XZ"""
_PDF = """{"width": 60, "height": 30, "elements": [
  {"text": "{serial}", "x": 3, "y": 6, "size": 10, "bold": true},
  {"text": "{checksum}", "x": 3, "y": 11, "size": 10, "bold": true},
  {"text": "{model} {model_name}", "x": 3, "y": 16, "size": 7, "width": 37},
  {"text": "{lot}", "x": 3, "y": 20.5, "size": 7, "width": 37},
  {"text": "{date} {shift}", "x": 3, "y": 25, "size": 7, "width": 37},
  {"datamatrix": "{datamatrix}", "x": 42, "y": 10, "side": 15}
]}"""
_LABELS = (
    ("SERIAL-ZPL", "Serial label, 60 x 30 mm, 203 dpi", "ZPL", _ZPL),
    ("SERIAL-PDF", "Serial label, 60 x 30 mm", "PDF", _PDF),
)


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

    _fill(
        "label_templates",
        (
            {
                "code": code,
                "name": name,
                "kind": kind,
                "body": body,
                "is_active": True,
                "created_at": _SINCE,
                "updated_at": _SINCE,
            }
            for code, name, kind, body in _LABELS
        ),
    )


def downgrade() -> None:
    """Nothing: what stands in these tables may be the plant's own by now, and 0003 drops them."""

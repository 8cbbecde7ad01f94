"""Templates and prints in the database. Every function works inside the caller's transaction."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from andon_mes.kernel.errors import NotFound, Problem, Words
from andon_mes.labels.model import LabelKind, Subject, Template
from andon_mes.lots import store as lots_store
from andon_mes.processes.refusals import Refusal, problem_of
from andon_mes.serials.model import SerialStatus
from andon_mes.store.schema import label_prints, label_templates, lots, product_models, serials

_TEMPLATE = (
    sa.select(
        label_templates.c.code,
        label_templates.c.kind,
        label_templates.c.body,
        product_models.c.code.label("product_model"),
    )
    .outerjoin(product_models, product_models.c.id == label_templates.c.product_model_id)
    .where(label_templates.c.code == sa.bindparam("code"), label_templates.c.is_active)
)
_COPIES = (
    sa.select(sa.func.count())
    .where(label_prints.c.serial_id == serials.c.id, label_prints.c.template_code == sa.bindparam("template"))
    .scalar_subquery()
)
_SUBJECTS = (
    sa.select(
        serials.c.id,
        serials.c.serial_number,
        serials.c.checksum,
        serials.c.sequence_in_lot,
        serials.c.status,
        lots.c.lot_number,
        lots.c.plant_code,
        lots.c.shift,
        lots.c.production_date,
        product_models.c.code,
        product_models.c.name,
        product_models.c.name_ko,
        _COPIES,
    )
    .select_from(serials.join(lots).join(product_models))
    .order_by(serials.c.sequence_in_lot)
)
_BY_NUMBER = _SUBJECTS.where(serials.c.serial_number == sa.bindparam("number"))
_BY_LOT = _SUBJECTS.where(
    lots.c.lot_number == sa.bindparam("number"), serials.c.status != SerialStatus.SCRAPPED
)
_PRINTS = (
    sa.select(label_prints)
    .join(serials, serials.c.id == label_prints.c.serial_id)
    .where(serials.c.serial_number == sa.bindparam("number"))
    .order_by(label_prints.c.id)
)
_LOCK = sa.select(serials.c.id).where(serials.c.serial_number == sa.bindparam("number")).with_for_update()


def get_template(connection: sa.Connection, code: str) -> Template:
    """The active template with this code. Raises: NotFound (LABEL_TEMPLATE_UNKNOWN)."""
    row = connection.execute(_TEMPLATE, {"code": code}).one_or_none()
    if row is None:
        known = ", ".join(
            connection.scalars(
                sa.select(label_templates.c.code)
                .where(label_templates.c.is_active)
                .order_by(label_templates.c.code)
                .limit(20)
            )
        )
        raise NotFound(
            Problem(
                "LABEL_TEMPLATE_UNKNOWN",
                Words("There is no such label template", "해당 라벨 서식이 없습니다"),
                Words(f"No template has the code {code!r}", f"라벨 서식 {code!r}을(를) 찾을 수 없습니다"),
                Words(f"Use one of: {known or '-'}", f"다음 중 하나를 사용하세요: {known or '-'}"),
            )
        )
    return Template(row.code, LabelKind(row.kind), row.body, row.product_model)


def get_subject(connection: sa.Connection, number: str, template: str) -> Subject:
    """What a label of this serial says. Raises: NotFound (SERIAL_UNKNOWN)."""
    row = connection.execute(_BY_NUMBER, {"number": number, "template": template}).one_or_none()
    if row is None:
        raise NotFound(problem_of(Refusal.SERIAL_UNKNOWN, {"serial": number}))
    return _subject(row)


def list_subjects(connection: sa.Connection, lot_number: str, template: str) -> list[Subject]:
    """What the labels of a lot say, in the order of its serials; what is scrapped gets none.

    Raises: NotFound (LOT_UNKNOWN).
    """
    lots_store.get(connection, lot_number)
    rows = connection.execute(_BY_LOT, {"number": lot_number, "template": template})
    return [_subject(row) for row in rows]


def lock(connection: sa.Connection, number: str) -> None:
    """Let nobody else print for this serial until the transaction ends."""
    connection.execute(_LOCK, {"number": number})


def insert_prints(connection: sa.Connection, prints: Sequence[dict[str, Any]]) -> None:
    """Write that labels were printed."""
    connection.execute(sa.insert(label_prints), list(prints))


def list_prints(connection: sa.Connection, number: str) -> list[dict[str, Any]]:
    """The labels that were printed for a serial, in their order."""
    return [dict(row) for row in connection.execute(_PRINTS, {"number": number}).mappings()]


def _subject(row: Any) -> Subject:
    return Subject(*row)

"""What the pages read that no domain gives: marks of what changed, and short lists for the eye.

Every function works inside the caller's transaction, and none writes.
"""

from typing import Any

import sqlalchemy as sa

from andon_mes.store.schema import (
    audit_log,
    calls,
    characteristics,
    data_schemas,
    defect_codes,
    defects,
    equipment,
    equipment_states,
    label_templates,
    lots,
    operators,
    plant_settings,
    process_data,
    processes,
    product_models,
    qualifications,
    serials,
    spc_signals,
    status_history,
)


def _mark(what: Any, *where: Any) -> sa.ScalarSelect[Any]:
    return sa.select(what).where(*where).scalar_subquery()


_TOPICS: dict[str, tuple[sa.ScalarSelect[Any], ...]] = {
    "production": (
        _mark(sa.func.max(status_history.c.id)),
        _mark(sa.func.max(process_data.c.id)),
        _mark(sa.func.max(process_data.c.completion_seq)),
        _mark(sa.func.max(audit_log.c.id)),  # priorities, notes, reworks
    ),
    "calls": (
        _mark(sa.func.max(calls.c.id)),
        _mark(sa.func.count(), calls.c.status == "RAISED"),
        _mark(sa.func.count(), calls.c.status == "ACKNOWLEDGED"),
    ),
    "equipment": (_mark(sa.func.max(equipment_states.c.id)), _mark(sa.func.max(equipment.c.updated_at))),
    "signals": (
        _mark(sa.func.max(spc_signals.c.id)),
        _mark(sa.func.count(), spc_signals.c.acknowledged_at.is_(None)),
    ),
    "configuration": (
        _mark(sa.func.max(plant_settings.c.updated_at)),
        *(
            _mark(sa.func.max(each.c.updated_at))
            for each in (processes, product_models, operators, equipment, label_templates, data_schemas)
        ),
        *(_mark(sa.func.count(), each.c.is_active) for each in (characteristics, defect_codes)),
        _mark(sa.func.max(qualifications.c.granted_at)),
    ),
    "defects": (
        _mark(sa.func.max(defects.c.id)),
        _mark(sa.func.max(defects.c.contained_at)),
        _mark(sa.func.max(defects.c.dispositioned_at)),
        _mark(sa.func.max(defects.c.verified_at)),
        _mark(sa.func.max(defects.c.closed_at)),
    ),
}
_MARKS = sa.select(
    *(each.label(f"{topic}_{at}") for topic, of in _TOPICS.items() for at, each in enumerate(of))
)
_OPEN_LOTS = (
    sa.select(
        lots.c.id,
        lots.c.lot_number,
        lots.c.status,
        lots.c.priority,
        lots.c.target_quantity,
        product_models.c.code.label("product_model"),
        sa.func.count(serials.c.id).label("generated"),
        sa.func.count(sa.case((serials.c.status.in_(["COMPLETED", "SHIPPED"]), 1))).label("actual"),
        # A serial that was never begun when its lot ended is void, and no scrap.
        sa.func.count(sa.case((sa.and_(serials.c.status == "SCRAPPED", serials.c.is_defective), 1))).label(
            "scrapped"
        ),
    )
    .select_from(lots.join(product_models).outerjoin(serials, serials.c.lot_id == lots.c.id))
    .where(lots.c.status.in_(["RELEASED", "IN_PROGRESS", "HOLD", "CLOSING"]))
    .group_by(lots.c.id, product_models.c.code)
    .order_by(
        sa.case({"URGENT": 0, "HIGH": 1, "NORMAL": 2}, value=lots.c.priority, else_=3), lots.c.created_at
    )
    .limit(50)
)
_TEMPLATES = (
    sa.select(label_templates.c.code, label_templates.c.name, label_templates.c.kind)
    .outerjoin(product_models, product_models.c.id == label_templates.c.product_model_id)
    .where(
        label_templates.c.is_active,
        sa.or_(label_templates.c.product_model_id.is_(None), product_models.c.code == sa.bindparam("model")),
    )
    .order_by(label_templates.c.product_model_id.is_(None), label_templates.c.code)
)
_HISTORY = (
    sa.select(status_history)
    .where(
        status_history.c.entity_type == sa.bindparam("type"), status_history.c.entity_id == sa.bindparam("id")
    )
    .order_by(status_history.c.id.desc())
)
_MODELS = sa.select(product_models).where(product_models.c.is_active).order_by(product_models.c.code)
_NEWEST = 1000
"""How many defects the chart is of."""
_DEFECTS_BY_STATUS = sa.select(defects.c.status, sa.func.count()).group_by(defects.c.status)
_newest_defects = sa.select(defects.c.defect_code).order_by(defects.c.id.desc()).limit(_NEWEST).subquery()
_DEFECTS_BY_CODE = sa.select(_newest_defects.c.defect_code, sa.func.count()).group_by(
    _newest_defects.c.defect_code
)
_CODES = sa.select(defect_codes)


def marks(connection: sa.Connection) -> dict[str, Any]:
    """By topic, what is different after every change of what the topic is about. One query."""
    row = connection.execute(_MARKS).one()
    values = iter(row)
    return {topic: tuple(next(values) for _ in of) for topic, of in _TOPICS.items()}


def history_of(connection: sa.Connection, entity: str, entity_id: int) -> list[dict[str, Any]]:
    """Every change of a lot's or serial's status, newest first."""
    return [dict(row) for row in connection.execute(_HISTORY, {"type": entity, "id": entity_id}).mappings()]


def list_models(connection: sa.Connection) -> list[dict[str, Any]]:
    """The product models in use."""
    return [dict(row) for row in connection.execute(_MODELS).mappings()]


def list_templates(connection: sa.Connection, product_model: str) -> list[tuple[str, str]]:
    """The codes and names of the label templates that a product model may use, its own first."""
    rows = connection.execute(_TEMPLATES, {"model": product_model})
    return [(row.code, f"{row.name} ({row.kind})") for row in rows]


def open_lots(connection: sa.Connection) -> list[dict[str, Any]]:
    """The lots on the line, the urgent and the old ones first."""
    return [dict(row) for row in connection.execute(_OPEN_LOTS).mappings()]


def count_defects(connection: sa.Connection) -> dict[str, int]:
    """By status, how many defects there are."""
    return {row[0]: row[1] for row in connection.execute(_DEFECTS_BY_STATUS)}


def defects_by_code(connection: sa.Connection) -> list[tuple[str, int]]:
    """By defect code, how many of the newest defects there are."""
    return [(row[0], row[1]) for row in connection.execute(_DEFECTS_BY_CODE)]


def names_of_defects(connection: sa.Connection) -> dict[str, dict[str, Any]]:
    """The defect codes with their names and severities."""
    return {row["code"]: dict(row) for row in connection.execute(_CODES).mappings()}

"""The contract out of the plant's rows."""

import sqlalchemy as sa

from andon_mes.processes.limits import Characteristic
from andon_mes.store.schema import characteristics, data_schemas, defect_codes, processes, product_models
from andon_mes.vendor.model import Contract, Terms

_PROCESSES = (
    sa.select(processes.c.id, processes.c.code, processes.c.name)
    .where(processes.c.is_active)
    .order_by(processes.c.sequence_order)
)
_DEFECTS = (
    sa.select(defect_codes.c.process_id, defect_codes.c.code)
    .where(defect_codes.c.is_active)
    .order_by(defect_codes.c.code)
)
_LIMITS = (
    sa.select(
        characteristics.c.process_id,
        characteristics.c.name,
        characteristics.c.unit,
        characteristics.c.lower,
        characteristics.c.upper,
        characteristics.c.defect_code,
    )
    .where(characteristics.c.is_active)
    .order_by(characteristics.c.id)
)
_SCHEMAS = (
    sa.select(data_schemas.c.process_id, data_schemas.c.document)
    .outerjoin(product_models)
    .where(data_schemas.c.is_active)
    .order_by(data_schemas.c.product_model_id.is_(None), data_schemas.c.id)
)


def contract(connection: sa.Connection, product_model: str | None = None) -> Contract:
    """What the plant demands now; of one product model where it is named, else of those that have no own."""
    defects: dict[int, list[str]] = {}
    for row in connection.execute(_DEFECTS):
        defects.setdefault(row.process_id, []).append(row.code)
    limits: dict[int, list[Characteristic]] = {}
    for process_id, *known in connection.execute(_LIMITS):
        limits.setdefault(process_id, []).append(Characteristic(*known))
    own = product_models.c.code == product_model if product_model else sa.false()
    schemas: dict[int, object] = {}
    for row in connection.execute(_SCHEMAS.where(sa.or_(data_schemas.c.product_model_id.is_(None), own))):
        schemas.setdefault(row.process_id, row.document)
    return Contract(
        tuple(
            Terms(
                row.code,
                row.name,
                tuple(defects.get(row.id, ())),
                tuple(limits.get(row.id, ())),
                schemas.get(row.id),  # type: ignore[arg-type]  # a JSON object, as it was checked when stored
            )
            for row in connection.execute(_PROCESSES)
        )
    )

"""The configured rows, as documents. Every function works inside the caller's transaction."""

import functools
import json
from typing import Any

import sqlalchemy as sa

from andon_mes.numbers.calendar import Calendar
from andon_mes.numbers.calendar_document import read_calendar
from andon_mes.store.schema import characteristics, defect_codes, plant_settings, processes

_PROCESSES = sa.select(
    processes.c.id,
    processes.c.code,
    processes.c.name,
    processes.c.sequence_order,
    processes.c.description,
    processes.c.standard_cycle_time,
    processes.c.is_active,
).order_by(processes.c.sequence_order)
_LIMITS = sa.select(
    characteristics.c.process_id,
    characteristics.c.name,
    characteristics.c.unit,
    characteristics.c.lower,
    characteristics.c.upper,
    characteristics.c.defect_code,
).order_by(characteristics.c.id)
_DEFECTS = (
    sa.select(
        defect_codes.c.code,
        defect_codes.c.name,
        processes.c.code.label("process"),
        defect_codes.c.severity,
        defect_codes.c.description,
        defect_codes.c.is_active,
    )
    .join(processes, processes.c.id == defect_codes.c.process_id)
    .order_by(defect_codes.c.code)
)
_SETTING = sa.select(plant_settings.c.document).where(plant_settings.c.name == sa.bindparam("name"))


def find_setting(connection: sa.Connection, name: str) -> Any | None:
    """The plant's document `name`; None where the plant has set none."""
    return connection.execute(_SETTING, {"name": name}).scalar_one_or_none()


def get_calendar(connection: sa.Connection, default: Calendar) -> Calendar:
    """The plant's calendar as this transaction sees it; `default` where the plant has configured none.

    It is asked for in the transaction that dates something by it, so that no instance ever uses an old one:
    one row by its key, and read anew only when it has changed.
    """
    document = find_setting(connection, "calendar")
    return default if document is None else _read(json.dumps(document))


@functools.lru_cache(maxsize=4)
def _read(document: str) -> Calendar:
    return read_calendar(json.loads(document))


def list_processes(connection: sa.Connection) -> list[dict[str, Any]]:
    """The processes in the order of the route, each with its `characteristics`: names, units and limits."""
    limits: dict[int, list[dict[str, Any]]] = {}
    for row in connection.execute(_LIMITS).mappings():
        known = dict(row)
        limits.setdefault(known.pop("process_id"), []).append(known)
    shown = []
    for row in connection.execute(_PROCESSES).mappings():
        process = dict(row)
        process["characteristics"] = limits.get(process.pop("id"), [])
        shown.append(process)
    return shown


def list_defect_codes(connection: sa.Connection) -> list[dict[str, Any]]:
    """The defect codes, each with the code of its process."""
    return [dict(row) for row in connection.execute(_DEFECTS).mappings()]

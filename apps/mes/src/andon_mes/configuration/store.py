"""The configured rows: read as a plant, written one by one. Every function works in the caller's transaction.

How a kind of row is stored follows from its shape: a column for each field, but for references, which are
kept as ids (`_IDS`) where a table has a foreign key.
"""

import functools
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from andon_mes.configuration.model import Key, Kind, Plant, Row, Shape
from andon_mes.configuration.shapes import SHAPES
from andon_mes.kernel.errors import Words, invalid
from andon_mes.numbers.calendar import Calendar
from andon_mes.numbers.calendar_document import read_calendar
from andon_mes.store import counters, schema
from andon_mes.store.schema import plant_settings, processes, product_models, users

_LOCK = "configuration"
_IDS: dict[Kind, dict[str, tuple[str, sa.Column[str]]]] = {
    Kind.DEFECT_CODES: {"process": ("process_id", processes.c.code)},
    Kind.CHARACTERISTICS: {"process": ("process_id", processes.c.code)},
    Kind.DATA_SCHEMAS: {
        "process": ("process_id", processes.c.code),
        "product_model": ("product_model_id", product_models.c.code),
    },
    Kind.LABEL_TEMPLATES: {"product_model": ("product_model_id", product_models.c.code)},
    Kind.OPERATORS: {"username": ("user_id", users.c.username)},
    Kind.QUALIFICATIONS: {
        "operator": ("operator_id", schema.operators.c.badge),
        "process": ("process_id", processes.c.code),
    },
    Kind.EQUIPMENT: {"process": ("process_id", processes.c.code)},
}
"""Fields that are kept as ids: the column of the id, and the column that says the code of what it means."""

_SETTING = sa.select(plant_settings.c.document).where(plant_settings.c.name == sa.bindparam("name"))
_SETTINGS = sa.select(plant_settings.c.name, plant_settings.c.document)
_LOGINS = sa.select(users.c.username)


@dataclass(frozen=True, slots=True)
class By:
    """Who changes a row, and when."""

    name: str
    at: datetime


def _select(shape: Shape) -> sa.Select[Any]:
    table = schema.metadata.tables[shape.kind]
    source: sa.FromClause = table
    columns: list[Any] = []
    for field in (*shape.fields, *shape.known):
        if field.name not in _IDS.get(shape.kind, {}):
            columns.append(table.c[field.name])
            continue
        column, code = _IDS[shape.kind][field.name]
        other = code.table.alias()
        source = source.outerjoin(other, other.c.id == table.c[column])
        columns.append(other.c[code.name].label(field.name))
    return sa.select(*columns).select_from(source)


_SELECTS = {kind: _select(shape) for kind, shape in SHAPES.items()}


def lock(connection: sa.Connection) -> None:
    """Let no other change of the configuration run until this transaction ends."""
    counters.next_value(connection, _LOCK)


def load(connection: sa.Connection, kinds: Iterable[Kind] = Kind) -> Plant:
    """The configuration as this transaction sees it: all of it, or what is of `kinds`."""
    rows = {kind: {SHAPES[kind].key_of(row): row for row in list_rows(connection, kind)} for kind in kinds}
    settings = {row.name: row.document for row in connection.execute(_SETTINGS)}
    return Plant(rows, settings, frozenset(connection.scalars(_LOGINS)))


def list_rows(connection: sa.Connection, kind: Kind) -> list[Row]:
    """The rows of `kind` with what they show beside, by their keys; processes in their order."""
    shape = SHAPES[kind]
    rows = [dict(row) for row in connection.execute(_SELECTS[kind]).mappings()]
    return sorted(rows, key=lambda row: _place(shape, row))


def _place(shape: Shape, row: Row) -> tuple[Any, ...]:
    """Sorted here, not by the database: each sorts text in its own way."""
    order = (row["sequence_order"],) if shape.kind is Kind.PROCESSES else ()
    return (*order, *(each or "" for each in shape.key_of(row)))


def insert(connection: sa.Connection, kind: Kind, row: Row, by: By) -> None:
    """Write a new row."""
    table = schema.metadata.tables[kind]
    stamps = {"created_at": by.at, "updated_at": by.at, "granted_at": by.at, "granted_by": by.name}
    values = _values(connection, kind, row) | {
        name: value for name, value in stamps.items() if name in table.c
    }
    connection.execute(sa.insert(table).values(**values))


def update(connection: sa.Connection, kind: Kind, key: Key, row: Row, by: By) -> None:
    """Write the row of `key` anew. A qualification that begins again is granted anew."""
    table = schema.metadata.tables[kind]
    values = _values(connection, kind, row)
    if "updated_at" in table.c:
        values["updated_at"] = by.at
    conditions = _values(connection, kind, dict(zip(SHAPES[kind].key, key, strict=True)))
    where = [
        table.c[name].is_(None) if value is None else table.c[name] == value
        for name, value in conditions.items()
    ]
    connection.execute(sa.update(table).where(*where).values(**values))


def grant_anew(connection: sa.Connection, key: Key, by: By) -> None:
    """Say who gave the qualification of `key` its new end."""
    table = schema.qualifications
    conditions = _values(
        connection, Kind.QUALIFICATIONS, dict(zip(("operator", "process"), key, strict=True))
    )
    where = [table.c[name] == value for name, value in conditions.items()]
    connection.execute(sa.update(table).where(*where), {"granted_at": by.at, "granted_by": by.name})


def put_setting(connection: sa.Connection, name: str, document: Any, by: By) -> None:
    """Write the plant's document `name`."""
    values = {"document": document, "changed_by": by.name, "updated_at": by.at}
    changed = connection.execute(sa.update(plant_settings).where(plant_settings.c.name == name), values)
    if changed.rowcount == 0:
        connection.execute(sa.insert(plant_settings), {"name": name, **values})


def _values(connection: sa.Connection, kind: Kind, row: Mapping[str, Any]) -> dict[str, Any]:
    ids = _IDS.get(kind, {})
    values: dict[str, Any] = {}
    for field in SHAPES[kind].fields:
        if field.name not in row:
            continue
        if field.name in ids:
            column, code = ids[field.name]
            values[column] = _id_of(connection, field.name, code, row[field.name])
        else:
            values[field.name] = sa.null() if row[field.name] is None else row[field.name]
    return values


def _id_of(connection: sa.Connection, field: str, code: sa.Column[str], value: str | None) -> int | None:
    if value is None:
        return None
    found = connection.execute(sa.select(code.table.c.id).where(code == value)).scalar_one_or_none()
    if found is None:
        raise invalid(
            field,
            value,
            Words(f"There is no {value!r}", f"{value!r}이(가) 없습니다"),
            Words("Make it first, or correct the code", "먼저 등록하거나 코드를 고치세요"),
            code="REFERENCE_UNKNOWN",
        )
    return int(found)


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


def list_processes(connection: sa.Connection) -> list[Row]:
    """The processes in their order, each with its `characteristics`: names, units, limits, charts."""
    measured: dict[str, list[Row]] = {}
    for row in list_rows(connection, Kind.CHARACTERISTICS):
        measured.setdefault(row["process"], []).append(_without(row, ("process",)))
    found = list_rows(connection, Kind.PROCESSES)
    return [row | {"characteristics": measured.get(row["code"], [])} for row in found]


def _without(row: Row, names: Iterable[str]) -> Row:
    return {name: value for name, value in row.items() if name not in names}

"""Statements whose result nobody reads: on PostgreSQL several become one.

A round trip costs server and client more than most statements do. What is given to `later` waits for the
COMMIT or for the next statement that is read, and goes as one: `WITH a AS (UPDATE ...) INSERT ...`. Two that
write the same table stay two, in their order. On SQLite there is nothing to wait for.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

_WAITING = "andon waiting"
_PARAMETER = re.compile(r"%\((\w+)\)s")

Statement = sa.Insert | sa.Update


@dataclass(frozen=True, slots=True)
class _Written:
    """A statement as text, and what makes the driver's values of its parameters."""

    text: str
    table: str
    processors: Mapping[str, Callable[[Any], Any] | None]
    constants: dict[str, Any]


_written: dict[tuple[Statement, tuple[str, ...]], _Written] = {}
_joined: dict[tuple[str, ...], str] = {}


def later(connection: sa.Connection, statement: Statement, values: dict[str, Any]) -> None:
    """Execute `statement`, which stands in its module and returns nothing, without waiting for it.

    What is wrong with it is raised by the next statement, or by the end of the transaction.
    """
    if connection.dialect.name != "postgresql":
        connection.execute(statement, values)
        return
    key = (statement, tuple(values))
    written = _written.get(key)
    if written is None:
        written = _written[key] = _write(connection.dialect, statement, values)
    waiting = connection.info.setdefault(_WAITING, [])
    if any(each.table == written.table for each, _ in waiting):
        send(connection)
    waiting.append((written, values))


def before_statement(connection: sa.Connection, *_about: object) -> None:
    """A listener of the engine's `before_cursor_execute`: what is read sees what was written before."""
    if connection.info.get(_WAITING):
        send(connection)


def send(connection: sa.Connection) -> None:
    """Execute what waits. Raises: the driver's error."""
    waiting = connection.info.get(_WAITING)
    if not waiting:
        return
    texts = tuple(each.text for each, _ in waiting)
    text = _joined.get(texts)
    if text is None:
        text = _joined[texts] = _join(texts)
    parameters = {
        f"{name}_{place}": value
        for place, (written, values) in enumerate(waiting)
        for name, value in _values(written, values)
    }
    waiting.clear()
    connection.connection.driver_connection.execute(text, parameters)  # type: ignore[union-attr]


def forget(connection: sa.Connection) -> None:
    """Before a rollback."""
    connection.info.pop(_WAITING, None)


def _write(dialect: sa.Dialect, statement: Statement, values: dict[str, Any]) -> _Written:
    compiled = statement.compile(dialect=dialect, column_keys=list(values))
    processors = {
        name: bound.type.dialect_impl(dialect).bind_processor(dialect)
        for bound, name in compiled.bind_names.items()
    }
    constants = {name: value for name, value in compiled.params.items() if name not in values}
    return _Written(str(compiled), statement.table.description, processors, constants)


def _values(written: _Written, values: dict[str, Any]) -> Any:
    for name, process in written.processors.items():
        value = values[name] if name in values else written.constants[name]
        yield name, value if process is None else process(value)


def _join(texts: tuple[str, ...]) -> str:
    own = [_PARAMETER.sub(rf"%(\1_{place})s", text) for place, text in enumerate(texts)]
    *before, last = own
    if not before:
        return last
    named = ", ".join(f"w{place} AS ({text})" for place, text in enumerate(before))
    return f"WITH {named} {last}"

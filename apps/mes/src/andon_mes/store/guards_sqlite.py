"""The audit's and the records' triggers on SQLite, written out of the schema.

The audit's are TEMP triggers: each writer of this release makes them for its own connection, so that another
release, which shares the file during a rollout and knows nothing of an actor, is not broken by them.
"""

import sqlite3

import sqlalchemy as sa

from andon_mes.store.actor import Actor
from andon_mes.store.guarded import AUDITED, KEPT, LOG_DAYS, LOGS, RECORDS, key_of, shown, watched
from andon_mes.store.tables.columns import Json, UtcDateTime

_ACTOR = "CREATE TEMP TABLE IF NOT EXISTS andon_actor (id INTEGER PRIMARY KEY, name, ip, agent)"
_SET_ACTOR = "INSERT OR REPLACE INTO temp.andon_actor VALUES (1, ?, ?, ?)"
_RECORD = (
    "INSERT INTO audit_log (table_name, record_id, action, old_data, new_data, changed_by, changed_at,"
    " ip_address, user_agent) SELECT '{table}', {row}.{key}, '{action}', {old}, {new}, name,"
    " strftime('%Y-%m-%d %H:%M:%f000', 'now'), ip, agent FROM andon_actor;"
)


def watch(connection: sqlite3.Connection) -> bool:
    """Make the audit's triggers for this connection; False when the file is not migrated yet."""
    if connection.execute("SELECT 1 FROM main.sqlite_master WHERE name = 'audit_log'").fetchone() is None:
        return False
    connection.execute(_ACTOR)
    for table in AUDITED:
        for statement in _audit(table):
            connection.execute(statement)
    return True


def set_actor(connection: sqlite3.Connection, actor: Actor) -> None:
    """Say who makes the changes that follow."""
    agent = actor.user_agent[:200] if actor.user_agent else None
    connection.execute(_SET_ACTOR, (actor.name[:100], actor.ip_address, agent))


def install(connection: sa.Connection) -> None:
    """Make the triggers that keep the records; they are in the file, for every release."""
    for table, actions in _refused():
        for action in actions:
            connection.exec_driver_sql(
                f"CREATE TRIGGER IF NOT EXISTS keep_{table.name}_{action.lower()} "
                f"BEFORE {action} ON {table.name} {_when(table, action)}"
                f"BEGIN SELECT RAISE(ABORT, '{table.name} is a record: no row of it is {_DONE[action]}'); END"
            )


def remove(connection: sa.Connection) -> None:
    """Take them away: before a step back, which drops or rebuilds their tables."""
    for table, actions in _refused():
        for action in actions:
            connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS keep_{table.name}_{action.lower()}")


_DONE = {"UPDATE": "changed", "DELETE": "deleted"}


def _refused() -> list[tuple[sa.Table, tuple[str, ...]]]:
    both = [(each, ("UPDATE", "DELETE")) for each in (*RECORDS, *LOGS)]
    return [*both, *((each, ("DELETE",)) for each in KEPT)]


def _when(table: sa.Table, action: str) -> str:
    is_log = table in LOGS and action == "DELETE"
    return f"WHEN OLD.timestamp > datetime('now', '-{LOG_DAYS} days') " if is_log else ""


def _audit(table: sa.Table) -> list[str]:
    old, new = _document(table, "OLD"), _document(table, "NEW")
    changed = " OR ".join(f'OLD."{name}" IS NOT NEW."{name}"' for name in watched(table))
    return [
        _trigger(table, "INSERT", "", _record(table, "INSERT", "NULL", new)),
        _trigger(table, "UPDATE", f"WHEN {changed} ", _record(table, "UPDATE", old, new)),
        _trigger(table, "DELETE", "", _record(table, "DELETE", old, "NULL")),
    ]


def _trigger(table: sa.Table, action: str, when: str, body: str) -> str:
    name = f"audit_{table.name}_{action.lower()}"
    return (
        f"CREATE TEMP TRIGGER IF NOT EXISTS {name} AFTER {action} ON main.{table.name} {when}BEGIN {body} END"
    )


def _record(table: sa.Table, action: str, old: str, new: str) -> str:
    row = "OLD" if action == "DELETE" else "NEW"
    return _RECORD.format(table=table.name, row=row, key=key_of(table), action=action, old=old, new=new)


def _document(table: sa.Table, row: str) -> str:
    """The row as the JSON that PostgreSQL would make of it."""
    pairs = ", ".join(f"'{each.name}', {_value(each, row)}" for each in shown(table))
    return f"json_object({pairs})"


def _value(column: sa.Column[object], row: str) -> str:
    value = f'{row}."{column.name}"'
    if isinstance(column.type, sa.Boolean):
        return f"CASE {value} WHEN 1 THEN json('true') WHEN 0 THEN json('false') END"
    if isinstance(column.type, UtcDateTime):
        return f"replace({value}, ' ', 'T') || '+00:00'"
    return f"json({value})" if column.type is Json else value

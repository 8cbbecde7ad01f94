"""The audit's and the records' triggers on PostgreSQL, and what the application's role may do.

Two roles: the owner migrates and owns the tables; the application serves, and is granted what it needs. The
audit's function runs as the owner, so the application needs no right to write an audit record, and has none.
"""

import sqlalchemy as sa

from andon_mes.store import schema
from andon_mes.store.guarded import AUDITED, KEPT, LOG_DAYS, LOGS, RECORDS, SECRETS, key_of, watched

_WITHOUT_SECRETS = "".join(f" - '{each}'" for each in SECRETS)
_AUDIT = """
CREATE OR REPLACE FUNCTION andon_mes_audit() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, {schema}, pg_temp AS $$
DECLARE
    before jsonb;
    after jsonb;
BEGIN
    IF tg_op <> 'INSERT' THEN
        before := to_jsonb(old){without_secrets};
    END IF;
    IF tg_op <> 'DELETE' THEN
        after := to_jsonb(new){without_secrets};
    END IF;
    INSERT INTO audit_log (table_name, record_id, action, old_data, new_data, changed_by, changed_at,
                           ip_address, user_agent, transaction)
    VALUES (tg_table_name, coalesce(after, before) ->> tg_argv[0], tg_op, before, after,
            left(coalesce(nullif(current_setting('andon_mes.actor', true), ''),
                          'outside the application: ' || session_user), 100),
            clock_timestamp(),
            left(nullif(current_setting('andon_mes.ip', true), ''), 45),
            left(nullif(current_setting('andon_mes.agent', true), ''), 200),
            andon_mes_place());
    RETURN NULL;
END $$
"""
_AUDIT_SET = """
CREATE OR REPLACE FUNCTION andon_mes_audit_set() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, {schema}, pg_temp AS $$
DECLARE
    actor text := left(coalesce(nullif(current_setting('andon_mes.actor', true), ''),
                                'outside the application: ' || session_user), 100);
    ip text := left(nullif(current_setting('andon_mes.ip', true), ''), 45);
    agent text := left(nullif(current_setting('andon_mes.agent', true), ''), 200);
    place bigint := andon_mes_place();
BEGIN
    INSERT INTO audit_log (table_name, record_id, action, old_data, new_data, changed_by, changed_at,
                           ip_address, user_agent, transaction)
    SELECT tg_table_name, n.id::text, tg_op, to_jsonb(o), to_jsonb(n), actor, clock_timestamp(), ip, agent,
           place
    FROM old_rows o JOIN new_rows n ON n.id = o.id WHERE o IS DISTINCT FROM n;
    RETURN NULL;
END $$
"""
_KEEP = """
CREATE OR REPLACE FUNCTION andon_mes_keep() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege',
        MESSAGE = tg_table_name || ' is a record: no row of it is changed or deleted';
END $$
"""
_PLACES = """
CREATE OR REPLACE FUNCTION andon_mes_place() RETURNS bigint LANGUAGE sql STABLE
AS 'SELECT pg_current_xact_id()::text::bigint + {offset}';
CREATE OR REPLACE FUNCTION andon_mes_settled() RETURNS bigint LANGUAGE sql STABLE
AS 'SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint - 1 + {offset}'
"""
_NOW = "SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint"
_HIGHEST = """
SELECT greatest((SELECT max(completion_seq) FROM process_data), (SELECT max(transaction) FROM audit_log),
                (SELECT max(horizon) FROM audit_seals), 0)
"""
_FUNCTIONS = (
    "andon_mes_place",
    "andon_mes_settled",
    "andon_mes_audit",
    "andon_mes_audit_set",
    "andon_mes_keep",
)
_IN_SETS = (schema.serials,)
"""Tables whose rows are changed by the thousand (a recall): their changes are recorded by the statement, not
row by row. Their key is `id`, and they hold neither secrets nor JSON."""


def install(connection: sa.Connection, application: str | None) -> None:
    """Make the triggers, and grant the role `application` what it needs; None where it is the owner."""
    own = connection.exec_driver_sql("SELECT quote_ident(current_schema()), current_user").one()
    _place(connection)
    connection.exec_driver_sql(_AUDIT.format(schema=own[0], without_secrets=_WITHOUT_SECRETS))
    connection.exec_driver_sql(_AUDIT_SET.format(schema=own[0]))
    connection.exec_driver_sql(_KEEP)
    for table in AUDITED:
        _audit(connection, table)
    for table in RECORDS:
        _keep(connection, table, "UPDATE OR DELETE")
    for table in KEPT:
        _keep(connection, table, "DELETE")
    for table in LOGS:
        _keep(connection, table, "UPDATE")
        connection.exec_driver_sql(
            f"CREATE OR REPLACE TRIGGER keep_young BEFORE DELETE ON {table.name} FOR EACH ROW "
            f"WHEN (old.timestamp > now() - interval '{LOG_DAYS} days') EXECUTE FUNCTION andon_mes_keep()"
        )
    _grant(connection, own[0], application or own[1], owns=application in {None, own[1]})


def remove(connection: sa.Connection) -> None:
    """Take the functions and their triggers away: before a step back, which drops their tables."""
    for each in _FUNCTIONS:
        connection.exec_driver_sql(f"DROP FUNCTION IF EXISTS {each}() CASCADE")


def _place(connection: sa.Connection) -> None:
    """Make the functions of `order.py`.

    Transactions are numbered by the server. In another one, into which a dump was restored, they may begin
    below what the rows name; then they are counted on from there.
    """
    known = connection.exec_driver_sql("SELECT to_regproc('andon_mes_settled')").scalar_one()
    now: int = connection.exec_driver_sql(_NOW).scalar_one()
    offset: int = 0
    if known is not None:
        offset = connection.exec_driver_sql(f"SELECT andon_mes_settled() + 1 - ({_NOW})").scalar_one()
    highest: int = connection.exec_driver_sql(_HIGHEST).scalar_one()
    if highest >= now + offset:
        offset = highest + 1 - now
    for statement in _PLACES.format(offset=offset).split(";\n"):
        connection.exec_driver_sql(statement)


def _audit(connection: sa.Connection, table: sa.Table) -> None:
    if table in _IN_SETS:
        connection.exec_driver_sql(
            f"CREATE OR REPLACE TRIGGER audit_update AFTER UPDATE ON {table.name} "
            "REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows "
            "FOR EACH STATEMENT EXECUTE FUNCTION andon_mes_audit_set()"
        )
    columns = [f'"{name}"' for name in watched(table)]
    old, new = (", ".join(f"{row}.{each}" for each in columns) for row in ("old", "new"))
    for action, when in (
        ("INSERT OR DELETE", ""),
        ("UPDATE", f"WHEN (({old}) IS DISTINCT FROM ({new}))"),
    ):
        if table in _IN_SETS and action == "UPDATE":
            continue
        name = f"audit_{action.split()[0].lower()}"
        connection.exec_driver_sql(
            f"CREATE OR REPLACE TRIGGER {name} AFTER {action} ON {table.name} "
            f"FOR EACH ROW {when} EXECUTE FUNCTION andon_mes_audit('{key_of(table)}')"
        )


def _keep(connection: sa.Connection, table: sa.Table, actions: str) -> None:
    for name, event, each in (("keep_rows", actions, "ROW"), ("keep_table", "TRUNCATE", "STATEMENT")):
        connection.exec_driver_sql(
            f"CREATE OR REPLACE TRIGGER {name} BEFORE {event} ON {table.name} "
            f"FOR EACH {each} EXECUTE FUNCTION andon_mes_keep()"
        )


def _grant(connection: sa.Connection, own_schema: str, role: str, *, owns: bool) -> None:
    """Rights by kind of table; of the owner, who would have all, those over records are revoked."""
    who = connection.exec_driver_sql("SELECT quote_ident(%s)", (role,)).scalar_one()
    if owns:
        for table in RECORDS:
            connection.exec_driver_sql(f"REVOKE UPDATE, DELETE, TRUNCATE ON {table.name} FROM {who}")
        for table in LOGS:
            connection.exec_driver_sql(f"REVOKE UPDATE, TRUNCATE ON {table.name} FROM {who}")
        return
    connection.exec_driver_sql(f"GRANT USAGE ON SCHEMA {own_schema} TO {who}")
    connection.exec_driver_sql(f"GRANT SELECT ON alembic_version TO {who}")
    for table in schema.metadata.sorted_tables:
        connection.exec_driver_sql(f"REVOKE ALL ON {table.name} FROM {who}")
        connection.exec_driver_sql(f"GRANT {_rights(table)} ON {table.name} TO {who}")
    connection.exec_driver_sql(f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA {own_schema} TO {who}")


def _rights(table: sa.Table) -> str:
    if table is schema.audit_log:
        return "SELECT"
    if table in RECORDS:
        return "SELECT, INSERT"
    if table in LOGS:
        return "SELECT, INSERT, DELETE"
    return "SELECT, INSERT, UPDATE" if table in KEPT else "SELECT, INSERT, UPDATE, DELETE"

"""Bring a database to this release's schema, and say which one it has."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from andon_mes.kernel.errors import Problem, Unavailable, Words
from andon_mes.store import guards_postgresql, guards_sqlite
from andon_mes.store.engine import is_postgresql, make_engine

REQUIRED_REVISION = "0005"
"""The least schema this release can work on. A newer one is fine: steps only expand under a live release."""

_PATIENCE = timedelta(seconds=30)


def migrate(database: str | Path, *, application: str | None = None) -> None:
    """Take the database at a path or URL to the newest revision; a file is made if absent.

    Two at once take turns. On PostgreSQL the role `application` is granted what serving needs; None where the
    same role owns and serves.
    """
    from alembic import command  # here: a second of start-up that serving does not need

    if not is_postgresql(database):
        Path(database).parent.mkdir(parents=True, exist_ok=True)

    def step(config: Any, connection: sa.Connection) -> None:
        command.upgrade(config, "head")
        if is_postgresql(database):
            guards_postgresql.install(connection, application)
        else:
            guards_sqlite.install(connection)

    _in_turn(database, step)


def application_role(database: str) -> str | None:
    """The role that serves: the user in the URL; None for a file, or where the URL names nobody."""
    return sa.make_url(database).username if is_postgresql(database) else None


def downgrade(database: str | Path, revision: str) -> None:
    """Take the schema back to `revision`, or to "base"; what the later steps had added is lost.

    Also the guards of audit and records go: they belong to the newest schema.
    """
    from alembic import command

    def step(config: Any, connection: sa.Connection) -> None:
        (guards_postgresql if is_postgresql(database) else guards_sqlite).remove(connection)
        command.downgrade(config, revision)

    _in_turn(database, step)


def _in_turn(database: str | Path, step: Callable[[Any, sa.Connection], None]) -> None:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    engine = make_engine(database, busy_timeout=_PATIENCE)
    try:
        with engine.connect() as connection:
            if is_postgresql(database):
                from andon_mes.store import postgresql

                connection.exec_driver_sql("BEGIN")
                connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({postgresql.RUN_ALONE})")
            else:
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            config.attributes["connection"] = connection
            step(config, connection)
            connection.exec_driver_sql("COMMIT")
    finally:
        engine.dispose()


def find_revision(connection: sa.Connection) -> str | None:
    """The revision of the schema; None when the database was never migrated."""
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(sa.text("select version_num from alembic_version")).scalar_one_or_none()


def is_sufficient(revision: str | None) -> bool:
    """Whether this release can work on `revision`. Revisions are numbers of four digits, in order."""
    return revision is not None and revision >= REQUIRED_REVISION


def require_sufficient(connection: sa.Connection) -> None:
    """Raises: Unavailable (NOT_MIGRATED) when this release cannot work on the schema."""
    revision = find_revision(connection)
    if not is_sufficient(revision):
        raise Unavailable(not_migrated(revision))


def not_migrated(revision: str | None) -> Problem:
    """That this release cannot work on the schema, and what to do."""
    return Problem(
        "NOT_MIGRATED",
        Words("The database is not migrated", "데이터베이스가 마이그레이션되지 않았습니다"),
        Words(
            f"Its schema is {revision}, this release needs {REQUIRED_REVISION}",
            f"스키마 {revision}, 필요한 버전 {REQUIRED_REVISION}",
        ),
        Words("Run andon-mes migrate", "andon-mes migrate를 실행하세요"),
    )

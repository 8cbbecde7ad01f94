"""Bring a database to this release's schema, and say which one it has."""

from datetime import timedelta
from pathlib import Path

import sqlalchemy as sa

from andon_mes.store.engine import make_engine

REQUIRED_REVISION = "0004"
"""The least schema this release can work on. A newer one is fine: steps only expand under a live release."""

_PATIENCE = timedelta(seconds=30)


def migrate(path: Path) -> None:
    """Take the database at `path` to the newest revision; made if absent. Two at once take turns."""
    from alembic import command  # here: a second of start-up that serving does not need
    from alembic.config import Config

    path.parent.mkdir(parents=True, exist_ok=True)
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    engine = make_engine(path, busy_timeout=_PATIENCE)
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
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

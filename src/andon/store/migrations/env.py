"""Alembic's entry: runs the migrations in one transaction on the database that `migrate.py` names."""

from alembic import context
from sqlalchemy import create_engine, event, pool

from andon.store.schema import metadata

_LOCK = 0x616E646F6E  # "andon": one migration at a time on a shared PostgreSQL


def _run() -> None:
    url = context.config.get_main_option("sqlalchemy.url")
    assert url is not None
    engine = create_engine(url, poolclass=pool.NullPool)
    if engine.dialect.name == "sqlite":
        # The driver would commit before each change of the schema; a half-made one must roll back whole.
        event.listen(engine, "connect", lambda raw, _record: setattr(raw, "isolation_level", None))
        event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    with engine.connect() as connection:
        context.configure(
            connection=connection,
            target_metadata=metadata,
            render_as_batch=engine.dialect.name == "sqlite",
            transaction_per_migration=False,
        )
        with context.begin_transaction():
            if engine.dialect.name == "postgresql":
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
            context.run_migrations()


_run()

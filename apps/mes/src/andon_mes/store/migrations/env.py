"""Alembic's environment: the connection comes from store/migrate.py, which holds the transaction."""

from alembic import context

from andon_mes.store import schema

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=schema.metadata,
    transactional_ddl=False,  # the caller began, and commits, one transaction around all steps
    render_as_batch=True,
)
context.run_migrations()

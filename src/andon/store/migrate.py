"""Brings the schema to the version of this program, by Alembic. Safe to run again and at every start."""

import asyncio
from pathlib import Path

from alembic import command
from alembic.config import Config

from andon.store.engine import async_url

_SCRIPTS = Path(__file__).parent / "migrations"


def configuration(url: str) -> Config:
    """Alembic's configuration for the database at `url`."""
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS))
    # Both drivers' URLs also work without asyncio once the SQLite one is named plainly.
    config.set_main_option("sqlalchemy.url", async_url(url).replace("+aiosqlite", "").replace("%", "%%"))
    return config


async def upgrade(url: str, revision: str = "head") -> None:
    """Migrate up to `revision`; does nothing when it is there already."""
    await asyncio.to_thread(command.upgrade, configuration(url), revision)


async def downgrade(url: str, revision: str) -> None:
    """Migrate down to `revision`."""
    await asyncio.to_thread(command.downgrade, configuration(url), revision)

"""A database in memory: a simulation goes through hundreds of commits, and no power cut is simulated."""

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import StaticPool

from andon.store.engine import Database
from andon.store.schema import metadata

NewDatabase = Callable[[], Awaitable[Database]]


@pytest.fixture
async def new_database() -> AsyncIterator[NewDatabase]:
    """Makes empty databases, each with all the tables that have been imported."""
    opened = []

    async def make() -> Database:
        engine = create_async_engine("sqlite+aiosqlite:///:memory:", poolclass=StaticPool)
        database = Database(engine, engine)
        async with database.transaction() as tx:
            await tx.run_sync(metadata.create_all)
        opened.append(database)
        return database

    yield make
    for each in opened:
        await each.close()

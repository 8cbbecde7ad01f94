"""Databases of others, which Andon only reads: one query, in a transaction that cannot write.

What is not here: Andon's own database (engine.py).
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from andon.kernel.errors import InvalidInput, Unavailable
from andon.store.engine import async_url

_STEPS = 10_000  # of SQLite's machine between two looks at the clock


class ForeignDatabase:
    """Reads one database. name: what people call it; it stands in errors, the URL with its password never."""

    def __init__(self, name: str, url: str) -> None:
        """Nothing is connected before the first query.

        Raises:
            InvalidInput: the URL is neither SQLite's nor PostgreSQL's.
        """
        self._name = name
        try:
            self._engine = _engine(async_url(url))
        except ArgumentError as error:
            raise InvalidInput(
                "bad-database-url",
                f"the URL of database {name!r} cannot be read",
                hint="write sqlite:////path or postgresql://user@host/name",
            ) from error

    async def rows(self, query: str, *, within: timedelta, most: int) -> Sequence[Mapping[str, Any]]:
        """The result of `query`, at most `most` rows of it; column names are the keys.

        Raises:
            Unavailable: it did not answer within that time, or refused the query.
        """
        seconds = within.total_seconds()
        try:
            async with asyncio.timeout(seconds), self._engine.connect() as connection:
                await self._bound(connection, seconds)
                found = await connection.execute(text(query))
                return [dict(each) for each in found.mappings().fetchmany(most)]
        except TimeoutError as error:
            raise Unavailable(
                "database-slow", f"database {self._name} did not answer within {seconds:g} s"
            ) from error
        except SQLAlchemyError as error:
            said = str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
            raise Unavailable(
                "database-refused", f"database {self._name} refused the query: {said}"
            ) from error

    async def _bound(self, connection: AsyncConnection, seconds: float) -> None:
        """Let the database itself end a query that takes longer: a cancelled wait alone would not."""
        if self._engine.dialect.name == "postgresql":
            await connection.exec_driver_sql("SET TRANSACTION READ ONLY")
            await connection.exec_driver_sql(f"SET LOCAL statement_timeout = {int(seconds * 1000)}")
            return
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        driver: Any = (await connection.get_raw_connection()).driver_connection
        await driver.set_progress_handler(lambda: int(loop.time() > until), _STEPS)

    async def close(self) -> None:
        """Close its connections."""
        await self._engine.dispose()


def _engine(url: str) -> AsyncEngine:
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        return create_async_engine(url, pool_size=1, max_overflow=1, pool_pre_ping=True, pool_recycle=600)
    path = Path(parsed.database or "").absolute()
    engine = create_async_engine(f"sqlite+aiosqlite:///{path.as_uri()}?mode=ro&uri=true", pool_size=1)

    def connect(connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        cursor.execute("PRAGMA query_only=ON")
        cursor.execute("PRAGMA busy_timeout=1000")
        cursor.close()

    event.listen(engine.sync_engine, "connect", connect)
    return engine

"""The database: SQLite (WAL, one writer) on one machine, PostgreSQL for a plant.

Domain stores take a `Database` and hold the SQL; nothing else in Andon knows which database it is.
What is not here: schema changes (migrate.py) and leases (leases.py).
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from andon.kernel.errors import Conflict, InvalidInput, Unavailable

_BUSY_MS = 10_000
_DRIVERS = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+psycopg"}


class Database:
    """A connection to one database. Open with `Database.open`, close with `close`."""

    def __init__(self, writer: AsyncEngine, reader: AsyncEngine) -> None:
        self._writer = writer
        self._reader = reader
        self._one_writer = asyncio.Lock() if writer.dialect.name == "sqlite" else None

    @classmethod
    def open(cls, url: str) -> "Database":
        """Open `sqlite:///path` or `postgresql://user@host/name`; connects at the first use.

        Raises:
            InvalidInput: the URL is not one of these.
        """
        target = async_url(url)
        if target.startswith("sqlite"):
            return cls(
                _sqlite(target, begin="BEGIN IMMEDIATE", pool=1), _sqlite(target, begin="BEGIN", pool=4)
            )
        engine = create_async_engine(
            target, pool_size=20, max_overflow=30, pool_pre_ping=True, pool_recycle=3600
        )
        return cls(engine, engine)

    @property
    def is_sqlite(self) -> bool:
        """Whether this is the embedded database; PostgreSQL otherwise."""
        return self._one_writer is not None

    @contextlib.asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that may write; committed when the block ends, rolled back when it raises.

        Raises:
            Conflict: a row with this key is there already.
            Unavailable: the database did not answer or stayed locked.
        """
        async with self._one_writer or contextlib.nullcontext():
            with _translated():
                async with self._writer.begin() as connection:
                    yield connection

    @contextlib.asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """A consistent view for reading; never waits for the writer on SQLite.

        Raises:
            Unavailable: the database did not answer.
        """
        with _translated():
            async with self._reader.begin() as connection:
                yield connection

    async def close(self) -> None:
        """Close all connections."""
        await self._writer.dispose()
        if self._reader is not self._writer:
            await self._reader.dispose()


def async_url(url: str) -> str:
    """`url` with the driver that this project uses.

    Raises:
        InvalidInput: neither SQLite nor PostgreSQL.
    """
    parsed = make_url(url)
    kind = parsed.get_backend_name()
    if kind not in _DRIVERS:
        raise InvalidInput(
            "bad-database-url", f"database {kind!r} is not supported", hint="use sqlite:/// or postgresql://"
        )
    return parsed.set(drivername=_DRIVERS[kind]).render_as_string(hide_password=False)


@contextlib.contextmanager
def _translated() -> Any:
    try:
        yield
    except IntegrityError as error:
        raise Conflict("already-there", f"the database refused a duplicate: {error.orig}") from error
    except DBAPIError as error:
        raise Unavailable(
            "database-unavailable",
            f"the database did not answer: {error.orig}",
            hint="andon doctor",
            retry_after=timedelta(seconds=1),
        ) from error


def _sqlite(url: str, *, begin: str, pool: int) -> AsyncEngine:
    database = make_url(url).database
    if database and database != ":memory:":
        Path(database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_async_engine(url, pool_size=pool, max_overflow=0)

    def connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # transactions begin where we say, not where the driver guesses
        cursor = connection.cursor()
        for pragma in (
            f"busy_timeout={_BUSY_MS}",
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    event.listen(engine.sync_engine, "connect", connect)
    event.listen(engine.sync_engine, "begin", lambda connection: connection.exec_driver_sql(begin))
    return engine

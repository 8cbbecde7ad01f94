"""The database of one instance, as everything else sees it: units of work go in, results come out.

A unit of work is a plain function of a connection; it runs in one transaction, and an answer leaves only
after the commit. Which database it is stands in the setting: a file is SQLite (sqlite.py), a URL PostgreSQL
(postgresql.py). What is not here: which rows are written (the stores), and the schema (schema.py).
"""

from datetime import timedelta
from pathlib import Path
from typing import Protocol, TypeVar

import sqlalchemy as sa

from andon_mes.store import sqlite
from andon_mes.store.actor import SYSTEM, Actor
from andon_mes.store.work import Connection, Work

__all__ = ["Connection", "Database", "Work", "is_postgresql", "make_engine", "open_database"]

T = TypeVar("T")


class Database(Protocol):
    """Runs units of work. Make it with `open_database`, end it with `close`."""

    async def write(self, work: Work[T], actor: Actor = SYSTEM, *, alone: bool = True) -> T:
        """Run `work` in a transaction of its own and return its result once that is committed.

        `actor` stands in the audit beside whatever `work` changes. Nobody else writes meanwhile, in any
        instance, unless `alone` is False: that is for work which locks the rows that it decides on. `work`
        may be run again from its beginning, so it changes nothing but rows.

        Raises: what `work` raises, with nothing written; Unavailable when the database cannot be written.
        """
        ...

    async def read(self, work: Work[T]) -> T:
        """Run `work` on one consistent view of the committed rows; it must not write.

        Raises: what `work` raises; Unavailable when the database does not answer.
        """
        ...

    def queue_depth(self) -> int:
        """Writes that wait for a writer."""
        ...

    def close(self) -> None:
        """Commit what waits, then let go; what comes later is Unavailable. Again does nothing."""
        ...


def is_postgresql(database: str | Path) -> bool:
    """Whether `database` is a URL of PostgreSQL; it is the path of a SQLite file otherwise."""
    return str(database).startswith(("postgresql://", "postgres://"))


def open_database(database: str | Path, *, busy_timeout: timedelta, durability: str = "FULL") -> Database:
    """The database at a path or URL, which must be migrated before anything is asked of it.

    `busy_timeout` is how long a unit of work waits for others. `durability` is FULL (what is answered is on
    the disk) or NORMAL.
    """
    engine = make_engine(database, busy_timeout=busy_timeout, durability=durability)
    if is_postgresql(database):
        from andon_mes.store.postgresql import PostgresDatabase  # here: its driver takes time to load

        return PostgresDatabase(engine)
    return sqlite.SqliteDatabase(engine, busy_timeout=busy_timeout)


def make_engine(database: str | Path, *, busy_timeout: timedelta, durability: str = "FULL") -> sa.Engine:
    """An engine whose transactions are begun by hand."""
    if is_postgresql(database):
        from andon_mes.store import postgresql

        return postgresql.make_engine(str(database), busy_timeout=busy_timeout, durability=durability)
    return sqlite.make_engine(Path(database), busy_timeout=busy_timeout, durability=durability)

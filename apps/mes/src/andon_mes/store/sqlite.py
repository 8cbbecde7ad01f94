"""SQLite: one writer with group commit, and readers that never wait for it.

Writes of all requests go to one thread, which takes what has gathered, runs each in its own savepoint and
commits them together: the disk is asked once. Other instances may share the file; BEGIN IMMEDIATE makes them
take turns, so every unit of work is alone.
"""

import sqlite3
import threading
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar, cast

import sqlalchemy as sa

from andon_mes.store import guards_sqlite
from andon_mes.store.threads import Threaded
from andon_mes.store.work import Connection, Job, Outcome, Work, unavailable_because

T = TypeVar("T")

_LARGEST_GROUP = 64
_WRITER_CACHE_KIB = 32_768
"""What a recall of ten thousand units changes fits; past the default of 2 MiB, pages are written twice."""
_READERS = 2
_STEP = timedelta(milliseconds=1)


class SqliteDatabase(Threaded):
    """The file of one instance, or of several."""

    def __init__(self, engine: sa.Engine, *, busy_timeout: timedelta) -> None:
        self._busy_timeout = busy_timeout
        super().__init__(engine, writers=1, readers=_READERS)

    def _read(self, work: Work[T]) -> T:
        try:
            with self._engine.connect() as connection:
                connection.exec_driver_sql("BEGIN")
                try:
                    return work(connection)
                finally:
                    connection.exec_driver_sql("ROLLBACK")
        except sa.exc.OperationalError as error:
            raise unavailable_because(error) from error

    def _write_until_closed(self) -> None:
        with self._engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA busy_timeout=0")  # _begin waits, in smaller steps
            connection.exec_driver_sql(f"PRAGMA cache_size=-{_WRITER_CACHE_KIB}")
            writer = _Writer(connection, self._busy_timeout)
            while group := self._waiting.take(_LARGEST_GROUP):
                writer.run(group)


def make_engine(path: Path, *, busy_timeout: timedelta, durability: str = "FULL") -> sa.Engine:
    """An engine whose transactions are begun by hand, as the driver's own begin too late for one writer."""
    engine = sa.create_engine(
        f"sqlite:///{path}",
        isolation_level="AUTOCOMMIT",
        hide_parameters=True,  # the text of an error goes into logs, and values may be secrets
        connect_args={"timeout": busy_timeout.total_seconds(), "check_same_thread": False},
        poolclass=sa.pool.QueuePool,
        pool_size=_READERS + 1,
    )

    @sa.event.listens_for(engine, "connect")
    def _prepare(connection: sqlite3.Connection, _record: object) -> None:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute(f"PRAGMA synchronous={durability}")
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute("PRAGMA temp_store=MEMORY")

    return engine


class _Writer:
    """The one connection that writes. It knows its actor, and the audit watches it."""

    def __init__(self, connection: Connection, busy_timeout: timedelta) -> None:
        self._connection = connection
        self._busy_timeout = busy_timeout
        self._is_watched = False

    def run(self, group: Iterable[Job]) -> None:
        """Run and commit `group`; every job is settled when this returns."""
        try:
            _begin(self._connection, self._busy_timeout)
            self._is_watched = self._is_watched or guards_sqlite.watch(driver(self._connection))
            outcomes = [self._run_job(job) for job in group]
            self._connection.exec_driver_sql("COMMIT")
        except (sa.exc.DBAPIError, sqlite3.Error) as error:
            _roll_back(self._connection)
            outcomes = [Outcome(job, error=unavailable_because(error)) for job in group]
        for outcome in outcomes:
            outcome.settle()

    def _run_job(self, job: Job) -> Outcome:
        result: Any = None
        with _Savepoint(self._connection) as savepoint:
            if self._is_watched:
                guards_sqlite.set_actor(driver(self._connection), job.actor)
            result = job.work(self._connection)
        return Outcome(job, result, savepoint.error)


def driver(connection: Connection) -> sqlite3.Connection:
    """The driver's own connection, for what is no statement of the stores."""
    return cast("sqlite3.Connection", connection.connection.driver_connection)


def _begin(connection: Connection, busy_timeout: timedelta) -> None:
    """Take the file's one write lock.

    SQLite's own waiting sleeps up to 100 ms a step while a group takes one: two busy instances lost half of
    their throughput to it. Raises: OperationalError when another holds the lock past the time.
    """
    pause = threading.Event()
    for _ in range(int(busy_timeout / _STEP)):
        try:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        except sa.exc.OperationalError as error:
            if "locked" not in str(error.orig):
                raise
            pause.wait(_STEP.total_seconds())
        else:
            return
    connection.exec_driver_sql("BEGIN IMMEDIATE")


class _Savepoint:
    """One job's part of the group's transaction: rolled back alone when the job raises.

    As with an executor, what a job raises belongs to whoever awaits it, and is kept in `error`. The
    database's own trouble is the whole group's, and goes on.
    """

    error: BaseException | None = None

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def __enter__(self) -> "_Savepoint":
        self._connection.exec_driver_sql("SAVEPOINT job")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if isinstance(error, sa.exc.OperationalError | sqlite3.OperationalError):
            return False
        if error is not None:
            self._connection.exec_driver_sql("ROLLBACK TO job")
        self._connection.exec_driver_sql("RELEASE job")
        self.error = error
        return True


def _roll_back(connection: Connection) -> None:
    if driver(connection).in_transaction:
        connection.exec_driver_sql("ROLLBACK")

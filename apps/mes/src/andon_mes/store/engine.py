"""The database of one instance: one writer with group commit, and readers that never wait for it.

A unit of work is a plain function of a connection. Writes of all requests go to one thread, which takes
what has gathered, runs each in its own savepoint and commits them together: the disk is asked once, and an
answer leaves only after the commit. Other instances may share the file; BEGIN IMMEDIATE makes them take
turns. What is not here: which rows are written (the stores), and the schema (schema.py).
"""

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import sqlalchemy as sa

from andon_mes.kernel.errors import Problem, Unavailable, Words
from andon_mes.store.actor import SYSTEM, Actor

T = TypeVar("T")
Connection = sa.Connection
"""The open transaction that a unit of work is given. It goes to the stores; nobody else asks it anything."""

Work = Callable[[Connection], T]

_LARGEST_GROUP = 64
_READERS = 2
_STEP = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class _Job:
    work: Work[Any]
    actor: Actor
    done: Future[Any]


class Database:
    """Runs units of work. Make it with `open_database`, end it with `close`."""

    def __init__(self, engine: sa.Engine, *, busy_timeout: timedelta) -> None:
        self._engine = engine
        self._busy_timeout = busy_timeout
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._closing = threading.Lock()
        self._is_closed = False
        self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix="mes-reader")
        self._writer = threading.Thread(target=self._write_until_closed, name="mes-writer", daemon=True)
        self._writer.start()

    async def write(self, work: Work[T], actor: Actor = SYSTEM) -> T:
        """Run `work` in a transaction of its own and return its result once that is committed.

        `actor` stands in the audit beside whatever `work` changes.

        Raises: what `work` raises, with nothing written; Unavailable when the database cannot be written.
        """
        done: Future[T] = Future()
        with self._closing:  # nothing is put behind the writer's last job, where nobody would answer it
            if self._is_closed:
                raise _closed()
            self._jobs.put(_Job(work, actor, done))
        return await asyncio.wrap_future(done)

    async def read(self, work: Work[T]) -> T:
        """Run `work` on one consistent view of the committed rows; it must not write.

        Raises: what `work` raises; Unavailable when the database does not answer.
        """
        with self._closing:
            if self._is_closed:
                raise _closed()
            reading = asyncio.get_running_loop().run_in_executor(self._readers, self._read, work)
        return await reading

    def queue_depth(self) -> int:
        """Writes that wait for the writer."""
        return self._jobs.qsize()

    def close(self) -> None:
        """Commit what waits, then let go of the file; what comes later is Unavailable. Again does nothing."""
        with self._closing:
            if self._is_closed:
                return
            self._is_closed = True
            self._jobs.put(None)
        self._writer.join()
        self._readers.shutdown()
        self._engine.dispose()

    def _read(self, work: Work[T]) -> T:
        try:
            with self._engine.connect() as connection:
                connection.exec_driver_sql("BEGIN")
                try:
                    return work(connection)
                finally:
                    connection.exec_driver_sql("ROLLBACK")
        except sa.exc.OperationalError as error:
            raise _unavailable(error) from error

    def _write_until_closed(self) -> None:
        with self._engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA busy_timeout=0")  # _begin waits, in smaller steps
            while group := self._next_group():
                _run_group(connection, group, self._busy_timeout)

    def _next_group(self) -> list[_Job]:
        """At least one job, and those that gathered meanwhile; nothing when closed."""
        first = self._jobs.get()
        if first is None:
            return []
        group = [first]
        while len(group) < _LARGEST_GROUP:
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                break
            if job is None:
                self._jobs.put(None)
                break
            group.append(job)
        return group


def open_database(path: Path, *, busy_timeout: timedelta, durability: str = "FULL") -> Database:
    """The database in the file `path`, which must be migrated before anything is asked of it.

    `durability` is FULL (each group is on the disk before it is answered) or NORMAL.
    """
    engine = make_engine(path, busy_timeout=busy_timeout, durability=durability)
    return Database(engine, busy_timeout=busy_timeout)


def make_engine(path: Path, *, busy_timeout: timedelta, durability: str = "FULL") -> sa.Engine:
    """An engine whose transactions are begun by hand, as the driver's own begin too late for one writer."""
    engine = sa.create_engine(
        f"sqlite:///{path}",
        isolation_level="AUTOCOMMIT",
        connect_args={"timeout": busy_timeout.total_seconds(), "check_same_thread": False},
        poolclass=sa.pool.QueuePool,
        pool_size=_READERS + 1,
    )

    @sa.event.listens_for(engine, "connect")
    def _prepare(connection: sqlite3.Connection, _record: object) -> None:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute(f"PRAGMA synchronous={durability}")
        connection.execute("PRAGMA foreign_keys=ON")

    return engine


def _run_group(connection: Connection, group: Iterable[_Job], busy_timeout: timedelta) -> None:
    """Run and commit `group`; every job's future is settled when this returns."""
    outcomes: list[tuple[_Job, Any, BaseException | None]] = []
    try:
        _begin(connection, busy_timeout)
        outcomes.extend(_run_job(connection, job) for job in group)
        connection.exec_driver_sql("COMMIT")
    except sa.exc.DBAPIError as error:
        _roll_back(connection)
        outcomes = [(job, None, _unavailable(error)) for job in group]
    for job, result, error_of_job in outcomes:
        if not job.done.set_running_or_notify_cancel():
            continue  # the client left; its event is committed, and its key answers the next time
        if error_of_job is None:
            job.done.set_result(result)
        else:
            job.done.set_exception(error_of_job)


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
        if isinstance(error, sa.exc.OperationalError):
            return False
        if error is not None:
            self._connection.exec_driver_sql("ROLLBACK TO job")
        self._connection.exec_driver_sql("RELEASE job")
        self.error = error
        return True


def _run_job(connection: Connection, job: _Job) -> tuple[_Job, Any, BaseException | None]:
    result = None
    with _Savepoint(connection) as savepoint:
        result = job.work(connection)
    return job, result, savepoint.error


def _roll_back(connection: Connection) -> None:
    driver = connection.connection.driver_connection
    if isinstance(driver, sqlite3.Connection) and driver.in_transaction:
        connection.exec_driver_sql("ROLLBACK")


def _closed() -> Unavailable:
    return _unavailable_because(Words("This instance is ending", "이 인스턴스는 종료 중입니다"))


def _unavailable(error: sa.exc.DBAPIError) -> Unavailable:
    return _unavailable_because(Words(str(error.orig), str(error.orig)))


def _unavailable_because(reason: Words) -> Unavailable:
    return Unavailable(
        Problem(
            "DATABASE_UNAVAILABLE",
            Words("The database did not answer in time", "데이터베이스가 제시간에 응답하지 않았습니다"),
            reason,
            Words("Send the same request again with the same key", "같은 키로 같은 요청을 다시 보내세요"),
        )
    )

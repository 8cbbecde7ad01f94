"""PostgreSQL: several writers, each with a transaction for each unit of work.

A unit of work that must be alone takes an advisory lock that keeps every other writer of the database out;
the others share it, and lock the rows that they decide on (READ COMMITTED). So what was written for SQLite's
one writer is right here as well, and scans run beside each other. Whatever the server says may be tried
again - a deadlock, a row that another was quicker to insert, a connection that had died before anything was
asked - is tried again here, and no client sees it. A connection that breaks during COMMIT is not: nobody
knows whether it was committed, and the client's key finds out.
"""

import contextlib
import random
import threading
import time
from datetime import timedelta
from typing import Any, TypeVar, cast

import psycopg
import sqlalchemy as sa

from andon_mes.kernel.errors import InvalidInput, Words, invalid
from andon_mes.store.later import before_statement, forget, send
from andon_mes.store.threads import Threaded
from andon_mes.store.work import Connection, Job, Outcome, Work, unavailable_because

T = TypeVar("T")

_WRITERS = 4
_READERS = 4
_POOL = 5
_OVERFLOW = 10
_CONNECTION_AGE_SECONDS = 1800
_MOST_TRIES = 10
_CONNECT_TIMEOUT_SECONDS = 5

RUN_ALONE = 6_012_025_110
"""The advisory lock of the writers of one database, and of who migrates it."""

_BEGIN = (
    "BEGIN; SELECT set_config('andon_mes.actor', {name}, true), set_config('andon_mes.ip', {ip}, true), "
    "set_config('andon_mes.agent', {agent}, true), pg_advisory_xact_lock{shared}({lock})"
)
_TRIES = {"40001": _MOST_TRIES, "40P01": _MOST_TRIES, "23505": 3, "23P01": 3}
"""Serialization failure, deadlock, a row that is there by now: the next look at the rows sees why."""

_UNUSABLE = frozenset({"22003", "22021", "22P05"})
"""A number beyond its column, text that cannot be kept: the caller's values."""


class PostgresDatabase(Threaded):
    """The database of a plant, shared by its instances."""

    def __init__(self, engine: sa.Engine) -> None:
        super().__init__(engine, writers=_WRITERS, readers=_READERS)

    def _read(self, work: Work[T]) -> T:
        try:
            with self._engine.connect() as connection:
                driver(connection).execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
                try:
                    return work(connection)
                finally:
                    _roll_back(connection)
        except (sa.exc.DBAPIError, psycopg.Error) as error:
            raise _translated(error) from error

    def _write_until_closed(self) -> None:
        writer = _Writer(self._engine)
        while jobs := self._waiting.take():
            writer.run(jobs[0]).settle()
        writer.let_go()


class _Writer:
    """One thread's connection, kept from job to job: to fetch and test one for each costs a round trip."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._connection: Connection | None = None
        self._opened_at = 0.0
        self._may_be_committed = False
        self._chance = random.Random()  # noqa: S311  who waits how long is no secret

    def run(self, job: Job) -> Outcome:
        """Run and commit `job`, again where that helps. Never raises: the outcome says."""
        for tries in range(1, _MOST_TRIES + 1):
            outcome = self._run_once(job)
            if outcome.error is None or not self._helps(outcome.error, tries):
                break
            threading.Event().wait(self._chance.uniform(0, 0.002 * tries))
        if isinstance(outcome.error, sa.exc.DBAPIError | psycopg.Error):
            translated = _translated(outcome.error)
            translated.__cause__ = outcome.error
            return Outcome(job, error=translated)
        return outcome

    def let_go(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            with contextlib.suppress(sa.exc.SQLAlchemyError, psycopg.Error):
                self._connection.invalidate()
                self._connection.close()
            self._connection = None

    def _helps(self, error: BaseException, tries: int) -> bool:
        """Whether another try may end otherwise."""
        if not isinstance(error, sa.exc.DBAPIError | psycopg.Error):
            return False
        state = _sqlstate(error)
        if self._connection is None:  # it broke, or was never there; a new one may be had
            return tries == 1 and not self._may_be_committed
        return state is not None and tries < _TRIES.get(state, 0)

    def _run_once(self, job: Job) -> Outcome:
        self._may_be_committed = False
        with _Kept() as kept:
            connection = self._connect()
            driver(connection).execute(_begin_statement(job))
            result = job.work(connection)
            send(connection)
            self._may_be_committed = True
            driver(connection).execute("COMMIT")
        if kept.error is None:
            return Outcome(job, result)
        if self._connection is None or not _roll_back(self._connection):
            self.let_go()
        return Outcome(job, error=kept.error)

    def _connect(self) -> Connection:
        if time.monotonic() - self._opened_at > _CONNECTION_AGE_SECONDS:
            self.let_go()
        if self._connection is None:
            self._connection = self._engine.connect()
            self._opened_at = time.monotonic()
        return self._connection


class _Kept:
    """As with an executor, what a job raises belongs to whoever awaits it, and is kept in `error`."""

    error: BaseException | None = None

    def __enter__(self) -> "_Kept":
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        self.error = error
        return True


def make_engine(url: str, *, busy_timeout: timedelta, durability: str = "FULL") -> sa.Engine:
    """An engine whose transactions are begun by hand: their beginning says who acts, in one round trip.

    A statement ends after `busy_timeout`, also while it waits for others.
    """
    milliseconds = int(busy_timeout.total_seconds() * 1000)
    settings = {
        "statement_timeout": milliseconds,
        "idle_in_transaction_session_timeout": 4 * milliseconds,
        "timezone": "UTC",
        "datestyle": "ISO",
        "synchronous_commit": "on" if durability == "FULL" else "off",
        "jit": "off",  # compiling took 20 ms of statements that take 10
        "application_name": "andon-mes",
    }
    options = " ".join(f"-c {name}={value}" for name, value in settings.items())
    parsed = sa.make_url(url).set(drivername="postgresql+psycopg")
    said = parsed.query.get("options")
    engine = sa.create_engine(
        parsed,
        isolation_level="AUTOCOMMIT",
        hide_parameters=True,  # the text of an error goes into logs, and values may be secrets
        pool_size=_POOL,
        max_overflow=_OVERFLOW,
        pool_pre_ping=True,
        pool_recycle=_CONNECTION_AGE_SECONDS,
        connect_args={
            "options": f"{options} {said}" if isinstance(said, str) else options,
            "connect_timeout": _CONNECT_TIMEOUT_SECONDS,
            "prepare_threshold": 2,
        },
    )
    sa.event.listen(engine, "before_cursor_execute", before_statement)
    return engine


def driver(connection: Connection) -> psycopg.Connection[Any]:
    """The driver's own connection, for what is no statement of the stores."""
    return cast("psycopg.Connection[Any]", connection.connection.driver_connection)


def _begin_statement(job: Job) -> str:
    actor = job.actor
    return _BEGIN.format(
        name=_quoted(actor.name),
        ip=_quoted(actor.ip_address or ""),
        agent=_quoted(actor.user_agent or ""),
        shared="" if job.is_alone else "_shared",
        lock=RUN_ALONE,
    )


def _quoted(value: str) -> str:
    """A string constant in which a backslash is a backslash (standard_conforming_strings)."""
    return "'" + value.replace("\0", "").replace("'", "''") + "'"


def _roll_back(connection: Connection) -> bool:
    """Whether the connection can be used again."""
    if connection.invalidated:
        return False
    forget(connection)
    try:
        driver(connection).execute("ROLLBACK")
    except (sa.exc.DBAPIError, psycopg.Error):
        connection.invalidate()
        return False
    return True


def _sqlstate(error: BaseException) -> str | None:
    said = error.orig if isinstance(error, sa.exc.DBAPIError) else error
    return getattr(said, "sqlstate", None)


def _translated(error: sa.exc.DBAPIError | psycopg.Error) -> Exception:
    """What the caller is told. A statement that no database could take is our own fault, and goes on."""
    state = _sqlstate(error) or ""
    if state in _UNUSABLE:
        return _beyond_limits(error)
    if state.startswith("23") or (state.startswith("42") and state not in {"42P01", "42703"}):
        return error
    return unavailable_because(error)


def _beyond_limits(error: BaseException) -> InvalidInput:
    said = str(getattr(error, "orig", None) or error).splitlines()[0]
    return invalid(
        "body",
        None,
        Words(f"A value is beyond what is kept: {said}", f"저장할 수 있는 범위를 벗어난 값입니다: {said}"),
        Words("Send a smaller number or other text", "더 작은 숫자나 다른 문자를 보내세요"),
        code="VALUE_BEYOND_LIMITS",
    )

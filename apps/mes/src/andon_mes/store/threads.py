"""The threads of one instance: writers that take what waits, and readers that never wait for them.

What each does with its connection is the database's own (sqlite.py, postgresql.py).
"""

import abc
import asyncio
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import sqlalchemy as sa

from andon_mes.store.actor import SYSTEM, Actor
from andon_mes.store.work import Job, Waiting, Work

T = TypeVar("T")


class Threaded(abc.ABC):
    """Work goes to `writers` and `readers` threads over `engine`. See `Database` for what it promises."""

    def __init__(self, engine: sa.Engine, *, writers: int, readers: int) -> None:
        self._engine = engine
        self._waiting = Waiting()
        self._readers = ThreadPoolExecutor(readers, thread_name_prefix="mes-reader")
        self._writers = [
            threading.Thread(target=self._write_until_closed, name=f"mes-writer-{number}", daemon=True)
            for number in range(writers)
        ]
        for writer in self._writers:
            writer.start()

    async def write(self, work: Work[T], actor: Actor = SYSTEM, *, alone: bool = True) -> T:
        """See `Database.write`."""
        done: Future[T] = Future()
        self._waiting.put(Job(work, actor, alone, done))
        return await asyncio.wrap_future(done)

    async def read(self, work: Work[T]) -> T:
        """See `Database.read`."""
        self._waiting.require_open()
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._read, work)

    def queue_depth(self) -> int:
        """Writes that wait for a writer."""
        return self._waiting.depth()

    def close(self) -> None:
        """See `Database.close`."""
        if not self._waiting.close():
            return
        for writer in self._writers:
            writer.join()
        self._readers.shutdown()
        self._engine.dispose()

    @abc.abstractmethod
    def _read(self, work: Work[T]) -> T:
        """Run `work` on one consistent view, in a reader's thread."""

    @abc.abstractmethod
    def _write_until_closed(self) -> None:
        """Take jobs and settle them until nothing more comes, in a writer's thread."""

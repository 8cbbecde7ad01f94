"""What both databases share: units of work, the queue of those that wait, what is said when none answers."""

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, TypeVar

import sqlalchemy as sa

from andon_mes.kernel.errors import Problem, Unavailable, Words
from andon_mes.store.actor import Actor

T = TypeVar("T")
Connection = sa.Connection
"""The open transaction that a unit of work is given. It goes to the stores; nobody else asks it anything."""

Work = Callable[[Connection], T]


@dataclass(frozen=True, slots=True)
class Job:
    """A unit of work that waits for a writer, and whoever awaits it."""

    work: Work[Any]
    actor: Actor
    is_alone: bool
    done: Future[Any]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a job ended: its result, or what it raised."""

    job: Job
    result: Any = None
    error: BaseException | None = None

    def settle(self) -> None:
        """Tell whoever awaits it. The client may have left; its event is committed, and its key answers."""
        if not self.job.done.set_running_or_notify_cancel():
            return
        if self.error is None:
            self.job.done.set_result(self.result)
        else:
            self.job.done.set_exception(self.error)


class Waiting:
    """Jobs in the order in which they came, until it is closed; nothing is put behind the last one."""

    def __init__(self) -> None:
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._is_closed = False

    def put(self, job: Job) -> None:
        """Raises: Unavailable when it is closed."""
        with self._lock:
            self.require_open()
            self._jobs.put(job)

    def require_open(self) -> None:
        """Raises: Unavailable when it is closed."""
        if self._is_closed:
            raise unavailable(Words("This instance is ending", "이 인스턴스는 종료 중입니다"))

    def take(self, most: int = 1) -> list[Job]:
        """At least one job, and those that gathered meanwhile up to `most`; nothing when closed and empty."""
        first = self._jobs.get()
        if first is None:
            self._jobs.put(None)  # for the next writer
            return []
        taken = [first]
        while len(taken) < most:
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                break
            if job is None:
                self._jobs.put(None)
                break
            taken.append(job)
        return taken

    def depth(self) -> int:
        """How many wait."""
        return self._jobs.qsize()

    def close(self) -> bool:
        """Whether this call closed it."""
        with self._lock:
            if self._is_closed:
                return False
            self._is_closed = True
            self._jobs.put(None)
            return True


def unavailable(reason: Words) -> Unavailable:
    """The database cannot be asked, for this reason."""
    return Unavailable(
        Problem(
            "DATABASE_UNAVAILABLE",
            Words("The database did not answer in time", "데이터베이스가 제시간에 응답하지 않았습니다"),
            reason,
            Words("Send the same request again with the same key", "같은 키로 같은 요청을 다시 보내세요"),
        )
    )


def unavailable_because(error: BaseException) -> Unavailable:
    """The database cannot be asked; the driver said why."""
    said = str(getattr(error, "orig", None) or error).strip()
    return unavailable(Words(said, said))

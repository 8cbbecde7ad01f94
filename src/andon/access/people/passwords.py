"""Hashing passwords: argon2id, in few threads, with a short queue, so that logins cannot exhaust the memory.

The figures are those of the OWASP Password Storage Cheat Sheet (argon2id, 19 MiB and two passes at least),
raised to 64 MiB and three passes; a hash of older figures is made anew at the next login (`is_outdated`).
"""

import asyncio
import secrets
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TypeVar

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

from andon.access.people.profiles import LONGEST, normal
from andon.kernel.errors import Throttled

_T = TypeVar("_T")
_READABLE = "abcdefghjkmnpqrstvwxyz23456789"  # without look-alikes, as they are read from paper
_ONE_TIME_GROUPS, _GROUP = 5, 5
ONE_TIME_LIFE = timedelta(hours=72)


@dataclass(frozen=True, slots=True)
class Work:
    """What one hash costs, and how many are made at once. waiting: in the queue before others are refused."""

    memory_kib: int = 65_536
    passes: int = 3
    parallel: int = 2
    waiting: int = 32


class Passwords:
    """Makes and checks hashes. Close it to end its threads."""

    def __init__(self, work: Work | None = None) -> None:
        self._work = work or Work()
        self._hasher = PasswordHasher(
            time_cost=self._work.passes,
            memory_cost=self._work.memory_kib,
            parallelism=1,
            type=Type.ID,
        )
        # Threads of our own: a request that was given up frees its place only when its hash is done.
        self._pool = ThreadPoolExecutor(self._work.parallel, thread_name_prefix="andon-argon2")
        self._lock = threading.Lock()
        self._under_way = 0
        self._checks = 0
        self._nobodys: str | None = None

    @property
    def checks(self) -> int:
        """How many passwords were checked so far, those of unknown logins too."""
        return self._checks

    async def hash(self, password: str) -> str:
        """The hash to keep; raises Throttled where too many are waiting."""
        return await self._run(partial(self._hasher.hash, _clipped(password)))

    async def verify(self, kept: str | None, password: str) -> bool:
        """Whether `password` is the one of `kept`. None: there is no such login, which costs the same.

        Raises:
            Throttled: too many are waiting.
        """
        self._checks += 1
        if kept is None and self._nobodys is None:
            self._nobodys = await self.hash(secrets.token_hex(16))
        is_right = await self._run(partial(self._verify, kept or self._nobodys or "", password))
        return is_right and kept is not None

    def is_outdated(self, kept: str) -> bool:
        """Whether the hash was made with other figures than today's."""
        return self._hasher.check_needs_rehash(kept)

    def close(self) -> None:
        """End the threads; hashes under way are finished."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _verify(self, kept: str, password: str) -> bool:
        try:
            is_right = self._hasher.verify(kept, _clipped(password))
        except (VerificationError, InvalidHashError):
            return False
        # Two long passwords with the same beginning are not the same.
        return is_right and len(normal(password)) <= LONGEST

    async def _run(self, work: "partial[_T]") -> _T:
        with self._lock:
            if self._under_way >= self._work.parallel + self._work.waiting:
                raise Throttled(
                    "too-many-logins",
                    "too many people are signing in at this moment",
                    hint="try again in a few seconds",
                    retry_after=timedelta(seconds=5),
                )
            self._under_way += 1
        future = self._pool.submit(work)
        future.add_done_callback(self._done)
        return await asyncio.wrap_future(future)

    def _done(self, _future: "Future[_T]") -> None:
        with self._lock:
            self._under_way -= 1


def one_time() -> str:
    """A password to be typed once: 25 characters of 30, which are 122 bits, in groups of five."""
    groups = ("".join(secrets.choice(_READABLE) for _ in range(_GROUP)) for _ in range(_ONE_TIME_GROUPS))
    return "-".join(groups)


def _clipped(password: str) -> bytes:
    """At most the longest that a profile takes, so that nobody has megabytes hashed."""
    return normal(password[: LONGEST * 4])[:LONGEST].encode("utf-8", "surrogatepass")

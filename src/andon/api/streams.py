"""Counts the answers that stay open, so that neither one person nor all of them together hold too many."""

import contextlib
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta

from andon.api.callers import Caller
from andon.kernel.errors import Throttled, Unavailable

MOST = 1000
MOST_OF_ONE = 20  # a browser with the board in several windows, and a few terminals that watch
_WAIT = timedelta(seconds=30)


class Streams:
    """Open streams by person, or by machine token."""

    def __init__(self, *, most: int = MOST, most_of_one: int = MOST_OF_ONE) -> None:
        self._most = most
        self._most_of_one = most_of_one
        self._open: Counter[str] = Counter()
        self.is_ending = False  # this Andon ends: so does every stream, at its next look

    def check(self, caller: Caller) -> None:
        """Pass where one more may be opened; asked before an answer begins.

        Raises:
            Throttled: the caller has as many as one may have. Unavailable: everybody together has.
        """
        if self._open[_holder(caller)] >= self._most_of_one:
            raise Throttled(
                "too-many-streams",
                f"{caller.name} has {self._most_of_one} streams open",
                hint="close a window of the board, or a command that watches",
                retry_after=_WAIT,
            )
        if self._open.total() >= self._most:
            raise Unavailable("too-many-viewers", f"{self._most} viewers are open", hint="close some")

    @contextlib.contextmanager
    def held(self, caller: Caller) -> Iterator[bool]:
        """Count one while the block runs; False where others that were asked for at once were faster."""
        holder = _holder(caller)
        is_free = self._open[holder] < self._most_of_one and self._open.total() < self._most
        self._open[holder] += is_free
        try:
            yield is_free
        finally:
            self._open[holder] -= is_free
            if not self._open[holder]:
                del self._open[holder]


def _holder(caller: Caller) -> str:
    return caller.principal.user_id or caller.principal.session

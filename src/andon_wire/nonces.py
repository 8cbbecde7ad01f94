"""Which requests were taken already, so that none is taken twice. In memory, bounded, exact over restarts.

What is forgotten is refused by its time instead: nothing that was signed at or before the newest forgotten
nonce, or before this process began, is taken any more. So neither a restart nor a clock that jumps opens a
gap; at worst an agent signs again.
"""

import threading
from collections import Counter, deque

from andon_wire.errors import Unreachable, Untrusted
from andon_wire.identity import TOLERANCE_S, Claims

MOST = 1_000_000
MOST_OF_ONE = 1200  # of a station while they are remembered: ten a second


class Nonces:
    """Used nonces. started: seconds since 1970 when this process began to take requests. Safe for threads."""

    def __init__(
        self,
        started: float,
        *,
        tolerance: float = TOLERANCE_S,
        most: int = MOST,
        most_of_one: int = MOST_OF_ONE,
    ) -> None:
        self._floor = started
        self._keep = 2 * tolerance  # signed at most a tolerance ahead, good for a tolerance after that
        self._most, self._most_of_one = most, most_of_one
        self._order: deque[tuple[float, Claims]] = deque()
        self._used: set[tuple[str, str]] = set()
        self._count: Counter[str] = Counter()
        self._turn = threading.Lock()

    def __len__(self) -> int:
        """How many are remembered."""
        return len(self._used)

    def use(self, claims: Claims, now: float) -> None:
        """Take a request whose signature holds, once.

        Raises:
            Untrusted: replayed-request: it was taken before; stale-request: it may have been.
            Unreachable: there are more than may be remembered; later it works.
        """
        with self._turn:
            self._forget(now)
            if claims.issued <= self._floor:
                raise Untrusted(
                    "stale-request",
                    "the request was signed before this server began to remember requests",
                    hint="the agent signs again by the time in this answer",
                )
            if (claims.station, claims.nonce) in self._used:
                raise Untrusted("replayed-request", f"a request of {claims.station} came a second time")
            if len(self._used) >= self._most or self._count[claims.station] >= self._most_of_one:
                raise Unreachable("too-many-requests", f"too many requests of {claims.station}")
            self._used.add((claims.station, claims.nonce))
            self._count[claims.station] += 1
            self._order.append((now + self._keep, claims))

    def _forget(self, now: float) -> None:
        while self._order and self._order[0][0] < now:
            _, old = self._order.popleft()
            self._floor = max(self._floor, old.issued)
            self._used.discard((old.station, old.nonce))
            self._count[old.station] -= 1
            if self._count[old.station] <= 0:
                del self._count[old.station]

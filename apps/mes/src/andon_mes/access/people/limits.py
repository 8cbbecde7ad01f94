"""How often an address may try to sign in: counted by each instance for itself, in bounded memory."""

from collections import OrderedDict, deque
from datetime import timedelta

from andon_mes.kernel.clock import Clock
from andon_mes.kernel.errors import Problem, TooMany, Words

_WINDOW = timedelta(minutes=1)
_MOST_ADDRESSES = 10_000


class Limit:
    """At most so many tries a minute from one address."""

    def __init__(self, clock: Clock, most: int) -> None:
        self._clock = clock
        self._most = most
        self._tries: OrderedDict[str, deque[float]] = OrderedDict()

    def count(self, address: str | None) -> None:
        """Count a try. Raises: TooMany when the address has had its tries of this minute."""
        now, known = self._clock.monotonic(), address or "unknown"
        tries = self._tries.setdefault(known, deque(maxlen=self._most))
        self._tries.move_to_end(known)
        while len(self._tries) > _MOST_ADDRESSES:
            self._tries.popitem(last=False)
        if len(tries) == self._most and (wait := tries[0] + _WINDOW.total_seconds() - now) > 0:
            raise _too_many(self._most, wait)
        tries.append(now)


def _too_many(most: int, wait: float) -> TooMany:
    seconds = int(wait) + 1
    return TooMany(
        Problem(
            "TOO_MANY_SIGN_INS",
            Words("Too many sign-ins from this address", "이 주소에서 로그인 시도가 너무 많습니다"),
            Words(f"An address has {most} tries a minute", f"주소당 1분에 {most}번까지 가능합니다"),
            Words(f"Wait {seconds} seconds", f"{seconds}초 후에 다시 시도하세요"),
        ),
        timedelta(seconds=seconds),
    )

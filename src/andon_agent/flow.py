"""How fast, and whether now: bandwidth, download windows, and what the people at the station say."""

import threading
from collections.abc import Callable
from datetime import datetime

from andon_wire.errors import Malformed
from andon_wire.protocol import Pace
from andon_wire.spans import is_open

LONGEST_PAUSE_S = 8 * 3600.0  # a shift: a pause that was forgotten does not hold up updates for ever
CANCELLED_S = 3600.0
_LOOK_S = 1.0  # how often a wait looks whether it is still wanted


class Bucket:
    """Bytes that may pass, filled at `rate` a second up to one second's worth; 0 has no limit."""

    def __init__(self, rate: float) -> None:
        self.rate = rate
        self._debt = 0.0
        self._at: float | None = None

    def take(self, count: int, now: float) -> float:
        """Let `count` bytes pass; seconds to wait before the next. now: of a clock that only rises."""
        if self.rate <= 0:
            return 0.0
        if self._at is not None:
            self._debt = max(-self.rate, self._debt - (now - self._at) * self.rate)
        self._at = now
        self._debt += count
        return max(0.0, self._debt / self.rate)


class Flow:
    """The one tap of all downloads. clock: aware time; monotonic: only rises. Safe for threads."""

    def __init__(
        self, clock: Callable[[], datetime], monotonic: Callable[[], float], *, bandwidth: int = 0
    ) -> None:
        self._clock, self._monotonic = clock, monotonic
        self._own = bandwidth  # a person at the station, whatever the plant says
        self._pace = Pace()
        self._bucket = Bucket(bandwidth)
        self._changed = threading.Condition()
        self._held_until: float | None = None
        self._dropped = 0

    def set_pace(self, pace: Pace) -> None:
        """From now on this is the plant's pace."""
        with self._changed:
            self._pace = pace
            limits = [each for each in (pace.bandwidth, self._own) if each > 0]
            self._bucket.rate = min(limits, default=0)
            self._changed.notify_all()

    def pause(self, seconds: float = LONGEST_PAUSE_S) -> None:
        """Let nothing pass until `resume`, or for that long."""
        with self._changed:
            self._held_until = self._monotonic() + seconds
            self._changed.notify_all()

    def cancel(self) -> None:
        """Drop what is on its way, and begin again in an hour or on `resume`."""
        with self._changed:
            self._dropped += 1
        self.pause(CANCELLED_S)

    def resume(self) -> None:
        """Go on."""
        with self._changed:
            self._held_until = None
            self._changed.notify_all()

    @property
    def dropped(self) -> int:
        """Rises with each `cancel`."""
        return self._dropped

    @property
    def is_paused(self) -> bool:
        """Whether people at the station hold it."""
        with self._changed:
            return self._held_until is not None and self._monotonic() < self._held_until

    def rests(self) -> str:
        """Why nothing may pass now; empty where it may."""
        if self.is_paused:
            return "the download is paused at the station"
        try:
            return "" if is_open(self._pace.download, self._clock()) else "outside of the download window"
        except Malformed as error:
            return error.message

    def wait(self, look: Callable[[], None]) -> None:
        """Until something may pass again. look: called about each second; what it raises ends the wait."""
        while self.rests():
            look()
            with self._changed:
                self._changed.wait(_LOOK_S)

    def passed(self, count: int, look: Callable[[], None]) -> None:
        """Say that so many bytes came; waits as long as that was too fast. look: as for `wait`."""
        with self._changed:
            left = self._bucket.take(count, self._monotonic())
            until = self._monotonic() + left
        while left > 0 and not self.rests():
            look()
            with self._changed:
                self._changed.wait(min(left, _LOOK_S))
            left = until - self._monotonic()

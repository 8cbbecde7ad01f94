"""The clock, as a parameter. Only this module asks the machine for the time."""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """What time it is, and how to wait. A test gives its own."""

    def now(self) -> datetime:
        """Aware, UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds that never go back; only differences mean something."""
        ...

    async def sleep(self, duration: timedelta) -> None:
        """Wait for `duration` of this clock's time."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        """Aware, UTC."""
        return datetime.now(UTC)  # noqa: TID251  the one place that may ask

    def monotonic(self) -> float:
        """Seconds since an arbitrary point."""
        return time.monotonic()

    async def sleep(self, duration: timedelta) -> None:
        """Wait for real time."""
        await asyncio.sleep(duration.total_seconds())


class ManualClock:
    """A clock that stands until it is moved; for tests and the simulated plant."""

    def __init__(self, at: datetime | None = None) -> None:
        self._now = at or datetime(2026, 1, 1, tzinfo=UTC)
        self._monotonic = 0.0

    def now(self) -> datetime:
        """Where the clock was last moved to."""
        return self._now

    def monotonic(self) -> float:
        """Seconds moved so far."""
        return self._monotonic

    def advance(self, duration: timedelta) -> None:
        """Move on by `duration`, which is not negative."""
        self._now += duration
        self._monotonic += duration.total_seconds()

    def step(self, by: timedelta) -> None:
        """Be set by `by`, forward or back, while no time passes."""
        self._now += by

    async def sleep(self, duration: timedelta) -> None:
        """Move on at once, and let other tasks run."""
        self.advance(duration)
        await asyncio.sleep(0)

"""Tells the timeline when the system's clock was set, so that times that go back there are explained."""

from datetime import datetime, timedelta

from andon.kernel.clock import Clock
from andon.timeline.records import Event, Severity
from andon.timeline.store import Filter, TimelineStore

STEPPED, BEHIND = "clock.stepped", "clock.behind"


class ClockWatch:
    """Compares the clock with the one that cannot be set. Call `start` once, then `tick` each few seconds."""

    def __init__(
        self, timeline: TimelineStore, clock: Clock, *, tolerated: timedelta = timedelta(seconds=1)
    ) -> None:
        self._timeline = timeline
        self._clock = clock
        self._tolerated = tolerated
        self._seen = self._look()

    async def start(self) -> None:
        """Say so when the newest record is later than now: the clock was set back while nobody watched."""
        newest = await self._timeline.list(Filter(), limit=1)
        now = self._clock.now()
        if newest and newest[0].at - now > self._tolerated:
            at, number = newest[0].at, newest[0].number
            reason = (
                f"the clock is {_seconds(at - now)} s behind record {number}, which is of {at.isoformat()}"
            )
            await self._tell(BEHIND, reason, at, now)
        self._seen = self._look()

    async def tick(self) -> None:
        """Say so when the clock went another way than time did since the last look."""
        (before, was), (now, passed) = self._seen, self._look()
        self._seen = now, passed
        expected = before + timedelta(seconds=passed - was)
        if abs(now - expected) <= self._tolerated:
            return
        way = "forward" if now > expected else "back"
        reason = f"the system's clock was set {way} by {_seconds(abs(now - expected))} s"
        await self._tell(STEPPED, reason, expected, now)

    def _look(self) -> tuple[datetime, float]:
        return self._clock.now(), self._clock.monotonic()

    async def _tell(self, kind: str, reason: str, before: datetime, after: datetime) -> None:
        event = Event(
            kind=kind,
            subject="clock",
            actor="clock",
            reason=reason,
            severity=Severity.WARNING,
            before={"at": before.isoformat()},
            after={"at": after.isoformat(), "seconds": round((after - before).total_seconds(), 3)},
        )
        await self._timeline.record(event, after)


def _seconds(duration: timedelta) -> str:
    return f"{duration.total_seconds():.1f}"

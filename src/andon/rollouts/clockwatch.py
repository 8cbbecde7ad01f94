"""Sees that the machine's clock was set: it moved on by another amount than the time that passed.

It knows only what this process saw; a clock that went back while nobody looked is seen by `seeing.py`.
"""

from datetime import UTC, datetime, timedelta

from andon.kernel.clock import Clock
from andon.kernel.ids import RolloutId

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class ClockWatch:
    """How far the clock was set since a rollout last took that into account."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._offsets: dict[RolloutId, timedelta] = {}

    def step(self, rollout: RolloutId) -> timedelta:
        """Forward (or back), beyond the time that passed; nothing at the first look."""
        now = self._offset()
        return now - self._offsets.setdefault(rollout, now)

    def taken(self, rollout: RolloutId) -> None:
        """The rollout's times were moved, and that is stored: from now on only further steps count."""
        self._offsets[rollout] = self._offset()

    def keep(self, rollouts: set[RolloutId]) -> None:
        """Forget all others."""
        self._offsets = {each: offset for each, offset in self._offsets.items() if each in rollouts}

    def _offset(self) -> timedelta:
        return self._clock.now() - _EPOCH - timedelta(seconds=self._clock.monotonic())

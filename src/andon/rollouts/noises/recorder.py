"""A loop that keeps what every release does minute by minute, and what a new rollout makes of it."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from andon.evidence.model import Reading
from andon.judge import dispersion
from andon.judge.model import Noise
from andon.kernel import logging
from andon.kernel.clock import Clock
from andon.kernel.errors import Conflict
from andon.kernel.ids import EnvironmentName, UnitName
from andon.rollouts.controller import Holder
from andon.rollouts.noises import model
from andon.rollouts.noises.model import Minute, Open, Series
from andon.rollouts.noises.store import NoiseStore
from andon.rollouts.stables.store import Stable
from andon.store.leases import LeaseStore
from andon.units.desired import NO_ROUTING, Desired

_log = logging.get(__name__)
_LEASE = "noise"
_KEPT = 7 * 24 * 60  # minutes
_FORGET_EVERY = 60  # minutes


@dataclass(frozen=True, slots=True)
class Sources:
    """What the recorder reads: what should run, and the last reading of each metric there."""

    desired: Callable[[], Awaitable[Sequence[Desired]]]
    readings: Callable[[UnitName, EnvironmentName], Sequence[Reading]]


class Former(Protocol):
    """The releases that finished somewhere (`rollouts/store.py`)."""

    async def stables(self, unit: UnitName, environment: EnvironmentName) -> Sequence[Stable]:
        """All that ever finished there, newest first."""
        ...


class NoiseRecorder:
    """Looks at the last readings. Only the holder of the lease does; a minute not seen whole is left out."""

    def __init__(
        self, store: NoiseStore, leases: LeaseStore, clock: Clock, holder: Holder, sources: Sources
    ) -> None:
        self._store = store
        self._leases = leases
        self._clock = clock
        self._holder = holder
        self._sources = sources
        self._open: dict[Series, Open] = {}
        self._forgot = 0

    async def tick(self) -> None:
        """Add the last readings of everything that is deployed, and keep the minutes that ended."""
        now = int(self._clock.now().timestamp()) // 60
        ended: dict[Series, Sequence[Minute]] = {}
        for desired in await self._sources.desired():
            for reading in self._sources.readings(desired.unit, desired.environment):
                series = Series(desired.unit, desired.environment, reading.metric)
                if minutes := self._add(series, reading, desired):
                    ended[series] = minutes
        if not ended:
            return
        lease = await self._leases.acquire(_LEASE, self._holder.name, self._holder.time_to_live)
        if lease is None:
            return
        try:
            await self._store.add(ended, lease)
        except Conflict as error:
            _log.info("minutes dropped", code=error.code)
        if now - self._forgot >= _FORGET_EVERY:
            await self._store.forget(now - _KEPT)
            self._forgot = now

    def _add(self, series: Series, reading: Reading, desired: Desired) -> Sequence[Minute]:
        if reading.edges or desired.routing != NO_ROUTING:
            # What is measured is not compared by noise; what nobody drew is no sample of what a release does.
            self._open.pop(series, None)
            return ()
        serving = [each.version for each in desired.releases if each.share > 0]
        after, minutes = model.collect(self._open.get(series), reading, serving)
        if after is not None:
            self._open[series] = after
        return minutes


class Noises:
    """Measures the noise of metrics from what was kept."""

    def __init__(self, store: NoiseStore, former: Former, clock: Clock) -> None:
        self._store = store
        self._former = former
        self._clock = clock

    async def of(
        self, unit: UnitName, environment: EnvironmentName, metrics: Sequence[str]
    ) -> Mapping[str, Noise]:
        """The noise of each of these metrics; one of which too little is known is left out."""
        since = int(self._clock.now().timestamp()) // 60 - _KEPT
        good = {e.version for e in await self._former.stables(unit, environment) if not e.is_withdrawn}
        found = {}
        for metric in metrics:
            minutes = await self._store.list(Series(unit, environment, metric), since)
            runs = model.alone(minutes, good), model.beside(minutes, good)
            noise = await asyncio.to_thread(dispersion.measure, *runs)
            if noise is not None:
                found[metric] = noise
        return found

"""Evidence that the unit itself answers, as metrics page or JSON: failed serials, how long each took.

A source that fails or is slow gives a problem, never an exception and never zeros.
What is not here: what a page says (page.py), or rows (rows.py).
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from andon.evidence import page, rows
from andon.evidence.increments import Baseline, add, advance
from andon.evidence.model import ONE_SERIES, Reading, Tally
from andon.kernel.clock import Clock
from andon.kernel.errors import AndonError, Unavailable
from andon.kernel.fetching import Fetcher, Question
from andon.kernel.ids import EnvironmentName, UnitName, Version, new_id
from andon.units.evidence import Evidence

_LARGEST_PAGE_BYTES = 2_000_000
_CATCHING_UP = timedelta(seconds=5)
_REMEMBERED = timedelta(minutes=10)  # an instance that is not ready for a moment is made up for
_NO_INSTANCE = "no instance is ready to be asked"

Tallies = Mapping[Version, Tally]
Key = tuple[UnitName, EnvironmentName, str]


@dataclass(frozen=True, slots=True)
class Place:
    """A ready instance. `id` is another after each start of it, because its own counters then begin anew."""

    id: str
    url: str


@dataclass(slots=True)
class _Answered:
    """Who answered last for the whole unit, and what."""

    place: str
    at: datetime
    tallies: Tallies


@dataclass(slots=True)
class _Summed:
    """What all instances gained together since this Andon began to read them."""

    baselines: dict[str, Baseline] = field(default_factory=dict)
    total: dict[Version, Tally] = field(default_factory=dict)

    def forget(self, now: datetime, present: Collection[str]) -> None:
        """Let go of places that are gone for long: what they gained is in the total."""
        self.baselines = {
            place: last
            for place, last in self.baselines.items()
            if place in present or now - last.at < _REMEMBERED
        }


Places = Callable[[UnitName, EnvironmentName], Awaitable[Sequence[Place]]]


class HttpEvidence:
    """Reads metrics pages. `places` gives the ready instances, best to ask first."""

    def __init__(self, places: Places, clock: Clock, *, patience: timedelta = timedelta(seconds=2)) -> None:
        self._places = places
        self._clock = clock
        self._patience = patience
        self._epoch = new_id("ev", clock.now())
        self._answered: dict[Key, _Answered] = {}
        self._summed: dict[Key, _Summed] = {}
        self._fetcher = Fetcher(code="no-page", most_bytes=_LARGEST_PAGE_BYTES)

    async def read(
        self, unit: UnitName, environment: EnvironmentName, metric: str, wanted: Evidence
    ) -> Reading:
        """The counts of one metric at this moment.

        Scope unit: cumulative, as the first instance that answers says them, in the epoch ONE_SERIES.
        Scope instance: what all instances gained since this Andon began to read; `epoch` tells it from the
        next.
        """
        key = (unit, environment, metric)
        read = self._of_one if wanted.scope == "unit" else self._of_all
        try:
            return await read(key, await self._places(unit, environment), wanted)
        except AndonError as error:
            return Reading(metric, self._clock.now(), {}, problem=error.message)

    async def close(self) -> None:
        """Let go of connections."""
        await self._fetcher.close()

    async def _of_one(self, key: Key, places: Sequence[Place], wanted: Evidence) -> Reading:
        last = self._answered.get(key)
        problem = Unavailable("no-instance", _NO_INSTANCE)
        for place in places:
            at = self._clock.now()  # before it is asked: everything until then is in the answer
            try:
                tallies = await self._ask(place, wanted)
            except Unavailable as error:
                problem = error
                continue
            # Another instance may count from an older view: it says nothing of the time since the last one.
            if last is not None and place.id != last.place and at - last.at < _CATCHING_UP:
                _refuse_behind(place, tallies, last)
            self._answered[key] = _Answered(place.id, at, tallies)
            return Reading(key[2], at, tallies, epoch=ONE_SERIES, edges=wanted.upper_edges)
        raise problem

    async def _of_all(self, key: Key, places: Sequence[Place], wanted: Evidence) -> Reading:
        if not places:
            raise Unavailable("no-instance", _NO_INSTANCE)
        at = self._clock.now()
        answers = await asyncio.gather(*(self._answer(each, wanted) for each in places))
        problems = [each for each in answers if isinstance(each, Unavailable)]
        if len(problems) == len(places):
            raise problems[0]
        summed = self._summed.setdefault(key, _Summed())
        for place, answer in zip(places, answers, strict=True):
            if isinstance(answer, Unavailable):
                continue
            before = summed.baselines.get(place.id)
            after, gained = advance(before, Reading(key[2], at, answer, edges=wanted.upper_edges))
            if after is not None:
                summed.baselines[place.id] = after
            for version in {*answer, *gained}:
                gain = gained.get(version, Tally(0, 0))
                summed.total[version] = add(summed.total.get(version, Tally(0, 0)), gain)
        summed.forget(at, {each.id for each in places})
        return Reading(key[2], at, dict(summed.total), epoch=self._epoch, edges=wanted.upper_edges)

    async def _answer(self, place: Place, wanted: Evidence) -> Tallies | Unavailable:
        try:
            return await self._ask(place, wanted)
        except Unavailable as error:
            return error

    async def _ask(self, place: Place, wanted: Evidence) -> Tallies:
        question = Question(f"{place.url}{wanted.path}", self._patience)
        text = (await self._fetcher.content(question)).decode(errors="replace")
        if wanted.source == "json":
            return rows.read_json(text, wanted)
        if wanted.kind == "latency":
            return page.read_histogram(text, wanted.histogram, wanted.upper_edges, wanted.release_label)
        return page.read(text, exposure=wanted.exposure, bad=wanted.bad, release_label=wanted.release_label)


def _refuse_behind(place: Place, tallies: Tallies, last: _Answered) -> None:
    nothing = Tally(0, 0)
    for version, before in last.tallies.items():
        now = tallies.get(version, nothing)
        if now.exposure < before.exposure or now.bad < before.bad:
            raise Unavailable("catching-up", f"{place.id} has not caught up with {last.place} yet")

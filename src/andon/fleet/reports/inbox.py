"""Takes reports and makes many of them durable in one transaction, so that a thousand stations need few.

An answer is given once its report is durable. Of one station reports are taken in the order in which they
came, each seeing what the one before it left.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from andon.fleet.model import Seen, Station
from andon.fleet.reports import rules
from andon.fleet.reports.model import Taken
from andon.fleet.reports.store import ReportStore
from andon.fleet.roster import Roster
from andon.kernel import logging
from andon.kernel.clock import Clock
from andon.kernel.errors import AndonError, Conflict, InvalidInput, Unavailable
from andon.kernel.ids import StationName
from andon_wire.protocol import Report

_log = logging.get(__name__)
MOST_AT_ONCE = 200
MOST_WAITING = 5000


@dataclass(frozen=True, slots=True)
class _Waiting:
    station: StationName
    report: Report
    address: str
    done: asyncio.Future[Seen]


class Inbox:
    """Reports on their way into the database. wake: run `tick` soon."""

    def __init__(self, store: ReportStore, roster: Roster, clock: Clock) -> None:
        self._store = store
        self._roster = roster
        self._clock = clock
        self._waiting: list[_Waiting] = []
        self.wake: Callable[[], None] = _nobody

    async def take(self, station: StationName, report: Report, *, address: str) -> Seen:
        """What is durable of a station once this report is.

        Raises:
            Unavailable: there are too many on their way, or the database does not answer; later it works.
        """
        if len(self._waiting) >= MOST_WAITING:
            raise Unavailable("too-many-reports", "more reports came than can be kept now")
        done: asyncio.Future[Seen] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(station, report, address, done))
        self.wake()
        return await done

    async def tick(self) -> None:
        """Take all that wait."""
        while self._waiting:
            some, self._waiting = self._waiting[:MOST_AT_ONCE], self._waiting[MOST_AT_ONCE:]
            await self._take_or_each(some)

    async def _take_or_each(self, some: Sequence[_Waiting]) -> None:
        """Take them together; where that fails for what one of them says, each by itself, so that the others
        are not held up by it."""
        try:
            await self._take(some)
        except (InvalidInput, Conflict, ValueError, ArithmeticError, TypeError) as error:
            if len(some) > 1:
                for each in some:
                    await self._take_or_each([each])
                return
            _log.warning("report not kept", station=some[0].station, reason=str(error)[:500])
            _answer(some, InvalidInput("report-not-kept", "this report cannot be kept"))
        except BaseException as error:
            _answer(some, error if isinstance(error, AndonError) else _interrupted())
            raise

    async def _take(self, some: Sequence[_Waiting]) -> None:
        now = self._clock.now()
        changed: dict[StationName, Seen] = {}
        taken: list[Taken] = []
        for each in some:
            station = self._roster.stations[each.station]
            before = changed.get(each.station, self._roster.seen_of(each.station))
            one = rules.taken(
                station,
                before,
                each.report,
                now,
                address=each.address,
                was_given=partial(self._roster.was_given, environment=station.environment),
            )
            changed[each.station] = one.seen
            taken.append(one)
        await self._store.take(taken, now)
        self._keep(taken, changed)
        for each in some:
            if not each.done.done():
                each.done.set_result(changed[each.station])

    def _keep(self, taken: Sequence[Taken], changed: Mapping[StationName, Seen]) -> None:
        for each in taken:
            if each.machine is not None:
                station: Station = self._roster.stations[each.station]
                self._roster.put(replace(station, machine=each.machine))
        for name, seen in changed.items():
            self._roster.reported(name, seen)


def _nobody() -> None:
    """Before it is wired to a loop, nobody is woken."""


def _answer(some: Sequence[_Waiting], error: AndonError) -> None:
    for each in some:
        if not each.done.done():
            each.done.set_exception(error)


def _interrupted() -> Unavailable:
    return Unavailable("report-not-taken", "the report could not be taken now; send it again")

"""Simulated stations on a virtual clock: each does what it is told, and suffers what is drawn.

They act by the words of `andon_wire.protocol`, as agents do, but in a few lines: what an agent really does is
tested where it is. What is so (`running`) and what is reported are kept apart, because a station may be off,
late or lie.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from andon.fleet.model import Seen, Station
from andon.kernel.ids import EnvironmentName, StationName, UnitName, Version
from andon_wire.protocol import Machine, Phase, UnitState, WantedUnit

TURN = timedelta(seconds=30)


class Fate(StrEnum):
    """What a release does to a station."""

    WORKS = "works"
    NOT_INSTALLED = "not-installed"  # it gives up before it switches
    DOES_NOT_START = "does-not-start"  # it switches, and comes back
    DIES_LATER = "dies-later"  # it is confirmed, and comes back some time afterwards
    KILLS = "kills"  # nobody hears of the station any more once it switches to it


@dataclass(frozen=True, slots=True)
class Temper:
    """How a station is. off: from and until, in seconds; late: chance that a report is not sent; repeats:
    chance that its former report is sent once more, afterwards; lies: it says that it did what it did not.
    """

    off: tuple[float, float] = (0.0, 0.0)
    late: float = 0.0
    repeats: float = 0.0
    lies: bool = False


@dataclass(slots=True)
class Simulated:
    """One station with its agent. since: in seconds; tried: what failed, by version, with its attempt."""

    station: Station
    temper: Temper
    fates: Mapping[Version, Fate]
    running: Version | None
    dice: random.Random
    phase: Phase = Phase.IDLE
    wanted: Version | None = None
    attempt: int = 0
    confirmed: Version | None = None
    since: float = 0.0
    is_dead: bool = False
    tried: dict[str, int] = field(default_factory=dict)
    began: list[tuple[float, Version]] = field(default_factory=list)
    _former: Seen | None = None
    _last: Version | None = None

    def is_off(self, age: float) -> bool:
        """Whether nobody hears of it now."""
        return self.is_dead or self.temper.off[0] <= age < self.temper.off[1]

    @property
    def is_switching(self) -> bool:
        """Whether its application is down or new just now."""
        return self.phase in {Phase.SWITCHING, Phase.WATCHING}

    @property
    def has_failed(self) -> bool:
        """Whether what it is told does not work there."""
        return self.phase is Phase.FAILED

    def turn(self, told: WantedUnit | None, age: float) -> None:
        """Half a minute of its life."""
        if self.is_off(age):
            return
        if self.phase is Phase.SWITCHING:
            self._switched(age)
        elif self.phase is Phase.WATCHING:
            self._watched(age)
        else:
            self._rests(told, age)

    def reports(self, unit: UnitName, now: datetime, age: float) -> Sequence[Seen]:
        """What arrives of what it says, in that order."""
        if self.is_off(age) or self.dice.random() < self.temper.late:
            return []
        seen = Seen(at=now, units={unit: self._says(now)})
        former, self._former = self._former, seen
        is_again = former is not None and self.dice.random() < self.temper.repeats
        return [former, seen] if former is not None and is_again else [seen]

    def _says(self, now: datetime) -> UnitState:
        is_lie = self.temper.lies and self.wanted is not None and self.phase is not Phase.FAILED
        running = self.wanted if is_lie else self.running
        return UnitState(
            running=running,
            confirmed=running if is_lie else self.confirmed,
            wanted=self.wanted,
            attempt=self.attempt,
            phase=Phase.IDLE if is_lie else self.phase,
            since=now,
            reason="it does not start" if self.phase is Phase.FAILED else "",
        )

    def _rests(self, told: WantedUnit | None, age: float) -> None:
        if told is None:
            return
        version = None if told.version is None else Version(told.version)
        self.wanted, self.attempt = version, told.attempt
        if version == self.running or version is None:
            self.running, self.phase = version, Phase.IDLE
            self._perhaps_dies(age)
            return
        if self.tried.get(version, -1) >= told.attempt:
            self.phase = Phase.FAILED
        elif self._fate(version) is Fate.NOT_INSTALLED:
            self._gives_up(version)
        elif told.may_switch:
            self.phase, self.since, self._last = Phase.SWITCHING, age, self.running
            self.began.append((age, version))
        else:
            self.phase = Phase.READY

    def _switched(self, age: float) -> None:
        self.running, self.phase, self.since = self.wanted, Phase.WATCHING, age
        if self.wanted is not None and self._fate(self.wanted) is Fate.KILLS:
            self.is_dead = True

    def _watched(self, age: float) -> None:
        version = self.running
        if version is not None and self._fate(version) is Fate.DOES_NOT_START:
            self.running = self.confirmed = self._last
            self._gives_up(version)
            return
        self.confirmed, self.phase, self.since = version, Phase.IDLE, age

    def _perhaps_dies(self, age: float) -> None:
        version = self.running
        is_time = age - self.since > 600 and self._last is not None
        if version is not None and self._fate(version) is Fate.DIES_LATER and is_time:
            self.running = self.confirmed = self._last
            self._gives_up(version)

    def _gives_up(self, version: Version) -> None:
        self.tried[version] = self.attempt
        self.phase = Phase.FAILED

    def _fate(self, version: Version) -> Fate:
        return self.fates.get(version, Fate.WORKS)


def a_station(number: int, ring: str, line: str, environment: EnvironmentName, at: datetime) -> Station:
    """The station of this number."""
    name = f"s{number:03}"
    return Station(
        name=StationName(name),
        environment=environment,
        ring=ring,
        line=line,
        public_key=f"{number:064x}",
        machine=Machine(id=name, hostname=name),
        enrolled_at=at - timedelta(days=30),
    )

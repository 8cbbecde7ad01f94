"""How a machine becomes a station: a person makes a token, the machine spends it with a key of its own.

A token is worth nothing a second time, and its second use is an alert: whoever has its text is not the one
it was made for. What the machine is told back is bound by the token's pin (`andon_wire/enrolment.py`).
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from andon.fleet import model
from andon.fleet.faults import translated
from andon.fleet.model import LAST_RING, Standing, Station
from andon.fleet.roster import Roster
from andon.fleet.stations.store import StationStore, no_station
from andon.fleet.tokens.model import LONGEST_LIFE, EnrolmentToken
from andon.fleet.tokens.store import EnrolmentTokenStore
from andon.kernel.clock import Clock
from andon.kernel.errors import AndonError, Conflict, InvalidInput, NotFound, Unauthenticated
from andon.kernel.ids import EnvironmentName, StationName, new_id
from andon.timeline.records import Event, Severity
from andon_wire import identity
from andon_wire.enrolment import Token
from andon_wire.errors import WireError
from andon_wire.identity import Request
from andon_wire.protocol import Enrol, Enrolled

_MOST_KEYS = 8  # of the timeline that an answer brings, the newest first
_TRIES = 50  # names, where several machines have the same host name


@dataclass(frozen=True, slots=True)
class Plant:
    """What a new station pins. wanted_key: the fleet's public key in hex; root: the text of the TUF root;
    timeline_keys: verifier keys of the timeline; registries: addresses of the static files, best first,
    relative ones to this control plane.
    """

    wanted_key: str
    root: Callable[[], str]
    registries: Sequence[str] = ("/registry/",)
    timeline_keys: Callable[[], Sequence[str]] = tuple


@dataclass(frozen=True, slots=True)
class Asked:
    """What a person asks of a token. station: the name that the machine gets, empty: after its host."""

    environment: EnvironmentName
    ring: str = LAST_RING
    line: str = ""
    station: str = ""
    labels: Mapping[str, str] | None = None
    life: timedelta = timedelta(hours=24)
    needs_approval: bool = False
    replaces: bool = False


class Enrolling:
    """Makes and spends enrolment tokens. publish: tells the timeline what changes no row."""

    def __init__(
        self,
        tokens: EnrolmentTokenStore,
        stations: StationStore,
        roster: Roster,
        plant: Plant,
        clock: Clock,
        *,
        publish: Callable[[Event], Awaitable[object]],
    ) -> None:
        self._tokens = tokens
        self._stations = stations
        self._roster = roster
        self._plant = plant
        self._clock = clock
        self._publish = publish
        self.changed: Callable[[], None] = _nobody

    async def make(self, asked: Asked, actor: str, reason: str) -> tuple[EnrolmentToken, str]:
        """A token and its text, which is shown this once.

        Raises:
            InvalidInput: name, ring, labels, life or reason. NotFound: there is no station to replace.
            Conflict: there is a station of this name already.
        """
        now, life = self._clock.now(), asked.life
        if not reason.strip():
            raise InvalidInput("no-reason", "an enrolment token needs a reason", hint="--reason TEXT")
        if not timedelta() < life <= LONGEST_LIFE:
            raise InvalidInput("bad-expiry", "a token lives for at most 30 days", hint="--for 24h")
        await self._check_place(asked)
        token = EnrolmentToken(
            id=new_id("et", now),
            environment=asked.environment,
            ring=asked.ring,
            line=asked.line,
            created_at=now,
            created_by=actor,
            reason=reason,
            expires_at=now + life,
            station=asked.station,
            labels=model.labels(asked.labels or {}),
            needs_approval=asked.needs_approval,
            replaces=asked.replaces,
        )
        made = Token.make(self._plant.wanted_key, self._plant.root())
        await self._tokens.add(token, made.hash, _told("fleet.token-made", token, actor, reason))
        return token, str(made)

    async def list(self) -> Sequence[EnrolmentToken]:
        """All tokens, the newest first."""
        return await self._tokens.list()

    async def revoke(self, token_id: str, actor: str, reason: str) -> None:
        """End a token that was not used; raises NotFound."""
        found = next((each for each in await self._tokens.list() if each.id == token_id), None)
        if found is None or not await self._tokens.revoke(
            token_id, actor, _told("fleet.token-revoked", found, actor, reason), self._clock.now()
        ):
            raise NotFound(
                "no-such-token", f"no token {token_id[:60]} waits to be used", hint="andon fleet tokens"
            )

    async def enrol(self, asked: Enrol, request: Request, signature: str, *, source: str) -> Enrolled:
        """Make a station of the machine that sends this.

        Raises:
            Unauthenticated: token or signature do not hold, or the token was used.
            Conflict: this key is a station's already.
        """
        now = self._clock.now()
        try:
            token_hash = Token.parse(asked.token).hash
            identity.check_request(signature, request, key=asked.public_key, now=now.timestamp())
        except WireError as error:
            raise _refused() if error.code == "bad-enrolment-token" else translated(error) from error
        token = await self._tokens.find(token_hash)
        if token is None:
            raise _refused()
        made = self._made_before(token, asked)
        if made is not None:  # the first answer was lost on the way
            return self._enrolled(made)
        if not token.is_good(now):
            await self._alert(token, source)
            raise _refused()
        station = await self._let_in(token, asked, source)
        self._roster.put(station)
        if token.replaces:
            self._roster.forget_report(station.name)
        self.changed()
        return self._enrolled(station)

    def _made_before(self, token: EnrolmentToken, asked: Enrol) -> Station | None:
        """The station that this token made of this very key; the caller has shown that it has the key."""
        made = self._roster.stations.get(StationName(token.used_by)) if token.used_at else None
        is_same = made is not None and made.public_key == asked.public_key and made.token == token.id
        return made if is_same and made is not None and made.standing is not Standing.RETIRED else None

    def _enrolled(self, station: Station) -> Enrolled:
        return Enrolled(
            station=station.name,
            line=station.line,
            ring=station.ring,
            environment=station.environment,
            root=self._plant.root(),
            wanted_key=self._plant.wanted_key,
            registries=list(self._plant.registries),
            timeline_keys=list(self._plant.timeline_keys())[:_MOST_KEYS],
            now=self._clock.now(),
        )

    async def _let_in(self, token: EnrolmentToken, asked: Enrol, source: str) -> Station:
        now = self._clock.now()
        problem: AndonError = Conflict("no-name", "no name is free for this machine", hint="--station NAME")
        for name in self._names(token, asked):
            station = _station(token, asked, name, now=now)
            told = _enrolled(station, token, source)
            try:
                if not await self._tokens.use(token, station, told, now):
                    await self._alert(replace(token, used_at=now, used_by="another machine"), source)
                    raise _refused()
            except Conflict as error:
                if self._roster.with_key(asked.public_key) is not None:
                    raise Conflict(
                        "known-key",
                        "this machine's key is a station's already",
                        hint="let the agent make a new key",
                    ) from error
                problem = error
                continue
            return station
        raise problem

    def _names(self, token: EnrolmentToken, asked: Enrol) -> Sequence[StationName]:
        if token.station:
            return [StationName(token.station)]
        first = model.derived_name(asked.machine.hostname) or f"station-{asked.public_key[:8]}"
        names = [first, *(f"{first}-{number}" for number in range(2, _TRIES))]
        return [StationName(each) for each in names if StationName(each) not in self._roster.stations]

    async def _check_place(self, asked: Asked) -> None:
        rings = [each.name for each in await self._stations.rings()]
        if asked.ring not in rings:
            raise no_ring(asked.ring, rings)
        if asked.line:
            model.station_name(asked.line)
        if asked.station:
            model.station_name(asked.station)
            is_there = StationName(asked.station) in self._roster.stations
            if asked.replaces and (
                not is_there
                or self._roster.stations[StationName(asked.station)].environment != asked.environment
            ):
                raise no_station(asked.station)
            if is_there and not asked.replaces:
                raise Conflict(
                    "station-exists", f"there is a station {asked.station}", hint="--replaces takes its place"
                )
        elif asked.replaces:
            raise InvalidInput("no-station-named", "which station is replaced?", hint="--station NAME")

    async def _alert(self, token: EnrolmentToken, source: str) -> None:
        if token.used_at is not None:
            what = f"was used by {token.used_by} already: somebody else has its text"
        else:
            what = "was revoked" if token.revoked_at is not None else "had run out"
        machine = f"a machine at {source or 'an unknown address'}"
        said = f"{machine} came with enrolment token {token.id}, which {what}"
        severity = Severity.ALERT if token.used_at or token.revoked_at else Severity.WARNING
        event = _told("fleet.token-refused", token, "fleet", said)
        await self._publish(replace(event, severity=severity))


def _nobody() -> None:
    """Before it is wired to a loop, nobody is woken."""


def no_ring(name: str, rings: Sequence[str]) -> InvalidInput:
    """What one hears who names a ring that is not there."""
    return InvalidInput("no-such-ring", f"there is no ring {name[:60]!r}", hint=f"rings: {', '.join(rings)}")


def _refused() -> Unauthenticated:
    """The same words whatever is wrong with it: who guesses learns nothing."""
    return Unauthenticated(
        "bad-enrolment-token",
        "this token enrols nobody: it is unknown, was used, was revoked, or has run out",
        hint="ask for a new one: andon fleet enrol-token",
    )


def _station(token: EnrolmentToken, asked: Enrol, name: StationName, *, now: datetime) -> Station:
    return Station(
        name=name,
        environment=token.environment,
        ring=token.ring,
        line=token.line,
        public_key=asked.public_key,
        machine=asked.machine,
        enrolled_at=now,
        labels=token.labels,
        standing=Standing.WAITING if token.needs_approval else Standing.ACTIVE,
        token=token.id,
    )


def _enrolled(station: Station, token: EnrolmentToken, source: str) -> Event:
    kind = "station.replaced" if token.replaces else "station.enrolled"
    said = f"{token.created_by} made the token: {token.reason}"
    after = {
        "ring": station.ring,
        "line": station.line,
        "standing": station.standing.value,
        "public_key": station.public_key,
        "hostname": station.machine.hostname,
        "machine": station.machine.id,
        "token": token.id,
    }
    return Event(
        kind, f"station/{station.name}", f"agent:{station.name}", said,
        environment=station.environment, after=after, source=source,
    )  # fmt: skip


def _told(kind: str, token: EnrolmentToken, actor: str, reason: str) -> Event:
    after = {
        "station": token.station,
        "line": token.line,
        "ring": token.ring,
        "expires_at": token.expires_at.isoformat(),
        "needs_approval": token.needs_approval,
        "replaces": token.replaces,
    }
    return Event(kind, f"enrolment/{token.id}", actor, reason, environment=token.environment, after=after)

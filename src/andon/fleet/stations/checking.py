"""Whose word a request of an agent is: its station's key, once, now, and for exactly this request."""

from collections import Counter

from andon.fleet.faults import translated
from andon.fleet.model import Standing, Station
from andon.fleet.roster import Roster
from andon.kernel.clock import Clock
from andon.kernel.errors import Forbidden, Throttled, Unauthenticated
from andon.kernel.ids import StationName
from andon_wire import identity
from andon_wire.errors import WireError
from andon_wire.identity import Request
from andon_wire.nonces import Nonces

MOST_BAD = 30  # signatures of one station from one address that do not hold, in a minute
_MOST_REMEMBERED = 10_000
_MINUTE_S = 60.0


class Checking:
    """Checks requests. audience: the fleet's public key in hex, which every request names."""

    def __init__(self, roster: Roster, clock: Clock, *, audience: str) -> None:
        self._roster = roster
        self._clock = clock
        self.audience = audience
        self._nonces = Nonces(clock.now().timestamp())
        self._bad: Counter[tuple[str, str]] = Counter()
        self._bad_since = clock.monotonic()

    def check(self, token: str, request: Request, *, source: str) -> Station:
        """The station whose word this is. source: the address it came from.

        Raises:
            Unauthenticated: it is nobody's word. Forbidden: the station is retired.
            Throttled: too many signatures of this station from there did not hold.
        """
        try:
            name = identity.claimed_station(token)
        except WireError as error:
            raise translated(error) from error
        station = self._roster.stations.get(StationName(name))
        if station is None:
            raise Unauthenticated(
                "no-such-station", "this plant knows no such station", hint="enrol it again"
            )
        self._refuse_guessing(source, name)
        now = self._clock.now().timestamp()
        try:
            claims = identity.check_request(token, request, key=station.public_key, now=now)
            self._nonces.use(claims, now)
        except WireError as error:
            self._note_bad(source, name)
            raise translated(error) from error
        if station.standing is Standing.RETIRED:
            raise Forbidden(
                "station-retired", f"{name} was retired", hint="enrol the machine again with a new token"
            )
        return station

    def _refuse_guessing(self, source: str, name: str) -> None:
        if self._clock.monotonic() - self._bad_since > _MINUTE_S or len(self._bad) > _MOST_REMEMBERED:
            self._bad.clear()
            self._bad_since = self._clock.monotonic()
        if self._bad[source, name] >= MOST_BAD:
            raise Throttled(
                "too-many-bad-signatures", f"too many requests in the name of {name} did not hold"
            )

    def _note_bad(self, source: str, name: str) -> None:
        self._bad[source, name] += 1

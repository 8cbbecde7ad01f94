"""How machines become stations, and whose word a request is: what the protocol's own test does not reach."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from andon.fleet.model import Standing
from andon.fleet.stations.checking import MOST_BAD
from andon.fleet.tests.worlds import HERE, NOW, a_station
from andon.fleet.tokens.enrolling import Asked
from andon.fleet.whole import Fleet
from andon.kernel.clock import ManualClock
from andon.kernel.errors import AndonError, Conflict, InvalidInput, NotFound, Throttled, Unauthenticated
from andon.kernel.ids import EnvironmentName, StationName
from andon.testing.fleet import Rows, fleet_of
from andon_wire import identity
from andon_wire.identity import FOR_ENROLMENT, PrivateKey, Request
from andon_wire.protocol import Enrol, Enrolled, Machine


@pytest.fixture
def rows() -> Rows:
    return Rows()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


@pytest.fixture
def fleet(rows: Rows, clock: ManualClock) -> Fleet:
    return fleet_of(rows, clock)


async def a_token(fleet: Fleet, **others: Any) -> str:
    return (await fleet.enrolling.make(replace(Asked(HERE), **others), "minsu", "a new press"))[1]


async def enrol(
    fleet: Fleet, token: str, *, host: str = "press-1", key: PrivateKey | None = None, at: Any = NOW
) -> Enrolled:
    own = key or PrivateKey.generate()
    asked = Enrol(token=token, public_key=own.public, machine=Machine(id=f"m-{host}", hostname=host))
    request = Request("POST", "/api/v1/agents/enrol", asked.model_dump_json().encode(), FOR_ENROLMENT)
    signed = identity.sign_request(request, station="enrolling", key=own, now=at.timestamp())
    return await fleet.enrolling.enrol(asked, request, signed, source="10.0.0.4")


async def test_a_station_stands_where_its_token_says(fleet: Fleet, rows: Rows) -> None:
    token = await a_token(fleet, ring="pilot", line="line-7", labels={"kind": "press"})
    assert (await enrol(fleet, token)).station == "press-1"
    made = rows.stations[StationName("press-1")]
    assert (made.ring, made.line, made.environment, made.labels) == (
        "pilot",
        "line-7",
        HERE,
        {"kind": "press"},
    )
    assert made.standing is Standing.ACTIVE


async def test_machines_of_one_host_name_get_names_of_their_own(fleet: Fleet) -> None:
    names = [(await enrol(fleet, await a_token(fleet))).station for _ in range(3)]
    assert names == ["press-1", "press-1-2", "press-1-3"]
    assert (await enrol(fleet, await a_token(fleet), host="공장")).station.startswith("station-")


async def test_a_token_that_ran_out_or_was_revoked_enrols_nobody_and_is_told(
    fleet: Fleet, rows: Rows, clock: ManualClock
) -> None:
    old, revoked = await a_token(fleet, life=timedelta(hours=1)), await a_token(fleet)
    for each in await fleet.enrolling.list():
        if each.expires_at > NOW + timedelta(hours=2):
            await fleet.enrolling.revoke(each.id, "jiwoo", "lost")
    clock.advance(timedelta(hours=2))
    for token, severity in ((old, "warning"), (revoked, "alert")):
        with pytest.raises(Unauthenticated) as caught:
            await enrol(fleet, token, at=clock.now())
        assert caught.value.code == "bad-enrolment-token"
        assert (rows.told[-1].kind, rows.told[-1].severity) == ("fleet.token-refused", severity)
    assert rows.stations == {}


@pytest.mark.parametrize("text", ["", "andon1.x.y", f"andon1.{'0' * 32}.{'0' * 32}"])
async def test_who_guesses_a_token_learns_nothing(fleet: Fleet, rows: Rows, text: str) -> None:
    with pytest.raises(Unauthenticated) as caught:
        await enrol(fleet, text or "?")
    assert caught.value.code == "bad-enrolment-token"
    assert rows.told == []


async def test_a_key_is_of_one_station_only(fleet: Fleet) -> None:
    key = PrivateKey.generate()
    await enrol(fleet, await a_token(fleet), key=key)
    with pytest.raises(Conflict) as caught:
        await enrol(fleet, await a_token(fleet), key=key, host="press-2")
    assert caught.value.code == "known-key"


@pytest.mark.parametrize(
    ("asked", "error"),
    [
        ({"ring": "moon"}, InvalidInput),
        ({"line": "Line 1"}, InvalidInput),
        ({"station": "../x"}, InvalidInput),
        ({"labels": {"A B": "1"}}, InvalidInput),
        ({"life": timedelta(days=31)}, InvalidInput),
        ({"life": timedelta()}, InvalidInput),
        ({"replaces": True}, InvalidInput),
        ({"replaces": True, "station": "nobody"}, NotFound),
        ({"station": "there"}, Conflict),
        ({"replaces": True, "station": "there", "environment": EnvironmentName("staging")}, NotFound),
    ],
)
async def test_a_token_that_makes_no_sense_is_not_made(
    fleet: Fleet, rows: Rows, asked: dict[str, Any], error: type[AndonError]
) -> None:
    fleet.roster.put(a_station("there"))
    with pytest.raises(error):
        await a_token(fleet, **asked)
    assert rows.tokens == {}


def signed(fleet: Fleet, key: PrivateKey, target: str = "/api/v1/agents/wanted") -> tuple[str, Request]:
    request = Request("GET", target, b"", fleet.checking.audience)
    return identity.sign_request(request, station="press-1", key=key, now=NOW.timestamp() + 1), request


def test_who_guesses_in_a_stations_name_is_refused_unseen_and_others_are_not(
    fleet: Fleet, clock: ManualClock
) -> None:
    own, thief = PrivateKey.generate(), PrivateKey.generate()
    fleet.roster.put(a_station("press-1", public_key=own.public))
    for _ in range(MOST_BAD):
        with pytest.raises(Unauthenticated):
            fleet.checking.check(*signed(fleet, thief), source="10.0.0.66")
    with pytest.raises(Throttled):
        fleet.checking.check(*signed(fleet, own), source="10.0.0.66")
    assert fleet.checking.check(*signed(fleet, own), source="10.0.0.4").name == "press-1"
    clock.advance(timedelta(seconds=61))
    request = Request("GET", "/x", b"", fleet.checking.audience)
    now = clock.now().timestamp()
    token = identity.sign_request(request, station="press-1", key=own, now=now)
    assert fleet.checking.check(token, request, source="10.0.0.66").name == "press-1"


def test_a_station_that_is_not_there_is_nobody(fleet: Fleet) -> None:
    with pytest.raises(Unauthenticated) as caught:
        fleet.checking.check(*signed(fleet, PrivateKey.generate()), source="")
    assert caught.value.code == "no-such-station"

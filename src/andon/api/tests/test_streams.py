"""Answers that stay open: as many as one person needs, and only while their rights are what they were."""

from datetime import timedelta

import pytest
from starlette.requests import Request

from andon.access.model import Grant, Permission, Role, Where
from andon.access.policies.model import Policy
from andon.api import callers
from andon.api.callers import Identity
from andon.api.feed import Feed
from andon.api.guard import Protection
from andon.api.identify import Identify
from andon.api.rates import Window
from andon.api.routes.pipelines import follow
from andon.api.streams import Streams
from andon.kernel.clock import ManualClock
from andon.kernel.errors import Throttled, Unavailable
from andon.testing import scenes
from andon.testing.access import caller_as, headers_as
from andon.testing.services import FakePlant


@pytest.fixture
def plant() -> FakePlant:
    return scenes.a_busy_morning(FakePlant(clock=ManualClock()))


async def test_one_person_holds_a_few_streams_of_both_kinds_and_others_are_not_held_up(plant):
    streams = Streams(most_of_one=2)
    services = plant.services()
    feed = Feed(services, Window(), streams=streams)
    opened = [
        feed.stream(caller_as(plant, "viewer")),
        follow(services, scenes.SHIPPING, caller_as(plant, "viewer"), streams),
    ]
    for each in opened:
        await anext(each)
    for again in (
        lambda who: feed.stream(caller_as(plant, who)),
        lambda who: follow(services, scenes.SHIPPING, caller_as(plant, who), streams),
    ):
        with pytest.raises(Throttled, match="2 streams"):
            again("viewer")
        assert again("operator") is not None
    await opened[1].aclose()
    assert feed.stream(caller_as(plant, "viewer")) is not None


async def test_streams_that_were_asked_for_at_once_are_counted_as_they_begin(plant):
    feed = Feed(plant.services(), Window(), streams=Streams(most_of_one=1))
    first, second = (feed.stream(caller_as(plant, "viewer")) for _ in range(2))
    assert "hello" in await anext(first)
    assert [each async for each in second] == []


async def test_runs_are_followed_only_while_there_is_room(plant):
    with pytest.raises(Unavailable, match="0 viewers"):
        follow(plant.services(), scenes.SHIPPING, caller_as(plant, "viewer"), Streams(most=0))


def _lose_a_grant(plant: FakePlant) -> None:
    plant.access.add("kim", Grant("viewer"))


def _change_a_role(plant: FakePlant) -> None:
    plant.access.roles["night"] = Role("night", {Permission.FLOOR_VIEW: Where.OUTSIDE_PRODUCTION})


def _close_production(plant: FakePlant) -> None:
    plant.access.policies["staging"] = Policy("staging", 1, is_production=True)


@pytest.mark.asvs("7.4.1", "8.3.1")
@pytest.mark.parametrize("by", ["cookie", "terminal", "token"])
@pytest.mark.parametrize("change", [_lose_a_grant, _change_a_role, _close_production])
async def test_a_stream_holds_only_while_the_rights_are_those_it_was_opened_with(plant, by, change):
    plant.access.roles["night"] = Role("night", {Permission.FLOOR_VIEW: Where.ANYWHERE})
    plant.access.add("kim", Grant("viewer"), Grant("night"))
    identity = await _identified(plant, await _headers(plant, by))
    assert identity.again is not None
    assert await identity.again()
    change(plant)
    assert not await identity.again()


async def test_a_followed_run_ends_with_the_rights(plant):
    plant.access.add("kim", Grant("viewer"))
    stream = follow(plant.services(), scenes.SHIPPING, caller_as(plant, "kim"), Streams())
    await anext(stream)
    plant.access.add("kim")
    plant.clock.advance(timedelta(seconds=11))
    assert not any("event: end" in each for each in [each async for each in stream])


async def _headers(plant: FakePlant, by: str) -> dict[str, str]:
    if by == "token":
        return {"Authorization": f"Bearer {plant.access.token('own', Grant('night'), owner='kim')}"}
    if by == "cookie":
        return {"Cookie": headers_as(plant, "kim")["Cookie"]}
    sessions, user = plant.services().sessions, plant.access.users["us-kim"]
    opened = await sessions.open(user, kind="terminal", source="", agent="", method="password")
    return {"Authorization": f"Bearer {(await sessions.bearer(opened.refresh)).access_token}"}


async def _identified(plant: FakePlant, headers: dict[str, str]) -> Identity:
    found: list[Identity] = []

    async def keep(scope, _receive, _send):
        found.append(callers.identity(Request(scope)))

    sent = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "method": "GET", "path": "/", "headers": sent, "client": ("127.0.0.1", 1)}
    await Identify(keep, plant.services(), Protection())(scope, None, None)
    return found[0]

"""What speaking with units and outside systems promises gates: held to the fake and to a real server."""

import time
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from andon.kernel.errors import Forbidden, Unavailable
from andon.rollouts.outside.controller import Speaker
from andon.rollouts.outside.fetch import Http, check_origin, origin
from andon.testing.outside import FakeOutside, OutsideServer, Play

PATIENCE = timedelta(seconds=60)  # generous: the machine may be busy with other tests


class World:
    def __init__(self, speaker: Speaker, base: str, play: Play) -> None:
        self.speaker, self.base, self.play = speaker, base, play

    async def document(self, path: str, **query: str) -> object:
        return await self.speaker.document(self.base, path, query, PATIENCE)

    async def post(self, path: str, content: bytes = b"{}", patience: timedelta = PATIENCE) -> bytes:
        return await self.speaker.post(
            f"{self.base}{path}", {"Idempotency-Key": "ro-1/board"}, content, patience
        )


@pytest.fixture(params=["fake", "http"])
async def world(request: pytest.FixtureRequest) -> AsyncIterator[World]:
    if request.param == "fake":
        fake = FakeOutside()
        yield World(fake, fake.base, fake.play)
        return
    server, http = OutsideServer(), Http()
    yield World(http, server.base, server.play)
    await http.close()
    await server.stop()


async def test_a_document_comes_as_it_is(world: World) -> None:
    world.play.says("/production?product_model=NH-F2X-001", {"data": {"open_lots": 0}})
    assert await world.document("/production", product_model="NH-F2X-001") == {"data": {"open_lots": 0}}
    assert world.play.asked == ["/production?product_model=NH-F2X-001"]


async def test_what_is_sent_arrives_with_its_headers(world: World) -> None:
    world.play.says("/gate", {"answer": "yes"})
    assert await world.post("/gate", '{"unit": "부품"}'.encode()) == b'{"answer": "yes"}'
    (sent,) = world.play.posted
    assert (sent.path, sent.body.decode()) == ("/gate", '{"unit": "부품"}')
    assert sent.headers["idempotency-key"] == "ro-1/board"


@pytest.mark.parametrize("status", [302, 404, 409, 500, 503])
async def test_anything_but_2xx_is_no_answer(world: World, status: int) -> None:
    world.play.says("/gate", {"answer": "yes"}, status)
    world.play.says("/elsewhere", {"answer": "yes"})
    with pytest.raises(Unavailable, match=f"answered {status}"):
        await world.post("/gate")
    with pytest.raises(Unavailable, match=f"answered {status}"):
        await world.document("/gate")
    assert "/elsewhere" not in world.play.asked


async def test_what_is_no_json_is_no_document(world: World) -> None:
    world.play.says("/production", b"<html>")
    with pytest.raises(Unavailable, match="no JSON document"):
        await world.document("/production")


async def test_who_does_not_answer_in_time_is_not_waited_for(world: World) -> None:
    world.play.hangs.add("/gate")
    before = time.monotonic()
    with pytest.raises(Unavailable, match=r"did not answer within 0\.3 s"):
        await world.post("/gate", patience=timedelta(seconds=0.3))
    assert time.monotonic() - before < PATIENCE.total_seconds()


async def test_nobody_there_is_no_answer(world: World) -> None:
    with pytest.raises(Unavailable, match="did not answer"):
        await world.speaker.document("http://127.0.0.1:9", "/production", {}, PATIENCE)


async def test_an_answer_without_end_is_cut_off() -> None:
    server, http = OutsideServer(), Http()
    server.play.says("/production", b" " * ((1 << 20) + 1))
    with pytest.raises(Unavailable, match="more than 1,048,576 bytes"):
        await http.document(server.base, "/production", {}, PATIENCE)
    await http.close()
    await server.stop()


ORIGINS = [
    ("https://Changes.Plant.example:443/andon", "https://changes.plant.example"),
    ("http://10.0.0.7:8080/a?b", "http://10.0.0.7:8080"),
    ("http://[fd00::7]:80/", "http://[fd00::7]"),
]


@pytest.mark.parametrize(("url", "expected"), ORIGINS)
def test_an_origin_has_one_spelling(url: str, expected: str) -> None:
    assert origin(url) == expected


@pytest.mark.asvs("1.3.6")
@pytest.mark.parametrize(
    "url",
    [
        "http://changes.plant.example/",
        "https://changes.plant.example:8443/",
        "https://changes.plant.example.evil/",
        "https://169.254.169.254/latest/meta-data",
        "http://127.0.0.1:8460/api/v1/cord",
        "https://changes.plant.example@evil/",
    ],
)
def test_an_origin_that_nobody_allowed_is_not_asked(url: str) -> None:
    allowed = ["https://changes.plant.example"]
    check_origin("https://changes.plant.example/andon", allowed)
    with pytest.raises(Forbidden, match="not among the origins"):
        check_origin(url, allowed)
    with pytest.raises(Forbidden):
        check_origin(url, [])

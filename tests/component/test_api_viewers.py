"""Two hundred viewers on one machine, and each is told. What that costs: `python -m bench.board`."""

import asyncio

import pytest
import uvicorn

from andon.access.model import Grant
from andon.api.http import create
from andon.board import pages
from andon.testing import scenes
from andon.testing.access import headers_as
from andon.testing.services import FakePlant
from andon.timeline.records import Event

_VIEWERS, _SCREENS = 200, 10  # one person may have a few open, not all of them


async def _view(port: int, cookie: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = f"GET /api/v1/events HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nCookie: {cookie}"
    writer.write(f"{head}\r\n\r\n".encode())
    await writer.drain()
    await reader.readuntil(b"event: hello")
    return reader, writer


@pytest.mark.asvs("15.2.2")
async def test_two_hundred_viewers_are_told_of_a_change():
    plant = scenes.a_busy_morning(FakePlant())
    services = plant.services()
    app = create(services)
    pages.install(app, services)
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, timeout_graceful_shutdown=1))
    running = asyncio.create_task(server._serve())
    async with asyncio.timeout(60):
        while not server.started:
            await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    for n in range(_VIEWERS // _SCREENS):
        plant.access.add(f"viewer-{n}", Grant("viewer"))
    cookies = [headers_as(plant, f"viewer-{n // _SCREENS}")["Cookie"] for n in range(_VIEWERS)]
    viewers = [await _view(port, cookie) for cookie in cookies]
    assert app.state.feed.viewers == _VIEWERS
    async with asyncio.timeout(60):
        while not app.state.feed.revision:  # from its first look on, the poller knows what is new
            await asyncio.sleep(0.01)
    plant.tell(Event("cord.pulled", "cord", "jiwoo", "smoke", unit="watched"))
    async with asyncio.timeout(60):
        await asyncio.gather(*(reader.readuntil(b"unit/watched") for reader, _ in viewers))
    for _, writer in viewers:
        writer.close()
    server.should_exit = True
    await running

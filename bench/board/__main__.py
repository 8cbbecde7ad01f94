"""`python -m bench.board`: what open boards cost the process that serves them, idle and at a change.

The viewers only hold their stream open, in the same process, so that their own reading is in the figure too.
"""

import argparse
import asyncio
import socket
import time

import uvicorn

from andon.access.model import Grant
from andon.api.http import create
from andon.board import pages
from andon.testing import scenes
from andon.testing.access import headers_as
from andon.testing.services import FakePlant
from andon.timeline.records import Event

CHANGES = 20
_SCREENS = 10  # of one person


async def view(plant: FakePlant, port: int, login: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A viewer with a session of its own."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    cookie = headers_as(plant, login)["Cookie"]
    writer.write(
        f"GET /api/v1/events HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nCookie: {cookie}\r\n\r\n".encode()
    )
    await writer.drain()
    await reader.readuntil(b"event: hello")
    return reader, writer


async def tell(plant: FakePlant, readers: list[asyncio.StreamReader], number: int) -> None:
    """One change, until the last viewer was told."""
    unit = f"unit-{number}."
    plant.tell(Event("cord.pulled", "cord", "jiwoo", "bench", unit=unit))
    async with asyncio.timeout(30):
        await asyncio.gather(*(each.readuntil(f"unit/{unit}".encode()) for each in readers))


async def measure(viewers: int, seconds: float) -> tuple[float, float, float]:
    """CPU of a core when idle; CPU seconds and seconds from one change to the last viewer, on average."""
    plant = scenes.a_busy_morning(FakePlant())
    services = plant.services()
    app = create(services)
    pages.install(app, services)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_config=None, timeout_graceful_shutdown=1))
    running = asyncio.create_task(server._serve())  # noqa: SLF001  its public form takes the signals
    while not server.started:
        await asyncio.sleep(0.01)
    logins = [f"viewer-{n // _SCREENS}" for n in range(viewers)]
    for login in dict.fromkeys(logins):
        plant.access.add(login, Grant("viewer"))
    open_ = [await view(plant, port, login) for login in logins]
    readers = [reader for reader, _ in open_]
    while not app.state.feed.revision:  # from its first look on, the poller knows what is new
        await asyncio.sleep(0.01)
    await tell(plant, readers, 0)  # the measured time begins when the first news have been told
    cpu = time.process_time()
    await asyncio.sleep(seconds)
    idle = (time.process_time() - cpu) / seconds
    cpu, started = time.process_time(), time.perf_counter()
    for number in range(1, CHANGES + 1):
        await tell(plant, readers, number)
    at_change = (time.process_time() - cpu) / CHANGES, (time.perf_counter() - started) / CHANGES
    for _, writer in open_:
        writer.close()
    server.should_exit = True
    await running
    return idle, *at_change


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.board", description=__doc__)
    parser.add_argument("--viewers", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=5)
    asked = parser.parse_args()
    idle, cpu, took = asyncio.run(measure(asked.viewers, asked.seconds))
    print(f"viewers                         {asked.viewers}")
    print(f"CPU of a core, idle             {idle:.1%}")
    print(f"CPU of one change, all told     {cpu * 1000:.0f} ms")
    print(f"one change to the last viewer   {took * 1000:.0f} ms")


if __name__ == "__main__":
    main()

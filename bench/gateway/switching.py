"""How quick a decision is on the road, and what it costs the requests."""

import asyncio
import contextlib
import tempfile
import time
from pathlib import Path

from bench.gateway.figures import Figure, Size, in_ms, none_failed, quantile, settle
from bench.gateway.load import Load, stream
from bench.gateway.rig import Rig, rig


async def many_services(size: Size) -> list[Figure]:
    """One of many services moves: from the decision to Envoy's word, and to no new request."""
    made = []
    for count in size.services:
        with tempfile.TemporaryDirectory(prefix="bench-gateway-") as name:
            async with rig(Path(name), services=count) as many:
                made += await _one_of(many, count, size)
    return made


async def _one_of(many: Rig, count: int, size: Size) -> list[Figure]:
    acknowledged, effect = [], []
    await many.share(0)
    async with Load(many.port, 1) as tally:
        for each in range(size.changes):
            leaving = b"stable" if each % 2 == 0 else b"candidate"
            started = time.perf_counter()
            await many.share(1000 if each % 2 == 0 else 0)
            acknowledged.append(time.perf_counter() - started)
            await settle(tally, 10)
            effect.append(max(0.0, tally.last.get(leaving, started) - started))
    scraper, scrapes = many.scraper(), []
    for _ in range(20):
        started = time.perf_counter()
        await scraper.scrape()
        scrapes.append(time.perf_counter() - started)
    acked = quantile(acknowledged, 0.95)
    return [
        Figure(f"{count} services: to no new request", in_ms(effect)),
        Figure(f"{count} services: to acknowledged", in_ms(acknowledged), "p95 <= 100 ms", acked <= 0.1),
        Figure(f"{count} services: one scrape, 10 ms of it waiting", in_ms(scrapes)),
    ]


async def switches_under_load(made: Rig, size: Size) -> list[Figure]:
    """Blue to green and back while requests come without pause. The clock starts when the desired state is
    written, and the gateway's own loop does the rest."""
    acknowledged, effect = [], []
    await made.share(0)
    async with Load(made.port, size.connections) as tally:
        for each in range(size.switches):
            leaving = b"stable" if each % 2 == 0 else b"candidate"
            started = time.perf_counter()
            await made.share(1000 if each % 2 == 0 else 0)
            acknowledged.append(time.perf_counter() - started)
            await settle(tally, size.between)
            # The last answer of the release that was left comes after its last request: an upper bound.
            effect.append(max(0.0, tally.last.get(leaving, started) - started))
    p99 = quantile(effect, 0.99)
    return [
        Figure("verdict to no new request, under load", in_ms(effect), "p99 <= 1000 ms", p99 <= 1),
        Figure("verdict to acknowledged, under load", in_ms(acknowledged)),
        none_failed(f"{size.switches:,} switches", tally),
    ]


async def streams_survive(made: Rig, size: Size) -> list[Figure]:
    """Long answers and a WebSocket begin on the candidate, which is then left and removed."""
    await made.share(1000)
    seconds = size.stream_seconds
    streams = [asyncio.create_task(stream(made.port, f"/stream/{seconds}")) for _ in range(10)]
    talk = asyncio.create_task(_talk(made.port, seconds))
    await asyncio.sleep(0.3)
    for share in (0, 500, 0):
        await made.share(share)
    await made.only_stable()
    whole = sum(1 for each in await asyncio.gather(*streams) if each == seconds)
    said = await talk
    await made.share(0)
    is_met = whole == len(streams) and said == seconds
    return [
        Figure(
            f"answers of {seconds} s and WebSockets that outlived switch and removal",
            f"{whole} of {len(streams)}, and {said} of {seconds} words",
            "all",
            is_met,
        )
    ]


async def _talk(port: int, seconds: int) -> int:
    """How many of a word a second came back through one WebSocket."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /echo HTTP/1.1\r\nHost: bench\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
    await reader.readuntil(b"\r\n\r\n")
    heard = 0
    with contextlib.suppress(OSError, asyncio.IncompleteReadError):
        for _ in range(seconds):
            writer.write(b"word")
            heard += await reader.readexactly(4) == b"word"
            await asyncio.sleep(1)
    writer.transport.abort()
    return heard

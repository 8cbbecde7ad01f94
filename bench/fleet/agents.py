"""Agents of the bench: the protocol over plain sockets, so that the generator costs less than the server."""

import asyncio
import base64
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from andon_wire.identity import PrivateKey, Request, authorization, sign_request
from andon_wire.protocol import Report, Sample, UnitState
from bench.fleet.stations import STABLE, UNIT, key, name

BASE = "/api/v1/agents"


@dataclass(slots=True)
class Answers:
    """What came back. seconds: of each; statuses: how often each."""

    seconds: list[float] = field(default_factory=list)
    statuses: dict[int, int] = field(default_factory=dict)

    def add(self, seconds: float, status: int) -> None:
        self.seconds.append(seconds)
        self.statuses[status] = self.statuses.get(status, 0) + 1

    def quantile(self, part: float) -> float:
        found = sorted(self.seconds)
        return found[min(len(found) - 1, int(part * len(found)))] if found else 0.0


class Connection:
    """One kept-alive connection."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def send(self, request: bytes) -> tuple[int, bytes]:
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._streams
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        status = int(head[9:12])
        length = 0
        for line in head.split(b"\r\n"):
            if line[:15].lower() == b"content-length:":
                length = int(line[15:])
        return status, await reader.readexactly(length) if length else b""

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()


@dataclass(frozen=True, slots=True)
class Agent:
    """One of them. audience: the fleet's public key."""

    name: str
    key: PrivateKey
    audience: str

    def request(self, method: str, target: str, body: bytes = b"") -> bytes:
        """The whole request, signed now."""
        signed = Request(method, target, body, self.audience)
        token = sign_request(signed, station=self.name, key=self.key, now=time.time())
        return (
            f"{method} {target} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: {authorization(token)}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        ).encode() + body

    def poll(self, have: int = 0, wait: int = 0) -> bytes:
        return self.request("GET", f"{BASE}/wanted?have={have}&wait={wait}")

    def report(self, number: int, every_s: float) -> bytes:
        """A report as an agent sends it: its unit, and the metrics since the last."""
        now = datetime.now(UTC)
        sample = Sample(
            at=now,
            cpu=0.2,
            memory=0.4,
            disk=0.5,
            sent=number * 1000,
            received=number * 900,
            processes=120,
            uptime_s=number * every_s,
            response_s=0.01,
        )
        state = UnitState(running=STABLE, confirmed=STABLE, wanted=STABLE, pid=4711)
        report = Report(at=now, boot="bench", revision=1, units={UNIT: state}, samples=[sample])
        return self.request("POST", f"{BASE}/reports", report.model_dump_json().encode())


def agents(count: int) -> list[Agent]:
    audience = key("fleet").public
    return [Agent(name(number), key(name(number)), audience) for number in range(count)]


async def steady(
    port: int, some: list[Agent], *, every_s: float, seconds: float, begun: Callable[[], None]
) -> Answers:
    """Each reports every so often, evenly spread, and holds a long poll. begun: all polls are held."""
    answers = Answers()

    async def reporting(agent: Agent, first: float) -> None:
        connection, number = Connection(port), 0
        await asyncio.sleep(first)
        while time.monotonic() < end:
            began = time.perf_counter()
            status, _ = await connection.send(agent.report(number, every_s))
            answers.add(time.perf_counter() - began, status)
            number += 1
            await asyncio.sleep(max(0.0, every_s - (time.perf_counter() - began)))
        connection.close()

    async def polling(agent: Agent, held: asyncio.Event) -> None:
        connection, have = Connection(port), 0
        while True:
            status, body = await connection.send(agent.poll(have, 60))
            if status == 200:
                have = _revision(body)
            held.set()

    held = [asyncio.Event() for _ in some]
    polls = [asyncio.create_task(polling(*each)) for each in zip(some, held, strict=True)]
    await asyncio.gather(*(each.wait() for each in held))
    begun()
    end = time.monotonic() + seconds
    spread = [every_s * number / len(some) for number in range(len(some))]
    await asyncio.gather(*(reporting(each, first) for each, first in zip(some, spread, strict=True)))
    for each in polls:
        each.cancel()
    await asyncio.gather(*polls, return_exceptions=True)
    return answers


async def burst(port: int, requests: list[bytes], connections: int) -> tuple[Answers, float]:
    """All at once over so many connections; gives what came back and the seconds until the last.

    Times are from the beginning of the burst: what an agent waits, with all that wait before it.
    """
    answers = Answers()
    opened = [Connection(port) for _ in range(connections)]
    began = time.perf_counter()

    async def drain(connection: Connection, own: list[bytes]) -> None:
        for each in own:
            status, _ = await connection.send(each)
            answers.add(time.perf_counter() - began, status)

    await asyncio.gather(*(drain(each, requests[number::connections]) for number, each in enumerate(opened)))
    took = time.perf_counter() - began
    for each in opened:
        each.close()
    return answers, took


def _revision(body: bytes) -> int:
    payload = body.split(b".")[1]
    return int(json.loads(base64.urlsafe_b64decode(payload + b"=" * (-len(payload) % 4)))["revision"])

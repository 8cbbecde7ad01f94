"""A load generator in asyncio protocols: keep-alive connections that ask without pause and count."""

import asyncio
import time
from dataclasses import dataclass, field

_REQUEST = b"GET / HTTP/1.1\r\nHost: bench\r\n\r\n"


@dataclass(slots=True)
class Tally:
    """What all connections together saw. `last`: when an answer of each release last arrived. `longest_gap`:
    seconds between two good answers of any connection."""

    answers: dict[bytes, int] = field(default_factory=dict)
    failed: int = 0
    first_failure: str = ""
    last: dict[bytes, float] = field(default_factory=dict)
    is_over: bool = False
    longest_gap: float = 0.0
    last_good: float = 0.0

    @property
    def sent(self) -> int:
        return sum(self.answers.values()) + self.failed

    def succeed(self, release: bytes) -> None:
        now = time.perf_counter()
        self.answers[release] = self.answers.get(release, 0) + 1
        self.longest_gap = max(self.longest_gap, now - (self.last_good or now))
        self.last[release] = self.last_good = now

    def fail(self, what: str) -> None:
        self.failed += 1
        self.first_failure = self.first_failure or what


class _Connection(asyncio.Protocol):
    """Answers are small and come whole: a head, and the release's name as the body."""

    def __init__(self, tally: Tally, port: int) -> None:
        self._tally, self._port = tally, port
        self._got = b""
        self._waiting = False
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._ask()

    def data_received(self, data: bytes) -> None:
        self._got += data
        head, found, body = self._got.partition(b"\r\n\r\n")
        if not found or len(body) < _length(head):
            return
        self._got, self._waiting = b"", False
        if head.startswith(b"HTTP/1.1 200"):
            self._tally.succeed(body)
        else:
            self._tally.fail(head.partition(b"\r\n")[0].decode())
        self._ask()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._waiting:
            self._tally.fail(f"connection lost: {exc!r}")
        if not self.done.done():
            self.done.set_result(None)

    def _ask(self) -> None:
        if self._tally.is_over:
            self._transport.close()
            return
        self._waiting = True
        self._transport.write(_REQUEST)


def _length(head: bytes) -> int:
    at = head.lower().find(b"content-length:")
    return int(head[at + 15 :].partition(b"\r\n")[0]) if at >= 0 else 0


class Load:
    """`connections` of them against `port` for as long as the block lasts; a lost one is opened again."""

    def __init__(self, port: int, connections: int) -> None:
        self.tally = Tally()
        self._port, self._connections = port, connections

    async def __aenter__(self) -> Tally:
        self._tasks = [asyncio.create_task(self._keep()) for _ in range(self._connections)]
        return self.tally

    async def __aexit__(self, *_: object) -> None:
        self.tally.is_over = True
        await asyncio.gather(*self._tasks)

    async def _keep(self) -> None:
        loop = asyncio.get_running_loop()
        while not self.tally.is_over:
            try:
                _, connection = await loop.create_connection(
                    lambda: _Connection(self.tally, self._port), "127.0.0.1", self._port
                )
            except OSError as error:
                self.tally.fail(f"no connection: {error}")
                await asyncio.sleep(0.01)
                continue
            await connection.done


async def stream(port: int, path: str) -> int:
    """Pieces that came of an answer in pieces; all of them where it was not cut off."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: bench\r\n\r\n".encode())
    await reader.readuntil(b"\r\n\r\n")
    pieces = 0
    try:
        while size := int(await reader.readline() or b"-1", 16):
            await reader.readexactly(size + 2)
            pieces += 1
    except (OSError, ValueError, asyncio.IncompleteReadError):
        return -1
    writer.transport.abort()
    return pieces

"""A bounded load of plain HTTP requests on kept connections, counting every answer that is not one."""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field


@dataclass(slots=True)
class Load:
    """`answers`: by status, or by the name of what went wrong on the connection.

    `last_sent`: by body, when the last request was sent that was answered so; seconds since the epoch.
    """

    host: str
    port: int
    path: str = "/work"
    pause_seconds: float = 0.02
    answers: Counter[str] = field(default_factory=Counter)
    bodies: Counter[str] = field(default_factory=Counter)
    last_sent: dict[str, float] = field(default_factory=dict)

    @property
    def sent(self) -> int:
        """Requests so far."""
        return self.answers.total()

    def failed(self, *expected: str) -> dict[str, int]:
        """Answers other than 200 and those expected."""
        return {key: count for key, count in self.answers.items() if key not in {"200", *expected}}

    @contextlib.asynccontextmanager
    async def running(self, clients: int) -> AsyncIterator[None]:
        """Keep `clients` busy while the block runs."""
        stop = asyncio.Event()
        tasks = [asyncio.create_task(self._client(stop)) for _ in range(clients)]
        try:
            yield
        finally:
            stop.set()
            await asyncio.gather(*tasks)

    async def until(self, claim: Callable[[], bool], *, seconds: float = 300) -> None:
        """Wait until `claim` is true of what was counted."""
        async with asyncio.timeout(seconds):
            while not claim():
                await asyncio.sleep(self.pause_seconds)

    async def _client(self, stop: asyncio.Event) -> None:
        reader: asyncio.StreamReader | None = None
        writer: asyncio.StreamWriter | None = None
        request = f"GET {self.path} HTTP/1.1\r\nHost: {self.host}\r\n\r\n".encode()
        while not stop.is_set():
            try:
                if reader is None or writer is None:
                    reader, writer = await asyncio.open_connection(self.host, self.port)
                sent = time.time()
                writer.write(request)
                status, body = await asyncio.wait_for(self._read(reader), 60)
                self.answers[status] += 1
                self.bodies[body] += 1
                self.last_sent[body] = max(sent, self.last_sent.get(body, sent))
            except (OSError, EOFError, TimeoutError) as error:
                self.answers[type(error).__name__] += 1
                reader = writer = None
            await asyncio.sleep(self.pause_seconds)
        if writer is not None:
            writer.close()

    async def _read(self, reader: asyncio.StreamReader) -> tuple[str, str]:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = next((line for line in head.split("\r\n") if line.startswith("content-length:")), "")
        body = await reader.readexactly(int(length.partition(":")[2] or 0))
        return head.split(" ", 2)[1], body.decode(errors="replace")

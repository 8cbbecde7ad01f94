"""An instance of a release: `python -m bench.gateway.upstream NAME` prints its port and answers its name."""

import asyncio
import sys


class _Answer(asyncio.Protocol):
    def __init__(self, answer: bytes) -> None:
        self._answer = answer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        # Requests have no body here; a piece without an end of head is not seen over loopback.
        self._transport.write(self._answer * data.count(b"\r\n\r\n"))


async def main(name: str) -> None:
    """Serve until killed."""
    answer = f"HTTP/1.1 200 OK\r\nContent-Length: {len(name)}\r\n\r\n{name}".encode()
    server = await asyncio.get_running_loop().create_server(lambda: _Answer(answer), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))

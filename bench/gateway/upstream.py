"""An instance of a release: `python -m bench.gateway.upstream NAME` prints its port and answers its name.

`/stream/SECONDS` sends a piece a second, `/echo` says everything again.
"""

import asyncio
import re
import sys

_STREAM = re.compile(rb"GET /stream/(\d+) ")


class _Answer(asyncio.Protocol):
    def __init__(self, answer: bytes) -> None:
        self._answer = answer
        self._is_echo = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        if self._is_echo:
            self._transport.write(data)
        elif data.startswith(b"GET /echo "):
            self._is_echo = True
            upgrade = b"Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
            self._transport.write(b"HTTP/1.1 101 Switching Protocols\r\n" + upgrade)
        elif asked := _STREAM.match(data):
            self._transport.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            self._piece(int(asked[1]))
        else:
            # Requests have no body here; a piece without an end of head is not seen over loopback.
            self._transport.write(self._answer * data.count(b"\r\n\r\n"))

    def _piece(self, left: int) -> None:
        self._transport.write(b"5\r\npiece\r\n" if left else b"0\r\n\r\n")
        if left:
            asyncio.get_running_loop().call_later(1, self._piece, left - 1)


async def main(name: str) -> None:
    """Serve until killed."""
    answer = f"HTTP/1.1 200 OK\r\nContent-Length: {len(name)}\r\n\r\n{name}".encode()
    server = await asyncio.get_running_loop().create_server(lambda: _Answer(answer), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))

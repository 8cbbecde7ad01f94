"""A web server for a registry's files, over real HTTP on the loopback; it fails when a test says so."""

import contextlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class Web:
    """Serves the files below `root`, also parts of them.

    cut_after: bytes after which each answer's connection breaks; None: never. has_ranges: whether it knows
    parts. asked: path and first byte of each request so far.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.cut_after: int | None = None
        self.has_ranges = True
        self.asked: list[tuple[str, int]] = []
        self.url = ""


@contextlib.contextmanager
def a_web(root: Path) -> Iterator[Web]:
    """The server, while the block runs."""
    web = Web(root)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            _answer(self, web)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    web.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield web
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _answer(handler: BaseHTTPRequestHandler, web: Web) -> None:
    asked = handler.headers.get("Range", "") if web.has_ranges else ""
    begin = int(asked.removeprefix("bytes=").partition("-")[0] or 0)
    path = handler.path.lstrip("/")
    web.asked.append((path, begin))
    place = web.root / path
    if not place.is_file():
        handler.send_error(404)
        return
    content = place.read_bytes()
    if asked and begin >= len(content):
        handler.send_error(416)
        return
    handler.send_response(206 if asked else 200)
    if asked:
        handler.send_header("Content-Range", f"bytes {begin}-{len(content) - 1}/{len(content)}")
    rest = content[begin:]
    handler.send_header("Content-Length", str(len(rest)))
    handler.end_headers()
    handler.wfile.write(rest[: web.cut_after])

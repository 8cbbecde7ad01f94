"""An S3 server for tests: moto's, over real HTTP on the loopback."""

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path

from andon.releases.storage.s3 import Bucket


@contextlib.contextmanager
def a_server() -> Iterator[str]:
    """Its address, while the block runs."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield f"http://{host}:{port}"
    finally:
        server.stop()


def a_bucket(endpoint: str, name: str, *, prefix: str = "", ca: Path | None = None) -> Bucket:
    """A new bucket of that server, and who may write to it."""
    from minio import Minio

    made = Bucket(endpoint, name, "andon", "secret-of-the-test", prefix=prefix, ca=ca)
    client = Minio(
        endpoint.removeprefix("http://"), made.access_key, made.secret_key, secure=False, region=made.region
    )
    client.make_bucket(name)
    return made


@contextlib.contextmanager
def refusing() -> Iterator[str]:
    """A server that refuses every request, as one does that does not know the key."""
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

    class Refusing(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._refuse(b"<Error><Code>InvalidAccessKeyId</Code><Message>unknown key</Message></Error>")

        def do_HEAD(self) -> None:
            self._refuse(b"")

        def _refuse(self, body: bytes) -> None:
            self.send_response(403)
            self.send_header("Content-Type", "application/xml")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Refusing)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

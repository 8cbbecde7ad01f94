"""The witness' HTTP server, of the standard library: small enough to run beside anything.

    POST /add-checkpoint                        c2sp.org/tlog-witness
    POST /add-entries?origin=..&from=n          the extension: hashes of records, 32 bytes each
    GET  /checkpoint?origin=..                  the note that was cosigned last
    GET  /mirrored?origin=..                    the note that the mirrored hashes fold to
    GET  /entries?origin=..&from=n              the mirrored hashes

There is no login, as the protocol has none: what the log did not sign is refused. Reading shows sizes and
hashes, never a record.
"""

import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar
from urllib.parse import parse_qs, urlsplit

from andon_wire import note
from andon_wire.note import Malformed
from andon_wire.witness import Answer, Witness

_LONGEST_REQUEST = 1 << 20
_LONGEST_ENTRIES = 128 << 20  # four million records at once
_TIMEOUT_SECONDS = 30.0
_MOST_AT_ONCE = 32


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "andon-witness"
    sys_version = ""
    timeout = _TIMEOUT_SECONDS
    disable_nagle_algorithm = True
    witness: ClassVar[Witness]

    def setup(self) -> None:
        """Shake hands here, in the connection's own thread: who is slow at it keeps nobody waiting."""
        super().setup()
        if isinstance(self.request, ssl.SSLSocket):
            self.request.settimeout(_TIMEOUT_SECONDS)
            self.request.do_handshake()

    def do_POST(self) -> None:
        """Take a checkpoint or hashes."""
        path, query = self._asked()
        length = self._length(_LONGEST_ENTRIES if path == "/add-entries" else _LONGEST_REQUEST)
        if length is None:
            return
        body = self.rfile.read(length)
        if path == "/add-checkpoint":
            self._answer(_text(body, self.witness))
        elif path == "/add-entries":
            self._answer(_entries(query, body, self.witness))
        else:
            self._answer(Answer(404, b"there is no such path\n"))

    def do_GET(self) -> None:
        """Show what is remembered."""
        path, query = self._asked()
        origin = query.get("origin", "")
        if path == "/checkpoint":
            self._answer(self.witness.get_checkpoint(origin))
        elif path == "/mirrored":
            self._answer(self.witness.get_mirrored(origin))
        elif path == "/entries":
            self._answer(_shown(query, origin, self.witness))
        else:
            self._answer(Answer(404, b"there is no such path\n"))

    def _asked(self) -> tuple[str, dict[str, str]]:
        parts = urlsplit(self.path)
        return parts.path, {key: values[-1] for key, values in parse_qs(parts.query).items()}

    def _length(self, most: int) -> int | None:
        try:
            length = note.decimal(self.headers.get("Content-Length", ""))
        except Malformed:
            length = -1
        if 0 <= length <= most:
            return length
        self.close_connection = True
        self._answer(Answer(413 if length > most else 411, b"say a length that is allowed\n"))
        return None

    def _answer(self, answer: Answer) -> None:
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)

    def log_message(self, *_: object) -> None:
        """Nothing: requests tell nothing that the state does not."""


class Server(ThreadingHTTPServer):
    """Serves one witness; port 0 takes a free one. With `tls`, only over that."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, witness: Witness, host: str, port: int, tls: ssl.SSLContext | None = None) -> None:
        handler = type("_Bound", (_Handler,), {"witness": witness})
        super().__init__((host, port), handler)
        self._seats = threading.BoundedSemaphore(_MOST_AT_ONCE)
        self._scheme = "https" if tls else "http"
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    @property
    def url(self) -> str:
        """Where it answers."""
        host, port = self.server_address[:2]
        return f"{self._scheme}://{host!s}:{port}"

    def process_request_thread(self, request: object, client_address: object) -> None:
        """Serve one connection; more than some at once wait their turn."""
        with self._seats:
            super().process_request_thread(request, client_address)  # type: ignore[arg-type]

    def handle_error(self, request: object, client_address: object) -> None:
        """A connection that ended early is nobody's error."""


def _text(body: bytes, witness: Witness) -> Answer:
    try:
        return witness.add_checkpoint(body.decode("utf-8"))
    except UnicodeDecodeError:
        return Answer(400, b"a request is UTF-8\n")


def _entries(query: dict[str, str], body: bytes, witness: Witness) -> Answer:
    try:
        begin = note.decimal(query.get("from", ""))
    except Malformed as error:
        return Answer(400, f"{error}\n".encode())
    return witness.add_entries(query.get("origin", ""), begin, body)


def _shown(query: dict[str, str], origin: str, witness: Witness) -> Answer:
    try:
        return witness.get_entries(origin, note.decimal(query.get("from", "0")))
    except Malformed as error:
        return Answer(400, f"{error}\n".encode())

"""The witness' HTTP server, of the standard library: small enough to run beside anything.

    POST /add-checkpoint                        c2sp.org/tlog-witness
    POST /add-entries?origin=..&from=n          the extension: hashes of records, 32 bytes each
    GET  /checkpoint?origin=..                  the note that was cosigned last
    GET  /mirrored?origin=..                    the note that the mirrored hashes fold to
    GET  /entries?origin=..&from=n              the mirrored hashes

There is no login, as the protocol has none: what the log did not sign is refused. Reading shows sizes and
hashes, never a record. Whoever it is has little to hold on to: few connections for each address, a deadline
for each request, nothing read of a log that is not known, and large bodies on disk instead of in memory.
"""

import io
import ipaddress
import socket
import ssl
import tempfile
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, BinaryIO, ClassVar
from urllib.parse import parse_qs, urlsplit

from andon_wire import note
from andon_wire.note import Malformed
from andon_wire.witness import MOST_PROOF_LINES, Answer, Witness

_LONGEST_CHECKPOINT = 64 << 10
_LONGEST_ENTRIES = 128 << 20  # four million records at once
_LONGEST_LINE = 1 << 10
_PIECE = 64 << 10
_UNKNOWN = Answer(404, b"this log is not known here\n")


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one asker may hold. head, whole: seconds until a request's headers, and all of it, are there."""

    head: float = 10.0
    whole: float = 120.0
    at_once: int = 64
    of_one_address: int = 8


class _Stream(io.RawIOBase):
    """A connection that gives up at its deadline, however slowly something comes or goes."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._deadline = 0.0

    def within(self, seconds: float) -> None:
        """From now on everything has to be over in this time."""
        self._deadline = time.monotonic() + seconds

    def readable(self) -> bool:
        """It is read from."""
        return True

    def writable(self) -> bool:
        """It is written to."""
        return True

    def readinto(self, buffer: Any) -> int:
        """What is there; raises TimeoutError at the deadline."""
        self._hurry()
        return self._connection.recv_into(buffer)

    def write(self, content: Any) -> int:
        """All of it; raises TimeoutError at the deadline."""
        view = memoryview(content).cast("B")
        for at in range(0, len(view), _PIECE):
            self._hurry()
            self._connection.sendall(view[at : at + _PIECE])
        return len(view)

    def _hurry(self) -> None:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the request took too long")
        self._connection.settimeout(left)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "andon-witness"
    sys_version = ""
    disable_nagle_algorithm = True
    witness: ClassVar[Witness]
    bounds: ClassVar[Bounds]

    def setup(self) -> None:
        """Shake hands here, in the connection's own thread: who is slow at it keeps nobody waiting."""
        super().setup()
        if isinstance(self.request, ssl.SSLSocket):
            self.request.settimeout(self.bounds.head)
            self.request.do_handshake()
        self.rfile.close()
        self._stream = _Stream(self.connection)
        self.rfile = io.BufferedReader(self._stream, _PIECE)
        self.wfile = self._stream  # type: ignore[assignment]  # raw, and writes all of what it is given

    def handle_one_request(self) -> None:
        """One request; idling between two counts as slowness too."""
        self._stream.within(self.bounds.head)
        super().handle_one_request()

    def parse_request(self) -> bool:
        """The headers; what follows has its own time."""
        is_whole = super().parse_request()
        self._stream.within(self.bounds.whole)
        return is_whole

    def do_POST(self) -> None:
        """Take a checkpoint or hashes."""
        path, query = self._asked()
        if path == "/add-checkpoint":
            self._checkpoint()
        elif path == "/add-entries":
            self._entries(query)
        else:
            self._refuse(Answer(404, b"there is no such path\n"))

    def do_GET(self) -> None:
        """Show what is remembered."""
        path, query = self._asked()
        origin = query.get("origin", "")
        if path == "/checkpoint":
            self._answer(self.witness.get_checkpoint(origin))
        elif path == "/mirrored":
            self._answer(self.witness.get_mirrored(origin))
        elif path == "/entries":
            self._show(query, origin)
        else:
            self._answer(Answer(404, b"there is no such path\n"))

    def _asked(self) -> tuple[str, dict[str, str]]:
        parts = urlsplit(self.path)
        return parts.path, {key: values[-1] for key, values in parse_qs(parts.query).items()}

    def _checkpoint(self) -> None:
        """The first lines name the log: of one that is not known no more than they is read."""
        length = self._length(_LONGEST_CHECKPOINT)
        if length is None:
            return
        head, origin = b"", None
        for _ in range(MOST_PROOF_LINES + 2):
            line = self.rfile.readline(min(length - len(head), _LONGEST_LINE))
            head += line
            if line == b"\n":
                origin = self.rfile.readline(min(length - len(head), _LONGEST_LINE))
                head += origin
                break
        if origin is not None and not self.witness.knows(origin.rstrip(b"\n").decode("utf-8", "replace")):
            self._refuse(_UNKNOWN)
            return
        body = head + self.rfile.read(length - len(head))
        try:
            self._answer(self.witness.add_checkpoint(body.decode("utf-8")))
        except UnicodeDecodeError:
            self._answer(Answer(400, b"a request is UTF-8\n"))

    def _entries(self, query: dict[str, str]) -> None:
        origin = query.get("origin", "")
        if not self.witness.knows(origin):
            self._refuse(_UNKNOWN)
            return
        try:
            begin = note.decimal(query.get("from", ""))
        except Malformed as error:
            self._refuse(Answer(400, f"{error}\n".encode()))
            return
        length = self._length(_LONGEST_ENTRIES)
        if length is None:
            return
        refused = self.witness.refuses_entries(origin, begin, length)
        if refused is not None:
            # Read to its end all the same, as who sends it looks for the answer only then.
            self._pass_on(length, None)
            self._answer(refused)
            return
        with tempfile.TemporaryFile() as kept:
            self._pass_on(length, kept)
            self._answer(self.witness.add_entries(origin, begin, kept))

    def _show(self, query: dict[str, str], origin: str) -> None:
        try:
            begin = note.decimal(query.get("from", "0"))
        except Malformed as error:
            self._answer(Answer(400, f"{error}\n".encode()))
            return
        self._answer(self.witness.get_entries(origin, begin))

    def _pass_on(self, length: int, into: BinaryIO | None) -> None:
        """The body, a piece at a time. Raises TimeoutError at the deadline, EOFError where it is cut off."""
        while length:
            piece = self.rfile.read1(min(length, _PIECE))
            if not piece:
                raise EOFError
            length -= len(piece)
            if into is not None:
                into.write(piece)

    def _length(self, most: int) -> int | None:
        try:
            length = note.decimal(self.headers.get("Content-Length", ""))
        except Malformed:
            length = -1
        if 0 <= length <= most:
            return length
        self._refuse(Answer(413 if length > most else 411, b"say a length that is allowed\n"))
        return None

    def _refuse(self, answer: Answer) -> None:
        """Answer without reading the body; nothing can follow on this connection."""
        self.close_connection = True
        self._answer(answer)

    def _answer(self, answer: Answer) -> None:
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(answer.body)

    def log_message(self, *_: object) -> None:
        """Nothing: requests tell nothing that the state does not."""


class Server(ThreadingHTTPServer):
    """Serves one witness; port 0 takes a free one. With `tls`, only over that."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(
        self,
        witness: Witness,
        host: str,
        port: int,
        tls: ssl.SSLContext | None = None,
        bounds: Bounds = Bounds(),
    ) -> None:
        handler = type("_Bound", (_Handler,), {"witness": witness, "bounds": bounds})
        super().__init__((host, port), handler)
        self._bounds = bounds
        self._held: dict[int, str] = {}  # who holds which connection
        self._turn = threading.Lock()
        self._scheme = "https" if tls else "http"
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    @property
    def url(self) -> str:
        """Where it answers."""
        host, port = self.server_address[:2]
        return f"{self._scheme}://{host!s}:{port}"

    def verify_request(self, request: Any, client_address: Any) -> bool:
        """Whether whoever connects may hold one more connection; if not, it is closed at once."""
        who = _who(client_address[0])
        with self._turn:
            others = [each for each in self._held.values() if each == who]
            if len(self._held) >= self._bounds.at_once or len(others) >= self._bounds.of_one_address:
                return False
            self._held[id(request)] = who
        return True

    def shutdown_request(self, request: Any) -> None:
        """Give the place back, then close."""
        with self._turn:
            self._held.pop(id(request), None)
        super().shutdown_request(request)

    def handle_error(self, request: object, client_address: object) -> None:
        """A connection that ended early is nobody's error."""


def _who(address: str) -> str:
    """Who an address is: with IPv6 a whole network, as one machine has all addresses of it."""
    found = ipaddress.ip_address(address.partition("%")[0])
    return str(ipaddress.ip_network((found, 64), strict=False)) if found.version == 6 else address

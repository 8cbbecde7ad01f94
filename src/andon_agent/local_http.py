"""HTTP of the loopback interface (local.py), of the standard library.

It listens on 127.0.0.1 alone. A browser that was led here is refused by its Host and Origin, anybody else by
the token; a request has to be short and come in time.
"""

import contextlib
import json
import re
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

from andon_agent.local import LONGEST_WAIT_S, Desk
from andon_wire.errors import Malformed, Missing, Untrusted, WireError

HOST = "127.0.0.1"
_MOST_BODY_BYTES = 8 << 10
_SECONDS = 10.0
_AT_ONCE = 64
_LOOK_S = 60.0  # how long it sleeps while nobody asks
_SENTENCE = 500
_STATUS = {Untrusted: 401, Missing: 404, Malformed: 422}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "andon-agent"
    sys_version = ""
    disable_nagle_algorithm = True
    timeout = _SECONDS  # of each read
    desk: ClassVar[Desk]

    def do_GET(self) -> None:
        """See `local`."""
        self._answered(self._get)

    def do_POST(self) -> None:
        """See `local`."""
        self._answered(self._post)

    def _answered(self, how: Any) -> None:
        try:
            how()
        except WireError as error:
            status = next((code for kind, code in _STATUS.items() if isinstance(error, kind)), 503)
            self.close_connection = True
            self._json(status, {"code": error.code, "detail": error.message, "hint": error.hint})

    def _get(self) -> None:
        path, query = self._asked()
        token = self._token()
        if path == "/v1/units":
            if not self.desk.is_own(token):
                raise Untrusted("bad-token", "this needs the agent's own token")
            self._json(200, self.desk.views())
            return
        unit = self.desk.unit_of(token, query.get("unit", ""))
        if path == "/v1/unit":
            after, wait = _number(query, "after", -1), _number(query, "wait", 0)
            view = self.desk.wait(unit, after, wait) if wait > 0 else self.desk.view(unit)
            self._json(200, view)
        elif path == "/v1/unit/events":
            self._events(unit)
        else:
            raise Missing("no-such-path", f"there is no GET {path}")

    def _post(self) -> None:
        path, query = self._asked()
        body = self._body()
        unit = self.desk.unit_of(self._token(), query.get("unit", ""))
        match path:
            case "/v1/unit/health":
                said = _claim(body, "is_healthy")
                self.desk.say_health(unit, is_healthy=said, problem=_text(body, "problem"))
            case "/v1/unit/safe-point":
                self.desk.say_safe(unit, is_safe=_claim(body, "is_safe"), why=_text(body, "why"))
            case "/v1/unit/restart":
                self.desk.say_safe(unit, is_safe=True, why="the operator agreed")
            case "/v1/unit/pause" | "/v1/unit/resume" | "/v1/unit/cancel":
                self.desk.steer(path.rpartition("/")[2])
            case _:
                raise Missing("no-such-path", f"there is no POST {path}")
        self._json(200, self.desk.view(unit))

    def _events(self, unit: str) -> None:
        """Until the other side goes, or the agent ends. A comment each minute shows that it is alive."""
        self.close_connection = True
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Cache-Control", "no-store")
        self.send_header("Connection", "close")
        self.end_headers()
        number = -1
        with contextlib.suppress(OSError):
            while not self.desk.is_closed:
                view = self.desk.wait(unit, number, LONGEST_WAIT_S)
                text = (
                    f"data: {json.dumps(view, ensure_ascii=False)}\n\n"
                    if view["number"] != number
                    else ":\n\n"
                )
                number = view["number"]
                self.wfile.write(text.encode())
                self.wfile.flush()

    def _asked(self) -> tuple[str, dict[str, str]]:
        """Path and query, of a request that no web page could have made somebody's browser send."""
        host = self.headers.get("Host", "").rpartition(":")[0]
        if host not in {HOST, "localhost"} or self.headers.get("Origin") is not None:
            raise Untrusted("not-from-here", "only programs of this machine are answered")
        parts = urlsplit(self.path)
        return parts.path, {key: values[-1] for key, values in parse_qs(parts.query).items()}

    def _token(self) -> str:
        scheme, _, token = self.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token or not token.isascii():
            raise Untrusted("no-token", "send `Authorization: Bearer <token>`")
        return token.strip()

    def _body(self) -> dict[str, Any]:
        text = self.headers.get("Content-Length", "0")
        if not (text.isascii() and text.isdigit() and int(text[:9]) <= _MOST_BODY_BYTES):
            raise Malformed("bad-body", f"a body has at most {_MOST_BODY_BYTES} bytes, and says how many")
        try:
            content = self.rfile.read(int(text))
            found = json.loads(content) if content else {}
        except (OSError, ValueError, RecursionError) as error:
            raise Malformed("bad-body", "the body is not JSON") from error
        if not isinstance(found, dict):
            raise Malformed("bad-body", "the body is not a JSON object")
        return found

    def _json(self, status: int, document: dict[str, Any]) -> None:
        content = json.dumps(document, ensure_ascii=False).encode()
        with contextlib.suppress(OSError):
            self.send_response(status)
            self.send_header("Content-Type", "application/json; charset=utf-8")
            self.send_header("Content-Length", str(len(content)))
            self.send_header("Cache-Control", "no-store")
            if self.close_connection:
                self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Nothing: what was said is in the state."""


class LocalServer(ThreadingHTTPServer):
    """Serves a desk. port 0 takes a free one.

    Raises:
        OSError: the port is taken.
    """

    daemon_threads = True
    request_queue_size = 32

    def __init__(self, desk: Desk, port: int = 0) -> None:
        super().__init__((HOST, port), type("_Bound", (_Handler,), {"desk": desk}))
        self._desk = desk
        self._ended = threading.Event()
        self._free = threading.BoundedSemaphore(_AT_ONCE)

    @property
    def address(self) -> str:
        """Its base URL."""
        return f"http://{HOST}:{self.server_address[1]}"

    def start(self) -> None:
        """Serve in a thread of its own."""
        threading.Thread(target=self._serve, name="local", daemon=True).start()

    def stop(self) -> None:
        """End, and let everybody who waits go."""
        self._desk.close()
        ending = threading.Thread(target=self.shutdown, name="local ends")
        ending.start()
        while not self._ended.wait(0.02):  # it sleeps until somebody connects
            with contextlib.suppress(OSError):
                socket.create_connection((HOST, self.server_address[1]), 1).close()
        ending.join()
        self.server_close()

    def _serve(self) -> None:
        try:
            self.serve_forever(_LOOK_S)
        finally:
            self._ended.set()

    def verify_request(self, *_: Any) -> bool:
        """Whether there is room for one more connection."""
        return self._free.acquire(blocking=False)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Give the place back afterwards."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, *_: Any) -> None:
        """A connection that ended early is nobody's error."""


def _number(query: dict[str, str], name: str, otherwise: int) -> int:
    text = query.get(name)
    if text is None:
        return otherwise
    if not re.fullmatch(r"-?[0-9]{1,9}", text):
        raise Malformed("bad-query", f"{name} is a whole number")
    return int(text)


def _claim(body: dict[str, Any], name: str) -> bool:
    value = body.get(name)
    if not isinstance(value, bool):
        raise Malformed("bad-body", f"{name} is true or false")
    return value


def _text(body: dict[str, Any], name: str) -> str:
    value = body.get(name, "")
    if not isinstance(value, str):
        raise Malformed("bad-body", f"{name} is text")
    return value[:_SENTENCE]

"""Problems of the API come back as the errors they were."""

import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from andon.cli import servers, watching
from andon.cli.client import Client
from andon.kernel import errors
from andon.settings import Settings


class _Answering(http.server.BaseHTTPRequestHandler):
    status = 200
    body = b"{}"

    def do_GET(self) -> None:
        self.send_response(self.status)
        self.send_header("Content-Length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, *_words: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[type[_Answering]]:
    handler = type("Handler", (_Answering,), {})
    running = http.server.HTTPServer(("127.0.0.1", 0), handler)
    handler.port = running.server_address[1]
    threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True).start()
    yield handler
    running.shutdown()
    running.server_close()


def client(port: int) -> Client:
    return Client(servers.of(Settings(port=port, home=Path("somewhere"))))


@pytest.mark.parametrize(
    ("status", "family"),
    [
        (403, errors.Forbidden),
        (404, errors.NotFound),
        (409, errors.Conflict),
        (422, errors.InvalidInput),
        (500, errors.Damaged),
        (503, errors.Unavailable),
    ],
)
def test_a_problem_is_the_error_it_was(server, status: int, family: type[errors.AndonError]) -> None:
    server.status = status
    server.body = json.dumps({"detail": "what", "code": "some-code", "hint": "do this"}).encode()
    with client(server.port) as api, pytest.raises(family) as raised:
        api.get("/status")
    assert (raised.value.message, raised.value.code, raised.value.hint) == ("what", "some-code", "do this")


def test_an_answer_that_is_no_problem_document_still_says_something(server) -> None:
    server.status, server.body = 500, b"<html>"
    with client(server.port) as api, pytest.raises(errors.Damaged, match="HTTP 500"):
        api.get("/status")


def test_no_answer_says_how_to_start_it() -> None:
    with client(1) as api:
        with pytest.raises(errors.Unavailable) as raised:
            api.get("/status")
        assert not api.is_up()
    assert "andon --home somewhere up" in raised.value.hint


def test_a_quiet_watch_says_nothing_and_gives_the_end(server, capsys: pytest.CaptureFixture[str]) -> None:
    server.body = json.dumps(
        {
            "id": "run-1", "unit": "mes", "version": "1.0.0", "path": "/x", "state": "done", "is_over": True,
            "stages": [], "actor": "kim", "reason": "", "created_at": "2026-03-01T12:00:00Z",
            "finished_at": None, "duration_s": None,
        }
    ).encode()  # fmt: skip
    with client(server.port) as api:
        assert watching.run(api, "run-1", quiet=True).state == "done"
        assert capsys.readouterr().out == ""
        watching.run(api, "run-1")
        assert "mes 1.0.0" in capsys.readouterr().out

"""The world that gates ask, faked and real: units with documents, outside systems with answers.

`OutsideServer` is a real server on the loopback; `FakeOutside` is spoken with without a network, by the same
rules. The contract suite holds both to one behaviour.
"""

import asyncio
import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlencode, urlsplit

from andon.kernel.errors import Conflict, Unavailable
from andon.kernel.ids import RolloutId
from andon.rollouts.model import Rollout, Stage
from andon.rollouts.outside.fetch import origin
from andon.rollouts.outside.model import Answer
from andon.rollouts.steps import Gate
from andon.testing.rolling import AT, a_plan, a_rollout


@dataclass(frozen=True, slots=True)
class Posted:
    """What an outside system was sent."""

    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Play:
    """What is answered at which path and query: a status and bytes. hangs: paths that never answer."""

    answers: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    hangs: set[str] = field(default_factory=set)
    posted: list[Posted] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def says(self, path: str, document: object, status: int = 200) -> None:
        """Answer with this document from now on; bytes as they are."""
        content = document if isinstance(document, bytes) else json.dumps(document).encode()
        self.answers[path] = (status, content)


class FakeOutside:
    """Speaks like `outside/fetch.py` with a world in memory. is_down: nobody listens."""

    base = "http://outside.test:8080"

    def __init__(self) -> None:
        self.play = Play()
        self.is_down = False

    async def document(self, base: str, path: str, query: Mapping[str, str], patience: timedelta) -> Any:
        """The document there."""
        whole = f"{path}{'?' if query else ''}{urlencode(query)}"
        self.play.asked.append(whole)
        content = self._answer(base, whole, patience)
        try:
            return json.loads(content)
        except ValueError as error:
            raise Unavailable("no-document", f"{base}{path} gave no JSON document") from error

    async def post(self, url: str, headers: Mapping[str, str], content: bytes, patience: timedelta) -> bytes:
        """What is answered there."""
        path = urlsplit(url).path
        lower = {name.lower(): value for name, value in headers.items()}
        self.play.posted.append(Posted(path, lower, content))
        return self._answer(url, path, patience)

    async def close(self) -> None:
        """Nothing is held."""

    def _answer(self, url: str, path: str, patience: timedelta) -> bytes:
        where = origin(url)
        if self.is_down or where != self.base:
            raise Unavailable("no-answer", f"{where} did not answer: All connection attempts failed")
        if path in self.play.hangs:
            seconds = patience.total_seconds()
            raise Unavailable("no-answer", f"{where} did not answer within {seconds:g} s")
        status, content = self.play.answers.get(path, (404, b"{}"))
        if not 200 <= status < 300:
            raise Unavailable("no-answer", f"{where} answered {status}")
        return content


class OutsideServer:
    """A real server on the loopback that plays `play`."""

    def __init__(self) -> None:
        self.play = Play()
        self._over = threading.Event()
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                server.play.asked.append(self.path)
                self._say()

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                lower = {name.lower(): value for name, value in self.headers.items()}
                server.play.posted.append(Posted(self.path, lower, body))
                self._say()

            def _say(self) -> None:
                if self.path in server.play.hangs:
                    server._over.wait(30)
                status, content = server.play.answers.get(self.path, (404, b"{}"))
                self.send_response(status)
                if 300 <= status < 400:
                    self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        self.base = f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        """Stop serving."""
        self._over.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    async def stop(self) -> None:
        """Stop serving, from within a running loop."""
        await asyncio.to_thread(self.close)


def gated(*gates: Gate, **changes: Any) -> Rollout:
    """A rollout that stands at these gates before its first step."""
    made = a_plan()
    first = replace(made.steps[0], before=gates)
    plan = replace(made, steps=(first, *made.steps[1:]))
    deadline = {"deadline_at": AT + timedelta(hours=1)}
    return replace(a_rollout(plan), stage=Stage.GATED, **(deadline | changes))


class Answers:
    """Answers in memory, by the rules of the rows."""

    def __init__(self) -> None:
        self.kept: dict[tuple[RolloutId, str], Answer] = {}

    async def list(self, rollout: RolloutId) -> Mapping[str, Answer]:
        """Those of a rollout."""
        return {gate: each for (own, gate), each in self.kept.items() if own == rollout}

    async def put(self, _rollout: Rollout, answer: Answer) -> bool:
        """Keep the first word."""
        before = self.kept.setdefault((answer.rollout, answer.gate), answer)
        if before.word is not answer.word:
            raise Conflict("already-answered", f"{before.actor} has answered {before.word}")
        return before is answer

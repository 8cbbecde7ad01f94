"""How much a client may send: a document that is too long is refused before anything reads it."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from andon_mes.api.problems import answer
from andon_mes.kernel.errors import Problem, Words


class Bounded:
    """Around the application: at most `most_bytes` of body, whatever the headers say of its length."""

    def __init__(self, app: ASGIApp, most_bytes: int) -> None:
        self._app = app
        self._most_bytes = most_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse with 413, or hand the body on whole."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        body = await self._read(scope, receive)
        if body is None:
            await answer(_too_long(self._most_bytes), 413, {"Connection": "close"})(scope, receive, send)
            return
        waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive_whole() -> Message:
            return waiting.pop() if waiting else await receive()

        await self._app(scope, receive_whole, send)

    async def _read(self, scope: Scope, receive: Receive) -> bytes | None:
        """The body; None when it is too long. A client that leaves has sent what it has sent."""
        said = dict(scope["headers"]).get(b"content-length", b"0")
        if said.isdigit() and int(said[:20]) > self._most_bytes:
            return None
        body = bytearray()
        while True:
            message = await receive()
            body += message.get("body", b"")
            if len(body) > self._most_bytes:
                return None
            if not message.get("more_body", False):
                return bytes(body)


def _too_long(most_bytes: int) -> Problem:
    return Problem(
        "BODY_TOO_LARGE",
        Words("The document is too long", "문서가 너무 큽니다"),
        Words(
            f"A document has at most {most_bytes} bytes",
            f"문서는 최대 {most_bytes}바이트까지 보낼 수 있습니다",
        ),
        Words(
            "Keep curves and pictures elsewhere and send where they are",
            "파형이나 사진은 따로 보관하고 위치만 보내세요",
        ),
    )

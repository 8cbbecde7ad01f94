"""How many requests are under way at once: past that a client hears at once that it should ask again."""

from starlette.types import ASGIApp, Receive, Scope, Send

from andon_mes.api.problems import answer
from andon_mes.kernel.errors import Problem, Words

_WATCHED = "/api/"


class Admitted:
    """Around the application: at most `most` requests of the API under way; another is a 503 to be repeated.

    What waits in a queue has been given up by its client long before its turn. Pages, their live feeds and
    what supervisors ask (/health, /ready, /metrics) are let through.
    """

    def __init__(self, app: ASGIApp, most: int) -> None:
        self._app = app
        self._most = most
        self._under_way = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse, or let through and count."""
        if scope["type"] != "http" or not scope["path"].startswith(_WATCHED):
            await self._app(scope, receive, send)
            return
        if self._under_way >= self._most:
            await answer(_busy(self._most), 503, {"Retry-After": "1"})(scope, receive, send)
            return
        self._under_way += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._under_way -= 1


def _busy(most: int) -> Problem:
    return Problem(
        "BUSY",
        Words("This instance has too much to do", "이 인스턴스의 요청이 너무 많습니다"),
        Words(f"{most} requests are under way", f"요청 {most}개를 처리 중입니다"),
        Words(
            "Send the same request again after a second, with the same key",
            "1초 후 같은 키로 같은 요청을 다시 보내세요",
        ),
    )

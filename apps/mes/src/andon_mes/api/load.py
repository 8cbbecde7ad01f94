"""How many requests are under way at once. The next ones wait their turn, and past a bound are sent away."""

import asyncio
from datetime import timedelta

from starlette.types import ASGIApp, Receive, Scope, Send

from andon_mes.api.problems import answer
from andon_mes.kernel.errors import Problem, Words

_WATCHED = "/api/"
_WAITING_PER_PLACE = 20
_LONGEST_WAIT = timedelta(seconds=15)


class Admitted:
    """Around the application: at most `most` requests of the API under way, the others wait in their order.

    A burst - a shift that begins, a queue that a station empties - is so served without anybody having to
    ask again. Who waits for `longest_wait`, or finds twenty waiting for each place, is given a 503 to be
    repeated: its client would have given up before its turn. Pages, their live feeds and what supervisors
    ask (/health, /ready, /metrics) are let through.
    """

    def __init__(self, app: ASGIApp, most: int, longest_wait: timedelta = _LONGEST_WAIT) -> None:
        self._app = app
        self._most = most
        self._longest_wait = longest_wait.total_seconds()
        self._places = asyncio.Semaphore(most)
        self._waiting = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let through in turn, or refuse."""
        if scope["type"] != "http" or not scope["path"].startswith(_WATCHED):
            await self._app(scope, receive, send)
            return
        if not await self._is_let_in():
            await answer(_busy(self._most), 503, {"Retry-After": "1"})(scope, receive, send)
            return
        try:
            await self._app(scope, receive, send)
        finally:
            self._places.release()

    async def _is_let_in(self) -> bool:
        if not self._places.locked():
            return await self._places.acquire()
        if self._waiting >= self._most * _WAITING_PER_PLACE:
            return False
        self._waiting += 1
        try:
            async with asyncio.timeout(self._longest_wait):
                await self._places.acquire()
        except TimeoutError:
            return False
        finally:
            self._waiting -= 1
        return True


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

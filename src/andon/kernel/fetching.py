"""Asks other programs over HTTP, bounded in time and in size.

No redirect is followed, no proxy or login of the machine is used. What goes wrong is `Unavailable`, in a
sentence that names who was asked: silence is never an answer. What an answer means is for who asks.
"""

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from urllib.parse import urlsplit

import httpx

from andon.kernel.errors import Unavailable
from andon.kernel.tls import TRUSTS_NOBODY


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked. within: for connecting, the answer's head and all of its body together.

    named: how sentences call who is asked; empty: by the address. form: sent as a form, instead of `body`.
    """

    url: str
    within: timedelta
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    form: Mapping[str, str] | None = None
    named: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer, whatever its status says."""

    status: int
    content: bytes


class Fetcher:
    """A client that keeps its connections. code: of the errors that it raises.

    most_bytes: of an answer's body, unpacked. tls: what servers are verified by; without it none is trusted,
    and only plain addresses can be asked. headers: sent with each question. transport: what carries them,
    the network unless something else is named.
    """

    def __init__(
        self,
        *,
        code: str,
        most_bytes: int,
        tls: ssl.SSLContext | None = None,
        headers: Mapping[str, str] | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._code = code
        self._most_bytes = most_bytes
        self._tls = tls or TRUSTS_NOBODY
        self._headers = dict(headers or {})
        self._transport = transport
        self._client: httpx.AsyncClient | None = None

    async def ask(self, question: Question) -> Answer:
        """The whole answer, also one that says no.

        Raises:
            Unavailable: there was none in time, it is too large, or the address is none.
        """
        return await self._ask(question, takes_any=True)

    async def content(self, question: Question) -> bytes:
        """What was answered with a status of 2xx. Raises like `ask`, and Unavailable for any other status."""
        return (await self._ask(question, takes_any=False)).content

    async def close(self) -> None:
        """Let go of connections; the next question opens new ones."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    async def _ask(self, question: Question, *, takes_any: bool) -> Answer:
        seconds, named = question.within.total_seconds(), question.named or question.url
        try:
            _ = urlsplit(question.url).port  # no port at all would be no error of httpx
            async with asyncio.timeout(seconds):
                return await self._read(question, named, takes_any=takes_any)
        except TimeoutError as error:
            raise Unavailable(self._code, f"{named} did not answer within {seconds:g} s") from error
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            said = str(error) or type(error).__name__
            raise Unavailable(self._code, f"{named} did not answer: {said}") from error

    async def _read(self, question: Question, named: str, *, takes_any: bool) -> Answer:
        sent = self._connected().stream(
            question.method,
            question.url,
            headers=dict(question.headers),
            content=question.body,
            data=dict(question.form) if question.form is not None else None,
            timeout=question.within.total_seconds(),
        )
        content = bytearray()
        async with sent as answer:
            if not (takes_any or answer.is_success):
                raise Unavailable(self._code, f"{named} answered {answer.status_code}")
            async for piece in answer.aiter_bytes():
                content += piece
                if len(content) > self._most_bytes:
                    raise Unavailable(self._code, f"{named} answered more than {self._most_bytes:,} bytes")
        return Answer(answer.status_code, bytes(content))

    def _connected(self) -> httpx.AsyncClient:
        if self._client is None:
            self._client = httpx.AsyncClient(
                trust_env=False,
                follow_redirects=False,
                verify=self._tls,
                headers=self._headers,
                transport=self._transport,
            )
        return self._client

"""Speaks HTTP with what gates ask: units on their instances, outside systems at allowed origins.

No redirect is followed, no proxy or login of the machine is used, answers are bounded in time and size. What
goes wrong is `Unavailable`, in a sentence: silence is never an answer.
"""

import asyncio
import json
import ssl
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx

from andon.kernel.errors import Forbidden, Unavailable
from andon.kernel.tls import TRUSTS_NOBODY, client_context

_LARGEST_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class _Asked:
    method: str
    url: str
    patience: timedelta
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None


class Http:
    """A client for what gates ask. ca: what outside systems are verified by; None: the system's own."""

    def __init__(self, *, ca: Path | None = None) -> None:
        self._ca = ca
        self._clients: dict[bool, httpx.AsyncClient] = {}

    async def document(self, base: str, path: str, query: Mapping[str, str], patience: timedelta) -> Any:
        """The JSON document of a unit's instance at `base`.

        Raises:
            Unavailable: it gave none in time.
        """
        url = f"{base}{path}{'?' if query else ''}{urlencode(query)}"
        content = await self._ask(self._inside(), _Asked("GET", url, patience))
        try:
            return json.loads(content)
        except (ValueError, RecursionError) as error:
            raise Unavailable("no-document", f"{base}{path} gave no JSON document") from error

    async def post(self, url: str, headers: Mapping[str, str], content: bytes, patience: timedelta) -> bytes:
        """What an outside system answers; its origin was checked before (`check_origin`).

        Raises:
            Unavailable: it did not answer with 2xx in time.
        """
        sent = {**headers, "Content-Type": "application/json"}
        return await self._ask(self._outside(url), _Asked("POST", url, patience, sent, content))

    async def close(self) -> None:
        """Let go of connections."""
        for client in self._clients.values():
            await client.aclose()
        self._clients.clear()

    async def _ask(self, client: httpx.AsyncClient, asked: _Asked) -> bytes:
        seconds, where = asked.patience.total_seconds(), origin(asked.url)
        request = client.build_request(
            asked.method, asked.url, headers=dict(asked.headers), content=asked.body, timeout=seconds
        )
        try:
            async with asyncio.timeout(seconds):
                return await self._read(client, request, where)
        except TimeoutError as error:
            raise Unavailable("no-answer", f"{where} did not answer within {seconds:g} s") from error
        except httpx.HTTPError as error:
            said = str(error) or type(error).__name__
            raise Unavailable("no-answer", f"{where} did not answer: {said}") from error

    async def _read(self, client: httpx.AsyncClient, request: httpx.Request, where: str) -> bytes:
        content = bytearray()
        answer = await client.send(request, stream=True)
        try:
            if not answer.is_success:
                raise Unavailable("no-answer", f"{where} answered {answer.status_code}")
            async for piece in answer.aiter_bytes():
                content += piece
                if len(content) > _LARGEST_BYTES:
                    raise Unavailable("no-answer", f"{where} answered more than {_LARGEST_BYTES:,} bytes")
        finally:
            await answer.aclose()
        return bytes(content)

    def _inside(self) -> httpx.AsyncClient:
        return self._client(is_outside=False, verify=TRUSTS_NOBODY)

    def _outside(self, url: str) -> httpx.AsyncClient:
        if not url.startswith("https:"):
            return self._inside()
        if True not in self._clients:
            context = ssl.create_default_context() if self._ca is None else client_context(self._ca)
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            return self._client(is_outside=True, verify=context)
        return self._clients[True]

    def _client(self, *, is_outside: bool, verify: ssl.SSLContext) -> httpx.AsyncClient:
        if is_outside not in self._clients:
            self._clients[is_outside] = httpx.AsyncClient(
                trust_env=False, verify=verify, follow_redirects=False
            )
        return self._clients[is_outside]


def origin(url: str) -> str:
    """Scheme, host and port of an address, in one spelling; the port of the scheme is left out."""
    parts = urlsplit(url)
    usual = {"http": 80, "https": 443}.get(parts.scheme)
    port = "" if parts.port in {None, usual} else f":{parts.port}"
    host = (parts.hostname or "").lower()
    return f"{parts.scheme}://{f'[{host}]' if ':' in host else host}{port}"


def check_origin(url: str, allowed: Collection[str]) -> None:
    """See that an administrator allowed to ask there: a manifest alone must not reach into the network.

    Raises:
        Forbidden: its origin is not among `allowed`.
    """
    if origin(url) not in {origin(each) for each in allowed}:
        raise Forbidden(
            "origin-not-allowed",
            f"{origin(url)} is not among the origins that gates may ask",
            hint="an administrator adds it to ANDON_ROLLOUTS__WEBHOOKS",
        )

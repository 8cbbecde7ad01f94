"""Speaks HTTP with what gates ask: units on their instances, outside systems at allowed origins.

How it is bounded is in `kernel/fetching.py`. What goes wrong is `Unavailable`, in a sentence that names the
origin alone: an address may hold a secret.
"""

import json
import ssl
from collections.abc import Collection, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from andon.kernel.errors import Forbidden, Unavailable
from andon.kernel.fetching import Fetcher, Question
from andon.kernel.tls import client_context

_LARGEST_BYTES = 1 << 20
_CODE = "no-answer"


class Http:
    """A client for what gates ask. ca: what outside systems are verified by; None: the system's own."""

    def __init__(self, *, ca: Path | None = None) -> None:
        self._ca = ca
        self._plain = Fetcher(code=_CODE, most_bytes=_LARGEST_BYTES)
        self._secure: Fetcher | None = None

    async def document(self, base: str, path: str, query: Mapping[str, str], patience: timedelta) -> Any:
        """The JSON document of a unit's instance at `base`.

        Raises:
            Unavailable: it gave none in time.
        """
        url = f"{base}{path}{'?' if query else ''}{urlencode(query)}"
        content = await self._plain.content(Question(url, patience, named=origin(url)))
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
        asked = Question(url, patience, method="POST", headers=sent, body=content, named=origin(url))
        return await self._outside(url).content(asked)

    async def close(self) -> None:
        """Let go of connections."""
        await self._plain.close()
        if self._secure is not None:
            await self._secure.close()

    def _outside(self, url: str) -> Fetcher:
        if not url.startswith("https:"):
            return self._plain
        if self._secure is None:
            context = ssl.create_default_context() if self._ca is None else client_context(self._ca)
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            self._secure = Fetcher(code=_CODE, most_bytes=_LARGEST_BYTES, tls=context)
        return self._secure


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

"""Reading Envoy's admin interface over its Unix socket. It only reads; the gateway is driven by files."""

import re
from datetime import timedelta
from typing import Any

import httpx

from andon.kernel.errors import Unavailable
from andon.kernel.tls import TRUSTS_NOBODY

_READOUT = re.compile(r'^([^:]+): "(.*)"$')
_PATIENCE = timedelta(seconds=5)


class Admin:
    """One connection to the admin interface of the Envoy that listens on `socket`."""

    def __init__(self, socket: str) -> None:
        self._socket = socket
        self._client: httpx.AsyncClient | None = None

    async def close(self) -> None:
        """Forget the connection; the next call makes a new one."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def is_answering(self) -> bool:
        """Whether an Envoy is there and past its start."""
        try:
            return "LIVE" in (await self._get("/ready", {}, accept_any=True)).text
        except Unavailable:
            return False

    async def versions(self) -> dict[str, str]:
        """Version in force of each document, by the name of its `version_text` statistic."""
        answer = await self._get("/stats", {"type": "TextReadouts"})
        found = (_READOUT.match(line) for line in answer.text.splitlines())
        return {each[1]: each[2] for each in found if each is not None}

    async def numbers(self, pattern: str, *, used_only: bool = False) -> dict[str, int]:
        """Counters and gauges whose name matches the regular expression `pattern`."""
        wanted = {"filter": pattern, "format": "json"} | ({"usedonly": ""} if used_only else {})
        listed = (await self._get("/stats", wanted)).json()["stats"]
        return {each["name"]: int(each["value"]) for each in listed if "name" in each}

    async def detailed(self, pattern: str) -> list[dict[str, Any]]:
        """Statistics whose name matches, histograms with their own bins, as Envoy's JSON gives them."""
        wanted = {"filter": pattern, "format": "json", "histogram_buckets": "detailed", "usedonly": ""}
        listed: list[dict[str, Any]] = (await self._get("/stats", wanted)).json()["stats"]
        return listed

    async def _get(self, path: str, wanted: dict[str, str], *, accept_any: bool = False) -> httpx.Response:
        if self._client is None:
            transport = httpx.AsyncHTTPTransport(uds=self._socket, verify=TRUSTS_NOBODY)
            self._client = httpx.AsyncClient(
                transport=transport, base_url="http://envoy", timeout=_PATIENCE.total_seconds()
            )
        try:
            answer = await self._client.get(path, params=wanted)
            if not accept_any:
                answer.raise_for_status()
        except httpx.HTTPError as error:
            await self.close()
            raise Unavailable(
                "gateway-silent",
                f"Envoy's admin interface does not answer: {error or type(error).__name__}",
                hint="see envoy.log in the gateway folder",
            ) from error
        return answer

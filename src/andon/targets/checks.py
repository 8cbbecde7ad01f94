"""Asks each running instance over HTTP: is it ready, and from then on, is it healthy.

One task per process. It only notes what it heard; what follows is decided in decide.py.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

import httpx

from andon.kernel.clock import Clock
from andon.kernel.ids import InstanceId
from andon.kernel.tls import TRUSTS_NOBODY
from andon.targets.records import Checked

_EAGER = timedelta(milliseconds=100)  # between two questions to one that is starting

Key = tuple[InstanceId, int]  # an instance and which start of it


@dataclass(frozen=True, slots=True)
class Probe:
    """Where and how to ask. was_ready: it has been ready before, under an earlier Andon."""

    url: str
    health_path: str
    ready_path: str
    interval: timedelta
    timeout: timedelta
    was_ready: bool


class Checks:
    """The questions to all running instances of this machine."""

    def __init__(self, clock: Clock, wake: Callable[[], None]) -> None:
        self._clock = clock
        self._wake = wake
        self._heard: dict[Key, Checked] = {}
        self._tasks: dict[Key, asyncio.Task[None]] = {}
        self._client: httpx.AsyncClient | None = None

    def keep(self, wanted: Mapping[Key, Probe], among: set[InstanceId]) -> None:
        """Ask exactly `wanted` of the instances `among`; others are not touched."""
        for key in [each for each in self._tasks if each[0] in among and each not in wanted]:
            self._tasks.pop(key).cancel()
            self._heard.pop(key, None)
        for key, probe in wanted.items():
            if key not in self._tasks:
                self._tasks[key] = asyncio.create_task(self._ask_on(key, probe), name=f"checks {key[0]}")

    def heard(self, key: Key) -> Checked | None:
        """What was heard so far; None before the first answer."""
        return self._heard.get(key)

    async def close(self) -> None:
        """Stop asking."""
        tasks = list(self._tasks.values())
        for each in tasks:
            each.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._tasks.clear()
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    async def _ask_on(self, key: Key, probe: Probe) -> None:
        before = Checked(is_ready=probe.was_ready)
        while True:
            path = probe.health_path if before.is_ready else probe.ready_path
            problem = await self._ask(f"{probe.url}{path}", probe.timeout)
            after = _after(before, problem)
            self._heard[key] = after
            if (after.is_ready, after.failed_in_a_row) != (before.is_ready, before.failed_in_a_row):
                self._wake()
            before = after
            pause = probe.interval if after.is_ready else min(_EAGER, probe.interval)
            await self._clock.sleep(pause)

    async def _ask(self, url: str, patience: timedelta) -> str:
        """A sentence when the answer is not 2xx; empty when it is."""
        if self._client is None:
            self._client = httpx.AsyncClient(
                trust_env=False,
                verify=TRUSTS_NOBODY,
                headers={"Connection": "close"},
                limits=httpx.Limits(max_connections=None),
            )
        seconds = patience.total_seconds()
        try:
            async with asyncio.timeout(seconds), self._client.stream("GET", url, timeout=seconds) as answer:
                return "" if answer.is_success else f"{answer.url.path} answered {answer.status_code}"
        except TimeoutError:
            return f"{httpx.URL(url).path} did not answer within {seconds:g} s"
        except httpx.HTTPError as error:
            return f"{httpx.URL(url).path} did not answer: {error or type(error).__name__}"


def _after(before: Checked, problem: str) -> Checked:
    if not before.is_ready:
        return replace(before, is_ready=not problem, problem=problem)
    if problem:
        return replace(before, failed_in_a_row=before.failed_in_a_row + 1, problem=problem)
    return replace(before, failed_in_a_row=0, problem="")

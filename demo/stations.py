"""The demo's stations: five agents on this machine, each a real process with a real application of its own.

What is not real is the room between them, and the operators: `agree` says for each of them that the new
version may come now, over the agent's local interface, as the button on the screen does.
"""

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil

from demo.plant import ADMIN, DemoError, Plant

_AGENT = [sys.executable, "-m", "andon_agent.main"]
_PATIENCE_SECONDS = 30.0
_LOOK_SECONDS = 0.2
WHY = "a station of the demo's line"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a station stands."""

    name: str
    ring: str
    line: str


PLACES = (
    Place("press-1", "lab", "line-1"),
    Place("press-2", "plant", "line-1"),
    Place("press-3", "plant", "line-1"),
    Place("oven-1", "plant", "line-2"),
    Place("oven-2", "plant", "line-2"),
)


class Stations:
    """Enrols them, starts their agents, kills one, and plays the operators."""

    def __init__(self, plant: Plant, environment: str, folder: Path) -> None:
        self._plant = plant
        self._environment = environment
        self._folder = folder
        self._running: dict[str, asyncio.subprocess.Process] = {}
        self._reluctant: set[str] = set()

    async def start(self) -> None:
        """Enrol every station by a token of its own, and start its agent."""
        for place in PLACES:
            await self._enrol(place)
            await self.run(place.name)

    async def _enrol(self, place: Place) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        token = self._folder / f"{place.name}.token"
        where = ("--environment", self._environment, "--ring", place.ring, "--line", place.line)
        made = ("fleet", "enrol-token", *where, "--station", place.name, "--output", str(token))
        await self._plant.checked(*made, "--reason", WHY, by=ADMIN)
        process = await asyncio.create_subprocess_exec(
            *_AGENT, "--home", str(self._home(place.name)), "enrol",
            "--url", self._plant.url, "--token-file", str(token),
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, env=_environment(),
        )  # fmt: skip
        said, _ = await process.communicate()
        if process.returncode:
            raise DemoError(f"{place.name} was not enrolled", said.decode(errors="replace"))

    async def run(self, name: str) -> None:
        """Start the station's agent; what it runs already it finds again."""
        with (self._folder / f"{name}.log").open("ab") as log:
            self._running[name] = await asyncio.create_subprocess_exec(
                *_AGENT, "--home", str(self._home(name)), "run",
                stdout=log, stderr=log, stdin=asyncio.subprocess.DEVNULL, start_new_session=True,
                env=_environment(),
            )  # fmt: skip

    async def kill(self, name: str) -> None:
        """Kill the agent as the power would; its application does not notice."""
        process = self._running.pop(name)
        process.kill()
        await process.wait()

    @contextlib.asynccontextmanager
    async def operators(self) -> AsyncIterator[None]:
        """While the block runs, the operators agree to every new version as soon as it is ready."""
        agreeing = asyncio.create_task(self._agree())
        try:
            yield
        finally:
            agreeing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await agreeing

    async def _agree(self) -> None:
        async with httpx.AsyncClient(trust_env=False, timeout=10) as http:
            while True:
                for place in (each for each in PLACES if each.name not in self._reluctant):
                    with contextlib.suppress(httpx.HTTPError, OSError, ValueError, KeyError):
                        await self._look(http, place.name)
                await asyncio.sleep(_LOOK_SECONDS)

    async def _look(self, http: httpx.AsyncClient, name: str) -> bool:
        """Agree, if there is something to agree to."""
        local = json.loads((self._home(name) / "local.json").read_text())
        headers = {"Authorization": f"Bearer {local['token']}"}
        answer = await http.get(f"{local['address']}/v1/units", headers=headers)
        ready = [unit for unit, view in answer.json()["units"].items() if view["phase"] == "ready"]
        for unit in ready:
            await http.post(f"{local['address']}/v1/unit/restart?unit={unit}", headers=headers)
        return bool(ready)

    async def kill_while_it_switches(self, name: str) -> None:
        """Let the operator of one station agree, and kill its agent in the same moment."""
        self._reluctant.add(name)
        try:
            async with httpx.AsyncClient(trust_env=False, timeout=10) as http:
                while True:
                    with contextlib.suppress(httpx.HTTPError, OSError, ValueError, KeyError):
                        if await self._look(http, name):
                            break
                    await asyncio.sleep(_LOOK_SECONDS)
            await self.kill(name)
        finally:
            self._reluctant.discard(name)

    async def until(self, name: str, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Wait until the control plane sees the station's unit so; gives the unit there."""
        async with asyncio.timeout(_PATIENCE_SECONDS * 4):
            while True:
                seen = await self._plant.get(f"/fleet/stations/{name}")
                for unit in seen["units"]:
                    if unit["unit"] == "station" and holds(unit):
                        return dict(unit)
                await asyncio.sleep(_LOOK_SECONDS)

    async def stop(self) -> None:
        """End the agents, and what they run: applications outlive their agent."""
        for process in self._running.values():
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
        for process in self._running.values():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), _PATIENCE_SECONDS)
        self._running.clear()
        end_applications(self._folder)

    def _home(self, name: str) -> Path:
        return self._folder / name


def end_applications(folder: Path) -> None:
    """End every process whose program lies below `folder`."""
    own = [each for each in psutil.process_iter(["exe"]) if (each.info["exe"] or "").startswith(f"{folder}/")]
    for each in own:
        with contextlib.suppress(psutil.NoSuchProcess):
            each.terminate()
    for each in psutil.wait_procs(own, timeout=5)[1]:
        with contextlib.suppress(psutil.NoSuchProcess):
            each.kill()


def _environment() -> dict[str, str]:
    return {**os.environ, "QT_QPA_PLATFORM": "offscreen"}

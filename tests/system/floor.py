"""A plant with the small unit in it: ship, deploy, wait for what should come, and the load."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from andon.testing.ports import free_port
from demo.plant import ADMIN, Plant
from tests.system import small_unit
from tests.system.load import Load
from tests.system.small_unit import Place

View = dict[str, Any]
PATIENCE_SECONDS = 300  # generous: the machine may be busy with other tests


@dataclass(frozen=True, slots=True)
class Said:
    """What a command answered."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The output of a command with --json."""
        return json.loads(self.out)


@dataclass(slots=True)
class Floor:
    """`places` by environment."""

    plant: Plant
    sources: Path
    places: dict[str, Place] = field(default_factory=dict)

    async def said(self, *words: str, expected: int = 0, by: str | None = None, stdin: str = "") -> Said:
        """Run a command of Andon, as the administrator where nobody is named; it must end with `expected`."""
        said = Said(*await self.plant.said(*words, by=by, stdin=stdin))
        assert said.code == expected, f"andon {' '.join(words)} ended with {said.code}: {said.out}{said.err}"
        return said

    async def signed(self, *words: str, by: str, expected: int = 0, meaning: str = "approved") -> Said:
        """Run a command that `by` signs with name, password and meaning."""
        signing = ("--user", by, "--password-stdin", "--meaning", meaning)
        stdin = self.plant.people.get(by).password + "\n"
        return await self.said(*words, *signing, by=by, stdin=stdin, expected=expected)

    async def ship(self, *versions: str, by: str | None = None) -> None:
        """Publish releases."""
        for each in versions:
            source = small_unit.write(self.sources / each, each, list(self.places.values()))
            assert (await self.said("ship", str(source), "--json", by=by)).json["state"] == "done"

    async def begin(self, version: str, environment: str, *options: str, by: str | None = None) -> str:
        """Begin a rollout; gives its id."""
        words = ("deploy", "parts", "--version", version, "--environment", environment, "--json", *options)
        return str((await self.said(*words, by=by)).json["id"])

    async def deploy(self, version: str, environment: str, *options: str, expected: int) -> View:
        """Deploy and watch to the end, which the exit code must tell; gives the rollout."""
        words = ("deploy", "parts", "--version", version, "--environment", environment, "--json", "--watch")
        said = await self.said(*words, *options, expected=expected)
        return await self.rollout(str(said.json["id"]))

    async def rollout(self, rollout: str) -> View:
        """A rollout as it is now."""
        seen: View = await self.plant.get(f"/rollouts/{rollout}")
        return seen

    async def until(self, path: str, claim: Callable[[Any], bool], **query: Any) -> Any:
        """What the API says at `path` as soon as `claim` is true of it."""
        seen: Any = None
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                while not claim(seen := await self.plant.get(path, **query)):
                    await asyncio.sleep(0.1)
        except TimeoutError as error:
            raise AssertionError(f"{path} never came there; last: {json.dumps(seen)[:3000]}") from error
        return seen

    async def over(self, rollout: str) -> View:
        """The rollout when it is over."""
        seen: View = await self.until(f"/rollouts/{rollout}", lambda seen: seen["is_over"])
        return seen

    async def serving(self, rollout: str) -> View:
        """The rollout when its present share is confirmed."""
        seen: View = await self.until(f"/rollouts/{rollout}", lambda seen: seen["stage"] == "serving")
        return seen

    async def stable(self, environment: str) -> str | None:
        """The stable release there."""
        return next((each["stable"] for each in await self._status(environment)), None)

    async def with_stable(self, environment: str, version: str = "1.0.0") -> None:
        """Bring the environment to `version`, with nothing under way and no cord pulled."""
        for each in await self.plant.get("/cord"):
            where = ("--environment", each["environment"]) if each["environment"] else ()
            await self.said("cord", "--release", *where, "--reason", "next test")
        for each in await self.plant.get("/rollouts", unit="parts", environment=environment, limit=1):
            if not each["is_over"]:
                # Refused where it is over by now, as without the cord it went on.
                await self.plant.said("abort", each["id"], "--reason", "next test")
                await self.over(each["id"])
        stable = await self.stable(environment)
        if stable is None:
            assert (await self.deploy(version, environment, expected=0))["phase"] == "promoted"
        elif stable != version:
            words = ("rollback", "parts", "--environment", environment, "--to", version)
            await self.said(*words, "--reason", "next test", "--watch")

    async def instances(self, environment: str, version: str | None = None) -> list[View]:
        """Instances there, of one release or of all."""
        found: list[View] = await self.plant.get("/instances", unit="parts", environment=environment)
        return [each for each in found if version in {None, each["version"]}]

    async def timeline(self, **query: Any) -> list[View]:
        """The newest records, oldest first."""
        found: list[View] = await self.plant.get("/timeline", limit=500, **query)
        return sorted(found, key=lambda each: each["number"])

    def gateway_pid(self) -> int:
        """The Envoy of this plant."""
        return int(json.loads((self.plant.home / "gateway" / "envoy.json").read_bytes())["pid"])

    def load(self, environment: str) -> Load:
        """Requests to the unit there, through the gateway."""
        return Load("127.0.0.1", self.places[environment].port)

    async def _status(self, environment: str) -> list[View]:
        units = (await self.plant.get("/status"))["units"]
        return [each for each in units if each["environment"] == environment]


@contextlib.asynccontextmanager
async def floor(
    folder: Path,
    places: Mapping[str, Place],
    variables: Mapping[str, str] | None = None,
    *,
    is_guarded: bool = False,
) -> AsyncIterator[Floor]:
    """A plant that is up, with its administrator signed in; ended, with all of it, when the block ends.

    is_guarded: production asks for approvals and signatures, as it does by itself. Elsewhere the
    administrator has signed that it asks for nothing: those tests are of other things.
    """
    plant = Plant(
        folder / "home", free_port(), {"ANDON_LOCAL__CRASH_LOOP_RESTARTS": "3", **(variables or {})}
    )
    try:
        await plant.start()
        made = Floor(plant, folder / "source", dict(places))
        if not is_guarded:
            words = ("policy", "set", "production", "--no-approvals", "--sign-nothing", "--reason", "a test")
            await made.signed(*words, by=ADMIN)
        yield made
    finally:
        await plant.stop()

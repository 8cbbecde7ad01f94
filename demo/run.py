"""`make demo`: from source to a promoted and to two returned releases, on real parts, told as it happens.

Everything here goes through the command line that a plant uses, as people with no more rights than they
need: an engineer ships and proposes, an approver signs each rollout at its gate. What is not real is the
plant: seven simulated stations of the MES (`line.py`), five stations that share this machine (`stations.py`),
and prepared changes of the MES and of the station's application (`changes/`).
"""

import argparse
import asyncio
import contextlib
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

from demo import credentials, story
from demo.line import Line, LineSettings
from demo.plant import ADMIN, DemoError, Plant, on_signals
from demo.sources import MES, STATION, Source
from demo.stations import Stations

ENVIRONMENT = "demo"
ENGINEER, APPROVER, VIEWER = "engineer", "approver", "viewer"
MANAGER = "manager"
KILLED = "press-3"
HOME = Path(__file__).parents[1] / ".demo"
CHAPTER_LIMIT_SECONDS = 300
# One attempt in twenty fails whatever the MES does; at LMA two parts in three come from drivers in kgf·cm.
HONEST = LineSettings(defect_rate=0.05, kgf_share=0.65, seed=1)
GOOD, BAD = 0, 1


class Demo:
    """The story, chapter by chapter."""

    def __init__(self, plant: Plant, serials_per_minute: int) -> None:
        self._plant = plant
        self._endings: list[story.Ending] = []
        self._line: Line | None = None
        self._serials_per_minute = serials_per_minute
        self._address = ""
        self._stations = Stations(plant, ENVIRONMENT, plant.home / "stations")

    async def tell(self, stop: asyncio.Event) -> None:
        """All of it.

        Raises:
            DemoError: a chapter did not end as it must.
        """
        began = time.monotonic()
        story.chapter("1  Andon comes up")
        await self._plant.start()
        await self._people()
        story.chapter("2  Ship the MES 1.0.0, and deploy it: there is nothing to compare it with yet")
        await self._ship(MES, "1.0.0")
        await self._deploy(MES, "1.0.0", GOOD)
        story.chapter(f"3  Production begins: seven stations, {self._serials_per_minute} serials a minute")
        line = await self._start_line()
        try:
            await self._releases()
            await self._fleet()
            story.summary(self._endings, line.counters(), time.monotonic() - began)
            await self._plant.command("audit", "verify")
            story.tell(f"the MES's own record: {await credentials.verify(*self._mes())}")
            if not stop.is_set():
                await self._stay(stop)
        finally:
            await line.stop()
            await self._stations.stop()

    async def _people(self) -> None:
        """Everybody gets the role that they need, and this environment is guarded like production."""
        await self._plant.hire(ENGINEER, "Kim, engineer", f"{ENGINEER}")
        signs = [f"{APPROVER}@{ENVIRONMENT}/{each.unit}" for each in (MES, STATION)]
        await self._plant.hire(APPROVER, "Park, quality", *signs, VIEWER)
        await self._plant.hire(VIEWER, "A guest", VIEWER)
        story.tell("engineer ships and proposes, approver signs; both changed their one-time passwords")
        guarded = ("--production", "--approvals", "1", "--approver-role", APPROVER)
        signed = [
            word for each in ("abort", "promote", "rollback", "release-cord") for word in ("--sign", each)
        ]
        why = ("--reason", "parts for customers are made with it")
        await self._plant.signed("policy", "set", ENVIRONMENT, *guarded, *signed, *why, by=ADMIN)
        self._plant.acting = ENGINEER

    async def _releases(self) -> None:
        story.chapter("4  MES 1.1.0 is good: it is promoted by evidence, step by step")
        await self._ship(MES, "1.1.0")
        async with self._shipping(MES, "1.2.0"):
            await self._deploy(MES, "1.1.0", GOOD)
        story.chapter("5  MES 1.2.0 fails good parts at one process, while every request answers 200")
        await story.shipped(self._plant, MES.unit, "1.2.0")
        async with self._shipping(MES, "1.3.0"):
            await self._deploy(MES, "1.2.0", BAD)
        self._expect_cause("yield")
        story.chapter("6  MES 1.3.0 throws errors under some input that its tests do not have")
        await story.shipped(self._plant, MES.unit, "1.3.0")
        async with self._shipping(STATION, "1.0.0"):
            await self._deploy(MES, "1.3.0", BAD)
        self._expect_cause("errors")

    async def _fleet(self) -> None:
        """The station's application on five stations, by their own agents."""
        story.chapter("7  Five stations enrol, and get the station's application 1.0.0")
        await story.shipped(self._plant, STATION.unit, "1.0.0")
        await self._stations.start()
        story.tell("each enrolled with a token that is good once; their agents ask, nothing connects to them")
        async with self._stations.operators():
            async with self._shipping(STATION, "1.1.0"):
                await self._deploy(STATION, "1.0.0", GOOD)
            story.chapter("8  Station 1.1.0 goes out in two waves; an agent is killed while it switches")
            await story.delta(self._plant, STATION.unit, "1.1.0")
            async with self._shipping(STATION, "1.2.0"), self._power_cut(KILLED):
                await self._deploy(STATION, "1.1.0", GOOD)
            await story.stations(self._plant, STATION.unit, "1.1.0")
            story.chapter("9  Station 1.2.0 passes its tests, and does not start once it is frozen")
            await self._deploy(STATION, "1.2.0", BAD)
            await story.stations(self._plant, STATION.unit, "1.1.0")

    @contextlib.asynccontextmanager
    async def _power_cut(self, name: str) -> AsyncIterator[None]:
        """Kill the agent of one station while it switches during the block, and start it again."""

        async def cut() -> None:
            await self._stations.kill_while_it_switches(name)
            story.tell(f"[red]the agent of {name} is killed with -9, in the middle of its switch[/]")
            await self._stations.run(name)
            story.tell(f"the agent of {name} starts again, and goes on from its journal")

        cutting = asyncio.create_task(cut())
        try:
            yield
            await cutting
        finally:
            cutting.cancel()

    async def _ship(self, source: Source, version: str, *, quiet: bool = False) -> None:
        tree = source.at(version, self._plant.home / "source" / source.unit / version)
        await self._plant.command("ship", str(tree), quiet=quiet)

    @contextlib.asynccontextmanager
    async def _shipping(self, source: Source, version: str) -> AsyncIterator[None]:
        """Ship the next release while the block runs, as a team would."""
        story.tell(f"meanwhile {source.unit} {version} goes through the pipeline")
        shipping = asyncio.create_task(self._ship(source, version, quiet=True))
        try:
            yield
            await shipping
        finally:
            shipping.cancel()

    async def _deploy(self, source: Source, version: str, expected: int) -> None:
        place = (source.unit, "--environment", ENVIRONMENT)
        try:
            async with asyncio.timeout(CHAPTER_LIMIT_SECONDS):
                await self._plant.command("deploy", *place, "--version", version)
                await story.gate(self._plant, source.unit, version)
                story.tell(f"{APPROVER} signs, with password, meaning and reason")
                why = ("--reason", f"tests and scan of {version} seen", "--watch")
                await self._plant.signed("approve", *place, *why, by=APPROVER, expected=expected)
        except TimeoutError as error:
            seen = await story.ending(self._plant, source.unit, version)
            raise DemoError(f"{version} was not over in time: {seen.rollout['reason']}") from error
        self._endings.append(await story.ending(self._plant, source.unit, version))

    def _expect_cause(self, metric: str) -> None:
        last = self._endings[-1]
        findings = (last.rollout["verdict"] or {"findings": []})["findings"]
        guilty = [each["metric"] for each in findings if each["outcome"] == "fail"]
        if guilty != [metric]:
            raise DemoError(
                f"{last.version} should have been caught by {metric}, not by {guilty or 'nothing'}"
            )

    async def _start_line(self) -> Line:
        status = await self._plant.get("/status")
        self._address = next(each["address"] for each in status["units"] if each["unit"] == "mes")
        issued = await credentials.issue(*self._mes())
        story.tell("the MES issued the stations and the lot planner a credential each; nobody else may scan")
        line = Line(self._address, HONEST, issued, serials_per_minute=self._serials_per_minute)
        await line.start()
        return line

    def _mes(self) -> tuple[list[str], dict[str, str]]:
        """The command of the MES as it is installed now, and the settings for its database."""
        home = self._plant.home
        return credentials.installed(home), credentials.database_of(home, ENVIRONMENT)

    async def _stay(self, stop: asyncio.Event) -> None:
        story.chapter("The plant goes on")
        guest = self._plant.people.get(VIEWER)
        story.tell(f"The board with this history: [bold]{self._plant.url}[/]")
        story.tell(
            f"Sign in as [bold]{guest.login}[/] with [bold]{guest.password}[/]; it may look, and no more."
        )
        password = await credentials.hire(*self._mes(), MANAGER)
        story.tell(f"The pages of the MES, through the gateway: [bold]{self._address}[/]")
        story.tell(f"Sign in as [bold]{MANAGER}[/] with the one-time password [bold]{password}[/].")
        story.tell(f"[dim]The others' passwords are in {self._plant.home / 'people' / 'passwords.json'}.[/]")
        story.tell("Ctrl-C ends the demo, with everything that it started.")
        await stop.wait()


async def run(options: argparse.Namespace) -> int:
    """Run the demo; gives the exit code."""
    stop = asyncio.Event()
    on_signals(stop)
    plant = Plant(options.home.resolve(), options.port)
    demo = asyncio.create_task(Demo(plant, options.speed).tell(stop if not options.exit else _is_set()))
    ended = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({demo, ended}, return_when=asyncio.FIRST_COMPLETED)
        if not demo.done():
            demo.cancel()
        await asyncio.gather(demo, return_exceptions=False)
    except asyncio.CancelledError:
        return 130
    except DemoError as error:
        story.failed(str(error), error.details)
        return 1
    finally:
        ended.cancel()
        await plant.stop()
    return 0


def _is_set() -> asyncio.Event:
    event = asyncio.Event()
    event.set()
    return event


def main() -> int:
    """Read the options and run."""
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--exit", action="store_true", help="end after the summary instead of leaving it up")
    parser.add_argument("--home", type=Path, default=HOME, help="folder of the demo, cleared at its start")
    parser.add_argument("--port", type=int, default=8460, help="port of the board")
    parser.add_argument("--speed", type=int, default=600, help="serials a minute")
    return asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    sys.exit(main())

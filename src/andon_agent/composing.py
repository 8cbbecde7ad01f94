"""Wires the agent together and runs it until it is asked to end. The one place that knows all parts."""

import asyncio
import logging
import os
import random
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from andon_agent import enrolling, local_place, settings
from andon_agent.artifacts import RegistryArtifacts
from andon_agent.asking import Asking, Reached, Tools
from andon_agent.buffer import Buffer
from andon_agent.client import Client, Place
from andon_agent.doubts import Doubts
from andon_agent.engine.controller import Engine
from andon_agent.engine.health import Doctor
from andon_agent.engine.jobs import Threads
from andon_agent.engine.model import Happened, Rules, SlotName
from andon_agent.engine.parts import Parts
from andon_agent.enrolling import Identity
from andon_agent.flow import Flow
from andon_agent.home import Home
from andon_agent.hosts import own as hosts
from andon_agent.hosts.host import Host
from andon_agent.launcher.main import OWN_UNIT
from andon_agent.launcher.model import RESTART
from andon_agent.local import Desk
from andon_agent.loop import Ticking, Turns, run
from andon_agent.measuring import Measuring
from andon_agent.metrics import Meter
from andon_agent.settings import Settings
from andon_agent.telling import Telling
from andon_agent.witness import TimelineWitness
from andon_wire import platforms
from andon_wire.delta.apply import apply
from andon_wire.disk import Disk
from andon_wire.protocol import EventKind, Machine, UnitState, Wanted

_log = logging.getLogger(__name__)
GOOD = 0


@dataclass(frozen=True, slots=True)
class Start:
    """How the agent was started. slot, version: by its launcher, from this slot; around: its environment."""

    home: Home
    slot: SlotName | None
    version: str
    around: Mapping[str, str]


class Agent:
    """One agent in its home, which the caller holds alone.

    Raises:
        WireError: it is no station, or what it was told cannot be read. OSError: the disk.
    """

    def __init__(self, start: Start, disk: Disk) -> None:
        self._start, self._disk = start, disk
        self._host: Host = hosts.own(start.home.folder)
        self._settings: Settings = settings.load(start.home.folder)
        self._identity: Identity = enrolling.load(start.home, disk)
        self._stop = asyncio.Event()
        self._code = GOOD
        self._chance = random.Random()  # noqa: S311  spreads load, keeps no secret
        self._flow = Flow(lambda: self._host.now().at, time.monotonic, bandwidth=self._settings.bandwidth)
        token = local_place.token_of(start.home, disk)
        self._desk = Desk(self._identity.station.name, token, self._flow, self._wake_engine)
        self._server = local_place.serve(start.home, disk, self._desk, token, self._settings.port)
        self._tools = self._make_tools()
        self._asking = Asking(self._tools, self._act, self._chance)
        self._ticking = Ticking(self._engine(), on_end=self._restart)
        self._telling = Telling(
            self._tools, self._asking, self._ticking.states, self._chance, ask_now=self._ask_now
        )
        self._turns = self._make_turns()

    async def serve(self) -> int:
        """Run until it is asked to end; gives the exit code."""
        loop = asyncio.get_running_loop()
        self._listen_for_the_end(loop)
        tools, now = self._tools, self._host.now().at
        tools.buffer.add(EventKind.STARTED, now, facts={"damaged": tools.buffer.damaged})
        self._asking.recall()
        _log.info("%s runs; screens ask at %s", self._identity.station.name, self._desk.address)
        try:
            await run(self._turns, self._stop)
        finally:
            await self._ticking.close()
            self._server.stop()
            await tools.client.close()
            tools.buffer.close()
        return self._code

    def stop(self) -> None:
        """Let it end; from the loop's own thread."""
        self._stop.set()

    def _make_tools(self) -> Tools:
        home, disk, told, who = self._start.home, self._disk, self._settings, self._identity
        place = Place(told.control, told.ca, told.certificate, told.key)
        buffer = Buffer(home.buffer, disk)
        doubts = Doubts(buffer, self._host, self._tell_now)
        return Tools(
            home=home,
            disk=disk,
            settings=told,
            context=place.context(),
            registries=who.registries,
            client=Client(place, self._seconds),
            who=who.station,
            buffer=buffer,
            flow=self._flow,
            artifacts=RegistryArtifacts(
                home.trust,
                who.root,
                disk=disk,
                flow=self._flow,
                monotonic=time.monotonic,
                looked=doubts.looked,
            ),
            witness=TimelineWitness(home.witness, who.timeline_keys, disk),
            watch=self._host,
        )

    def _engine(self) -> Engine:
        rules = Rules()
        return Engine(
            Parts(
                home=self._start.home.folder,
                platform=platforms.own(),
                disk=self._disk,
                host=self._host,
                jobs=Threads(self._wake_engine, lambda: self._host.now().uptime, rules),
                artifacts=self._tools.artifacts,
                apply=apply,
                reporter=_Reporter(self._tools.buffer, self._tell_now),
                local=self._desk,
                doctor=Doctor(self._desk),
                own_health=_OwnHealth(self._asking.reached),
                own_unit=OWN_UNIT,
                own_slot=self._start.slot,
                around=self._start.around,
                rules=rules,
            )
        )

    def _make_turns(self) -> dict[str, Turns]:
        machine_id = enrolling.machine_id(self._start.home, self._disk)
        meter = Meter(self._start.home.folder)
        measuring = Measuring(
            self._tools,
            self._asking,
            meter,
            machine_id,
            version=self._start.version,
            tell=self._measured,
        )
        return {
            "measure": Turns(measuring.turn),
            "ask": Turns(self._ask),
            "tell": Turns(self._telling.turn),
            "engine": Turns(self._tick, gap_s=0.05),
        }

    async def _ask(self) -> float:
        before = self._asking.revision
        seconds = await self._asking.turn()
        self._desk.set_online(is_online=self._asking.reached.is_online, problem=self._asking.reached.sentence)
        if self._asking.revision != before:
            self._wake_engine()
        return seconds

    async def _tick(self) -> float:
        before = _shapes(self._ticking.states())
        seconds = await self._ticking.turn()
        if _shapes(self._ticking.states()) != before:
            self._tell_now()
        return seconds

    def _measured(self, machine: Machine | None) -> None:
        if machine is not None and machine != self._telling.machine:
            self._telling.machine = machine
        self._tell_now()

    def _act(self, wanted: Wanted) -> None:
        self._ticking.act(wanted)

    def _seconds(self) -> float:
        return self._host.now().at.timestamp()

    def _wake_engine(self) -> None:
        self._wake("engine")

    def _tell_now(self) -> None:
        self._wake("tell")

    def _ask_now(self) -> None:
        self._wake("ask")

    def _wake(self, name: str) -> None:
        """Also while all this is being wired, when there is nothing to wake yet."""
        turns: dict[str, Turns] = getattr(self, "_turns", {})
        if name in turns:
            turns[name].wake()

    def _restart(self) -> None:
        self._code = RESTART
        self._stop.set()

    def _listen_for_the_end(self, loop: asyncio.AbstractEventLoop) -> None:
        def end() -> None:
            loop.call_soon_threadsafe(self._stop.set)

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: end())
        if self._start.slot is not None:
            threading.Thread(target=_follow_launcher, args=(end,), name="launcher", daemon=True).start()


class _Reporter:
    """Implements `engine.ports.Reporter` by the buffer."""

    def __init__(self, buffer: Buffer, tell_now: Callable[[], None]) -> None:
        self._buffer, self._tell_now = buffer, tell_now

    def tell(self, happened: Happened) -> None:
        """See `Reporter`."""
        self._buffer.tell(
            happened.unit,
            happened.number,
            happened.kind,
            happened.at,
            version=happened.version,
            former=happened.former,
            rollout=happened.rollout,
            attempt=happened.attempt,
            reason=happened.reason,
            facts=dict(happened.facts),
        )
        self._tell_now()


@dataclass(frozen=True, slots=True)
class _OwnHealth:
    """Implements `engine.ports.OwnHealth`."""

    reached: Reached

    def problem(self) -> str | None:
        """See `OwnHealth`."""
        return None if self.reached.is_known else self.reached.problem


def _shapes(states: Mapping[str, UnitState] | None) -> Mapping[str, UnitState] | None:
    """What is worth a report at once: all but how far a download is."""
    if states is None:
        return None
    return {name: each.model_copy(update={"progress": None}) for name, each in states.items()}


def _follow_launcher(end: Callable[[], None]) -> None:
    """The launcher holds the other end of our standard input: when that ends, so do we.

    Without the buffer, whose lock a thread that waits here would hold at the interpreter's end: that aborts.
    """
    while os.read(sys.stdin.fileno(), 1024):
        continue
    end()

"""The one Envoy of a gateway folder: started so that it outlives us, adopted again, restarted, stopped.

What is not here: which documents it serves (`delivery.py`), its numbers (`stats.py`).
"""

import asyncio
import sys
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

from andon.gateway import launch
from andon.gateway.admin import Admin
from andon.gateway.bootstrap import MODERN, bootstrap
from andon.gateway.certificates import Certificates, Places
from andon.gateway.delivery import Applied, Delivery, Key, Patience
from andon.gateway.folder import Folder
from andon.gateway.model import Route
from andon.gateway.names import rds, route_name
from andon.gateway.program import Program, find_program
from andon.gateway.reading import weights_in
from andon.gateway.render import RenderOptions, to_bytes
from andon.kernel import files, logging, processes
from andon.kernel.clock import Clock
from andon.kernel.errors import Unavailable
from andon.kernel.ids import EnvironmentName, Process, UnitName, Version
from andon.kernel.watching import Watch

_log = logging.get(__name__)
_FIRST_PAUSE = timedelta(milliseconds=500)
_LONGEST_PAUSE = timedelta(seconds=30)
_LIVED = timedelta(seconds=60)  # an Envoy that lived this long did not die of its start
_STEP = timedelta(milliseconds=10)


@dataclass(frozen=True, slots=True)
class EnvoyOptions:
    """`folder`: the gateway's own. `program`: a certain Envoy; None finds the system's or the wheel's.

    `concurrency`: worker threads; None lets Envoy take one for each core. `certificates`: of listeners that
    speak TLS.
    """

    folder: Path
    program: Path | None = None
    concurrency: int | None = None
    start_within: timedelta = timedelta(seconds=20)
    patience: Patience = field(default_factory=Patience)
    certificates: Places = field(default_factory=Places)


class Envoy:
    """Supervises the process and brings it its documents. Closing it leaves the process running."""

    def __init__(self, options: EnvoyOptions, clock: Clock, ended: Callable[[], None] = lambda: None) -> None:
        """`ended` is called when the process that was started or adopted is gone."""
        self._options = options
        self._watch = Watch(ended)
        self._clock = clock
        self._folder = Folder(options.folder)
        self._held: Process | None = None
        self._held_since = 0.0
        self._program: Program | None = None
        self._starts = 0
        self._not_before = 0.0
        self._admin: Admin | None = None
        self._delivery: Delivery | None = None
        self._certificates = Certificates(self._folder, options.certificates, clock)

    @property
    def admin(self) -> Admin:
        """The admin interface of the process in this folder, whoever started it."""
        if self._admin is None:
            self._admin = Admin(self._folder.socket())
        return self._admin

    @property
    def clock(self) -> Clock:
        """The clock that everything around this Envoy goes by."""
        return self._clock

    def last_weights(self, unit: UnitName, environment: EnvironmentName) -> dict[Version, int]:
        """Weights of the route document on disk, whoever wrote it; empty when it serves nothing."""
        made = self._folder.documents().get(rds(route_name(unit, environment)))
        return weights_in(made["resources"][0]) if made else {}

    def find_running(self) -> Process | None:
        """The Envoy of this folder, when one runs."""
        return processes.find_noted(self._folder.pid_file)

    async def ensure(self) -> Process:
        """Adopt the Envoy that runs, or start one, and return when it serves.

        Raises Unavailable while it waits before another start, or with Envoy's words when it does not
        come up; InvalidInput when there is no Envoy program.
        """
        running = self.find_running()
        if running is not None and running == self._held:
            if self._clock.monotonic() - self._held_since > _LIVED.total_seconds():
                self._starts = 0
            return running
        if running is None:
            running = await self._start()
        else:
            _log.info("gateway adopted", pid=running.pid)
        await self._until_live(running)
        self._held, self._held_since = running, self._clock.monotonic()
        self._watch.over(running)
        if self._delivery is not None:
            self._delivery.forget()
        return running

    async def apply(self, routes: Sequence[Route], *, keep: Collection[Key] = ()) -> Applied:
        """Make `routes` true; see Delivery.apply. A route whose certificate is missing stays as it is."""
        if self._delivery is None:
            self._delivery = Delivery(self._folder, self.admin, self._clock, self._options.patience)
        brought = await self._certificates.bring(routes)
        names = {route_name(each.unit, each.environment): each for each in routes}
        kept = {(names[each].unit, names[each].environment) for each in brought.without}
        able = [each for name, each in names.items() if name not in brought.without]
        applied = await self._delivery.apply(able, await self._render_options(), keep=kept | set(keep))
        return replace(applied, problems=(*applied.problems, *brought.problems))

    async def stop(self, *, patience: timedelta = timedelta(seconds=5)) -> None:
        """End the Envoy of this folder, if one runs."""
        running = self.find_running()
        if running is not None:
            await processes.end(running, patience=patience)
            _log.info("gateway stopped", pid=running.pid)
        self._held = None
        await self.close()

    async def close(self) -> None:
        """Let go of it; it goes on serving."""
        self._watch.end()
        if self._admin is not None:
            await self._admin.close()

    async def _render_options(self) -> RenderOptions:
        program = await self._find_program()
        return RenderOptions(str(self._folder.root), is_modern=program.version >= MODERN)

    async def _find_program(self) -> Program:
        if self._program is None:
            self._program = await find_program(self._options.program)
        return self._program

    async def _start(self) -> Process:
        wait = self._not_before - self._clock.monotonic()
        if wait > 0:
            raise Unavailable(
                "gateway-restarting",
                f"Envoy ended; it is started again in {wait:.1f} s",
                hint="see envoy.log in the gateway folder",
                retry_after=timedelta(seconds=wait),
            )
        program = await self._find_program()
        self._hold_back()
        try:
            self._folder.prepare()
            made = bootstrap(str(self._folder.root), self._folder.socket(), version=program.version)
            files.write(self._folder.bootstrap, to_bytes(made), mode=0o600)
        except OSError as error:
            raise Unavailable(
                "gateway-folder",
                f"the gateway folder cannot be written: {error}",
                hint=f"{self._folder.root} must be a folder of this user, on a disk with space left",
            ) from error
        if self._held is not None:
            _log.warning("gateway died and is started again", pid=self._held.pid)
        return await self._launch(program)

    def _hold_back(self) -> None:
        """The first start is immediate, each further one waits twice as long as the last."""
        pause = min(_FIRST_PAUSE * (1 << min(self._starts, 10)), _LONGEST_PAUSE)
        self._starts += 1
        self._not_before = self._clock.monotonic() + pause.total_seconds()

    async def _launch(self, program: Program) -> Process:
        command = [str(program.path), "-c", str(self._folder.bootstrap), "--disable-hot-restart"]
        # Warnings carry the reason of a refusal; below them there is a line for every change of weight.
        command += ["--reject-unknown-dynamic-fields", "--log-level", "warning"]
        if self._options.concurrency is not None:
            command += ["--concurrency", str(self._options.concurrency)]
        launcher = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            launch.__name__,
            str(self._folder.root),
            str(self._folder.log),
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        _, said = await launcher.communicate()
        if launcher.returncode not in (0, launch.ALREADY_RUNNING):
            raise Unavailable(
                "gateway-start",
                f"Envoy could not be started: {said.decode(errors='replace').strip()[-400:]}",
                hint=f"check that {program.path} can be run and {self._folder.root} can be written",
            )
        running = self.find_running()
        if running is None:
            raise self._did_not_start()
        _log.info("gateway started", pid=running.pid, program=str(program.path))
        return running

    async def _until_live(self, running: Process) -> None:
        deadline = self._clock.monotonic() + self._options.start_within.total_seconds()
        while not await self.admin.is_answering():
            if not processes.is_alive(running):
                raise self._did_not_start()
            if self._clock.monotonic() > deadline:
                raise Unavailable(
                    "gateway-not-live",
                    f"Envoy runs as process {running.pid} but does not say that it is live",
                    hint=f"see {self._folder.log}",
                )
            await self._clock.sleep(_STEP)

    def _did_not_start(self) -> Unavailable:
        self._hold_back()
        words = self._folder.log_since(self._folder.log_size() - 600).strip()
        return Unavailable(
            "gateway-start",
            f"Envoy ended while it started: {words or 'it said nothing'}",
            hint=f"see {self._folder.log}",
        )

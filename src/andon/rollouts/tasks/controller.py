"""Makes true what rollouts want of tasks: starts tries, sees their ends, ends what nobody wants any more.

Level-triggered: a tick knows nothing but rows, folders and processes. A try's row is written before its
process starts, so that it begins once at the most, whenever Andon dies.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from andon.kernel import logging
from andon.kernel.clock import Clock
from andon.kernel.errors import Conflict, Damaged, NotFound, Unavailable
from andon.kernel.ids import EnvironmentName, RolloutId, UnitName, Version
from andon.rollouts import wanted as wanting
from andon.rollouts.controller import Holder
from andon.rollouts.model import NOT_BEGUN, Rollout, TaskSeen, TaskState
from andon.rollouts.steps import TaskKind
from andon.rollouts.tasks.decide import Action, Rest, Settle, Start, Stop, decide, how_far, leave
from andon.rollouts.tasks.job import Job
from andon.rollouts.tasks.model import Seen, Try
from andon.rollouts.wanted import WantedTask
from andon.store.leases import Lease, LeaseStore

_log = logging.get(__name__)
LEASE = "tasks"
_MOST_MOVES = 4
_PATH = "/usr/local/bin:/usr/bin:/bin"


class Rollouts(Protocol):
    """The rollouts under way (`rollouts/store.py`)."""

    async def active(self) -> Sequence[RolloutId]: ...
    async def get(self, rollout: RolloutId, /) -> Rollout: ...


class Tries(Protocol):
    """The rows (`tasks/store.py`)."""

    async def list(self, rollout: RolloutId, /) -> Sequence[Try]: ...
    async def running(self) -> Sequence[Try]: ...
    async def begin(self, rollout: Rollout, made: Try, lease: Lease, /) -> None: ...
    async def settle(self, rollout: Rollout, ended: Try, lease: Lease, /) -> None: ...


class Runs(Protocol):
    """The processes (`tasks/runner.py`)."""

    @property
    def place(self) -> str: ...
    def work(self, made: Try, /) -> object: ...
    def observe(self, made: Try, /) -> Seen: ...
    def start(self, made: Try, job: Job, /) -> None: ...
    def stop(self, made: Try, /) -> None: ...


@dataclass(frozen=True, slots=True)
class Sources:
    """What is asked of the rest. addresses: of the ready instances of a release."""

    rollouts: Rollouts
    tries: Tries
    runs: Runs
    addresses: Callable[[UnitName, EnvironmentName, Version], Awaitable[Sequence[str]]]


class TaskController:
    """Walks the tasks that rollouts want. Only the holder of the lease does. commands: whether they run."""

    def __init__(
        self,
        sources: Sources,
        leases: LeaseStore,
        clock: Clock,
        *,
        holder: Holder,
        commands: bool = True,
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        self._sources = sources
        self._leases = leases
        self._clock = clock
        self._holder = holder
        self._commands = commands
        self._changed = changed

    async def tick(self) -> None:
        """Look at each task once. One that cannot be looked at does not stop the others."""
        wanted = await self._wanted()
        running = await self._sources.tries.running()
        if not wanted and not running:
            return
        lease = await self._leases.acquire(LEASE, self._holder.name, self._holder.time_to_live)
        if lease is None:
            return
        own = {(each.rollout, each.step, each.task.name) for _, each in wanted}
        try:
            for made in running:
                if (made.rollout, made.step, made.name) not in own:
                    await self._leave(made, lease)
            for rollout, each in wanted:
                await self._walk(rollout, each, lease)
        except Conflict as error:
            _log.info("tasks dropped", code=error.code, reason=error.message)

    async def _wanted(self) -> list[tuple[Rollout, WantedTask]]:
        found = []
        for each in await self._sources.rollouts.active():
            try:
                rollout = await self._sources.rollouts.get(each)
            except (Damaged, NotFound):
                continue  # the rollouts' own loop sees to it
            if (task := wanting.task(rollout)) is not None:
                found.append((rollout, task))
        return found

    async def _walk(self, rollout: Rollout, wanted: WantedTask, lease: Lease) -> None:
        for _ in range(_MOST_MOVES):
            tries = of(wanted, await self._sources.tries.list(rollout.id))
            seen = self._sources.runs.observe(tries[-1]) if tries else Seen()
            action = decide(wanted, tries, seen, self._clock.now())
            if not await self._do(rollout, wanted, tries, action, lease):
                return

    async def _do(
        self, rollout: Rollout, wanted: WantedTask, tries: Sequence[Try], action: Action, lease: Lease
    ) -> bool:
        """Carry out one action; whether another look is worth it at once."""
        match action:
            case Rest():
                return False
            case Start(number):
                return await self._start(rollout, wanted, number, lease)
            case Settle():
                await self._settle(rollout, tries[-1], action, lease)
                return True
            case Stop(reason):
                _log.info("task is ended", rollout=rollout.id, task=wanted.task.name, reason=reason)
                self._sources.runs.stop(tries[-1])
                return False

    async def _start(self, rollout: Rollout, wanted: WantedTask, number: int, lease: Lease) -> bool:
        task = wanted.task
        runs, now = self._sources.runs, self._clock.now()
        made = Try(rollout.id, wanted.step, task.name, number, TaskState.RUNNING, runs.place, now)
        try:
            bases = await self._sources.addresses(rollout.unit, rollout.environment, rollout.candidate)
        except Unavailable as error:
            _log.warning("task waits", rollout=rollout.id, task=task.name, reason=error.message)
            return False
        if not bases and task.kind is TaskKind.SMOKE:
            return False
        await self._sources.tries.begin(rollout, made, lease)
        problem = ""
        if task.kind is TaskKind.COMMAND and not self._commands:
            problem = "was not run: commands are turned off (ANDON_ROLLOUTS__COMMANDS)"
        else:
            try:
                runs.start(made, job(rollout, wanted, made, bases, str(runs.work(made))))
            except OSError as error:
                problem = f"could not be started: {error.strerror or error}"
        if problem:
            await self._settle(rollout, made, Settle(TaskState.FAILED, problem), lease)
        return bool(problem)

    async def _settle(self, rollout: Rollout, made: Try, how: Settle, lease: Lease) -> None:
        ended = replace(made, state=how.state, ended_at=self._clock.now(), reason=how.reason)
        await self._sources.tries.settle(rollout, ended, lease)
        _log.info("task ended", rollout=rollout.id, task=made.name, state=how.state.value, reason=how.reason)
        self._changed()

    async def _leave(self, made: Try, lease: Lease) -> None:
        action = leave(self._sources.runs.observe(made))
        if isinstance(action, Stop):
            self._sources.runs.stop(made)
        elif isinstance(action, Settle):
            try:
                rollout = await self._sources.rollouts.get(made.rollout)
            except (Damaged, NotFound):
                return  # nobody to tell of it
            await self._settle(rollout, made, action, lease)


class Tasks:
    """The `TaskView` of the observer."""

    def __init__(self, tries: Tries) -> None:
        self._tries = tries

    async def seen(self, rollout: Rollout) -> TaskSeen:
        """How far the task is that the rollout wants; pending where it wants none."""
        wanted = wanting.task(rollout)
        if wanted is None:
            return NOT_BEGUN
        return how_far(wanted.task, of(wanted, await self._tries.list(rollout.id)))


def of(wanted: WantedTask, tries: Sequence[Try]) -> Sequence[Try]:
    """The tries of the wanted task, in order."""
    own = [each for each in tries if (each.step, each.name) == (wanted.step, wanted.task.name)]
    return sorted(own, key=lambda each: each.number)


def job(rollout: Rollout, wanted: WantedTask, made: Try, bases: Sequence[str], work: str) -> Job:
    """What the process of a try is told. A command gets a few variables, and none of ours."""
    task = wanted.task
    words = {
        "data": work,
        "version": rollout.candidate,
        "environment": rollout.environment,
        "url": bases[0] if bases else "",
    }
    facts = {
        "ANDON_ROLLOUT": rollout.id,
        "ANDON_UNIT": rollout.unit,
        "ANDON_ENVIRONMENT": rollout.environment,
        "ANDON_VERSION": rollout.candidate,
        "ANDON_STABLE": rollout.stable or "",
        "ANDON_STEP": str(wanted.step),
        "ANDON_URLS": " ".join(bases),
    }
    return Job(
        mark=made.mark,
        seconds=task.timeout.total_seconds(),
        command=tuple(_filled(each, words) for each in task.command),
        bases=tuple(bases) if task.kind is TaskKind.SMOKE else (),
        path=task.path,
        status=task.status,
        contains=task.contains,
        value_at=task.value_at,
        equals=task.equals,
        environment={"PATH": _PATH, "LANG": "C.UTF-8", "HOME": work, "TMPDIR": work, **facts},
    )


def _filled(part: str, words: dict[str, str]) -> str:
    for name, value in words.items():
        part = part.replace(f"{{{name}}}", value)
    return part

"""Wires what stands before a step of a rollout: who is asked at gates, whose answers are taken, tasks.

A part of the composition root beside `parts.py`. No rule lives here.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from andon.access_parts import Access
from andon.kernel.clock import Clock
from andon.kernel.ids import EnvironmentName, UnitName, Version
from andon.releases.store import ReleaseStore
from andon.rollouts.controller import Holder
from andon.rollouts.outside.commands import GateCommands
from andon.rollouts.outside.controller import Asker, Sources
from andon.rollouts.outside.fetch import Http
from andon.rollouts.outside.store import AnswerStore
from andon.rollouts.outside.view import Outside
from andon.rollouts.store import RolloutStore
from andon.rollouts.tasks.controller import Sources as TaskSources
from andon.rollouts.tasks.controller import TaskController, Tasks
from andon.rollouts.tasks.model import Try
from andon.rollouts.tasks.runner import Runner
from andon.rollouts.tasks.store import TaskStore
from andon.seen import Seen
from andon.store.engine import Database
from andon.store.leases import LeaseStore

# All of the environment that what runs a try is given; a command is given less (`tasks/controller.py`).
_ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8"}


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """What gates are made of. origins: outside addresses that may be asked; ca: they are verified by it.

    commands: whether commands of manifests may run.
    """

    database: Database
    clock: Clock
    releases: ReleaseStore
    access: Access
    seen: Seen
    origins: Sequence[str]
    ca: Path | None
    commands: bool


@dataclass(frozen=True, slots=True)
class Gates:
    """Who asks, what gates say, and how an outside system answers by itself."""

    asker: Asker
    view: Outside
    commands: GateCommands


@dataclass(frozen=True, slots=True)
class TaskParts:
    """What runs tasks, what is seen of them, and their rows. runner: the processes of this home."""

    controller: TaskController
    view: Tasks
    store: TaskStore
    runner: Runner


class Before:
    """Gates and tasks as the edges see them (`api/services.py`)."""

    def __init__(self, gates: Gates, tasks: TaskParts) -> None:
        self.seen = gates.view.seen
        self.answer = gates.commands.answer
        self.tries = tasks.store.list
        self._runner = tasks.runner

    async def log(self, made: Try) -> str:
        """What a try printed."""
        return await asyncio.to_thread(self._runner.log, made)


def runner_of(home: Path, place: str, on_end: Callable[[], None] = lambda: None) -> Runner:
    """What runs the tasks of a home."""
    return Runner(home, place, _ENVIRONMENT, on_end)


def tasks_of(where: Whereabouts, runner: Runner, holder: Holder, changed: Callable[[], None]) -> TaskParts:
    """All of it. changed: called when a task says something new."""
    store = TaskStore(where.database)

    async def addresses(unit: UnitName, environment: EnvironmentName, version: Version) -> list[str]:
        found = await where.seen.endpoints(unit, environment, version)
        return [f"http://{each.host}:{each.port}" for each in found]

    controller = TaskController(
        TaskSources(RolloutStore(where.database), store, runner, addresses),
        LeaseStore(where.database),
        where.clock,
        holder=holder,
        commands=where.commands,
        changed=changed,
    )
    return TaskParts(controller, Tasks(store), store, runner)


def gates_of(where: Whereabouts, changed: Callable[[], None]) -> Gates:
    """All of it. changed: called when a gate says something new."""
    rollouts, answers = RolloutStore(where.database), AnswerStore(where.database)
    asker = Asker(
        Sources(
            rollouts=rollouts,
            answers=answers,
            manifest=where.releases.manifest,
            units=where.seen.stable_addresses,
            secret=where.access.secrets.get,
        ),
        Http(ca=where.ca),
        where.clock,
        origins=tuple(where.origins),
        changed=changed,
    )
    view = Outside(where.access.policies, answers, asker, where.clock)
    return Gates(asker, view, GateCommands(rollouts, answers, where.clock))

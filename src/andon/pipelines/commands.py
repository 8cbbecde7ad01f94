"""What a person may ask of pipelines: ship a tree, and stop that. The controller does the rest."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from andon.kernel.clock import Clock
from andon.kernel.errors import Conflict, Forbidden, InvalidInput
from andon.kernel.ids import RunId, UnitName, new_id
from andon.pipelines.model import Run, RunState, StageStatus
from andon.pipelines.plan import plan
from andon.pipelines.store import RunStore
from andon.timeline.records import Event
from andon.units.load import FILE_NAME, load
from andon.units.model import Manifest

_ATTEMPTS = 10  # a run changes some fifteen times in all


class Ship:
    """Starts and stops runs. `wake` makes the controller look at once.

    roots: folders that trees are shipped from; none: any folder of this machine.
    """

    def __init__(
        self, store: RunStore, clock: Clock, wake: Callable[[], None], *, roots: Sequence[Path] = ()
    ) -> None:
        self._store = store
        self._clock = clock
        self._wake = wake
        self._roots = tuple(each.expanduser().resolve() for each in roots)

    async def start(self, path: Path, actor: str) -> Run:
        """Begin to ship the unit in the folder `path`; gives the run as it begins.

        Raises:
            InvalidInput: the manifest is missing or wrong.
            Forbidden: it lies outside of the folders that are shipped from.
            Conflict: the unit is being shipped already.
        """
        folder, manifest = await asyncio.to_thread(self._found, path)
        unit = UnitName(manifest.unit.name)
        for other in await self._store.list_active():
            if other.unit == unit:
                raise Conflict(
                    "run-active",
                    f"{unit} is being shipped already, by {other.id}",
                    hint=f"wait for it, or cancel it: andon cancel {other.id}",
                )
        stages = plan(manifest)
        now = self._clock.now()
        run = Run(
            id=RunId(new_id("run", now)),
            unit=unit,
            version=None,
            path=str(folder),
            state=RunState.RUNNING,
            stages=tuple(StageStatus(each.name) for each in stages),
            actor=actor,
            created_at=now,
            finished_at=None,
            reason="",
            revision=1,
            plan=stages,
        )
        event = Event(
            kind="pipeline.started",
            subject=f"run/{run.id}",
            actor=actor,
            reason=f"{actor} ships {unit} from {folder}",
            unit=unit,
            after={"path": str(folder)},
        )
        await self._store.create(run, event)
        self._wake()
        return run

    async def unit_of(self, path: Path) -> UnitName:
        """The unit whose source tree is the folder `path`; raises InvalidInput, Forbidden."""
        _, manifest = await asyncio.to_thread(self._found, path)
        return UnitName(manifest.unit.name)

    async def cancel(self, run_id: RunId, actor: str, reason: str) -> Run:
        """Ask for the run to stop; its processes are killed, then it is over.

        Raises:
            NotFound: there is no such run.
            Conflict: it is over already.
        """
        for _ in range(_ATTEMPTS):
            run = await self._store.get(run_id)
            if run.state is not RunState.RUNNING:
                raise Conflict("run-over", f"{run_id} is over: {run.reason}")
            if run.cancelled_by:
                return run
            asked = replace(run, cancelled_by=actor, cancel_reason=reason or "no reason given")
            try:
                saved = await self._store.save(asked, at=self._clock.now())
            except Conflict:  # the controller moved the run on meanwhile
                continue
            self._wake()
            return saved
        raise Conflict("run-moved", f"{run_id} keeps changing", hint="try again")

    def _found(self, path: Path) -> tuple[Path, Manifest]:
        """The tree at `path` with its manifest; links are followed before anything is compared or read."""
        there = path.expanduser().resolve()
        if self._roots and not any(there.is_relative_to(each) for each in self._roots):
            raise Forbidden(
                "source-not-allowed",
                f"{path} may not be shipped: it lies outside of the folders that are",
                hint="an administrator adds its folder to ANDON_PIPELINES__SOURCES",
            )
        folder = there if there.is_dir() else there.parent
        file = folder / FILE_NAME if there.is_dir() else there
        # What is wrong with a manifest is told with its text, so no other file is read as one.
        if file.name != FILE_NAME or file.is_symlink():
            raise InvalidInput(
                "no-manifest",
                f"{file} is no manifest, or a link to one",
                hint=f"name a folder that holds {FILE_NAME}",
            )
        return folder, load(file)

"""Which former releases a new one gets a delta from: those that stations run or were told to, and the newest.

A station whose release is not among them takes a chain of deltas, or the whole (`andon_wire.delta.plan`).
"""

import asyncio
import tempfile
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Protocol

from packaging.version import Version as PackageVersion

from andon.kernel import logging
from andon.kernel.errors import Damaged, NotFound, Untrusted
from andon.kernel.ids import RunId, Sha256, UnitName, Version
from andon.pipelines.cache import Cache
from andon.pipelines.model import Run, StageName
from andon.releases.model import Artifact, Release, Role
from andon_wire.names import bundle_of, tree_of

_log = logging.get(__name__)

MOST = 12  # deltas of one release: each costs as long to make as the whole

Former = Mapping[str, Sha256]  # role to file in the cache: tree and bundle


class Releases(Protocol):
    """The registry (`andon.releases.store.ReleaseStore`)."""

    async def list(self, unit: UnitName | None = None) -> list[Release]: ...
    async def fetch(
        self, unit: UnitName, version: Version, role: Role, into: Path, *, artifact_name: str = ""
    ) -> Path:
        """A verified copy of the artifact in the folder `into`."""
        ...


class Field(Protocol):
    """What stations run (`andon.fleet`)."""

    async def versions(self, unit: UnitName) -> Collection[Version]:
        """Every release of the unit that some station runs, keeps or was told to run."""
        ...


class Formers:
    """Finds them, and puts what is needed of them into the cache: gigabytes, so as a task beside the loop.

    A crash loses the task and not what it has put into the cache: the next one goes on from there. on_end:
    called when one is through, so that the loop comes and takes its result.
    """

    def __init__(
        self, releases: Releases, field: Field, cache: Cache, on_end: Callable[[], None] = lambda: None
    ) -> None:
        self._releases = releases
        self._field = field
        self._cache = cache
        self._on_end = on_end
        self._tasks: dict[RunId, asyncio.Task[dict[Version, Former]]] = {}

    def take(self, run: Run) -> Mapping[Version, Former] | None:
        """What `of` gives, once it is there; None until then. Asked again after that, it looks anew.

        Raises:
            Unavailable: the registry could not be read; asked again, it begins anew.
        """
        task = self._tasks.get(run.id)
        if task is None:
            task = asyncio.create_task(self.of(run), name=f"{run.id} formers")
            task.add_done_callback(lambda _: self._on_end())
            self._tasks[run.id] = task
        if not task.done():
            return None
        del self._tasks[run.id]
        return task.result()

    def forget(self, run: RunId) -> None:
        """Stop looking for a run that needs them no more."""
        task = self._tasks.pop(run, None)
        if task is not None:
            task.cancel()

    async def of(self, run: Run) -> dict[Version, Former]:
        """Tree and bundle of each, for the platform of the run's bundle stage; at most `MOST`.

        One that cannot be had any more is left out: it was revoked or collected, or does not verify, which
        the registry has told of. Stations that have it take the whole.

        Raises:
            Unavailable: the registry could not be read now.
        """
        platform = str(run.stage(StageName.BUNDLE).facts["platform"])
        found: dict[Version, Former] = {}
        for release in chosen(
            await self._releases.list(run.unit), await self._field.versions(run.unit), run.version
        ):
            parts = parts_of(release, platform)
            if parts is None:
                continue
            try:
                found[release.version] = {
                    role.value: await self._kept(release, artifact) for role, artifact in parts.items()
                }
            except (NotFound, Untrusted, Damaged) as error:
                _log.warning("no delta from a former release", release=release.id, reason=error.message)
        return found

    async def _kept(self, release: Release, artifact: Artifact) -> Sha256:
        if not self._cache.has(artifact.sha256):
            with tempfile.TemporaryDirectory(dir=self._cache.ready()) as folder:
                copy = await self._releases.fetch(
                    release.unit, release.version, artifact.role, Path(folder), artifact_name=artifact.name
                )
                await asyncio.to_thread(self._cache.add, copy)
        return artifact.sha256


def chosen(releases: Collection[Release], field: Collection[Version], own: Version | None) -> list[Release]:
    """Of all releases of a unit those in the field and the newest, without `own`; the newest first."""
    others = sorted(
        (each for each in releases if each.version != own),
        key=lambda each: PackageVersion(each.version),
        reverse=True,
    )
    return [each for index, each in enumerate(others) if index == 0 or each.version in field][:MOST]


def parts_of(release: Release, platform: str) -> dict[Role, Artifact] | None:
    """What a delta from `release` is made of; None where it has nothing for the platform."""
    names = {tree_of(platform): Role.TREE, bundle_of(platform): Role.BUNDLE}
    found = {names[each.name]: each for each in release.artifacts if each.name in names}
    return found if len(found) == len(names) else None

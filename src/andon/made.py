"""What is made of a unit: for which platforms, and the files of each release; remembered for a moment.

Stations and simple clients ask all day, and each answer verifies what is signed.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

from andon.fleet.updates import File
from andon.kernel.clock import Clock
from andon.kernel.errors import NotFound
from andon.kernel.ids import UnitName, Version
from andon.releases.layout import target_path
from andon.releases.model import Release
from andon.releases.notes import Notes
from andon_wire.names import bundle_of

_VERIFIED_FOR_S = 60.0  # how long what is signed of a release is not verified anew
_MISSING_FOR_S = 5.0  # how long what is not there is not looked for anew; a release may come at any time
_MOST_MISSING = 1000  # what clients ask for that is not there may be anything


class Releases(Protocol):
    """The registry (`andon.releases.store.ReleaseStore`)."""

    async def installable(self, unit: UnitName, version: Version) -> Release: ...
    async def list(self, unit: UnitName | None = None) -> Sequence[Release]: ...
    async def notes(self, unit: UnitName, version: Version) -> Notes: ...


class Made:
    """Asks the registry."""

    def __init__(self, releases: Releases, clock: Clock) -> None:
        self._releases = releases
        self._clock = clock
        self._files: dict[tuple[UnitName, Version], tuple[float, Mapping[str, File]]] = {}
        self._missing: dict[tuple[UnitName, Version], tuple[float, NotFound]] = {}
        self._names: dict[UnitName, tuple[float, frozenset[str]]] = {}

    async def files(self, unit: UnitName, version: Version) -> Mapping[str, File]:
        """By name, what may be installed of a release.

        Raises:
            NotFound: no such release, or it was revoked. Untrusted, Damaged: something was tampered with.
            Unavailable: the registry could not be read.
        """
        key, now = (unit, version), self._clock.monotonic()
        if key in self._files and now - self._files[key][0] < _VERIFIED_FOR_S:
            return self._files[key][1]
        if key in self._missing and now - self._missing[key][0] < _MISSING_FOR_S:
            known = self._missing[key][1]
            raise NotFound(known.code, known.message, hint=known.hint)
        try:
            release = await self._releases.installable(unit, version)
        except NotFound as error:
            self._files.pop(key, None)
            self._miss(key, now, error)
            raise
        found = {}
        for each in release.artifacts:
            folder, _, name = target_path(unit, version, each.name).rpartition("/")
            found[each.name] = File(f"{folder}/{each.sha256}.{name}", each.sha256, each.size_bytes)
        self._files[key] = (now, found)
        self._missing.pop(key, None)
        return found

    async def notes(self, unit: UnitName, version: Version) -> str:
        """What is new in a release, for people; empty where it has no notes that can be shown."""
        return (await self._releases.notes(unit, version)).text

    async def is_for(self, unit: UnitName, platform: str) -> bool:
        """Whether any release of the unit, also a former or a revoked one, has something for the platform.

        Believes the table: it decides what is answered, never what is installed.
        """
        now = self._clock.monotonic()
        read_at, names = self._names.get(unit, (now - _VERIFIED_FOR_S, frozenset()))
        kept_for = _VERIFIED_FOR_S if bundle_of(platform) in names else _MISSING_FOR_S
        if now - read_at >= kept_for:
            names = frozenset(a.name for each in await self._releases.list(unit) for a in each.artifacts)
            if names:  # a unit that is nothing is not remembered: clients may name any
                self._names[unit] = (now, names)
        return bundle_of(platform) in names

    def _miss(self, key: tuple[UnitName, Version], now: float, error: NotFound) -> None:
        if len(self._missing) >= _MOST_MISSING:
            self._missing = {k: v for k, v in self._missing.items() if now - v[0] < _MISSING_FOR_S}
        if len(self._missing) < _MOST_MISSING:
            self._missing[key] = (now, error)

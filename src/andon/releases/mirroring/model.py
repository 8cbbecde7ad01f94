"""Which files of a registry are meant. Values only."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from andon.kernel.ids import Sha256

_PLATFORM = r"[a-z0-9]{1,20}-[a-z0-9_]{1,20}"
_FOR_PLATFORM = re.compile(rf"(?:tree|bundle|application)-({_PLATFORM})\.(?:json|andon)")
_DELTA = re.compile(rf"delta-({_PLATFORM})-from-(.{{1,60}})\.andon")


@dataclass(frozen=True, slots=True)
class TargetFile:
    """A file that the signed metadata names. path: in the registry, its hash before its name."""

    unit: str
    version: str
    name: str
    path: str
    sha256: Sha256
    size_bytes: int

    @property
    def target(self) -> str:
        """What the metadata calls it: `mes/1.1.0/wheelhouse.tar`."""
        return f"{self.unit}/{self.version}/{self.name}"

    @property
    def release(self) -> str:
        """`mes@1.1.0`."""
        return f"{self.unit}@{self.version}"


@dataclass(frozen=True, slots=True)
class Wanted:
    """A part of a one; what is empty narrows nothing. releases: as `mes@1.1.0`. paths: just these files."""

    units: frozenset[str] = frozenset()
    releases: frozenset[str] = frozenset()
    platforms: frozenset[str] = frozenset()
    paths: frozenset[str] | None = None

    def has(self, file: TargetFile) -> bool:
        """Whether it belongs to this part: its release is meant, and its platform, where it is for one."""
        if self.paths is not None and file.path not in self.paths:
            return False
        if (self.units or self.releases) and not (file.unit in self.units or file.release in self.releases):
            return False
        platform = platform_of(file.name)
        return platform is None or not self.platforms or platform in self.platforms


EVERYTHING = Wanted()


@dataclass(frozen=True, slots=True)
class Mirrored:
    """What a run did. copied_bytes: what came over; had: files that were there already."""

    releases: int
    copied: int
    copied_bytes: int
    had: int
    removed: int
    version: int  # of the timestamp that is shown now


def platform_of(name: str) -> str | None:
    """The platform that an artifact is for, by its name; None: for all."""
    found = _FOR_PLATFORM.fullmatch(name) or _DELTA.fullmatch(name)
    return None if found is None else found[1]


def base_of(name: str) -> str | None:
    """The version that a delta begins from, by its artifact's name; None of any other artifact."""
    found = _DELTA.fullmatch(name)
    return None if found is None else found[2]


def total_bytes(files: Iterable[TargetFile]) -> int:
    """Their sizes together."""
    return sum(each.size_bytes for each in files)

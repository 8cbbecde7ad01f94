"""What a release is: an immutable, signed version of a unit. Values only."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from andon.kernel.ids import RunId, Sha256, UnitName, Version


class Role(StrEnum):
    """What an artifact is for."""

    WHEELHOUSE = "wheelhouse"  # the unit and its dependencies; a tar of wheels
    MANIFEST = "manifest"  # andon.toml as it was built
    SBOM = "sbom"  # CycloneDX JSON
    PROVENANCE = "provenance"  # in-toto statement, SLSA predicate
    TEST_REPORT = "test-report"  # JSON made from JUnit XML
    SCAN_REPORT = "scan-report"  # JSON of the security stage
    TREE = "tree"  # manifest of an application's tree, for one platform
    BUNDLE = "bundle"  # the tree itself, as one container
    APPLICATION = "application"  # what an agent must know to run it
    DELTA = "delta"  # a container from the tree of one former release
    NOTES = "notes"  # what is new in it, for people; plain text or Markdown


# What is installed. The rest says what a release was, and is kept when it is revoked.
INSTALLABLE = frozenset({Role.WHEELHOUSE, Role.TREE, Role.BUNDLE, Role.APPLICATION, Role.DELTA})


@dataclass(frozen=True, slots=True)
class Artifact:
    """Immutable bytes named by their SHA-256."""

    role: Role
    name: str
    sha256: Sha256
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Release:
    """A published release. Everything in it is bound by the signed TUF metadata."""

    unit: UnitName
    version: Version
    artifacts: tuple[Artifact, ...]
    source: str  # commit id, or the tree's hash where there is no repository
    run: RunId
    created_at: datetime

    @property
    def id(self) -> str:
        """`mes@1.1.0`."""
        return f"{self.unit}@{self.version}"

    def artifact(self, role: Role) -> Artifact | None:
        """The first artifact of that role; None when the release has none."""
        return next(iter(self.artifacts_of(role)), None)

    def artifacts_of(self, role: Role) -> tuple[Artifact, ...]:
        """All artifacts of that role, such as the deltas, in the order of the release."""
        return tuple(each for each in self.artifacts if each.role == role)

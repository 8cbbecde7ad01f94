"""Where keys, the registry's static files and a client's trust lie, and what a target is called."""

import re
from dataclasses import dataclass
from pathlib import Path

from andon.kernel import files
from andon.kernel.errors import InvalidInput
from andon.kernel.ids import Sha256, UnitName, Version, name, version

_ARTIFACT_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


@dataclass(frozen=True, slots=True)
class Layout:
    """Folders below Andon's home.

    `keys` is secret. `registry` may be served or copied as it is. `trust` belongs to the installing side:
    the pinned root and what it has seen so far; nobody else writes it.
    """

    home: Path

    @property
    def keys(self) -> Path:
        """Private keys, one folder per role."""
        return self.home / "keys"

    @property
    def pending(self) -> Path:
        """What waits for holders of offline keys: a request, signatures so far, keys that come with it."""
        return self.keys / "pending"

    @property
    def registry(self) -> Path:
        """The repository as plain static files."""
        return self.home / "registry"

    @property
    def metadata(self) -> Path:
        """Signed metadata of the repository."""
        return self.registry / "metadata"

    @property
    def targets(self) -> Path:
        """Artifacts, each file's name beginning with its SHA-256."""
        return self.registry / "targets"

    @property
    def leftovers(self) -> Path:
        """Since when files of the registry are named by nobody."""
        return self.home / "leftovers.json"

    @property
    def trust(self) -> Path:
        """What the installing side trusts and remembers."""
        return self.home / "trust"

    @property
    def seen(self) -> Path:
        """What the installing side has seen of the registry, so that it never takes older things."""
        return self.trust / "metadata"

    @property
    def pinned_root(self) -> Path:
        """The root metadata that was pinned when this home was made."""
        return self.trust / "pinned-root.json"

    @property
    def provenance_key(self) -> Path:
        """The public key that provenance is verified with, pinned like the root."""
        return self.trust / "provenance-key.json"

    @property
    def last_signed(self) -> Path:
        """The newest version of the timestamp that this home signed."""
        return self.keys / "last-signed.json"


def target_path(unit: UnitName, of: Version, artifact: str) -> str:
    """Name of a target, such as `mes/1.1.0/wheelhouse.tar`.

    Raises:
        InvalidInput: a part of it is not a name, so that it can never leave its folder.
    """
    folder = release_folder(unit, of)
    if not _ARTIFACT_NAME.fullmatch(artifact):
        raise InvalidInput(
            "bad-artifact-name",
            f"artifact {artifact!r} is not a file name",
            hint="use letters, digits, dots, hyphens and underscores, at most 100",
        )
    return f"{folder}/{artifact}"


def release_folder(unit: UnitName, of: Version) -> str:
    """Where the targets of a release are, such as `mes/1.1.0`. Raises InvalidInput like `target_path`."""
    return f"{name(unit, what='unit')}/{version(of)}"


def stored_path(target: str, sha256: Sha256) -> str:
    """The file of a target: the hash stands before its name (TUF, consistent snapshots, section 6.2)."""
    folder, _, file = target.rpartition("/")
    return f"targets/{folder}/{sha256}.{file}"


def make_folder(folder: Path, *, mode: int = 0o755) -> None:
    """Make `folder` and what is above it, so that they survive a power cut."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    folder.mkdir(mode=mode, exist_ok=True)
    files.sync_folder(folder.parent)

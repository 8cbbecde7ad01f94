"""A TUF repository in memory that can be made wrong in every way, and what its reader asked it for."""

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import (
    Metadata,
    MetaFile,
    Root,
    Signed,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)

from andon_wire.errors import Missing

ROLES = ("root", "timestamp", "snapshot", "targets")
CONTENT = b"wheels"
RELEASE = {"mes/1.0.0/release.json": b"{}", "mes/1.0.0/wheelhouse.tar": CONTENT}


def later(days: float = 30) -> datetime:
    """A time that is `days` ahead, or past."""
    return datetime.now(UTC).replace(microsecond=0) + timedelta(days=days)


@dataclass
class Repository:
    """Signed by honest keys until a test does otherwise. It is a source of `andon_wire.verify` as it is.

    signers: by role, every key that signs. files: what is given. asked: paths in the order of asking.
    """

    name: str = "memory"
    signers: dict[str, list[CryptoSigner]] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.root = Root(expires=later(), consistent_snapshot=True)
        self.timestamp = Timestamp(expires=later())
        self.snapshot = Snapshot(expires=later())
        self.targets = Targets(expires=later())
        for role in ROLES:
            self.add_key(role)
        self.add_targets(RELEASE)
        self.publish_root(by=self.signers["root"])
        self.publish()

    def pieces(self, path: str) -> Iterator[bytes]:
        """See `Source`."""
        self.asked.append(path)
        if path not in self.files:
            raise Missing("file-missing", path)
        yield self.files[path]

    def add_key(self, role: str) -> CryptoSigner:
        """One more key of a role."""
        signer = CryptoSigner.generate_ed25519()
        self.root.add_key(signer.public_key, role)
        self.signers.setdefault(role, []).append(signer)
        return signer

    def rotate(self, role: str) -> list[CryptoSigner]:
        """A fresh key in place of all of a role; gives the former ones."""
        former = self.signers.pop(role)
        for each in former:
            self.root.revoke_key(each.public_key.keyid, role)
        self.add_key(role)
        return former

    def add_targets(self, files: dict[str, bytes]) -> None:
        """Make files part of the targets."""
        for path, content in files.items():
            info = TargetFile.from_data(path, content, ["sha256"])
            self.targets.targets[path] = info
            folder, _, name = path.rpartition("/")
            self.files[f"targets/{folder}/{info.hashes['sha256']}.{name}"] = content

    def publish_root(self, *, by: Sequence[CryptoSigner]) -> None:
        """Write the root as it is now."""
        self.files[f"metadata/{self.root.version}.root.json"] = signed(self.root, by)

    def next_root(self, *also: CryptoSigner) -> None:
        """Write the next root, signed by its own keys and `also`."""
        self.root.version += 1
        self.publish_root(by=[*self.signers["root"], *also])

    def publish(self, *roles: str) -> None:
        """Write new versions, each named by the one above; `roles` alone, or all three."""
        for role in roles or ("targets", "snapshot", "timestamp"):
            self.write(role)

    def write(self, role: str) -> None:
        """Write one role, with the next version unless it is the first, and name it in the role above."""
        part: Signed = {"targets": self.targets, "snapshot": self.snapshot, "timestamp": self.timestamp}[role]
        if any(self._place(role, part.version) == each for each in self.files) or role == "timestamp":
            part.version += 1
        self.put(role, part)

    def put(self, role: str, part: Any) -> None:
        """Write a role as it is."""
        content = signed(part, self.signers[role])
        self.files[self._place(role, part.version)] = content
        about = MetaFile.from_data(part.version, content, ["sha256"])
        if role == "targets":
            self.snapshot.meta["targets.json"] = about
        if role == "snapshot":
            self.timestamp.snapshot_meta = about

    def copy(self) -> "Repository":
        """The same at this moment, to be shown again later."""
        other = copy.copy(self)
        other.files, other.asked = dict(self.files), []
        return other

    def _place(self, role: str, version: int) -> str:
        return "metadata/timestamp.json" if role == "timestamp" else f"metadata/{version}.{role}.json"


def signed(part: Any, by: Sequence[CryptoSigner]) -> bytes:
    """A signed file."""
    metadata: Metadata[Any] = Metadata(part)
    for each in by:
        metadata.sign(each, append=True)
    return metadata.to_bytes()

"""The signed state of a registry, verified from a pinned root: its metadata's bytes and all its files."""

import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tuf.api.metadata import Root

from andon.kernel.errors import Damaged, NotFound, Untrusted
from andon.kernel.ids import Sha256
from andon.releases import roles
from andon.releases.faults import translated
from andon.releases.layout import Layout, make_folder, stored_path
from andon.releases.locking import exclusive
from andon.releases.mirroring.model import TargetFile
from andon.releases.storage import protocol
from andon.releases.storage.protocol import METADATA, Readable
from andon.releases.storage.source import StorageSource
from andon_wire.verify import RELEASE_FILE, Verifier


@dataclass(frozen=True, slots=True)
class State:
    """metadata: path and bytes of each file, in the order in which they must become visible, the timestamp
    last. version: of the timestamp."""

    version: int
    root: Root
    metadata: tuple[tuple[str, bytes], ...]
    files: tuple[TargetFile, ...]
    below: Mapping[str, int]  # versions of snapshot and targets

    @property
    def releases(self) -> frozenset[str]:
        """As `mes@1.1.0`."""
        return frozenset(each.release for each in self.files if each.name == RELEASE_FILE)


def verified(place: Readable, trust: Path, root: bytes) -> State:
    """What `place` shows, when all of it verifies and is not older than what `trust` remembers.

    trust: a folder of its own, with one user at a time.

    Raises:
        Untrusted: something does not verify; the code says what.
        NotFound, Unavailable: it could not be read.
    """
    with translated():
        verifier = Verifier(trust, [StorageSource(place)], root)
        verifier.refresh()
    return _state(place, trust)


def own(layout: Layout, place: Readable) -> State:
    """What the registry of a home shows, by its own root and memory. Raises as `verified`."""
    if not layout.pinned_root.exists():
        raise NotFound("not-initialised", "no root of trust is pinned here", hint="andon init")
    make_folder(layout.seen)
    with exclusive(layout.trust / ".lock"):
        return verified(place, layout.seen, layout.pinned_root.read_bytes())


def _state(place: Readable, trust: Path) -> State:
    kept = {name: (trust / f"{name}.json").read_bytes() for name in ("timestamp", "snapshot", "targets")}
    version = {name: _version(content) for name, content in kept.items()}
    found = _roots(place, trust)
    metadata = [(f"{METADATA}{_version(each)}.root.json", each) for each in found]
    metadata += [(f"{METADATA}{version[name]}.{name}.json", kept[name]) for name in ("targets", "snapshot")]
    metadata.append((f"{METADATA}timestamp.json", kept["timestamp"]))
    root = roles.verified(found[-1], Root, None)
    below = {name: version[name] for name in ("snapshot", "targets")}
    return State(version["timestamp"], root, tuple(metadata), tuple(_files(kept["targets"])), below)


def _files(targets: bytes) -> Iterator[TargetFile]:
    """All files that verified metadata names, by path; also of what is no release any more."""
    for target, about in sorted(json.loads(targets)["signed"]["targets"].items()):
        yield file_of(target, Sha256(about["hashes"]["sha256"]), int(about["length"]))


def file_of(target: str, sha256: Sha256, size_bytes: int) -> TargetFile:
    """The file behind a signed target; raises InvalidInput for a path that leaves the registry."""
    unit, version, name = target.split("/")
    path = protocol.checked_path(stored_path(target, sha256))
    return TargetFile(unit, version, name, path, sha256, size_bytes)


def _roots(place: Readable, trust: Path) -> Sequence[bytes]:
    """Every root from the first that is to be had up to the trusted one: a client that was off for long walks
    through them. Those from before our own pin are taken where the next one says that it followed them."""
    history = {_version(each.read_bytes()): each.read_bytes() for each in trust.glob("root_history/*.json")}
    if not history:
        raise Damaged("trust-incomplete", f"{trust} remembers no root", hint="remove that folder, then again")
    newest = max(history)
    chain = [history[newest]]
    for version in range(newest - 1, 0, -1):
        content = history.get(version) or _older(place, version, chain[0])
        if content is None:
            break
        chain.insert(0, content)
    return chain


def _older(place: Readable, version: int, following: bytes) -> bytes | None:
    with contextlib.suppress(NotFound, Untrusted):
        content = protocol.read(place, f"{METADATA}{version}.root.json", most_bytes=1 << 20)
        root = roles.verified(content, Root, None)
        roles.verified(following, Root, root)
        if root.version == version:
            return content
    return None


def _version(content: bytes) -> int:
    return int(json.loads(content)["signed"]["version"])


def shown_version(place: Readable) -> int:
    """The timestamp's version that `place` shows its readers, believed by nobody; 0 where it shows none."""
    try:
        return _version(protocol.read(place, f"{METADATA}timestamp.json", most_bytes=1 << 20))
    except (NotFound, ValueError, KeyError, TypeError):
        return 0


def differing(place: Readable, metadata: Sequence[tuple[str, bytes]]) -> Iterator[tuple[str, bytes]]:
    """Those of `metadata` that `place` has not, or has with other bytes; in their order."""
    for path, content in metadata:
        try:
            if protocol.read(place, path) == content:
                continue
        except (NotFound, Untrusted):
            pass
        yield path, content

"""Adds releases to the registry's files, and keeps their signatures young. Blocks: call it in a thread.

The order of writing is the design: artifacts, targets, snapshot, and the timestamp last. Every file but
the timestamp has its version or hash in its name, so until the timestamp is replaced readers see the old
state, whole; a crash leaves files that nobody refers to. Before anything is signed on top of it, the
present state is verified, so that nobody gets a changed file signed by us. One writer, by a lock file.
"""

import contextlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from securesystemslib.signer import CryptoSigner
from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import MetaFile, Root, Snapshot, TargetFile, Targets, Timestamp

from andon.kernel import files, logging
from andon.kernel.clock import Clock
from andon.kernel.errors import Conflict, NotFound, Untrusted
from andon.kernel.ids import Sha256
from andon.releases import codec, keys, roles
from andon.releases.layout import Layout, stored_path, target_path
from andon.releases.locking import exclusive
from andon.releases.model import Artifact, Release
from andon.releases.roles import Lifetimes, Roles
from andon.releases.storage import protocol
from andon.releases.storage.folder import Folder
from andon.releases.storage.protocol import METADATA, Storage
from andon_wire.verify import RELEASE_FILE

_log = logging.get(__name__)
_KEPT_VERSIONS = 20  # of targets and snapshot: a reader may be in the middle of an older state


class Publisher:
    """The one writer of a registry. storage: where it lies; None: the folder of this home."""

    def __init__(
        self,
        layout: Layout,
        clock: Clock,
        lives: Lifetimes | None = None,
        storage: Storage | None = None,
    ) -> None:
        self._layout = layout
        self._clock = clock
        self._lives = lives or Lifetimes()
        self._storage = storage or Folder(layout.registry)

    def publish(self, release: Release, content: Mapping[Artifact, Path]) -> Release:
        """Make `release` part of the signed registry; gives the release as it is published.

        Doing it again with the same artifacts and source changes nothing and gives the first one.

        Raises:
            Conflict: this version exists with other content (`release-exists`), or keys are missing.
            InvalidInput: a name in it cannot be a file name.
            Untrusted: a file is not what the release says, or the registry is not what was signed.
            NotFound: there is no registry here yet.
        """
        entries = _entries(release)
        with self._writing() as now:
            existing = self._published(now, release)
            if existing is not None:
                return existing
            for artifact in release.artifacts:
                self._store_artifact(release, artifact, content[artifact])
            document = codec.encode(release)
            info = TargetFile.from_data(entries.pop(), document, ["sha256"])
            self._store_bytes(info, document)
            for artifact, path in zip(release.artifacts, entries, strict=True):
                hashes = {"sha256": str(artifact.sha256)}
                now.targets.targets[path] = TargetFile(artifact.size_bytes, hashes, path)
            now.targets.targets[info.path] = info
            self._sign(now, frozenset({Targets.type, Snapshot.type, Timestamp.type}))
        _log.info("release published", release=release.id, artifacts=len(release.artifacts))
        return release

    def refresh(self) -> tuple[str, ...]:
        """Sign again what has less than half of its life left; gives the roles that were signed.

        Works on expired metadata too: Andon may have been off for long. Call it from a loop.

        Raises:
            Untrusted: the registry is not what was signed.
            Conflict: the keys of such a role are not here.
        """
        with self._writing() as now:
            old = {role for role in roles.ROLES if self._is_half_over(now, role)}
            if Root.type in old and not keys.load(self._layout, Root.type):
                _log.warning("root metadata runs out soon", expires_at=now.root.expires.isoformat())
                old.discard(Root.type)
            if old & {Targets.type, Snapshot.type}:
                old |= {Snapshot.type, Timestamp.type}
            if old:
                self._sign(now, frozenset(old))
        return tuple(sorted(old))

    @contextlib.contextmanager
    def _writing(self) -> Iterator[Roles]:
        if not self._layout.pinned_root.exists() or not self._layout.keys.exists():
            raise NotFound("not-initialised", "there is no registry here yet", hint="andon init")
        with exclusive(self._layout.keys / ".lock"):
            yield self._load()

    def _load(self) -> Roles:
        """The present state, verified from the pinned root on; expiry is not looked at."""
        root = self._load_root()
        timestamp = roles.verified(self._read("timestamp.json"), Timestamp, root)
        if timestamp.version < self._last_signed():
            raise Untrusted(
                "version-rolled-back",
                f"the registry shows timestamp {timestamp.version}, {self._last_signed()} was signed here",
                hint="somebody put an old copy of the registry in place; restore the newest one",
            )
        snapshot = self._load_described(Snapshot, timestamp.snapshot_meta, root)
        targets = self._load_described(Targets, snapshot.meta["targets.json"], root)
        return Roles(root, targets, snapshot, timestamp)

    def _load_root(self) -> Root:
        root = roles.verified(self._layout.pinned_root.read_bytes(), Root, None)
        while (content := self._find(f"{root.version + 1}.root.json")) is not None:
            newer = roles.verified(content, Root, root)
            roles.verified(content, Root, None)
            if newer.version != root.version + 1:
                raise Untrusted(
                    "version-rolled-back", f"root {root.version + 1} holds version {newer.version}"
                )
            root = newer
        return root

    def _load_described(self, kind: type[roles.Kind], meta: MetaFile, root: Root) -> roles.Kind:
        content = self._read(f"{meta.version}.{kind.type}.json")
        try:
            meta.verify_length_and_hashes(content)
        except RepositoryError as error:
            raise Untrusted(
                "hash-mismatch", f"{kind.type} metadata is not what was signed: {error}"
            ) from error
        return roles.verified(content, kind, root)

    def _read(self, file: str) -> bytes:
        content = self._find(file)
        if content is None:
            raise Untrusted(
                "metadata-missing",
                f"the registry has no {file}",
                hint="restore the registry folder from a copy",
            )
        return content

    def _find(self, file: str) -> bytes | None:
        try:
            return protocol.read(self._storage, METADATA + file)
        except NotFound:
            return None

    def _last_signed(self) -> int:
        try:
            return int(json.loads(self._layout.last_signed.read_bytes())["timestamp"])
        except FileNotFoundError:
            return 0

    def _published(self, now: Roles, release: Release) -> Release | None:
        info = now.targets.targets.get(target_path(release.unit, release.version, RELEASE_FILE))
        if info is None:
            return None
        stored = stored_path(info.path, Sha256(info.hashes["sha256"]))
        try:
            content = protocol.read(self._storage, stored)
            info.verify_length_and_hashes(content)
        except (NotFound, RepositoryError) as error:
            raise Untrusted("hash-mismatch", f"{info.path} is not what was signed: {error}") from error
        existing = codec.decode(content)
        if (set(existing.artifacts), existing.source) != (set(release.artifacts), release.source):
            raise Conflict(
                "release-exists",
                f"{release.id} is published already, with other content",
                hint="a release never changes; raise the version",
            )
        return existing

    def _store_artifact(self, release: Release, artifact: Artifact, source: Path) -> None:
        stored = stored_path(target_path(release.unit, release.version, artifact.name), artifact.sha256)
        size, sha256 = artifact.size_bytes, artifact.sha256
        if not protocol.is_whole(self._storage, stored, size_bytes=size, sha256=sha256):
            pieces = Folder(source.parent).pieces(source.name)
            self._storage.put(stored, pieces, size_bytes=size, sha256=sha256)

    def _store_bytes(self, info: TargetFile, content: bytes) -> None:
        self._storage.write(stored_path(info.path, Sha256(info.hashes["sha256"])), content)

    def _is_half_over(self, now: Roles, role: str) -> bool:
        return roles.is_half_over(now.of(role), self._lives.of(role), self._clock.now())

    def _sign(self, now: Roles, which: frozenset[str]) -> None:
        """Write new versions of the roles in `which`, the timestamp last."""
        at = self._clock.now()
        for role in which:
            roles.next_version(now.of(role), self._lives.of(role), at)
        if Root.type in which:
            self._write(f"{now.root.version}.root.json", now, Root.type)
        if Targets.type in which:
            content = self._write(f"{now.targets.version}.targets.json", now, Targets.type)
            now.snapshot.meta["targets.json"] = roles.described(now.targets, content)
        if Snapshot.type in which:
            content = self._write(f"{now.snapshot.version}.snapshot.json", now, Snapshot.type)
            now.timestamp.snapshot_meta = roles.described(now.snapshot, content)
        if Timestamp.type in which:
            self._write("timestamp.json", now, Timestamp.type)
            signed = json.dumps({"timestamp": now.timestamp.version}).encode()
            files.write(self._layout.last_signed, signed, mode=0o600)
        self._prune(now)

    def _write(self, file: str, now: Roles, role: str) -> bytes:
        signers: list[CryptoSigner] = keys.load(self._layout, role)
        content = roles.sign(now.of(role), now.root, signers)
        self._storage.write(METADATA + file, content)
        return content

    def _prune(self, now: Roles) -> None:
        oldest = {
            f"{role}.json": now.of(role).version - _KEPT_VERSIONS for role in (Targets.type, Snapshot.type)
        }
        for each in list(self._storage.list(METADATA)):
            number, _, role = each.path.removeprefix(METADATA).partition(".")
            if role in oldest and number.isdecimal() and int(number) <= oldest[role]:
                self._storage.remove(each.path)


def _entries(release: Release) -> list[str]:
    """Target paths of the artifacts in their order, and of `release.json` last. Checks all names."""
    names = [*(each.name for each in release.artifacts), RELEASE_FILE]
    if len(set(names)) != len(names):
        raise Conflict(
            "artifact-name-twice", f"{release.id} names two artifacts alike, or one {RELEASE_FILE}"
        )
    return [target_path(release.unit, release.version, each) for each in names]

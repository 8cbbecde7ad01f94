"""Adds releases to the registry's files, and keeps their signatures young. Blocks: call it in a thread.

The order of writing is the design: artifacts first, then the roles (`write.py`), the timestamp last. Every
file but the timestamp has its version or hash in its name, so until the timestamp is replaced readers see the
old state, whole; a crash leaves files that nobody refers to. Before anything is signed on top of it, the
present state is verified, so that nobody gets a changed file signed by us. One writer, by a lock file.
"""

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Root, Snapshot, TargetFile, Targets, Timestamp

from andon.kernel import logging
from andon.kernel.errors import Conflict, NotFound, Untrusted
from andon.kernel.ids import Sha256, UnitName, Version
from andon.releases import codec, keys, roles, state, write
from andon.releases.ceremony import pending
from andon.releases.garbage.model import COLLECTED_FILE
from andon.releases.layout import release_folder, stored_path, target_path
from andon.releases.locking import exclusive
from andon.releases.mirroring.model import TargetFile as Named
from andon.releases.model import INSTALLABLE, Artifact, Release
from andon.releases.of_home import OfHome
from andon.releases.roles import Roles
from andon.releases.storage import protocol
from andon.releases.storage.folder import Folder
from andon.releases.write import Writing
from andon_wire.verify import RELEASE_FILE, REVOKED_FILE

_log = logging.get(__name__)
_NOTICES = frozenset({REVOKED_FILE, COLLECTED_FILE})


@dataclass(frozen=True, slots=True)
class Change:
    """Targets that leave the metadata (`mes/1.1.0/sbom.json`), come back, or are new and small, in one step.

    what: the step in words, for whoever must sign it.
    """

    what: str
    gone: frozenset[str] = frozenset()
    back: tuple[Named, ...] = ()
    notices: Mapping[str, bytes] = field(default_factory=dict)


class Publisher(OfHome):
    """The one writer of a registry."""

    def publish(self, release: Release, content: Mapping[Artifact, Path]) -> Release:
        """Make `release` part of the signed registry; gives the release as it is published.

        Doing it again with the same artifacts and source changes nothing and gives the first one.

        Raises:
            Conflict: this version exists with other content (`release-exists`), was revoked
                (`release-revoked`) or collected, or waits for the holders of offline keys (`targets-wait`).
            InvalidInput: a name in it cannot be a file name.
            Untrusted: a file is not what the release says, or the registry is not what was signed.
            NotFound: there is no registry here yet.
        """
        _entries(release)
        with self._writing() as now:
            existing = self._published(now, release)
            if existing is not None:
                return existing
            release = self._first_asked(now, release) or release
            entries = _entries(release)
            for artifact in release.artifacts:
                self._store_artifact(release, artifact, content[artifact])
            document = codec.encode(release)
            info = TargetFile.from_data(entries.pop(), document, ["sha256"])
            self._store_bytes(info, document)
            added = {info.path: info}
            for artifact, path in zip(release.artifacts, entries, strict=True):
                added[path] = TargetFile(artifact.size_bytes, {"sha256": str(artifact.sha256)}, path)
            self._change(now, added, frozenset(), f"publish {release.id}")
        _log.info("release published", release=release.id, artifacts=len(release.artifacts))
        return release

    def refresh(self) -> tuple[str, ...]:
        """Sign again what has less than half of its life left; gives the roles that were signed.

        Works on expired metadata too: Andon may have been off for long. Call it from a loop. Root and targets
        whose keys are offline wait for their holders; the log says so, and `andon keys status`.

        Raises:
            Untrusted: the registry is not what was signed.
            Conflict: the keys of snapshot or timestamp are not here.
        """
        with self._writing() as now:
            old = {role for role in roles.ROLES if self._is_half_over(now, role)}
            for role in sorted(old & {Root.type, Targets.type}):
                if not roles.can_sign(role, now.root, keys.load(self._layout, role)):
                    _log.warning("metadata waits for its holders", role=role, expires_at=now.of(role).expires)
                    old.discard(role)
            if old & {Targets.type, Snapshot.type}:
                old |= {Snapshot.type, Timestamp.type}
            if old:
                write.write(now, frozenset(old), self._writes())
        return tuple(sorted(old))

    def revoke(self, unit: UnitName, version: Version, notice: bytes) -> bool:
        """Take a release out of what may be installed, for good; False where it was out already.

        What is installed of it is taken out of the targets; what tells what it was (manifest, SBOM, reports)
        stays verifiable. notice: why, when and by whom; signed beside it, so that the version is never
        published again. The files stay until the garbage collection; deltas that lead away from it, too.

        Raises:
            NotFound: no such release.
            Conflict: the targets' keys are offline: a request waits for their holders (`targets-wait`).
            Untrusted: the registry is not what was signed.
        """
        folder = release_folder(unit, version)
        info = TargetFile.from_data(f"{folder}/{REVOKED_FILE}", notice, ["sha256"])
        with self._writing() as now:
            if info.path in now.targets.targets:
                return False
            release = self._signed(now.targets, folder)
            if release is None:
                raise NotFound(
                    "no-such-release", f"there is no release {unit}@{version}", hint="andon releases"
                )
            gone = [each.name for each in release.artifacts if each.role in INSTALLABLE]
            self._store_bytes(info, notice)
            removed = frozenset(f"{folder}/{each}" for each in gone)
            self._change(now, {info.path: info}, removed, f"revoke {unit}@{version}")
        return True

    def exchange(self, change: Change) -> None:
        """Sign the metadata with this change. Files of what is gone stay; garbage collection sees to them.

        Raises:
            Conflict: the targets' keys are offline: a request waits for their holders (`targets-wait`).
            Untrusted: the registry is not what was signed.
        """
        with self._writing() as now:
            added = {
                each.target: TargetFile(each.size_bytes, {"sha256": str(each.sha256)}, each.target)
                for each in change.back
            }
            for path, content in change.notices.items():
                added[path] = TargetFile.from_data(path, content, ["sha256"])
                self._store_bytes(added[path], content)
            self._change(now, added, change.gone, change.what)

    def asked(self) -> frozenset[str] | None:
        """The targets as the holders of offline keys were asked to sign them; None where nothing waits.

        Raises:
            Untrusted: the registry is not what was signed.
        """
        with self._writing() as now:
            request = pending.find(self._layout)
            if request is None or request.targets is None or not pending.is_current(request, now):
                return None
            return frozenset(request.targets.targets)

    def waiting(self) -> frozenset[str]:
        """Files that are stored and that nothing names before the holders of offline keys have signed."""
        request = pending.find(self._layout)
        targets = {} if request is None or request.targets is None else request.targets.targets
        return frozenset(stored_path(each.path, Sha256(each.hashes["sha256"])) for each in targets.values())

    @contextlib.contextmanager
    def _writing(self) -> Iterator[Roles]:
        if not self._layout.pinned_root.exists() or not self._layout.keys.exists():
            raise NotFound("not-initialised", "there is no registry here yet", hint="andon init")
        if keys.is_following(self._layout):
            raise Conflict(
                "not-signed-here",
                "this home follows a registry that is signed elsewhere",
                hint="do it there, and bring the result: andon bundle import",
            )
        with exclusive(self._layout.keys / ".lock"):
            yield state.load(self._layout, self._storage)

    def _change(
        self, now: Roles, added: Mapping[str, TargetFile], removed: frozenset[str], what: str
    ) -> None:
        """Change the targets, signed; where their keys are offline, ask the holders instead.

        Raises:
            Conflict: it waits for them.
        """
        is_online = roles.can_sign(Targets.type, now.root, keys.load(self._layout, Targets.type))
        if not is_online:
            pending.take_over(self._layout, now)
        for path in removed:
            now.targets.targets.pop(path, None)
        # A notice that waits stays as it was first said: only its time differs, and the holders would be
        # asked anew, for signatures that some of them have given already.
        now.targets.targets.update(
            {path: info for path, info in added.items() if not _is_said(now.targets, path)}
        )
        if is_online:
            write.write(now, frozenset({Targets.type, Snapshot.type, Timestamp.type}), self._writes())
            return
        roles.next_version(now.targets, self._lives.targets, self._clock.now())
        pending.ask(self._layout, self._storage, now, what, self._clock.now())
        raise Conflict(
            "targets-wait",
            f"{what} waits for the holders of the targets' keys",
            hint="andon keys pending --out FOLDER, then andon keys sign there, then andon keys assemble here",
        )

    def _writes(self) -> Writing:
        return Writing(self._layout, self._storage, self._lives, self._clock.now())

    def _published(self, now: Roles, release: Release) -> Release | None:
        folder = release_folder(release.unit, release.version)
        if f"{folder}/{REVOKED_FILE}" in now.targets.targets:
            raise Conflict(
                "release-revoked",
                f"{release.id} was revoked, and a version is never used twice",
                hint="raise the version",
            )
        if f"{folder}/{COLLECTED_FILE}" in now.targets.targets:
            raise Conflict(
                "release-collected",
                f"{release.id} was published once and collected; a version is never used twice",
                hint="raise the version",
            )
        existing = self._signed(now.targets, folder)
        if existing is None:
            return None
        if _is_other(existing, release):
            raise Conflict(
                "release-exists",
                f"{release.id} is published already, with other content",
                hint="a release never changes; raise the version",
            )
        return existing

    def _first_asked(self, now: Roles, release: Release) -> Release | None:
        """This version as the holders of offline keys were asked to sign it; its first content stays."""
        request = pending.find(self._layout)
        if request is None or request.targets is None or not pending.is_current(request, now):
            return None
        first = self._signed(request.targets, release_folder(release.unit, release.version))
        if first is not None and _is_other(first, release):
            raise Conflict(
                "release-exists",
                f"{release.id} waits already for the holders of the targets' keys, with other content",
                hint="raise the version, or let them sign the first: andon keys pending",
            )
        return first

    def _signed(self, targets: Targets, folder: str) -> Release | None:
        """The release whose targets are in `folder`, as it is signed."""
        info = targets.targets.get(f"{folder}/{RELEASE_FILE}")
        if info is None:
            return None
        try:
            content = protocol.read(self._storage, stored_path(info.path, Sha256(info.hashes["sha256"])))
            info.verify_length_and_hashes(content)
        except (NotFound, RepositoryError) as error:
            raise Untrusted("hash-mismatch", f"{info.path} is not what was signed: {error}") from error
        return codec.decode(content)

    def _store_artifact(self, release: Release, artifact: Artifact, source: Path) -> None:
        stored = stored_path(target_path(release.unit, release.version, artifact.name), artifact.sha256)
        size, sha256 = artifact.size_bytes, artifact.sha256
        if not protocol.is_whole(self._storage, stored, size_bytes=size, sha256=sha256):
            pieces = Folder(source.parent).pieces(source.name)
            try:
                self._storage.put(stored, pieces, size_bytes=size, sha256=sha256)
            except Untrusted as error:
                raise Untrusted(
                    error.code,
                    f"{artifact.name} of {release.id} changed after it was made",
                    hint="run the pipeline again",
                ) from error

    def _store_bytes(self, info: TargetFile, content: bytes) -> None:
        self._storage.write(stored_path(info.path, Sha256(info.hashes["sha256"])), content)

    def _is_half_over(self, now: Roles, role: str) -> bool:
        return roles.is_half_over(now.of(role), self._lives.of(role), self._clock.now())


def _is_other(one: Release, two: Release) -> bool:
    return (set(one.artifacts), one.source) != (set(two.artifacts), two.source)


def _is_said(targets: Targets, path: str) -> bool:
    return path in targets.targets and path.rpartition("/")[2] in _NOTICES


def _entries(release: Release) -> list[str]:
    """Target paths of the artifacts in their order, and of `release.json` last. Checks all names."""
    names = [*(each.name for each in release.artifacts), RELEASE_FILE]
    if len(set(names)) != len(names):
        raise Conflict(
            "artifact-name-twice", f"{release.id} names two artifacts alike, or one {RELEASE_FILE}"
        )
    return [target_path(release.unit, release.version, each) for each in names]

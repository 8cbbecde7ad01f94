"""The installing side in Andon's words: releases with roles, not files with names. Blocks: use a thread.

What is believed is decided by `andon_wire.verify`, the same as on a station. Here is the lock over processes,
and `release.json`, whose word must agree with the metadata's.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from andon.kernel import files
from andon.kernel.errors import Damaged, NotFound, Untrusted
from andon.kernel.ids import UnitName, Version
from andon.releases import codec
from andon.releases.faults import translated
from andon.releases.layout import Layout, make_folder
from andon.releases.locking import exclusive
from andon.releases.model import Artifact, Release, Role
from andon.releases.storage.folder import Folder
from andon.releases.storage.protocol import Readable
from andon.releases.storage.source import StorageSource
from andon_wire.errors import Missing
from andon_wire.verify import RELEASE_FILE, Verifier


class Client:
    """Reads one registry, trusting only the root that is pinned in `layout`.

    place: where its files lie; the folder of the home where it is not said.
    """

    def __init__(self, layout: Layout, place: Readable | None = None) -> None:
        self._layout = layout
        self._source = StorageSource(place or Folder(layout.registry))

    def verify(self) -> None:
        """Walk through the metadata as before every download. Raises like `releases`."""
        with self._session():
            pass

    def release(self, unit: UnitName, version: Version) -> Release:
        """The release as it was signed, also when it was revoked.

        Raises:
            NotFound: no such release, or its file is missing.
            Untrusted: something did not verify; the code says what.
        """
        with self._session() as verifier:
            return _release(verifier, unit, version)

    def installable(self, unit: UnitName, version: Version) -> Release:
        """The release, when it may be installed: not revoked (`release-revoked`). Raises as `release`."""
        with self._session() as verifier:
            verifier.artifacts(unit, version)
            return _release(verifier, unit, version)

    def has(self, unit: UnitName, version: Version) -> bool:
        """Whether a signed release's own file is there: a mirror may be a part. Raises as `releases`."""
        with self._session() as verifier:
            try:
                verifier.read(unit, version, RELEASE_FILE)
            except Missing:
                return False
            return True

    def releases(self) -> list[tuple[UnitName, Version]]:
        """Every signed release, by name and version as text.

        Raises:
            Untrusted: something did not verify.
        """
        with self._session() as verifier:
            found = [(unit, version) for unit in verifier.units() for version in verifier.versions(unit)]
        return [(UnitName(unit), Version(version)) for unit, version in found]

    def revoked(self) -> frozenset[tuple[UnitName, Version]]:
        """Every release that must not be installed any more. Raises as `releases`."""
        with self._session() as verifier:
            found = [(unit, version) for unit in verifier.units() for version in verifier.revoked(unit)]
        return frozenset((UnitName(unit), Version(version)) for unit, version in found)

    def read(self, unit: UnitName, version: Version, role: Role) -> bytes:
        """The bytes of a small artifact, such as the manifest. Raises like `fetch`."""
        with self._session() as verifier:
            return verifier.read(unit, version, _artifact(verifier, unit, version, role).name)

    def fetch(
        self, unit: UnitName, version: Version, role: Role, into: Path, *, artifact_name: str = ""
    ) -> Path:
        """Put a verified copy of the artifact into the folder `into`; gives its path there.

        The file appears whole or not at all. artifact_name: which one, where several have the role.

        Raises:
            NotFound: no such release or role, or its file is missing.
            Untrusted: something did not verify; the code says what.
        """
        with self._session() as verifier:
            artifact = _artifact(verifier, unit, version, role, artifact_name)
            make_folder(into)
            place = into / artifact.name
            with files.replacing(place) as writing:
                verifier.fetch(unit, version, artifact.name, writing)
        if files.sha256(place) != artifact.sha256:
            place.unlink()
            raise Untrusted("hash-mismatch", f"{place.name} changed on its way to {into}")
        return place

    @contextlib.contextmanager
    def _session(self) -> Iterator[Verifier]:
        """One look at the registry: all that is read in it belongs to one signed state."""
        if not self._layout.pinned_root.exists():
            raise NotFound("not-initialised", "no root of trust is pinned here", hint="andon init")
        make_folder(self._layout.seen)
        with exclusive(self._layout.trust / ".lock"), translated():
            verifier = Verifier(self._layout.seen, [self._source], self._layout.pinned_root.read_bytes())
            verifier.refresh()
            yield verifier


def _release(verifier: Verifier, unit: UnitName, version: Version) -> Release:
    release = codec.decode(verifier.read(unit, version, RELEASE_FILE))
    if (release.unit, release.version) != (unit, version):
        raise Untrusted("wrong-release", f"{unit}/{version}/{RELEASE_FILE} describes {release.id}")
    return release


def _artifact(verifier: Verifier, unit: UnitName, version: Version, role: Role, called: str = "") -> Artifact:
    """The artifact of that role, when metadata and `release.json` say the same of it."""
    release = _release(verifier, unit, version)
    found = [each for each in release.artifacts_of(role) if called in {"", each.name}]
    if not found:
        raise NotFound("no-such-artifact", f"{release.id} has no {role.value} {called}".rstrip())
    artifact = found[0]
    if verifier.signed(unit, version, artifact.name) != (artifact.sha256, artifact.size_bytes):
        raise Damaged(
            "release-contradicts",
            f"{unit}/{version}/{artifact.name} is signed with another hash than its release names",
        )
    return artifact

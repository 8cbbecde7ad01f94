"""The installing side: takes nothing that the signed metadata does not vouch for. Blocks: use a thread.

`tuf.ngclient` does the checks (signatures, versions, expiry, lengths, hashes) in the order of the TUF
specification's client workflow. This module gives it the pinned root and a folder to remember what it has
seen, and asks for releases. The library reads the machine's clock itself.
"""

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tuf.api.metadata import Metadata, Targets
from tuf.ngclient import Updater, UpdaterConfig

from andon.kernel import files
from andon.kernel.errors import Damaged, NotFound, Untrusted
from andon.kernel.ids import UnitName, Version
from andon.releases import codec
from andon.releases.faults import translated
from andon.releases.fetcher import FolderFetcher
from andon.releases.layout import RELEASE_FILE, Layout, make_folder, target_path
from andon.releases.locking import exclusive
from andon.releases.model import Artifact, Release, Role

_MOST_TARGETS_BYTES = 64 << 20  # about 40,000 releases of six artifacts
_CONFIG = UpdaterConfig(targets_max_length=_MOST_TARGETS_BYTES)
_WHOLE = "the registry's metadata"


class Client:
    """Reads one registry, trusting only the root that is pinned in `layout`."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._fetcher = FolderFetcher(layout.registry)

    def verify(self) -> None:
        """Walk through the metadata as before every download. Raises like `releases`."""
        with self._session():
            pass

    def release(self, unit: UnitName, version: Version) -> Release:
        """The release as it was signed.

        Raises:
            NotFound: no such release, or its file is missing.
            Untrusted: something did not verify; the code says what.
        """
        with self._session() as session:
            return session.release(unit, version)

    def releases(self) -> list[tuple[UnitName, Version]]:
        """Every signed release, by name and version as text.

        Raises:
            Untrusted: something did not verify.
        """
        with self._session() as session:
            return session.releases()

    def read(self, unit: UnitName, version: Version, role: Role) -> bytes:
        """The bytes of a small artifact, such as the manifest. Raises like `fetch`."""
        with self._session() as session:
            return session.download(unit, version, role)[1].read_bytes()

    def fetch(self, unit: UnitName, version: Version, role: Role, into: Path) -> Path:
        """Put a verified copy of the artifact into the folder `into`; gives its path there.

        The file appears whole or not at all.

        Raises:
            NotFound: no such release or role, or its file is missing.
            Untrusted: something did not verify; the code says what.
        """
        with self._session() as session:
            artifact, copy = session.download(unit, version, role)
            make_folder(into)
            place = into / artifact.name
            with copy.open("rb") as reading, files.replacing(place) as writing:
                shutil.copyfileobj(reading, writing, 1 << 20)
        if files.sha256(place) != artifact.sha256:
            place.unlink()
            raise Untrusted("hash-mismatch", f"{place.name} changed on its way to {into}")
        return place

    @contextlib.contextmanager
    def _session(self) -> Iterator["_Session"]:
        """One look at the registry: all that is read in it belongs to one signed state."""
        if not self._layout.pinned_root.exists():
            raise NotFound("not-initialised", "no root of trust is pinned here", hint="andon init")
        seen = self._layout.trust / "metadata"
        make_folder(seen)
        # The library's folder is for one user at a time.
        with (
            exclusive(self._layout.trust / ".lock"),
            tempfile.TemporaryDirectory(prefix=".download-", dir=self._layout.trust) as downloads,
        ):
            with translated(_WHOLE):
                updater = Updater(
                    str(seen),
                    "metadata/",
                    target_base_url="targets/",
                    fetcher=self._fetcher,
                    config=_CONFIG,
                    bootstrap=self._layout.pinned_root.read_bytes(),
                )
                updater.refresh()
            yield _Session(updater, Path(downloads), seen)


class _Session:
    """The registry in one signed state."""

    def __init__(self, updater: Updater, downloads: Path, seen: Path) -> None:
        self._updater = updater
        self._downloads = downloads
        self._seen = seen

    def releases(self) -> list[tuple[UnitName, Version]]:
        targets: Metadata[Targets] = Metadata.from_file(str(self._seen / "targets.json"))
        paths = [path.split("/") for path in targets.signed.targets]
        return sorted((UnitName(unit), Version(of)) for unit, of, file in paths if file == RELEASE_FILE)

    def release(self, unit: UnitName, version: Version) -> Release:
        path = target_path(unit, version, RELEASE_FILE)
        if self._updater.get_targetinfo(path) is None:
            raise NotFound("no-such-release", f"there is no release {unit}@{version}", hint="andon releases")
        release = codec.decode(self._download(path).read_bytes())
        if (release.unit, release.version) != (unit, version):
            raise Untrusted("wrong-release", f"{path} describes {release.id}")
        return release

    def download(self, unit: UnitName, version: Version, role: Role) -> tuple[Artifact, Path]:
        """A verified copy of the artifact in the session's own folder."""
        release = self.release(unit, version)
        artifact = release.artifact(role)
        if artifact is None:
            raise NotFound("no-such-artifact", f"{release.id} has no {role.value}")
        path = target_path(unit, version, artifact.name)
        info = self._updater.get_targetinfo(path)
        signed = None if info is None else (info.hashes.get("sha256"), info.length)
        if signed != (artifact.sha256, artifact.size_bytes):
            raise Damaged("release-contradicts", f"{path} is signed with another hash than its release names")
        return artifact, self._download(path)

    def _download(self, path: str) -> Path:
        with translated(path, artifact=True):
            info = self._updater.get_targetinfo(path)
            if info is None:
                raise NotFound("artifact-missing", f"{path} is not part of the registry")
            return Path(self._updater.download_target(info, str(self._downloads / path.rpartition("/")[2])))

"""The installing side of the registry: takes nothing that the signed metadata does not vouch for.

`tuf.ngclient` makes the checks (signatures, versions, expiry, lengths, hashes) in the order of the TUF
specification's client workflow (5.0 to 5.6). This module gives it the pinned root, sources of which none is
trusted, and a folder that remembers what was seen. Agent and control plane use the same. Blocks: use a
thread. One user of a `trust` folder at a time; who has several processes locks. The library reads the
machine's clock.
"""

import contextlib
import hashlib
import json
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from tuf.api import exceptions as tuf
from tuf.ngclient import FetcherInterface, Updater, UpdaterConfig

from andon_wire.disk import Disk, RealDisk, write_durably
from andon_wire.errors import Doubtful, Malformed, Missing, Unreachable, Untrusted, WireError
from andon_wire.sources import Source

RELEASE_FILE = "release.json"  # the target that binds a release together
REVOKED_FILE = "revoked.json"  # the target that stands in its place once it must not be installed any more
MOST_SMALL_BYTES = 64 << 20  # of what `read` gives
_CONFIG = UpdaterConfig(targets_max_length=64 << 20)
_HEX = frozenset("0123456789abcdef")
_NOT_FOUND = 404
_RESTORE = "compare the registry's files with a copy of them; see docs/operations/keys.md"

# The first class that fits decides, so the special ones stand before the general ones.
_REFUSALS: tuple[tuple[type[Exception], str, str, str], ...] = (
    (tuf.UnsignedMetadataError, "bad-signature", "it is not signed by the keys that count", _RESTORE),
    (
        tuf.BadVersionNumberError,
        "version-rolled-back",
        "it is older than what was seen before, or does not belong with the rest",
        "somebody put old or mixed files in place; restore the newest ones",
    ),
    (
        tuf.ExpiredMetadataError,
        "metadata-expired",
        "its signature has run out, so it may be an old state that is being replayed",
        "let the registry's Andon run, which signs anew, and check this machine's clock",
    ),
    (tuf.LengthOrHashMismatchError, "hash-mismatch", "its bytes are not the ones that were signed", _RESTORE),
    (tuf.DownloadLengthMismatchError, "too-long", "it is longer than what was signed", _RESTORE),
    (tuf.RepositoryError, "bad-metadata", "it is not valid metadata", _RESTORE),
)


class Signed(NamedTuple):
    """What the metadata says of an artifact. sha256: in hex; size: in bytes."""

    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class Refreshed:
    """Which source gave the newest state, and why those that were asked before it did not."""

    source: str
    refused: tuple[WireError, ...]


class Verifier:
    """Reads one registry from several sources, trusting only `root` and what follows from it.

    trust: folder that remembers, made where it is not there. sources: best first; the next is asked when one
    fails. root: bytes of the root metadata that was pinned when trust began.
    """

    def __init__(
        self, trust: Path, sources: Sequence[Source], root: bytes, *, disk: Disk | None = None
    ) -> None:
        self._trust = trust
        self._sources = tuple(sources)
        self._root = root
        self._disk = disk or RealDisk()
        self._index: dict[str, dict[str, dict[str, Signed]]] | None = None
        self.looks: Mapping[str, WireError | None] = {}  # by source, at the last refresh; None: believed

    def refresh(self, suffices: Callable[[], bool] = lambda: True) -> Refreshed:
        """Walk through the metadata of the first source that shows a state which may be believed.

        suffices: whether what was seen so far will do; else the others are asked as well, for a mirror may
        lag behind and still be signed well.

        Raises:
            Doubtful: none does, and one at least showed something that was refused; the code says why.
            Unreachable: no source answered, or what was seen could not be remembered.
        """
        refused: list[WireError] = []
        good = ""
        looks: dict[str, WireError | None] = {}
        self.looks = looks
        for source in self._sources:
            try:
                self._index = self._walk(source)
            except (Untrusted, Unreachable, Missing) as error:
                refused.append(error)
                looks[source.name] = error
                continue
            good, looks[source.name] = source.name, None
            if suffices():
                break
        if not good:
            raise _worst(refused)
        return Refreshed(good, tuple(refused))

    def knows(self, unit: str, version: str) -> bool:
        """Whether the metadata seen so far names that release, be it as one that was revoked."""
        found = (self._index or {}).get(unit, {}).get(version, {})
        return RELEASE_FILE in found or REVOKED_FILE in found

    def units(self) -> list[str]:
        """Every unit with a release, by name. Refreshes where nothing was seen yet; raises as `refresh`."""
        return sorted(self._seen())

    def versions(self, unit: str) -> list[str]:
        """Every version of a unit that may be installed, sorted as text; none of a unit that is not known."""
        found = self._seen().get(unit, {})
        return sorted(
            version for version, names in found.items() if RELEASE_FILE in names and REVOKED_FILE not in names
        )

    def revoked(self, unit: str) -> list[str]:
        """Every version of a unit that must not be installed any more, sorted as text."""
        found = self._seen().get(unit, {})
        return sorted(version for version, names in found.items() if REVOKED_FILE in names)

    def artifacts(self, unit: str, version: str) -> Mapping[str, Signed]:
        """What belongs to a release, by name.

        Raises:
            Missing: no such release (`no-such-release`), or not any more (`release-revoked`).
        """
        found = self._seen().get(unit, {}).get(version, {})
        if REVOKED_FILE in found:
            raise Missing(
                "release-revoked", f"{unit}@{version} was revoked", hint="choose another one: andon releases"
            )
        if RELEASE_FILE not in found:
            raise Missing("no-such-release", f"there is no release {unit}@{version}", hint="andon releases")
        return found

    def signed(self, unit: str, version: str, name: str) -> Signed:
        """What is signed of one artifact. Of a revoked release what tells what it was can still be read.

        Raises:
            Missing: no such release or artifact, or the release was revoked.
        """
        found = self._seen().get(unit, {}).get(version, {}).get(name)
        if found is not None:
            return found
        self.artifacts(unit, version)
        raise Missing("no-such-artifact", f"{unit}@{version} has no {name}")

    def location(self, unit: str, version: str, name: str) -> str:
        """Path of an artifact's file, relative to the registry: its hash stands before its name.

        Raises:
            Missing: no such release or artifact.
        """
        return f"targets/{unit}/{version}/{self.signed(unit, version, name).sha256}.{name}"

    def read(self, unit: str, version: str, name: str) -> bytes:
        """The verified bytes of a small artifact, at most 64 MiB.

        Raises:
            Missing: no such release or artifact, or no source has its file.
            Malformed: it is not small.
            Untrusted: every source gave something else than was signed. Unreachable: one did not answer.
        """
        signed = self.signed(unit, version, name)
        if signed.size > MOST_SMALL_BYTES:
            raise Malformed("artifact-too-large", f"{name} of {unit}@{version} has {signed.size} bytes")
        pieces: list[bytes] = []
        self._take(unit, version, name, pieces.append, pieces.clear)
        return b"".join(pieces)

    def fetch(self, unit: str, version: str, name: str, into: BinaryIO) -> None:
        """Write a verified copy of an artifact to the stream `into`, which is emptied first.

        What is in the stream counts only when this returns. Raises as `read`, but of any size.
        """

        def restart() -> None:
            into.seek(0)
            into.truncate()

        self._take(unit, version, name, into.write, restart)

    def _take(
        self,
        unit: str,
        version: str,
        name: str,
        write: Callable[[bytes], object],
        restart: Callable[[], object],
    ) -> None:
        signed, path = self.signed(unit, version, name), self.location(unit, version, name)
        refused: list[WireError] = []
        for source in self._sources:
            restart()
            try:
                for piece in checked(source.pieces(path), signed, path):
                    write(piece)
            except (Untrusted, Unreachable) as error:
                refused.append(error)
            except Missing:
                missing = f"{unit}/{version}/{name} is signed, but its file is not at {source.name}"
                refused.append(Missing("artifact-missing", missing, hint=_RESTORE))
            else:
                return
        raise hopeful(refused)

    def _seen(self) -> dict[str, dict[str, dict[str, Signed]]]:
        if self._index is None:
            self.refresh()
        return self._index or {}

    def _walk(self, source: Source) -> dict[str, dict[str, dict[str, Signed]]]:
        """The library remembers in a folder of its own; what it holds there is kept durably in ours."""
        with tempfile.TemporaryDirectory(prefix="andon-tuf-") as name:
            seen = Path(name)
            try:
                self._recall(seen)
            except OSError as error:
                raise Unreachable("trust-unreadable", f"{self._trust} cannot be read: {error}") from error
            try:
                with _translated(f"the metadata at {source.name}"):
                    updater = Updater(
                        str(seen), "metadata/", fetcher=_Fetcher(source), config=_CONFIG, bootstrap=self._root
                    )
                    updater.refresh()
            finally:
                self._remember(seen)
            return _index((seen / "targets.json").read_bytes())

    def _recall(self, into: Path) -> None:
        for folder in ("", "root_history"):
            (into / folder).mkdir(exist_ok=True)
            for name in self._names(folder):
                (into / folder / name).write_bytes(self._disk.read(self._trust / folder / name))

    def _names(self, folder: str) -> list[str]:
        return [
            name
            for name in self._disk.names(self._trust / folder)
            if name.endswith(".json") and not name.startswith(".") and name != "root.json"
        ]

    def _remember(self, seen: Path) -> None:
        """In the order in which the library wrote: roots, timestamp, snapshot, targets. A crash between two
        leaves a state that the next walk completes, and forgets no version that counted.
        """
        try:
            self._disk.make_folder(self._trust / "root_history")
            for each in sorted(seen.glob("root_history/*.root.json"), key=lambda path: path.name):
                self._keep(each, self._trust / "root_history" / each.name)
            for name in ("timestamp.json", "snapshot.json", "targets.json"):
                if (seen / name).exists():
                    self._keep(seen / name, self._trust / name)
        except OSError as error:
            raise Unreachable(
                "trust-unwritable", f"what was seen cannot be remembered in {self._trust}: {error}"
            ) from error

    def _keep(self, source: Path, place: Path) -> None:
        content = source.read_bytes()
        if not (self._disk.exists(place) and self._disk.read(place) == content):
            write_durably(self._disk, place, content)


def checked(pieces: Iterator[bytes], signed: Signed, what: str) -> Iterator[bytes]:
    """The pieces, passed on as they come; at their end they must have been what was signed.

    Raises:
        Untrusted: more bytes than were signed (at once, so that endless data ends), or others.
    """
    digest, left = hashlib.sha256(), signed.size
    for piece in pieces:
        left -= len(piece)
        if left < 0:
            raise Untrusted(
                "too-long", f"{what} was refused: it is longer than what was signed", hint=_RESTORE
            )
        digest.update(piece)
        yield piece
    if left or digest.hexdigest() != signed.sha256:
        raise Untrusted(
            "hash-mismatch", f"{what} was refused: its bytes are not the ones that were signed", hint=_RESTORE
        )


class _Fetcher(FetcherInterface):
    """A source as the library asks for one."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def _fetch(self, url: str) -> Iterator[bytes]:
        try:
            yield from self._source.pieces(url)
        except Missing as error:
            raise tuf.DownloadHTTPError(error.message, _NOT_FOUND) from error
        except Unreachable as error:
            raise tuf.DownloadError(error.message) from error


@contextlib.contextmanager
def _translated(what: str) -> Iterator[None]:
    try:
        yield
    except (tuf.RepositoryError, tuf.DownloadError) as error:
        raise _translate(error, what) from error
    except OSError as error:
        raise Unreachable("registry-unreadable", f"{what} could not be read: {error}") from error


def _translate(error: Exception, what: str) -> WireError:
    if isinstance(error, tuf.DownloadHTTPError) and error.status_code == _NOT_FOUND:
        # Not merely missing: freshness cannot be shown.
        return Doubtful("metadata-missing", f"{what} is incomplete: {error}", hint=_RESTORE)
    for kind, code, sentence, hint in _REFUSALS:
        if isinstance(error, kind):
            return Doubtful(code, f"{what} was refused: {sentence} ({error})", hint=hint)
    cause = error.__cause__
    if isinstance(cause, Unreachable):
        return Unreachable(cause.code, f"{what} could not be read: {error}", hint=cause.hint)
    return Unreachable("registry-unreadable", f"{what} could not be read: {error}")


def hopeful(refused: Sequence[WireError]) -> WireError:
    """What to say when no source gave an artifact: what may pass before what is wrong, for only what every
    source gives wrong is wrong for good.
    """
    for kind in (Unreachable, Missing, Untrusted):
        for each in refused:
            if isinstance(each, kind):
                return each
    return Unreachable("no-source", "no registry is named", hint="name a registry")


def _worst(refused: Sequence[WireError]) -> WireError:
    """What to say when no source would do: what is wrong before what is absent before what is away."""
    for kind in (Untrusted, Missing, Unreachable):
        for each in refused:
            if isinstance(each, kind):
                return each
    return Unreachable("no-source", "no registry is named", hint="name a registry")


def _index(targets: bytes) -> dict[str, dict[str, dict[str, Signed]]]:
    """Unit, version, name; from verified metadata. A target of another form is none of a release."""
    found: dict[str, dict[str, dict[str, Signed]]] = {}
    signed: dict[str, Any] = json.loads(targets)["signed"]
    for path, about in signed["targets"].items():
        parts = path.split("/")
        sha256 = about["hashes"].get("sha256", "")
        if len(parts) == 3 and all(map(_is_plain, parts)) and len(sha256) == 64 and _HEX.issuperset(sha256):
            unit, version, name = parts
            found.setdefault(unit, {}).setdefault(version, {})[name] = Signed(sha256, about["length"])
    return found


def _is_plain(part: str) -> bool:
    return (
        part not in {"", ".", ".."}
        and part.isascii()
        and part.isprintable()
        and not set(part) & set("\\?#% ")
    )

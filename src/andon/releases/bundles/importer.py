"""Reads a bundle into a registry's place: verified from the pinned root, then mirrored. Blocks."""

import hashlib
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from andon.kernel.errors import Conflict, Untrusted
from andon.releases.bundles.format import Contents
from andon.releases.bundles.reader import Bundle
from andon.releases.mirroring import state as states
from andon.releases.mirroring.mirror import Mirror
from andon.releases.mirroring.model import Mirrored, Wanted
from andon.releases.mirroring.state import State
from andon.releases.progress import Progress, Unwatched
from andon.releases.storage.protocol import Storage

_SAYS = {
    "bad-signature": "was it made before keys were exchanged, or by another registry? Then export it anew; "
    "else copy it again: somebody may have changed it",
    "metadata-expired": "export a new one: signatures are believed for a time only; or is this clock ahead?",
    "version-rolled-back": "a newer one was here before; bring the newest",
}


@dataclass(frozen=True, slots=True)
class Checked:
    """A bundle that verifies."""

    contents: Contents
    releases: tuple[str, ...]


def imported(
    file: Path, into: Storage, *, memory: Path, root: bytes, progress: Progress | None = None
) -> Mirrored:
    """Let `into` show what the bundle holds. Done again after it was cut, it goes on.

    memory, root: as `Mirror`.

    Raises:
        InvalidInput: it is no bundle, or was not copied whole.
        Untrusted: it does not verify, is older than what was seen, or somebody changed it.
        Conflict: it builds on files that are not here (`bundle-needs-more`), or this place shows newer ones.
        Unavailable: a disk is full or gone.
    """
    with Bundle(file) as bundle, tempfile.TemporaryDirectory(prefix="andon-import-") as scratch:
        # In a copy of what is remembered: one that is refused must not make us refuse those before it.
        trust = Path(scratch) / "trust"
        if (memory / "trust").exists():
            shutil.copytree(memory / "trust", trust)
        _check(bundle, _state(bundle, trust, root))
        _check_assumed(bundle, into)
        paths = frozenset(each.path for each in bundle.contents.entries)
        return Mirror(memory, root, resumes=False).run(bundle, into, Wanted(paths=paths), progress)


def checked(file: Path, *, root: bytes, progress: Progress | None = None) -> Checked:
    """See that every byte of a bundle is what was signed, without touching anything. Raises as `imported`."""
    watched = progress or Unwatched()
    with Bundle(file) as bundle, tempfile.TemporaryDirectory(prefix="andon-verify-") as trust:
        state = _state(bundle, Path(trust), root)
        _check(bundle, state)
        watched.begin("verifying", bundle.contents.size_bytes)
        for each in bundle.contents.entries:
            digest = hashlib.sha256()
            for piece in bundle.pieces(each.path):
                digest.update(piece)
                watched.advance(each.path, len(piece))
            if digest.hexdigest() != each.sha256:
                raise Untrusted("hash-mismatch", f"{each.path} in {file} is not what was signed")
        there = {each.path for each in bundle.contents.entries}
        releases = sorted({each.release for each in state.files if each.path in there})
        return Checked(bundle.contents, tuple(releases))


def _state(bundle: Bundle, trust: Path, root: bytes) -> State:
    """What the bundle shows; raises as `states.verified`, in the words of who has no more than the file."""
    try:
        return states.verified(bundle, trust, root)
    except Untrusted as error:
        hint = _SAYS.get(error.code, "copy it again; if it stays so, somebody changed it")
        raise Untrusted(error.code, error.message, hint=hint) from error


def _check(bundle: Bundle, state: State) -> None:
    """The table of contents is the registry's own word, and agrees with its metadata."""
    bundle.verify_signature(state.root)
    signed = {each.path: (each.sha256, each.size_bytes) for each in state.files}
    for each in bundle.contents.entries:
        if not each.path.startswith("metadata/") and signed.get(each.path) != (each.sha256, each.size_bytes):
            raise Untrusted("not-signed", f"{each.path} is in {bundle.name}, and no metadata names it")


def _check_assumed(bundle: Bundle, into: Storage) -> None:
    missing = [each for each in sorted(bundle.contents.assumed) if into.size(each) is None]
    if missing:
        raise Conflict(
            "bundle-needs-more",
            f"{bundle.name} was made for a place that has {len(missing)} files more than {into.name}, "
            f"such as {missing[0]}",
            hint="import the bundles before it first, or export without --since",
        )

"""The key that signs the timeline's checkpoints: made, loaded, exchanged.

    timeline.key            the private key, for Andon alone (mode 0600)
    timeline.vkey           its public half; give it to auditors and witnesses
    timeline.former.vkeys   the public halves of the keys before it, oldest first
    timeline.former.key     the key before it, until it has signed one more checkpoint
    timeline.signed         what was signed last, so that nothing is signed that contradicts it

Keep the private key from whoever administers the database: who has both can only be caught by a witness.
"""

import contextlib
import json
from dataclasses import dataclass
from pathlib import Path

from andon.kernel import files
from andon.kernel.errors import Conflict, Damaged, NotFound
from andon_wire.cosigning import Signer
from andon_wire.merkle import Range
from andon_wire.note import LOG_KEY, Key, Malformed

_PRIVATE = 0o600


@dataclass(frozen=True, slots=True)
class Signed:
    """What was signed last: the tree up to its last record, and that record's hash."""

    tree: Range
    hash: bytes


@dataclass(frozen=True, slots=True)
class KeyFiles:
    """Where the keys of a timeline are; `at` gives the usual places in a home."""

    key: Path
    vkey: Path

    @classmethod
    def at(cls, home: Path) -> "KeyFiles":
        """Those of the home folder."""
        return cls(home / "keys" / "timeline.key", home / "keys" / "timeline.vkey")

    @property
    def former_key(self) -> Path:
        """The key before the current one, while it still has to sign."""
        return self.key.with_suffix(".former.key")

    @property
    def former_vkeys(self) -> Path:
        """The public keys before the current one."""
        return self.vkey.with_suffix(".former.vkeys")

    @property
    def signed(self) -> Path:
        """What was signed last."""
        return self.key.with_suffix(".signed")


def ensure(places: KeyFiles, origin: str) -> Key:
    """The key's public half; makes the key where there is none. Safe to call at every start.

    Raises:
        Damaged: the key cannot be read, or it has another name than `origin`.
    """
    if places.key.exists():
        key = signers(places)[0].key
        if key.name != origin:
            raise Damaged(
                "timeline-key-of-another",
                f"the key in {places.key} signs {key.name}, not {origin}",
                hint="give the timeline its own name again, or move the key away",
            )
        return key
    places.key.parent.mkdir(parents=True, exist_ok=True)
    made = Signer.generate(origin, LOG_KEY)
    files.write(places.vkey, f"{made.key}\n".encode())
    files.write(places.key, made.pem(), mode=_PRIVATE)
    return made.key


def signers(places: KeyFiles) -> list[Signer]:
    """The keys that sign the next checkpoint: the current one, and the former that was just replaced.

    Raises:
        NotFound: there is no key.
        Damaged: a key cannot be read.
    """
    if not places.key.exists() or not places.vkey.exists():
        raise NotFound("no-timeline-key", f"there is no key in {places.key}", hint="andon init")
    # The public half's file may be older than the key where a crash came between their writes.
    name = public(places)[0].name
    try:
        found = [Signer.load(name, LOG_KEY, places.key.read_bytes())]
        if places.former_key.exists():
            found.append(Signer.load(name, LOG_KEY, places.former_key.read_bytes()))
    except Malformed as error:
        raise Damaged("timeline-key-damaged", f"{places.key}: {error}", hint="restore it") from error
    if found[0].key != public(places)[0]:
        files.write(places.vkey, f"{found[0].key}\n".encode())
    return found


def public(places: KeyFiles) -> list[Key]:
    """All public keys that checkpoints may be signed by, the current one first.

    Raises:
        NotFound: there is none.
        Damaged: a file of them cannot be read.
    """
    if not places.vkey.exists():
        raise NotFound("no-timeline-key", f"there is no key in {places.vkey}", hint="andon init")
    lines = places.vkey.read_text().split()
    if places.former_vkeys.exists():
        lines += reversed(places.former_vkeys.read_text().split())
    try:
        return list(dict.fromkeys(Key.parse(each) for each in lines))
    except Malformed as error:
        raise Damaged("timeline-key-damaged", f"{places.vkey}: {error}", hint="restore it") from error


def prepare(places: KeyFiles) -> Signer:
    """A new key to follow the current one; nothing is changed before `exchange`.

    Raises:
        Conflict: the last exchange is not over: its former key has not signed a checkpoint yet.
    """
    if places.former_key.exists():
        raise Conflict(
            "key-exchange-under-way",
            "the key before has not signed its last checkpoint yet",
            hint="andon audit checkpoint",
        )
    return Signer.generate(signers(places)[0].name, LOG_KEY)


def exchange(places: KeyFiles, new: Signer) -> None:
    """Make `new` the key; the one before signs one more checkpoint beside it. Each step survives a crash."""
    old = signers(places)[0]
    listed = places.former_vkeys.read_text() if places.former_vkeys.exists() else ""
    if str(old.key) not in listed.split():
        files.write(places.former_vkeys, f"{listed}{old.key}\n".encode())
    files.write(places.former_key, old.pem(), mode=_PRIVATE)
    files.write(places.key, new.pem(), mode=_PRIVATE)
    files.write(places.vkey, f"{new.key}\n".encode())


def retire(places: KeyFiles) -> None:
    """Take the former private key away; it has signed its last checkpoint."""
    with contextlib.suppress(FileNotFoundError):
        places.former_key.unlink()
        files.sync_folder(places.former_key.parent)


def remember(places: KeyFiles, signed: Signed) -> None:
    """Keep what was signed last, durably."""
    kept = {
        "size": signed.tree.end,
        "hash": signed.hash.hex(),
        "tree": [each.hex() for each in signed.tree.hashes()],
    }
    files.write(places.signed, json.dumps(kept).encode(), mode=_PRIVATE)


def remembered(places: KeyFiles) -> Signed | None:
    """What was signed last; None where nothing was.

    Raises:
        Damaged: the file cannot be read. It is not ignored: that would make signing a fork easy.
    """
    if not places.signed.exists():
        return None
    try:
        kept = json.loads(places.signed.read_text())
        tree = Range.kept(kept["size"], [bytes.fromhex(each) for each in kept["tree"]])
        return Signed(tree, bytes.fromhex(kept["hash"]))
    except (ValueError, KeyError, TypeError) as error:
        raise Damaged(
            "timeline-memory-damaged",
            f"{places.signed} cannot be read: {error}",
            hint="run andon audit verify; when it holds, move the file away",
        ) from error

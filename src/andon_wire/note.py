"""Signed notes and checkpoints as C2SP writes them, read strictly.

c2sp.org/signed-note, c2sp.org/tlog-checkpoint, c2sp.org/tlog-cosignature (the Ed25519 kinds). Text that is
not exactly of the form is refused; a signature by an unknown key is ignored, as the first of these says.
Standard library only: the verifier that travels with an export is made of this file too. Signing is in
cosigning.py.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass

from andon_wire import ed25519

LOG_KEY, COSIGNER_KEY = 1, 4  # signature types of signed-note
MOST_SIGNATURES = 64
_LONGEST_NOTE = 1 << 20
_DECIMAL = re.compile(r"0|[1-9][0-9]{0,18}")
_DASH = "— "

Check = Callable[[bytes, bytes, bytes], bool]


class Malformed(ValueError):
    """Text that is not what it should be."""


@dataclass(frozen=True, slots=True)
class Key:
    """A public key with its name: a verifier key, as `name+hash+base64`."""

    name: str
    kind: int
    key: bytes

    def __post_init__(self) -> None:
        """Refuse a name that a note could not carry."""
        if not is_name(self.name):
            raise Malformed(f"{self.name!r} is not a key's name")
        if self.kind not in {LOG_KEY, COSIGNER_KEY} or len(self.key) != 32:
            raise Malformed(f"the key {self.name} is not an Ed25519 key of a log or a cosigner")

    @property
    def id(self) -> bytes:
        """Four bytes that, with the name, tell which key signed."""
        return hashlib.sha256(self.name.encode() + b"\n" + bytes([self.kind]) + self.key).digest()[:4]

    def __str__(self) -> str:
        """As it is written in files and options."""
        return f"{self.name}+{self.id.hex()}+{encoded(bytes([self.kind]) + self.key)}"

    @classmethod
    def parse(cls, text: str) -> "Key":
        """The key that `text` says.

        Raises:
            Malformed: it is not a verifier key, or its hash is another's.
        """
        parts = text.strip().split("+", 2)
        if len(parts) != 3:
            raise Malformed("a verifier key is written name+hash+base64")
        material = _decoded(parts[2])
        if not material:
            raise Malformed("a verifier key without a key")
        key = cls(parts[0], material[0], material[1:])
        if key.id.hex() != parts[1]:
            raise Malformed(f"the hash of verifier key {key.name} is not that of its key")
        return key


@dataclass(frozen=True, slots=True)
class Signature:
    """One line of a note. blob: what follows the key's four bytes."""

    name: str
    key_id: bytes
    blob: bytes

    @property
    def line(self) -> str:
        """With its newline."""
        return f"{_DASH}{self.name} {encoded(self.key_id + self.blob)}\n"

    @classmethod
    def parse(cls, line: str) -> "Signature":
        """The signature of one line, without its newline.

        Raises:
            Malformed: it is not of the form.
        """
        name, _, blob = line.removeprefix(_DASH).partition(" ")
        raw = _decoded(blob)
        if not line.startswith(_DASH) or not is_name(name) or len(raw) < 5:
            raise Malformed(f"not a signature line: {line[:80]!r}")
        return cls(name, raw[:4], raw[4:])


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The tree's head at one size. `root` is 32 bytes."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """What is signed."""
        return "".join(f"{each}\n" for each in (self.origin, self.size, encoded(self.root), *self.extensions))

    @classmethod
    def parse(cls, text: str) -> "Checkpoint":
        """The checkpoint that a note's text says.

        Raises:
            Malformed: it is not a checkpoint.
        """
        lines = text.split("\n")
        if lines.pop() or len(lines) < 3 or not all(lines):
            raise Malformed("a checkpoint is at least three lines that are not empty")
        root = _decoded(lines[2])
        if not _DECIMAL.fullmatch(lines[1]) or len(root) != 32:
            raise Malformed("a checkpoint's second line is a size, its third a hash in base64")
        return cls(lines[0], int(lines[1]), root, tuple(lines[3:]))


@dataclass(frozen=True, slots=True)
class Note:
    """Text with the signatures under it."""

    text: str
    signatures: tuple[Signature, ...]

    def __str__(self) -> str:
        """As it is sent and kept."""
        return f"{self.text}\n{''.join(each.line for each in self.signatures)}"

    @classmethod
    def parse(cls, raw: str) -> "Note":
        """The note that `raw` says.

        Raises:
            Malformed: it is not of the form, or too long.
        """
        if len(raw) > _LONGEST_NOTE or any(each < " " and each != "\n" for each in raw):
            raise Malformed("a note is text without control characters, at most 1 MiB")
        text, separator, signatures = raw.rpartition("\n\n")
        lines = signatures.split("\n")
        if not separator or lines.pop() or not 0 < len(lines) <= MOST_SIGNATURES:
            raise Malformed("a note is text, an empty line, and lines of signatures")
        try:
            raw.encode()
        except UnicodeEncodeError as error:
            raise Malformed("a note is Unicode text") from error
        return cls(f"{text}\n", tuple(map(Signature.parse, lines)))

    def with_signatures(self, *more: Signature) -> "Note":
        """The same with more lines under it; those that it has already are not repeated."""
        return Note(self.text, (*self.signatures, *(each for each in more if each not in self.signatures)))


@dataclass(frozen=True, slots=True)
class Vouched:
    """A signature that holds. at: seconds since 1970 that a cosigner states; 0 for a log's own."""

    key: Key
    at: int = 0


def vouched(note: Note, key: Key, check: Check = ed25519.verify) -> Vouched | None:
    """The signature of `key` under `note`; None where it has none.

    Raises:
        Malformed: there is one, and it does not hold: such a note is not to be believed at all.
    """
    found = [each for each in note.signatures if (each.name, each.key_id) == (key.name, key.id)]
    if not found:
        return None
    times = [_checked(note, key, each, check) for each in found]
    return Vouched(key, max(times))


def _checked(note: Note, key: Key, signature: Signature, check: Check) -> int:
    at, blob, text = 0, signature.blob, note.text
    if key.kind == COSIGNER_KEY:
        at, blob = int.from_bytes(blob[:8], "big"), blob[8:]
        text = cosigned_text(note.text, at)
    if len(blob) != 64 or not check(key.key, blob, text.encode()):
        raise Malformed(f"the signature of {key.name} does not hold")
    return at


def cosigned_text(text: str, at: int) -> str:
    """What a cosigner signs, c2sp.org/tlog-cosignature."""
    return f"cosignature/v1\ntime {at}\n{text}"


def is_name(text: str) -> bool:
    """Whether a key may have this name: without spaces, plus signs and control characters."""
    return bool(text) and not any(each.isspace() or each == "+" or each < " " for each in text)


def decimal(text: str) -> int:
    """A number as these formats write it.

    Raises:
        Malformed: it is another form of one, or none.
    """
    if not _DECIMAL.fullmatch(text):
        raise Malformed(f"not a number: {text[:40]!r}")
    return int(text)


def hash_of(text: str) -> bytes:
    """A hash as these formats write it.

    Raises:
        Malformed: it is not 32 bytes in base64.
    """
    raw = _decoded(text)
    if len(raw) != 32:
        raise Malformed(f"not a hash: {text[:60]!r}")
    return raw


def encoded(raw: bytes) -> str:
    """Bytes as these formats write them."""
    return base64.b64encode(raw).decode()


def _decoded(text: str) -> bytes:
    try:
        raw = base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError) as error:
        raise Malformed(f"not base64: {text[:60]!r}") from error
    if encoded(raw) != text:
        raise Malformed(f"not the one form of base64: {text[:60]!r}")
    return raw

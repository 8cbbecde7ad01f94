"""Opens a bundle; it is a place that a registry is read from, like a folder. Nothing is believed here."""

import json
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import Key
from tuf.api.metadata import Root, Timestamp

from andon.kernel.errors import InvalidInput, NotFound, Unavailable, Untrusted
from andon.releases.bundles import format as form
from andon.releases.bundles.format import Contents, Entry
from andon.releases.storage.protocol import PIECE_BYTES


class Bundle:
    """An open bundle. Close it, or use it in a `with`.

    Raises:
        InvalidInput: it is none (`bad-bundle`), or its length is not what it says (`bundle-truncated`).
        NotFound, Unavailable: the file is not there, or cannot be read.
    """

    def __init__(self, path: Path, *, is_whole: bool = True) -> None:
        self._path = path
        try:
            self._stream = path.open("rb")
        except FileNotFoundError as error:
            raise NotFound("no-such-file", f"there is no file {path}") from error
        except OSError as error:
            raise self._unreadable(error) from error
        try:
            self._envelope, self.begins_at = self._opened()
            self.contents: Contents = form.parse(self._envelope.payload)
            self._places = self._indexed()
            if is_whole:
                self._check_length()
        except OSError as error:
            self._stream.close()
            raise self._unreadable(error) from error
        except BaseException:
            self._stream.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        self._stream.close()

    @property
    def name(self) -> str:
        """See `Readable`."""
        return str(self._path)

    def pieces(self, path: str, *, offset: int = 0) -> Iterator[bytes]:
        """See `Readable`."""
        if path not in self._places:
            raise NotFound("file-missing", f"there is no {path} in {self._path}")
        entry, begin = self._places[path]
        left = entry.size_bytes - offset
        at = begin + offset
        while left > 0:
            try:
                self._stream.seek(at)
                piece = self._stream.read(min(left, PIECE_BYTES))
            except OSError as error:
                raise self._unreadable(error) from error
            if not piece:
                raise self._cut()
            left -= len(piece)
            at += len(piece)
            yield piece

    def place(self, path: str) -> int:
        """The byte at which a file of this bundle begins; raises KeyError."""
        return self._places[path][1]

    def verify_signature(self, root: Root) -> None:
        """See that the registry whose trusted root this is made the bundle.

        Raises:
            Untrusted: `bundle-not-signed`.
        """
        wanted = root.roles[Timestamp.type]
        keys: list[Key] = [root.keys[each] for each in wanted.keyids]
        try:
            if self._envelope.payload_type != form.PAYLOAD_TYPE:
                raise ValueError("another kind of statement")  # noqa: TRY301
            self._envelope.verify(keys, wanted.threshold)
        except (VerificationError, ValueError) as error:
            raise Untrusted(
                "bundle-not-signed",
                f"{self._path} was not made by the Andon that signs this registry: {error}",
                hint="copy it again from where it was made; if it stays so, somebody changed it",
            ) from error

    def _opened(self) -> tuple[Envelope, int]:
        if self._stream.read(len(form.MAGIC)) != form.MAGIC:
            raise form.refused("it begins with other bytes")
        length = int.from_bytes(self._stream.read(form.LENGTH_BYTES), "big")
        if not 0 < length <= form.MOST_ENVELOPE_BYTES:
            raise form.refused("the length of its table of contents cannot be")
        content = self._stream.read(length)
        if len(content) != length:
            raise self._cut()
        try:
            envelope = Envelope.from_dict(json.loads(content))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise form.refused(f"its envelope cannot be read: {error}") from error
        return envelope, len(form.MAGIC) + form.LENGTH_BYTES + length

    def _indexed(self) -> dict[str, tuple[Entry, int]]:
        places, at = {}, self.begins_at
        for each in self.contents.entries:
            places[each.path] = (each, at)
            at += each.size_bytes
        self._ends_at = at
        return places

    def _check_length(self) -> None:
        there = self._path.stat().st_size
        if there < self._ends_at:
            raise self._cut()
        if there > self._ends_at:
            raise form.refused(f"{there - self._ends_at} bytes stand behind its end")

    def _cut(self) -> InvalidInput:
        return InvalidInput(
            "bundle-truncated",
            f"{self._path} ends before its end: it was not copied whole",
            hint="copy it again; what was imported of it already is kept",
        )

    def _unreadable(self, error: OSError) -> Unavailable:
        return Unavailable("bundle-unreadable", f"{self._path} cannot be read: {error.strerror or error}")

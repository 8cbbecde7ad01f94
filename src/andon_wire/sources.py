"""Where the static files of a registry are read from: a folder (a mirror, a USB stick) or a web server.

A source is not trusted with anything: `verify.py` checks what it gives. Here is only that it cannot hold the
reader up for ever. A file of n bytes arrives within `grace_s + n / slowest` seconds, its headers included, or
it is given up; how many bytes are taken is limited by whoever reads.
"""

import contextlib
import http.client
import io
import ssl
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote, urlsplit

from andon_wire.errors import Missing, Unreachable

_PIECE_BYTES = 1 << 18
_ABSENT = frozenset({403, 404, 410})  # object stores say 403 of what is not there


class Source(Protocol):
    """Files by relative path, such as `metadata/timestamp.json`."""

    @property
    def name(self) -> str:
        """What a person calls it."""
        ...

    def pieces(self, path: str) -> Iterator[bytes]:
        """The file's bytes, in order.

        Raises:
            Missing: it is not there.
            Unreachable: it could not be read now.
        """
        ...


class FolderSource:
    """A registry that is a folder of this machine."""

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()

    @property
    def name(self) -> str:
        """The folder."""
        return str(self._root)

    def pieces(self, path: str, *, offset: int = 0) -> Iterator[bytes]:
        """See `Source`. From the byte `offset` on. What is not a plain file below the folder is not there,
        wherever a link leads.
        """
        place = (self._root / path).resolve()
        if not place.is_relative_to(self._root) or not place.is_file():
            raise Missing("file-missing", f"no file {path} in {self.name}")
        try:
            with place.open("rb") as stream:
                stream.seek(offset)
                while piece := stream.read(_PIECE_BYTES):
                    yield piece
        except OSError as error:
            raise Unreachable("source-unreadable", f"cannot read {place}: {error}") from error


@dataclass(frozen=True, slots=True)
class Bounds:
    """How slow a server may be. connect_s, gap_s: seconds; slowest: bytes a second once grace_s are over."""

    connect_s: float = 10.0
    gap_s: float = 30.0
    grace_s: float = 30.0
    slowest: float = 1000.0


class HttpSource:
    """A registry behind a web server. Redirects are not followed, proxies of the environment not asked.

    url: of the folder that holds `metadata` and `targets`. context: which authority signs its certificate;
    None: those of the system.
    """

    def __init__(
        self,
        url: str,
        *,
        context: ssl.SSLContext | None = None,
        bounds: Bounds | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._url = url.rstrip("/")
        self._context = context
        self._bounds = bounds or Bounds()
        self._monotonic = monotonic

    @property
    def name(self) -> str:
        """The address."""
        return self._url

    def pieces(self, path: str, *, offset: int = 0) -> Iterator[bytes]:
        """See `Source`. From the byte `offset` on, so that a download that was cut goes on."""
        try:
            yield from self._pieces(path, offset)
        except TimeoutError as error:
            raise Unreachable(
                "source-too-slow",
                f"{self._url} gave {path} too slowly",
                hint="try another registry, or look at the network between here and there",
            ) from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise Unreachable(
                "source-unreadable",
                f"cannot read {path} from {self._url}: {type(error).__name__}: {error}",
                hint="is the address right, and does a web server answer there?",
            ) from error

    def _pieces(self, path: str, offset: int) -> Iterator[bytes]:
        connection = self._connection()
        connection.connect()
        with contextlib.closing(connection.sock) as opened:
            connection.sock = _Hurried(opened, self._bounds, self._monotonic)
            place = f"{urlsplit(self._url).path}/{quote(path)}"
            headers = {"Accept-Encoding": "identity", "Connection": "close"}
            if offset:
                headers["Range"] = f"bytes={offset}-"
            connection.request("GET", place, headers=headers)
            response = connection.getresponse()
            if offset and response.status == http.client.REQUESTED_RANGE_NOT_SATISFIABLE:
                return  # all of it is there already
            if offset and response.status == http.client.PARTIAL_CONTENT:
                if (skip := offset - _begin(response.headers.get("Content-Range", ""))) < 0:
                    raise ConnectionError("it gave another part than was asked for")
            else:
                _check_status(response.status, path, self._url)
                skip = offset  # a server that knows no ranges gives all of it
            left = response.length
            while piece := response.read1(_PIECE_BYTES):
                left = None if left is None else left - len(piece)
                if skip < len(piece):
                    yield piece[skip:]
                skip = max(0, skip - len(piece))
            if left:
                raise ConnectionError(f"it ended {left} bytes early")

    def _connection(self) -> http.client.HTTPConnection:
        parts = urlsplit(self._url)
        if parts.scheme == "http" and parts.hostname:
            return http.client.HTTPConnection(parts.hostname, parts.port, timeout=self._bounds.connect_s)
        if parts.scheme == "https" and parts.hostname:
            return http.client.HTTPSConnection(
                parts.hostname, parts.port, timeout=self._bounds.connect_s, context=self._context
            )
        raise ValueError("an address begins with http:// or https:// and names a server")


def _begin(content_range: str) -> int:
    """Where the given part begins: `bytes 5-9/10`. Raises ValueError."""
    return int(content_range.removeprefix("bytes ").partition("-")[0])


def _check_status(status: int, path: str, url: str) -> None:
    if status in _ABSENT:
        raise Missing("file-missing", f"no file {path} at {url}")
    if status != http.client.OK:
        raise ConnectionError(f"the server answered {status}")


class _Hurried:
    """A socket, as `http.client` uses it, whose every read may take what is left of the time and no more."""

    def __init__(self, of: Any, bounds: Bounds, monotonic: Callable[[], float]) -> None:
        self._of = of
        self._bounds = bounds
        self._monotonic = monotonic

    def sendall(self, content: bytes) -> None:
        self._of.settimeout(self._bounds.gap_s)
        self._of.sendall(content)

    def makefile(self, *_: Any, **__: Any) -> io.BufferedReader:
        return io.BufferedReader(_Reading(self._of, self._bounds, self._monotonic))

    def close(self) -> None:
        """Not yet: `http.client` lets go as soon as it has the headers; who opened it closes it."""


class _Reading(io.RawIOBase):
    def __init__(self, of: Any, bounds: Bounds, monotonic: Callable[[], float]) -> None:
        super().__init__()
        self._of = of
        self._bounds = bounds
        self._monotonic = monotonic
        self._began = monotonic()
        self._received = 0

    def readable(self) -> bool:
        return True

    def readinto(self, into: Any) -> int:
        allowed = self._bounds.grace_s + self._received / self._bounds.slowest
        left = self._began + allowed - self._monotonic()
        if left <= 0:
            raise TimeoutError("too slow")
        self._of.settimeout(min(self._bounds.gap_s, left))
        received: int = self._of.recv_into(into)
        self._received += received
        return received

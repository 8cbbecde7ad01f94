"""A registry behind a web server, to read from."""

import ssl
from collections.abc import Iterator

from andon.releases.faults import translated
from andon.releases.storage.protocol import checked_path
from andon_wire.sources import HttpSource


class Web:
    """Files below an address. context: whose certificates count for HTTPS; None: those of the system."""

    def __init__(self, url: str, *, context: ssl.SSLContext | None = None) -> None:
        self._source = HttpSource(url, context=context)

    @property
    def name(self) -> str:
        """See `Readable`."""
        return self._source.name

    def pieces(self, path: str, *, offset: int = 0) -> Iterator[bytes]:
        """See `Readable`."""
        with translated():
            yield from self._source.pieces(checked_path(path), offset=offset)

"""What `andon_wire` refuses, in Andon's families of errors. Codes, sentences and hints stay as they are."""

import contextlib
from collections.abc import Iterator

from andon.kernel.errors import AndonError, Damaged, NotFound, Unavailable, Untrusted
from andon_wire import errors as wire

_FAMILIES: tuple[tuple[type[wire.WireError], type[AndonError]], ...] = (
    (wire.Untrusted, Untrusted),
    (wire.Missing, NotFound),
    (wire.Unreachable, Unavailable),
    (wire.Malformed, Damaged),
)


@contextlib.contextmanager
def translated() -> Iterator[None]:
    """Turn what the wire raises into ours.

    Raises:
        Untrusted: it was refused; the code says why.
        NotFound: no such release or artifact, or an artifact's file is missing.
        Unavailable: it could not be read.
        Damaged: signed, but not usable.
    """
    try:
        yield
    except wire.WireError as error:
        family = next(ours for theirs, ours in _FAMILIES if isinstance(error, theirs))
        raise family(error.code, error.message, hint=error.hint) from error

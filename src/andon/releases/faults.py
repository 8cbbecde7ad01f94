"""What the update client's refusals mean, in Andon's families of errors and in a sentence each."""

import contextlib
from collections.abc import Iterator

from tuf.api import exceptions as tuf

from andon.kernel.errors import AndonError, NotFound, Unavailable, Untrusted

_NOT_FOUND = 404
_RESTORE = "compare the registry folder with a copy of it; see docs/design/registry.md"

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


@contextlib.contextmanager
def translated(what: str, *, artifact: bool = False) -> Iterator[None]:
    """Turn the library's errors about `what` into ours.

    Raises:
        Untrusted: it was refused; the code says why.
        NotFound: an artifact's file is missing. Missing metadata is Untrusted: freshness cannot be shown.
        Unavailable: it could not be read.
    """
    try:
        yield
    except (tuf.RepositoryError, tuf.DownloadError) as error:
        raise _translate(error, what, artifact=artifact) from error
    except OSError as error:
        raise Unavailable("registry-unreadable", f"{what} could not be read: {error}") from error


def _translate(error: Exception, what: str, *, artifact: bool) -> AndonError:
    if isinstance(error, tuf.DownloadHTTPError) and error.status_code == _NOT_FOUND:
        if artifact:
            return NotFound("artifact-missing", f"{what} is signed but its file is not there", hint=_RESTORE)
        return Untrusted("metadata-missing", f"{what} is incomplete: {error}", hint=_RESTORE)
    for kind, code, sentence, hint in _REFUSALS:
        if isinstance(error, kind):
            return Untrusted(code, f"{what} was refused: {sentence} ({error})", hint=hint)
    return Unavailable("registry-unreadable", f"{what} could not be read: {error}")

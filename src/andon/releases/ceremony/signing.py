"""A holder signs a request, on a machine of their own. No home, no network."""

import json
from pathlib import Path

from securesystemslib.signer import CryptoSigner

from andon.kernel import files
from andon.kernel.errors import Conflict, Forbidden, InvalidInput, NotFound
from andon.releases.ceremony import request as requests
from andon.releases.ceremony.holders import KEY, SIGNED, holder_of
from andon.releases.ceremony.request import Request, Signatures


def read(path: Path) -> Request:
    """The request in the file `path`.

    Raises:
        NotFound: no such file. InvalidInput, Untrusted: no request, or one that contradicts itself.
    """
    try:
        with path.open("rb") as stream:
            content = stream.read(requests.MOST_BYTES + 1)
    except FileNotFoundError as error:
        raise NotFound("no-such-file", f"there is no {path}", hint="is the medium in its place?") from error
    except OSError as error:
        raise InvalidInput("bad-request", f"{path} cannot be read: {error}") from error
    if len(content) > requests.MOST_BYTES:
        raise InvalidInput("bad-request", f"{path} is too large for a request")
    return requests.decode(content)


def sign(request: Request, signer: CryptoSigner, key: Path) -> Signatures:
    """Sign what this key counts for. key: the file that it came from; beside it is kept what was signed.

    Raises:
        Forbidden: it counts for nothing in this request.
        Conflict: this key signed another root or other targets of that version, or a newer one.
    """
    parts = requests.entitled(request, signer.public_key.keyid)
    if not parts:
        raise Forbidden(
            "not-a-holder",
            f"the key of {holder_of(signer.public_key)} counts for nothing in this request",
            hint="sign with a key that the root names, or that the request adds",
        )
    by_part = {part: signer.sign(request.payload(part)).signature for part in parts}
    _remember(request, by_part, key)
    return Signatures(request.fingerprint, signer.public_key.keyid, by_part)


def _remember(request: Request, by_part: dict[str, str], key: Path) -> None:
    """Before the signature leaves: two roots of one version would split those who trust them."""
    place = key.with_name(key.name.removesuffix(KEY) + SIGNED)
    before = _signed_before(place)
    for part, signature in by_part.items():
        version, former = before.get(part, (0, ""))
        coming = request.part(part).version
        if coming < version or (coming == version and signature != former):
            raise Conflict(
                "signed-before",
                f"this key signed {part} {version} already, with other content",
                hint="sign the newest request; if the former one was withdrawn, say so with --again",
            )
        before[part] = (coming, signature)
    files.write(place, json.dumps(before, sort_keys=True).encode() + b"\n")


def forget(key: Path) -> None:
    """Let this key sign another content of a version that it signed: the former request was withdrawn."""
    key.with_name(key.name.removesuffix(KEY) + SIGNED).unlink(missing_ok=True)


def _signed_before(place: Path) -> dict[str, tuple[int, str]]:
    try:
        return {part: (int(each[0]), str(each[1])) for part, each in json.loads(place.read_bytes()).items()}
    except FileNotFoundError:
        return {}
    except (ValueError, TypeError, IndexError, AttributeError, KeyError) as error:
        raise InvalidInput(
            "bad-key-file",
            f"{place} is damaged: {error}",
            hint="remove it when you know what you signed last",
        ) from error

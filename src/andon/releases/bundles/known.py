"""What the other side has already, so that it need not be carried there again."""

import json
from pathlib import Path

from andon.kernel.errors import InvalidInput, NotFound
from andon.releases.bundles import format as form
from andon.releases.bundles.reader import Bundle
from andon.releases.storage.protocol import METADATA, TARGETS, Storage

_FORMAT = "andon-receipt/1"
_SHOWN = METADATA + "timestamp.json"
_MOST_BYTES = 64 << 20


def receipt(place: Storage) -> bytes:
    """A list of the releases' files that `place` has, to carry to who exports; no secret is in it.

    Raises:
        NotFound: no registry was ever there, as when its name is misspelt.
    """
    files = sorted(each.path for each in place.list(TARGETS) if form.is_target(each.path))
    if not files and place.size(_SHOWN) is None:
        raise NotFound(
            "no-mirror",
            f"there is no registry in {place.name}",
            hint="is --into spelt right? A new mirror needs no receipt: andon bundle export without --since",
        )
    return json.dumps({"format": _FORMAT, "files": files}, indent=1).encode() + b"\n"


def known(path: Path) -> frozenset[str]:
    """The files that a receipt names, or that a place has once this former bundle was imported there.

    Raises:
        InvalidInput: it is neither. NotFound, Unavailable: it cannot be read.
    """
    if not path.is_file():
        raise NotFound(
            "no-such-file",
            f"there is no file {path}",
            hint="a receipt comes from inside the closed network (andon bundle receipt --output FILE there); "
            "the first bundle is made without --since",
        )
    with path.open("rb") as stream:
        begin = stream.read(len(form.MAGIC))
    if begin == form.MAGIC:
        with Bundle(path) as bundle:
            return bundle.contents.known
    return _parsed(path.read_bytes() if path.stat().st_size <= _MOST_BYTES else b"", path)


def _parsed(content: bytes, path: Path) -> frozenset[str]:
    try:
        document = json.loads(content)
        files = document["files"] if document["format"] == _FORMAT else None
        if isinstance(files, list) and all(isinstance(each, str) and form.is_target(each) for each in files):
            return frozenset(files)
    except (ValueError, KeyError, TypeError, RecursionError):
        pass
    raise InvalidInput(
        "bad-receipt",
        f"{path} is neither a receipt nor a bundle",
        hint="andon bundle receipt --output FILE, on the other side",
    )

"""The form `hdiff`: a patch by HDiffPatch, uncompressed, as the container's stream compresses it.

Its header states the sizes of old and new, and the library makes room for what it states: both are compared
with what is known before it is called (HDiffPatch, `patch.c`: read_diffz_head).
"""

from andon_wire.errors import Malformed, Missing

try:
    import hdiffpatch
except ImportError:  # there is no wheel for this machine
    hdiffpatch = None  # type: ignore[assignment]

NAME = "hdiff"
_HEADS = (b"HDIFF13&\x00",)


def is_available() -> bool:
    """Whether the library is here."""
    return hdiffpatch is not None


def decode(base: bytes, payload: bytes, makes: int) -> bytes:
    """See `forms.Decoder`."""
    if hdiffpatch is None:
        raise Missing(
            "form-unknown", "HDiffPatch has no wheel for this machine", hint="install the full package"
        )
    if _sizes(payload) != (makes, len(base)):
        raise Malformed("bad-patch", "a patch for a file of another size")
    try:
        return hdiffpatch.apply(base, payload)
    except hdiffpatch.HDiffPatchError as error:
        raise Malformed("bad-patch", "a patch that does not fit its file") from error


def _sizes(payload: bytes) -> tuple[int, int]:
    """Bytes of new and old, as the header says: two numbers in base 128, most significant first."""
    head = next((each for each in _HEADS if payload.startswith(each)), None)
    if head is None:
        raise Malformed("bad-patch", "not an uncompressed patch of HDiffPatch")
    found, number = [], 0
    for each in payload[len(head) : len(head) + 20]:
        number = number << 7 | each & 0x7F
        if not each & 0x80:
            found.append(number)
            number = 0
        if len(found) == 2:
            return found[0], found[1]
    raise Malformed("bad-patch", "a patch without sizes")

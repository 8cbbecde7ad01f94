"""The form `zdict`: a zstd frame whose dictionary is the old file. For machines without HDiffPatch."""

import zstandard

from andon_wire.delta.model import MOST_WINDOW_BYTES
from andon_wire.errors import Malformed

NAME = "zdict"


def decode(base: bytes, payload: bytes, makes: int) -> bytes:
    """See `forms.Decoder`."""
    known = zstandard.ZstdCompressionDict(base, dict_type=zstandard.DICT_TYPE_RAWCONTENT) if base else None
    decompressor = zstandard.ZstdDecompressor(dict_data=known, max_window_size=MOST_WINDOW_BYTES)
    made = bytearray()
    try:
        with decompressor.stream_reader(payload) as stream:
            while piece := stream.read(min(1 << 20, makes + 1 - len(made))):
                made += piece
    except zstandard.ZstdError as error:
        raise Malformed("bad-patch", "a zstd frame that does not fit its dictionary") from error
    return bytes(made)

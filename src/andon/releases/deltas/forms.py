"""The encoders of patches, by the name of their form; `andon_wire.delta.forms` has their decoders.

An encoder takes part of an old file and part of a new one and gives the payload, or None where its form is
not for them. The same parts give the same payload, whatever the machine. Payloads are not compressed, as all
of a container are compressed together.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache

import zstandard

from andon_wire.delta import absolute, hdiff, rebase, zdict

Encoder = Callable[[bytes, bytes], bytes | None]

_SHORTEST = 64  # bytes; a shorter file is not worth a patch


@lru_cache(maxsize=1)  # a patch of the form rebase begins with it
def _hdiff(base: bytes, new: bytes) -> bytes | None:
    if not hdiff.is_available():
        return None
    import hdiffpatch

    return hdiffpatch.diff(base, new, validate=False, big_cache_match=True)


@lru_cache(maxsize=1)  # and one of the form absolute is made with its guide
def _rebase(base: bytes, new: bytes) -> bytes | None:
    patch = _hdiff(base, new)
    if patch is None:
        return None
    from andon.releases.deltas import rebasing

    return rebasing.encode(base, new, patch)


def _absolute(base: bytes, new: bytes) -> bytes | None:
    based = _rebase(base, new)
    if based is None:
        return None
    from andon.releases.deltas import flattening

    return flattening.encode(base, new, based)


def _zdict(base: bytes, new: bytes) -> bytes | None:
    known = zstandard.ZstdCompressionDict(base, dict_type=zstandard.DICT_TYPE_RAWCONTENT)
    window = max(10, min(27, (len(base) + len(new)).bit_length()))
    parameters = zstandard.ZstdCompressionParameters.from_level(
        19, window_log=window, enable_ldm=True, source_size=len(new), write_content_size=0
    )
    return zstandard.ZstdCompressor(dict_data=known, compression_params=parameters).compress(new)


ENCODERS: Mapping[str, Encoder] = {
    hdiff.NAME: _hdiff,
    rebase.NAME: _rebase,
    absolute.NAME: _absolute,
    zdict.NAME: _zdict,
}
# The forms that stations with HDiffPatch can read; its wheels are for the machines below.
EVERYWHERE = (hdiff.NAME, rebase.NAME, absolute.NAME)
_WITH_HDIFFPATCH = ("x86_64", "amd64", "aarch64", "arm64")


def of_platform(platform: str) -> tuple[str, ...]:
    """The forms that an agent of a platform such as `linux-x86_64` can read."""
    machine = platform.lower().partition("-")[2]
    return EVERYWHERE if hdiff.is_available() and machine in _WITH_HDIFFPATCH else (zdict.NAME,)


def encode(form: str, base: bytes, new: bytes) -> bytes | None:
    """The payload of a form that turns `base` into `new`; None where it is not for them."""
    if min(len(base), len(new)) < _SHORTEST:
        return None
    return ENCODERS[form](base, new)

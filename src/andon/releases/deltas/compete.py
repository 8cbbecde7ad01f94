"""Lets the forms compete for one piece of a file: the payload wins that will be smallest in the container.

How small it will be is told by compressing it quickly by itself. The piece itself is compressed only where
the patch is long in comparison with it: a short patch has won. A form that takes a station longer than others
has to be smaller by a margin, and by a part of the file: some files cost half of a station's time for a few
hundredths of the bytes.
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import zstandard

from andon.releases.deltas import forms
from andon.releases.deltas.pieces import Piece
from andon_wire.delta import absolute, rebase
from andon_wire.delta.model import COPY, MOST_PART_BYTES, SPARE_BYTES, WHOLE, ZEROS, Step

_QUICK_LEVEL = 6
_LONG = 0.25  # of the piece; a shorter patch has won
_SLOW = {rebase.NAME: 33 / 32, absolute.NAME: 5 / 4}  # by how much a payload counts longer than it is
_SHORT_BYTES, _SHARE = 1 << 20, 48  # it counts one byte more for so many of what a piece has beyond these


@dataclass(frozen=True, slots=True)
class Job:
    """A piece, where its files are, and where a patch goes; what a worker process is given."""

    piece: Piece
    old: Path | None
    new: Path
    payload: Path
    tried: tuple[str, ...]


def compete(job: Job) -> Step:
    """The step that makes the piece; if it is a patch, its payload is in `job.payload`."""
    piece = job.piece
    if piece.length > MOST_PART_BYTES or (not piece.span and piece.length == piece.file.size):
        return Step(WHOLE, piece.file.path, piece.length, piece.length)
    new = _read(job.new / piece.file.path, piece.start, piece.length)
    if new == bytes(len(new)):
        return Step(ZEROS, piece.file.path, piece.length)
    step = Step(WHOLE, piece.file.path, piece.length, piece.length)
    if job.old is None or not piece.span:
        return step
    base = _read(job.old / piece.base, piece.at, piece.span)
    found = base.find(new)
    if found >= 0:
        return Step(COPY, piece.file.path, piece.length, 0, piece.base, piece.at + found, piece.length)
    payloads = _payloads(base, new, job.tried)
    if not payloads:
        return step
    cost, form, payload = payloads[0]
    if len(payload) > _LONG * len(new) and _cost(new) <= cost:
        return step
    job.payload.write_bytes(payload)
    takes, check = len(payload), zlib.crc32(payload)
    return Step(form, piece.file.path, piece.length, takes, piece.base, piece.at, piece.span, check)


def _payloads(base: bytes, new: bytes, tried: Sequence[str]) -> list[tuple[int, str, bytes]]:
    """What each form makes of it, the cheapest first."""
    made = [(form, forms.encode(form, base, new)) for form in tried]
    fits = [
        (_counted(form, payload, new), form, payload)
        for form, payload in made
        if payload is not None and len(payload) <= min(len(new) + SPARE_BYTES, MOST_PART_BYTES)
    ]
    return sorted(fits, key=lambda each: each[0])


def _counted(form: str, payload: bytes, new: bytes) -> int:
    if form not in _SLOW:
        return _cost(payload)
    return round(_cost(payload) * _SLOW[form]) + max(len(new) - _SHORT_BYTES, 0) // _SHARE


def _cost(content: bytes) -> int:
    return len(zstandard.ZstdCompressor(level=_QUICK_LEVEL).compress(content))


def _read(path: Path, at: int, length: int) -> bytes:
    with path.open("rb") as stream:
        stream.seek(at)
        return stream.read(length)

"""Cuts a new file into pieces that are each made by one step: most files are one piece.

A form holds its parts in memory, so a larger file is cut: each piece competes against that part of the old
file that surrounds the same place, by the beginning or, where the file grew before it, by the end.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from andon_wire.tree import File

MOST_AT_ONCE = 48 << 20  # bytes; a file up to this is one piece, its base too
PIECE = 32 << 20
MARGIN = 8 << 20


@dataclass(frozen=True, slots=True)
class Piece:
    """`length` bytes of a new file from `start` on, and what of its base to make them of (span 0: none)."""

    file: File
    start: int
    length: int
    base: str = ""
    at: int = 0
    span: int = 0


def cut(file: File, base: File | None) -> Sequence[Piece]:
    """The pieces of a file, in order."""
    if file.size <= MOST_AT_ONCE and (base is None or base.size <= MOST_AT_ONCE):
        whole = Piece(file, 0, file.size)
        return [whole if base is None else Piece(file, 0, file.size, base.path, 0, base.size)]
    return [_piece(file, base, start) for start in range(0, file.size, PIECE)]


def _piece(file: File, base: File | None, start: int) -> Piece:
    length = min(PIECE, file.size - start)
    if base is None:
        return Piece(file, start, length)
    shift = max(-MARGIN, min(MARGIN, base.size - file.size))
    at = max(0, min(start, start + shift) - MARGIN)
    end = min(base.size, max(start, start + shift) + length + MARGIN)
    if end <= at:
        return Piece(file, start, length)
    return Piece(file, start, length, base.path, at, end - at)

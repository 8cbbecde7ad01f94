"""Data Matrix (ISO/IEC 16022, ECC 200) in the smallest square that holds the text.

reportlab draws one size alone, 44 modules, and ends its C40 text with a character that is not there. Its
placement and error correction are those of every square of one block, and are used here; the size is chosen,
and the text encoded, here (5.2.3, ASCII; 5.2.4.2, pads). Sizes with a corner of its own are left out.
"""

from typing import Any

from reportlab.graphics.barcode.ecc200datamatrix import ECC200DataMatrix
from reportlab.graphics.shapes import Group, Rect
from reportlab.lib.colors import black, white

# modules of a side, regions of a side, codewords of data, of error correction
_SIZES = (
    (14, 1, 8, 10),
    (18, 1, 18, 14),
    (22, 1, 30, 20),
    (26, 1, 44, 28),
    (32, 2, 62, 36),
    (40, 2, 114, 48),
    (44, 2, 144, 56),
    (48, 2, 174, 68),
)
_QUIET = 1
_PAD = 129
_FIRST_PAIR = 130
MOST_CHARACTERS = 174
"""What the largest size holds where no two characters are a pair of digits."""


class _Symbol(ECC200DataMatrix):  # type: ignore[misc]  # reportlab has no types
    """The symbol of `value` at one size."""

    def __init__(self, value: str, size: tuple[int, int, int, int]) -> None:
        super().__init__(value=value)
        self.row_modules = self.col_modules = size[0]
        self.row_regions = self.col_regions = size[1]
        self.cw_data, self.cw_ecc = size[2:]
        self.row_usable_modules = self.col_usable_modules = size[0] - size[1] * 2

    def _encode_c40(self, value: str) -> list[int]:
        """In ASCII instead, filled up to what the size holds."""
        found = codewords(value)
        if len(found) < self.cw_data:
            found.append(_PAD)
        while len(found) < self.cw_data:
            pad = _PAD + (149 * (len(found) + 1)) % 253 + 1
            found.append(pad if pad <= 254 else pad - 254)
        return found


def modules(value: str) -> list[list[bool]]:
    """The symbol of `value` as rows of dark modules, from the top, without its quiet zone.

    Raises: ValueError when `value` is empty, too long, or holds a character beyond ASCII.
    """
    needed = len(codewords(value))
    size = next((each for each in _SIZES if each[2] >= needed), None)
    if size is None or not needed:
        raise ValueError(f"a Data Matrix holds 1 to {MOST_CHARACTERS} characters")
    symbol = _Symbol(value, size)
    symbol.validate()
    symbol.encode()
    return [[bool(each) for each in row] for row in reversed(symbol.encoded)]  # it counts from the bottom


def drawing(value: str, side: float) -> Any:
    """The symbol as a reportlab Group of `side` points, with its quiet zone of a module all around."""
    rows = modules(value)
    module = side / (len(rows) + 2 * _QUIET)
    group = Group(Rect(0, 0, side, side, fillColor=white, strokeColor=None))
    for at, row in enumerate(reversed(rows)):
        y = (at + _QUIET) * module
        for start, length in _runs(row):
            group.add(
                Rect((start + _QUIET) * module, y, length * module, module, fillColor=black, strokeColor=None)
            )
    return group


def _runs(row: list[bool]) -> list[tuple[int, int]]:
    """Where dark modules begin and how many follow: one rectangle each, without seams between them."""
    found: list[tuple[int, int]] = []
    for at, dark in enumerate(row):
        if dark and found and sum(found[-1]) == at:
            found[-1] = (found[-1][0], found[-1][1] + 1)
        elif dark:
            found.append((at, 1))
    return found


def codewords(value: str) -> list[int]:
    """The text as codewords: two digits in one, any other character in one.

    Raises: ValueError when it holds a character beyond ASCII.
    """
    found: list[int] = []
    at = 0
    while at < len(value):
        pair = value[at : at + 2]
        if len(pair) == 2 and pair.isascii() and pair.isdigit():
            found.append(_FIRST_PAIR + int(pair))
            at += 2
        elif value[at].isascii():
            found.append(ord(value[at]) + 1)
            at += 1
        else:
            raise ValueError(f"a Data Matrix holds ASCII, not {value[at]!r}")
    return found

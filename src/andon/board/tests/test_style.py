"""Both themes can be read: every text on every ground that it stands on has contrast enough (WCAG AA)."""

import re
from importlib import resources

import pytest

_SHEET = resources.files("andon.board").joinpath("static/board.css").read_text()
_PAIRS = [
    *(("ink", ground) for ground in ("bg", "panel", "sunk", "red-soft", "amber-soft", "green-soft")),
    ("ink", "accent-soft"),
    *(("dim", ground) for ground in ("bg", "panel", "sunk", "accent-soft", "green-soft")),
    *((colour, f"{colour}-soft") for colour in ("red", "amber", "green", "grey", "accent")),
    *((colour, "panel") for colour in ("red", "amber", "accent", "green", "grey")),
    *((colour, "sunk") for colour in ("red", "green", "accent")),
    ("on", "accent"),
]  # fmt: skip


def _theme(start: str) -> dict[str, str]:
    block = _SHEET[_SHEET.index(start) :]
    return dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{3,6});", block[: block.index("\n}")]))


_LIGHT = _theme(":root {")
_DARK = _theme(":root[data-theme=dark] {")


def _luminance(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(each * 2 for each in colour[1:])
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    linear = [each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(one: str, other: str) -> float:
    high, low = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_black_on_white_is_twenty_one():
    assert _contrast("#000", "#ffffff") == pytest.approx(21)


@pytest.mark.parametrize(("text", "ground"), _PAIRS)
@pytest.mark.parametrize("theme", [_LIGHT, _DARK], ids=["light", "dark"])
def test_a_text_can_be_read_on_its_ground(theme, text, ground):
    assert _contrast(theme[text], theme[ground]) >= 4.5


def test_the_dark_theme_is_the_same_whether_chosen_or_preferred():
    preferred = _theme(":root[data-theme=auto] {")
    assert preferred == _DARK


def test_every_colour_has_both_themes():
    assert set(_DARK) - {"s"} == {each for each in _LIGHT if _LIGHT[each].startswith("#")}

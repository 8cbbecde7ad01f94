"""Both themes can be read: every text on every ground that it stands on has contrast enough (WCAG AA)."""

import re

import pytest
from andon_mes.dashboard import assets

SHEET = assets.files()["mes.css"].decode()
PAIRS = [
    *(("ink", ground) for ground in ("bg", "panel", "sunk", "red-soft", "amber-soft", "accent-soft")),
    *(("dim", ground) for ground in ("bg", "panel", "sunk")),
    *((colour, f"{colour}-soft") for colour in ("red", "amber", "green", "grey")),
    *((colour, "panel") for colour in ("red", "amber", "accent", "green", "grey")),
    ("on", "accent"),
]


def _theme(start):
    block = SHEET[SHEET.index(start) :]
    return dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{3,6});", block[: block.index("\n}")]))


LIGHT, DARK = _theme(":root {"), _theme(":root[data-theme=dark] {")


def _luminance(colour):
    digits = colour[1:] if len(colour) == 7 else "".join(each * 2 for each in colour[1:])
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    linear = [each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
def test_every_text_can_be_read_on_its_ground(theme):
    for text, ground in PAIRS:
        low, high = sorted((_luminance(theme[text]), _luminance(theme[ground])))
        assert (high + 0.05) / (low + 0.05) >= 4.5, (text, ground)


def test_the_dark_theme_is_the_same_whether_chosen_or_preferred():
    assert _theme(":root[data-theme=auto] {") == DARK


def test_every_class_of_a_state_that_a_chart_draws_has_a_colour():
    for state in ("PRD", "SBY", "ENG", "SDT", "USD", "NST", "unknown"):
        assert f".e-{state} " in SHEET

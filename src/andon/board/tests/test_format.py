"""Numbers as people read them; what is unknown is a dash."""

import math

import pytest

from andon.board import format as shown


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (shown.percent(0.0312), "3.1%"),
        (shown.percent(0.0), "0%"),
        (shown.percent(1.0), "100%"),
        (shown.percent(0.00371, 2), "0.37%"),
        (shown.percent(None), "–"),
        (shown.percent(0.46, 0), "46%"),
        (shown.share(0.1), "10%"),
        (shown.share(0.125), "12.5%"),
        (shown.number(78.51), "78.5"),
        (shown.number(9120), "9,120"),
        (shown.number(0.5), "0.50"),
        (shown.number(3), "3"),
        (shown.number(None), "–"),
        (shown.ratio(1.166), "1.17"),
        (shown.ratio(12.34), "12.3"),
        (shown.ratio(123.4), "123"),
        (shown.ratio(math.inf), "∞"),
        (shown.ratio(None), "∞"),
        (shown.milliseconds(9.5), "9.5 ms"),
        (shown.milliseconds(43.2), "43 ms"),
        (shown.milliseconds(1234), "1.23 s"),
        (shown.milliseconds(None), "–"),
        (shown.duration(0.4), "0.4 s"),
        (shown.duration(52), "52 s"),
        (shown.duration(60), "1 m"),
        (shown.duration(75), "1 m 15 s"),
        (shown.duration(3600), "1 h"),
        (shown.duration(5400), "1 h 30 m"),
        (shown.duration(75, "ko"), "1분 15초"),
        (shown.duration(None), "–"),
        (shown.size(999), "999 B"),
        (shown.size(706_000), "706 kB"),
        (shown.size(1_500_000), "1.5 MB"),
    ],
)
def test_a_figure_reads_so(text, expected):
    assert text == expected

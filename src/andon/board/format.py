"""Numbers, shares and durations as people read them. Pure; an unknown value is a dash, never 0."""

import math

DASH = "–"
_SIZES = ("B", "kB", "MB", "GB")


def percent(value: float | None, digits: int = 1) -> str:
    """0.0312 as 3.1%."""
    if value is None:
        return DASH
    text = f"{100 * value:.{digits}f}"
    return f"{text.rstrip('0').rstrip('.') if digits and float(text) in {0.0, 100.0} else text}%"


def share(value: float) -> str:
    """0.1 as 10%, 0.125 as 12.5%."""
    return f"{100 * value:.1f}".removesuffix(".0") + "%"


def number(value: float | None) -> str:
    """Three significant digits below 1000, groups of thousands above."""
    if value is None:
        return DASH
    if abs(value) >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def ratio(value: float | None) -> str:
    """A rate ratio with two digits; beyond 100 no more."""
    if value is None or not math.isfinite(value):
        return "∞"
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def milliseconds(value: float | None) -> str:
    """12.3 as 12 ms, 1234 as 1.23 s."""
    if value is None:
        return DASH
    return (
        f"{value / 1000:.2f} s" if value >= 1000 else f"{value:.0f} ms" if value >= 10 else f"{value:.1f} ms"
    )


def duration(seconds: float | None, language: str = "en") -> str:
    """75 as 1 m 15 s, or 1분 15초."""
    if seconds is None:
        return DASH
    hour, minute, second = ("시간", "분", "초") if language == "ko" else (" h", " m", " s")
    whole = round(seconds)
    if whole < 60:
        return f"{whole}{second}" if seconds >= 1 or seconds == 0 else f"{seconds:.1f}{second}"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes}{minute} {rest}{second}" if rest else f"{minutes}{minute}"
    hours, minutes = divmod(minutes, 60)
    return f"{hours}{hour} {minutes}{minute}" if minutes else f"{hours}{hour}"


def size(value: int) -> str:
    """Bytes in decimal units."""
    amount, unit = float(value), 0
    while amount >= 1000 and unit < len(_SIZES) - 1:
        amount, unit = amount / 1000, unit + 1
    return f"{amount:.0f} {_SIZES[unit]}" if unit == 0 or amount >= 10 else f"{amount:.1f} {_SIZES[unit]}"

"""Numbers, shares, durations and times as people read them. Pure; what is unknown is a dash, never 0."""

from datetime import datetime
from zoneinfo import ZoneInfo

DASH = "–"


def percent(value: float | None, digits: int = 1) -> str:
    """0.0312 as 3.1%."""
    if value is None:
        return DASH
    text = f"{100 * value:.{digits}f}"
    return f"{text.rstrip('0').rstrip('.') if digits and float(text) in {0.0, 100.0} else text}%"


def number(value: float | None) -> str:
    """Three significant digits below 1000, groups of thousands above."""
    if value is None:
        return DASH
    if abs(value) >= 1000 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.3g}"


def figure(value: float | None) -> str:
    """A measured value with five significant digits."""
    return DASH if value is None else f"{value:.5g}"


def seconds(value: float | None, language: str = "en") -> str:
    """12.345 as 12.3 s, 75 as 1 m 15 s or 1분 15초."""
    if value is None:
        return DASH
    hour, minute, second = ("시간", "분", "초") if language == "ko" else (" h", " m", " s")
    if value < 60:
        return f"{value:.1f}".removesuffix(".0") + second
    minutes, rest = divmod(round(value), 60)
    if minutes < 60:
        return f"{minutes}{minute} {rest}{second}" if rest else f"{minutes}{minute}"
    hours, minutes = divmod(minutes, 60)
    return f"{hours}{hour} {minutes}{minute}" if minutes else f"{hours}{hour}"


def plant_time(at: datetime | str, zone: ZoneInfo) -> str:
    """An aware instant, also as ISO text, as the plant's clock shows it, with the zone's name."""
    local = (datetime.fromisoformat(at) if isinstance(at, str) else at).astimezone(zone)
    return f"{local:%Y-%m-%d %H:%M:%S} {local.tzname()}"


def zone_name(at: datetime, zone: ZoneInfo) -> str:
    """What the plant's zone is called, such as `Asia/Seoul (KST, UTC+09:00)`."""
    return f"{zone.key} ({at.astimezone(zone).tzname()}, UTC{offset(at, zone)})"


def offset(at: datetime, zone: ZoneInfo) -> str:
    """How far the plant's clock is from UTC, such as +09:00."""
    text = f"{at.astimezone(zone):%z}"
    return f"{text[:3]}:{text[3:]}"

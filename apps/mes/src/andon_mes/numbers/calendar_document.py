"""The calendar as the document that a plant keeps in `plant_settings`: read, checked, written.

{"zone": "Asia/Seoul",
 "shifts": [{"code": "D", "starts": "08:00", "ends": "20:00", "is_worked": true,
             "breaks": [{"starts": "12:00", "minutes": 60}]},
            {"code": "N", "starts": "20:00"}],
 "working_days": ["MON", "TUE", "WED", "THU", "FRI"],
 "holidays": [{"date": "2025-10-03", "name": "개천절"}],
 "extra_working_days": [{"date": "2025-10-18", "name": "for the 10th"}]}
"""

import functools
import re
from collections import Counter
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from andon_mes.kernel.errors import InvalidInput, Words, invalid, shown
from andon_mes.numbers.calendar import Break, Calendar, ShiftTimes

WEEKDAYS = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")
_KEYS = frozenset({"zone", "shifts", "working_days", "holidays", "extra_working_days"})
_CLOCK = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")
_MOST_DAYS = 1000
_MOST_BREAKS = 20
_ANY_DAY = date(2000, 1, 3)


def read_calendar(document: object) -> Calendar:
    """The calendar that `document` says.

    Raises: InvalidInput with the field (`shifts.1.starts`), its value and the fix.
    """
    whole = _mapping("calendar", document, _KEYS)
    shifts = [_shift(f"shifts.{at}", each) for at, each in enumerate(_list("shifts", whole, 2), start=1)]
    by_code = {each.code: each for each in shifts}
    if len(shifts) != 2 or set(by_code) != {"D", "N"}:
        raise _wrong("shifts", whole.get("shifts"), "one shift D and one shift N", "D와 N 교대 하나씩")
    if by_code["D"].starts == by_code["N"].starts:
        raise _wrong(
            "shifts", shifts[1].starts.isoformat("minutes"), "two different times", "서로 다른 시작 시각"
        )
    holidays, extra = _days("holidays", whole), _days("extra_working_days", whole)
    if both := sorted(holidays & extra):
        raise _wrong(
            "extra_working_days",
            both[0].isoformat(),
            "a day that is no holiday too",
            "휴일과 겹치지 않는 날짜",
        )
    calendar = Calendar(_zone(whole), by_code["D"], by_code["N"], _weekdays(whole), holidays, extra)
    for at, each in enumerate(shifts, start=1):
        _check_within(f"shifts.{at}", calendar, each)
    return calendar


def calendar_document(calendar: Calendar) -> dict[str, Any]:
    """`calendar` as a document. Its days have no names: those are in the plant's own document alone."""
    return {
        "zone": calendar.zone.key,
        "shifts": [_shift_document(calendar.day), _shift_document(calendar.night)],
        "working_days": [WEEKDAYS[each] for each in sorted(calendar.working_weekdays)],
        "holidays": [{"date": each.isoformat(), "name": ""} for each in sorted(calendar.holidays)],
        "extra_working_days": [
            {"date": each.isoformat(), "name": ""} for each in sorted(calendar.extra_working_days)
        ],
    }


def _shift_document(shift: ShiftTimes) -> dict[str, Any]:
    said: dict[str, Any] = {"code": shift.code, "starts": shift.starts.isoformat("minutes")}
    if shift.ends is not None:
        said["ends"] = shift.ends.isoformat("minutes")
    said["is_worked"] = shift.is_worked
    said["breaks"] = [
        {"starts": each.starts.isoformat("minutes"), "minutes": int(each.length / timedelta(minutes=1))}
        for each in shift.breaks
    ]
    return said


def _shift(field: str, raw: object) -> ShiftTimes:
    said = _mapping(field, raw, frozenset({"code", "starts", "ends", "is_worked", "breaks"}))
    code, is_worked = said.get("code"), said.get("is_worked", True)
    if code not in ("D", "N"):
        raise _wrong(f"{field}.code", code, '"D" or "N"', '"D" 또는 "N"')
    if not isinstance(is_worked, bool):
        raise _wrong(f"{field}.is_worked", is_worked, "true or false", "true 또는 false")
    ends = said.get("ends")
    breaks = _list("breaks", said, _MOST_BREAKS, within=f"{field}.")
    return ShiftTimes(
        code,
        _clock(f"{field}.starts", said.get("starts")),
        None if ends is None else _clock(f"{field}.ends", ends),
        tuple(_break(f"{field}.breaks.{at}", each) for at, each in enumerate(breaks, start=1)),
        is_worked,
    )


def _break(field: str, raw: object) -> Break:
    said = _mapping(field, raw, frozenset({"starts", "minutes"}))
    minutes = said.get("minutes")
    if isinstance(minutes, bool) or not isinstance(minutes, int) or not 1 <= minutes <= 720:
        raise _wrong(f"{field}.minutes", minutes, "whole minutes, 1 to 720", "1~720 사이의 정수(분)")
    return Break(_clock(f"{field}.starts", said.get("starts")), timedelta(minutes=minutes))


def _check_within(field: str, calendar: Calendar, own: ShiftTimes) -> None:
    """The shift ends before the other begins, and its breaks lie in it and apart, by the wall clock."""
    other = calendar.night if own.code == "D" else calendar.day
    until = _minutes_after(own.starts, other.starts)
    ends = until if own.ends is None else _minutes_after(own.starts, own.ends)
    if not 0 < ends <= until:
        raise _wrong(
            f"{field}.ends",
            own.ends and own.ends.isoformat("minutes"),
            f"a time up to {other.starts:%H:%M}, when the other shift begins",
            f"다른 교대가 시작되는 {other.starts:%H:%M} 이전의 시각",
        )
    free_from = 0
    for pause in sorted(own.breaks, key=lambda each: _minutes_after(own.starts, each.starts) % 1440):
        begins = _minutes_after(own.starts, pause.starts) % 1440
        after = begins + int(pause.length / timedelta(minutes=1))
        if begins < free_from or after > ends:
            raise _wrong(
                f"{field}.breaks",
                pause.starts.isoformat("minutes"),
                "breaks within the shift that do not overlap",
                "교대 시간 안에서 서로 겹치지 않는 휴식",
            )
        free_from = after


def _minutes_after(begins: time, clock: time) -> int:
    """From `begins` to `clock` on the wall, 1 to 1440."""
    between = datetime.combine(_ANY_DAY, clock) - datetime.combine(_ANY_DAY, begins)
    return int(between / timedelta(minutes=1)) % 1440 or 1440


def _zone(whole: Mapping[str, Any]) -> ZoneInfo:
    name = whole.get("zone")
    if not isinstance(name, str) or len(name) > 60:
        raise _wrong_zone(name)
    try:
        return _zone_named(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise _wrong_zone(name) from error


@functools.lru_cache(maxsize=16)
def _zone_named(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def _wrong_zone(name: object) -> InvalidInput:
    return _wrong("zone", name, "an IANA zone such as Asia/Seoul", "Asia/Seoul 같은 IANA 시간대")


def _weekdays(whole: Mapping[str, Any]) -> frozenset[int]:
    said = _list("working_days", whole, len(WEEKDAYS))
    unknown = [each for each in said if each not in WEEKDAYS]
    if unknown or len(set(said)) != len(said):
        raise _wrong(
            "working_days",
            unknown[0] if unknown else said,
            f"each of {', '.join(WEEKDAYS)} at most once",
            f"{', '.join(WEEKDAYS)} 중에서 한 번씩",
        )
    return frozenset(WEEKDAYS.index(each) for each in said)


def _days(name: str, whole: Mapping[str, Any]) -> frozenset[date]:
    found: Counter[date] = Counter()
    for at, raw in enumerate(_list(name, whole, _MOST_DAYS), start=1):
        field = f"{name}.{at}"
        said = _mapping(field, raw, frozenset({"date", "name"}))
        label = said.get("name", "")
        if not isinstance(label, str) or len(label) > 100:
            raise _wrong(f"{field}.name", label, "text of at most 100 characters", "100자 이하의 문자열")
        day = _date(f"{field}.date", said.get("date"))
        found[day] += 1
        if found[day] > 1:
            raise _wrong(f"{field}.date", day.isoformat(), "each day once", "날짜마다 한 번씩")
    return frozenset(found)


def _date(field: str, raw: object) -> date:
    try:
        day = date.fromisoformat(raw) if isinstance(raw, str) and len(raw) == 10 else None
    except ValueError:
        day = None
    if day is None or not 2000 <= day.year <= 2099:
        raise _wrong(field, raw, "a date such as 2025-10-03", "2025-10-03 형식의 날짜")
    return day


def _clock(field: str, raw: object) -> time:
    if not isinstance(raw, str) or not _CLOCK.fullmatch(raw):
        raise _wrong(field, raw, "plant time such as 08:00", "08:00 형식의 시각")
    return time.fromisoformat(raw)


def _mapping(field: str, raw: object, keys: frozenset[str]) -> Mapping[str, Any]:
    if not isinstance(raw, Mapping):
        raise _wrong(field, raw, f"an object with {', '.join(sorted(keys))}", "객체")
    if unknown := sorted(set(raw) - keys):
        raise _wrong(
            f"{field}.{unknown[0]}", raw[unknown[0]], f"only {', '.join(sorted(keys))}", "정해진 항목만"
        )
    return raw


def _list(name: str, whole: Mapping[str, Any], most: int, *, within: str = "") -> list[Any]:
    raw = whole.get(name, [])
    if not isinstance(raw, list) or len(raw) > most:
        raise _wrong(f"{within}{name}", raw, f"a list of at most {most}", f"{most}개 이하의 목록")
    return raw


def _wrong(field: str, value: object, needs: str, needs_ko: str) -> InvalidInput:
    said = shown(value)
    return invalid(
        field,
        said,
        Words(f"{field} is {said!r}", f"{field} 값: {said!r}"),
        Words(f"Give {needs}", f"{needs_ko}을(를) 입력하세요"),
        code="CALENDAR_INVALID",
    )

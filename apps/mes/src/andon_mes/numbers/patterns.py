"""Numbers of lots and serials: written and read by a pattern, which is data of the product model.

A pattern is text with fields in braces: {plant}, {date8} (YYYYMMDD), {date6} (YYMMDD), {shift},
{seq:N} (the lot's sequence) and {unit:N} (the place in the lot), N digits at least.
"""

import functools
import re
from dataclasses import dataclass
from datetime import date, datetime

from andon_mes.kernel.errors import Words, invalid

LOT_PATTERN = "FN-{plant}-{date8}-{shift}-{seq:6}"
SERIAL_PATTERN = "FN-{plant}-{date6}{shift}-{seq:3}-{unit:4}"

_FIELD = re.compile(r"\{(plant|date8|date6|shift|seq|unit)(?::(\d))?\}")
_DATE_FORMATS = {"date8": "%Y%m%d", "date6": "%y%m%d"}
_LONGEST = 50
_MOST_DIGITS = 9  # a counter stays below a thousand million


@dataclass(frozen=True, slots=True)
class LotKey:
    """What a lot number says: the plant, the production date, the shift (D or N) and the sequence in them."""

    plant: str
    on: date
    shift: str
    sequence: int


@dataclass(frozen=True, slots=True)
class SerialKey:
    """What a serial number says: its lot, and its place in it, from 1."""

    lot: LotKey
    place: int


def lot_number(key: LotKey, pattern: str = LOT_PATTERN) -> str:
    """The number of the lot `key`."""
    return _write(pattern, key, place=0)


def serial_number(key: SerialKey, pattern: str = SERIAL_PATTERN) -> str:
    """The number of the serial `key`."""
    return _write(pattern, key.lot, place=key.place)


def parse_lot(number: str, pattern: str = LOT_PATTERN) -> LotKey:
    """What `number` says.

    Raises: InvalidInput when it is not of the pattern or holds a date that is none.
    """
    return _read(number, pattern, field="lot_number")[0]


def parse_serial(number: str, pattern: str = SERIAL_PATTERN) -> SerialKey:
    """What `number` says.

    Raises: InvalidInput when it is not of the pattern or holds a date that is none.
    """
    key, place = _read(number, pattern, field="serial_number")
    return SerialKey(key, place)


def _write(pattern: str, key: LotKey, *, place: int) -> str:
    def value(match: re.Match[str]) -> str:
        name, digits = match.group(1), int(match.group(2) or 1)
        if name in _DATE_FORMATS:
            return key.on.strftime(_DATE_FORMATS[name])
        if name in {"seq", "unit"}:
            return f"{key.sequence if name == 'seq' else place:0{digits}d}"
        return key.plant if name == "plant" else key.shift

    return _FIELD.sub(value, pattern)


@functools.lru_cache(maxsize=64)
def _expression(pattern: str) -> re.Pattern[str]:
    pieces: list[str] = []
    at = 0
    for match in _FIELD.finditer(pattern):
        pieces.append(re.escape(pattern[at : match.start()]))
        name, digits = match.group(1), match.group(2) or "1"
        form = {"plant": "[A-Z0-9]{1,10}", "date8": "[0-9]{8}", "date6": "[0-9]{6}", "shift": "[DN]"}
        pieces.append(f"(?P<{name}>{form.get(name, f'[0-9]{{{digits},{_MOST_DIGITS}}}')})")
        at = match.end()
    return re.compile("".join([*pieces, re.escape(pattern[at:])]))


def _read(number: str, pattern: str, *, field: str) -> tuple[LotKey, int]:
    found = _expression(pattern).fullmatch(number) if len(number) <= _LONGEST else None
    on = _date_of(found) if found else None
    if found is None or on is None:
        example = _write(pattern, LotKey("KR", date(2025, 11, 10), "D", 1), place=1)
        raise invalid(
            field,
            number[:_LONGEST],
            Words(
                f"{number[:_LONGEST]!r} is not such a number",
                f"{number[:_LONGEST]!r}은(는) 올바른 번호가 아닙니다",
            ),
            Words(
                f"Scan the label again; a number looks like {example}",
                f"라벨을 다시 스캔하세요. 예: {example}",
            ),
            code="NUMBER_MALFORMED",
        )
    said = found.groupdict()
    key = LotKey(said["plant"], on, said["shift"], int(said.get("seq") or 0))
    return key, int(said.get("unit") or 0)


def _date_of(found: re.Match[str]) -> date | None:
    name = next(name for name in _DATE_FORMATS if name in found.groupdict())
    try:
        return datetime.strptime(found[name], _DATE_FORMATS[name]).date()  # noqa: DTZ007  a date has no zone
    except ValueError:
        return None

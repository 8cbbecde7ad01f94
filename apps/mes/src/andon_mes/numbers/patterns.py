"""Numbers of lots and serials: written and read by a pattern, which is data of the product model.

A pattern is text with fields in braces: {plant}, {date8} (YYYYMMDD), {date6} (YYMMDD, of this century),
{shift}, {seq:N} (the lot's sequence) and {unit:N} (the place in the lot), N digits at least. Which patterns
are legal, so that no two things get one number and each number is read back: `pattern_rules.py`.
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
_CENTURY = {"date8": "", "date6": "20"}
LONGEST = 50
"""Characters of a number, at most."""

MOST_DIGITS = 9
"""Of a sequence: a counter stays below a thousand million."""


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


def pieces(pattern: str) -> list[tuple[str, str | None]]:
    """The pieces of `pattern` in order: ("", text), or (name of a field, its digits)."""
    found: list[tuple[str, str | None]] = []
    at = 0
    for match in _FIELD.finditer(pattern):
        if match.start() > at:
            found.append(("", pattern[at : match.start()]))
        found.append((match.group(1), match.group(2)))
        at = match.end()
    return [*found, ("", pattern[at:])] if at < len(pattern) else found


def lot_part(serial_pattern: str) -> str:
    """What of a serial's pattern says its lot, `FN-{plant}-{date6}{shift}-{seq:3}`; or itself."""
    before = serial_pattern[: serial_pattern.find("{unit")].rstrip("-")
    return before if {"{plant}", "{shift}"} <= set(re.findall(r"\{[a-z]+\}", before)) else serial_pattern


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
    forms = {"plant": "[A-Z0-9]{1,10}", "date8": "[0-9]{8}", "date6": "[0-9]{6}", "shift": "[DN]"}
    written = []
    for name, said in pieces(pattern):
        if name:
            form = forms.get(name, f"[0-9]{{{said or 1},{MOST_DIGITS}}}")
            written.append(f"(?P<{name}>{form})")
        else:
            written.append(re.escape(said or ""))
    return re.compile("".join(written))


def _read(number: str, pattern: str, *, field: str) -> tuple[LotKey, int]:
    found = _expression(pattern).fullmatch(number) if len(number) <= LONGEST else None
    on = _date_of(found) if found else None
    if found is None or on is None:
        example = _write(pattern, LotKey("KR", date(2025, 11, 10), "D", 1), place=1)
        raise invalid(
            field,
            number[:LONGEST],
            Words(
                f"{number[:LONGEST]!r} is not such a number",
                f"{number[:LONGEST]!r}은(는) 올바른 번호가 아닙니다",
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
        written = _CENTURY[name] + found[name]
        return datetime.strptime(written, "%Y%m%d").date()  # noqa: DTZ007  a date has no zone
    except ValueError:
        return None

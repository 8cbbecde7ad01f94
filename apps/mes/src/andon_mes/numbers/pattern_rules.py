"""Which patterns a product model may have: their numbers are unique, fit, and say what they were made of.

A number is read from left to right. A field of fixed length ends by itself; one that may grow (the plant,
a sequence) must be followed by a character that it cannot hold, so that there is one way to read it.
"""

import itertools
from collections import Counter
from collections.abc import Sequence
from datetime import date

from andon_mes.kernel.errors import InvalidInput, Words, invalid
from andon_mes.numbers.patterns import (
    LONGEST,
    MOST_DIGITS,
    LotKey,
    SerialKey,
    lot_part,
    parse_lot,
    parse_serial,
    pieces,
    serial_number,
)

SHORTEST_SERIAL = 10
"""Characters of a serial number, at least: stations refuse shorter ones (docs/design/mes.md, rule 10)."""

_LETTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
_DIGITS = frozenset("0123456789")
_TEXT = _LETTERS | _DIGITS | {"-"}
_HOLDS = {"plant": _LETTERS | _DIGITS, "seq": _DIGITS, "unit": _DIGITS}
_BEGINS = {"plant": _LETTERS | _DIGITS, "shift": frozenset("DN")}
_LENGTHS = {"plant": (1, 10), "date8": (8, 8), "date6": (6, 6), "shift": (1, 1)}
_FIELDS = "{plant}, {date8}, {date6}, {shift}, {seq:N}, {unit:N}"
_ONE_DAY = date(2025, 11, 10)


def check_pattern(field: str, pattern: str, *, is_serial: bool) -> None:
    """Whether a product model may have `pattern` as its `field`.

    Raises: InvalidInput (PATTERN_INVALID) with the fix.
    """
    found = pieces(pattern)
    _check_fields(field, pattern, found, is_serial=is_serial)
    _check_text(field, pattern, found)
    _check_one_reading(field, pattern, found)
    shortest, longest = (sum(_length(piece)[end] for piece in found) for end in (0, 1))
    if longest > LONGEST or (is_serial and shortest < SHORTEST_SERIAL):
        least = SHORTEST_SERIAL if is_serial else 1
        raise _illegal(
            field,
            pattern,
            Words(
                f"Its numbers have {shortest} to {longest} characters",
                f"번호 길이가 {shortest}~{longest}자입니다",
            ),
            Words(f"Make it {least} to {LONGEST}", f"{least}~{LONGEST}자가 되도록 하세요"),
        )


def read_number(number: str, patterns: Sequence[tuple[str, str]]) -> LotKey | SerialKey | None:
    """What `number` says, as a lot's or a serial's; None when it is neither.

    `patterns` are those of the product models, (lot, serial). A lot may also be written as its serials write
    it (FN-KR-251110D-001), and any sequence with more zeros than its pattern: what another system exported
    is read in either form (docs/design/mes.md, rule 1).
    """
    for lot, serial in patterns:
        for pattern, is_serial in ((serial, True), (lot, False), (lot_part(serial), False)):
            try:
                return parse_serial(number, pattern) if is_serial else parse_lot(number, pattern)
            except InvalidInput:
                continue
    return None


def example(serial_pattern: str) -> str:
    """A serial number of the pattern, for a person to see."""
    return serial_number(SerialKey(LotKey("KR", _ONE_DAY, "D", 1), 1), serial_pattern)


def _check_fields(field: str, pattern: str, found: list[tuple[str, str | None]], *, is_serial: bool) -> None:
    names = Counter(name for name, _ in found if name)
    needed = ["plant", "shift", "seq", *(["unit"] if is_serial else [])]
    missing = [name for name in needed if name not in names]
    if not names.keys() & {"date8", "date6"}:
        missing.append("date8")
    surplus = [name for name, count in names.items() if count > 1]
    if names.keys() >= {"date8", "date6"}:
        surplus.append("date6")
    if "unit" in names and not is_serial:
        surplus.append("unit")
    if missing:
        listed = ", ".join(f"{{{name}}}" for name in missing)
        raise _illegal(
            field,
            pattern,
            Words("Two things would get one number", "서로 다른 대상이 같은 번호를 갖게 됩니다"),
            Words(f"Add {listed}", f"{listed}을(를) 추가하세요"),
        )
    if surplus:
        raise _illegal(
            field,
            pattern,
            Words("A field stands in it that cannot", "사용할 수 없는 필드가 있습니다"),
            Words(f"Take out {{{surplus[0]}}}", f"{{{surplus[0]}}}을(를) 빼세요"),
        )


def _check_text(field: str, pattern: str, found: list[tuple[str, str | None]]) -> None:
    for name, said in found:
        foreign = sorted(set(said or "") - _TEXT) if not name else []
        if foreign:
            raise _illegal(
                field,
                pattern,
                Words(f"It holds {foreign[0]!r}", f"{foreign[0]!r} 문자가 있습니다"),
                Words(
                    f"Use capital letters, digits, hyphens and {_FIELDS}",
                    f"대문자, 숫자, 하이픈과 {_FIELDS}만 사용하세요",
                ),
            )
        if name in {"seq", "unit"} and said == "0":
            raise _illegal(
                field,
                pattern,
                Words("A sequence has no digits", "일련번호의 자릿수가 0입니다"),
                Words(f"Write {{{name}:1}} to {{{name}:9}}", f"{{{name}:1}}~{{{name}:9}}로 쓰세요"),
            )
        if name not in {"", "seq", "unit"} and said is not None:
            raise _illegal(
                field,
                pattern,
                Words(f"{{{name}}} has digits", f"{{{name}}}에 자릿수가 있습니다"),
                Words(f"Write {{{name}}}", f"{{{name}}}로 쓰세요"),
            )


def _check_one_reading(field: str, pattern: str, found: list[tuple[str, str | None]]) -> None:
    for (name, _), (after, said) in itertools.pairwise(found):
        begins = frozenset((said or "")[:1]) if not after else _BEGINS.get(after, _DIGITS)
        if name in _HOLDS and _HOLDS[name] & begins:
            raise _illegal(
                field,
                pattern,
                Words(
                    f"Where {{{name}}} ends cannot be told",
                    f"{{{name}}}이(가) 어디서 끝나는지 알 수 없습니다",
                ),
                Words("Put a hyphen behind it", "뒤에 하이픈을 넣으세요"),
            )


def _length(piece: tuple[str, str | None]) -> tuple[int, int]:
    name, said = piece
    if not name:
        return len(said or ""), len(said or "")
    return _LENGTHS.get(name, (int(said or 1), MOST_DIGITS))


def _illegal(field: str, pattern: str, detail: Words, fix: Words) -> InvalidInput:
    return invalid(field, pattern, detail, fix, code="PATTERN_INVALID")

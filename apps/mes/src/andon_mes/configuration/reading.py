"""Raw values, from JSON or a file, made the values of a row's fields; what cannot be is said in words.

Nothing is guessed: text is no number, a number no truth value. What people type into a sheet is brought into
shape before it comes here (workbook.py).
"""

import copy
import functools
import json
import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, assert_never

from andon_mes.configuration.model import (
    Choice,
    Document,
    Field,
    Finding,
    Flag,
    Form,
    Group,
    Instant,
    Number,
    Reference,
    Row,
    Shape,
    Table,
    Text,
    Whole,
)
from andon_mes.kernel.errors import Words, shown

_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
_BREAKS = re.compile(r"[\t\n\x85\u2028\u2029]")
_LONGEST_CODE = 100
_CODE = Text(_LONGEST_CODE, r"[^\s/].*")
_DEEPEST = 16
_LONGEST_DOCUMENT = 30_000
_GREATEST = 2**53
_NOTHING = object()


class _Unusable(Exception):
    """A value that a field cannot hold: what the field needs, in two languages, and where within it."""

    def __init__(self, needs: str, needs_ko: str, *, at: str = "", value: object = _NOTHING) -> None:
        super().__init__(needs)
        self.needs, self.needs_ko, self.at, self.value = needs, needs_ko, at, value

    def within(self, at: str, value: object) -> "_Unusable":
        """The same, of the part `at` of a greater value."""
        inner = f"{at}.{self.at}" if self.at else at
        return _Unusable(
            self.needs, self.needs_ko, at=inner, value=value if self.value is _NOTHING else self.value
        )


def read_row(shape: Shape, raw: Mapping[str, Any]) -> tuple[Row, list[Finding]]:
    """The whole row that `raw` says, with defaults where it says nothing; and all that is wrong with it."""
    row: Row = {}
    found = unknown_fields(shape, raw)
    for field in shape.fields:
        try:
            row[field.name] = _value(field, raw.get(field.name))
        except _Unusable as error:
            found.append(_finding(shape, raw, field, raw.get(field.name), error))
    return row, found


def read_change(shape: Shape, raw: Mapping[str, Any]) -> tuple[Row, list[Finding]]:
    """Only the fields that `raw` says, and all that is wrong with them. A row's key never changes."""
    row: Row = {}
    found = unknown_fields(shape, raw)
    for field in shape.fields:
        if field.name not in raw:
            continue
        value = raw[field.name]
        try:
            row[field.name] = _value(replace(field, is_required=not field.is_nullable), value)
        except _Unusable as error:
            found.append(_finding(shape, raw, field, value, error))
    return row, found


def unknown_fields(shape: Shape, raw: Mapping[str, Any]) -> list[Finding]:
    """What `raw` says that a row of `shape` does not have."""
    names = [each.name for each in shape.fields]
    listed = ", ".join(names)
    return [
        Finding(
            shape.kind,
            _key(shape, raw),
            str(name)[:_LONGEST_CODE],
            shown(raw[name]),
            Words(
                f"{shape.kind} has no field {str(name)[:_LONGEST_CODE]!r}",
                f"{shape.kind}에 {str(name)[:_LONGEST_CODE]!r} 항목이 없습니다",
            ),
            Words(
                f"Leave it out or correct its name; the fields are {listed}",
                f"항목을 빼거나 이름을 고치세요. 가능한 항목: {listed}",
            ),
            "UNKNOWN_FIELD",
        )
        for name in raw
        if name not in names
    ]


def _key(shape: Shape, raw: Mapping[str, Any]) -> tuple[str | None, ...]:
    said = (raw.get(name) for name in shape.key)
    return tuple(each[:_LONGEST_CODE] if isinstance(each, str) else None for each in said)


def _finding(shape: Shape, raw: Mapping[str, Any], field: Field, value: object, error: _Unusable) -> Finding:
    name = f"{field.name}.{error.at}" if error.at else field.name
    said = shown(value if error.value is _NOTHING else error.value)
    return Finding(
        shape.kind,
        _key(shape, raw),
        name,
        said,
        Words(f"{name} is {said!r}", f"{name} 값: {said!r}"),
        Words(f"Give {error.needs}", f"{error.needs_ko}을(를) 입력하세요"),
    )


def _value(field: Field, raw: Any) -> Any:
    if raw is None:
        if field.is_required:
            raise _Unusable("a value", "값")
        return copy.copy(field.default)
    return _read(field.form, raw)


def _read(form: Form, raw: Any) -> Any:
    match form:
        case Group():
            values = _object(form.fields, raw)
            return values if any(value is not None for value in values.values()) else None
        case Table():
            return _table(form, raw)
        case Document():
            return _document(form, raw)
        case Instant():
            return _instant(raw)
        case Text() | Reference() | Whole() | Number() | Flag() | Choice():
            return _scalar(form, raw)
        case _:
            assert_never(form)


def _scalar(form: Text | Reference | Whole | Number | Flag | Choice, raw: Any) -> Any:
    match form:
        case Text():
            return _text(form, raw)
        case Reference():
            return _text(_CODE, raw)
        case Whole():
            return _whole(form, raw)
        case Number():
            return _number(form, raw)
        case Flag():
            if not isinstance(raw, bool):
                raise _Unusable("true or false", "true 또는 false")
            return raw
        case Choice():
            if not isinstance(raw, str) or raw not in form.words:
                listed = ", ".join(form.words)
                raise _Unusable(f"one of {listed}", f"{listed} 중 하나")
            return raw
        case _:
            assert_never(form)


def _text(form: Text, raw: Any) -> str:
    if not isinstance(raw, str):
        raise _Unusable("text", "문자열")
    text = raw.replace("\r\n", "\n") if form.has_lines else raw.strip()
    if len(text) > form.most or not text.strip():
        raise _Unusable(f"1 to {form.most} characters", f"1~{form.most}자")
    if _CONTROLS.search(text) or (not form.has_lines and _BREAKS.search(text)):
        raise _Unusable("text without control characters", "제어 문자가 없는 문자열")
    if form.form and not _form(form.form).fullmatch(text):
        raise _Unusable(f"text of the form {form.form}", f"{form.form} 형식의 문자열")
    return text


@functools.cache
def _form(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def _whole(form: Whole, raw: Any) -> int:
    if isinstance(raw, bool) or not isinstance(raw, int) or not form.least <= raw <= form.most:
        raise _Unusable(
            f"a whole number, {form.least} to {form.most}", f"{form.least}~{form.most} 사이의 정수"
        )
    return raw


def _number(form: Number, raw: Any) -> float:
    if (
        isinstance(raw, bool)
        or not isinstance(raw, int | float)
        or not abs(raw) < _GREATEST
        or not math.isfinite(raw)
    ):
        raise _Unusable("a finite number", "유한한 숫자")
    if form.is_positive and raw <= 0:
        raise _Unusable("a number above 0", "0보다 큰 숫자")
    return float(raw) + 0.0  # -0.0 is 0.0


def _instant(raw: Any) -> datetime:
    value = raw
    if isinstance(raw, str):
        try:
            value = datetime.fromisoformat(raw)
        except ValueError:
            value = None
    if not isinstance(value, datetime) or value.tzinfo is None or not 2000 < value.year < 2099:
        raise _Unusable(
            "a time with its zone, such as 2026-03-31T18:00:00+09:00",
            "2026-03-31T18:00:00+09:00처럼 시간대가 있는 시각",
        )
    return value.astimezone(UTC).replace(microsecond=0)


def _document(form: Document, raw: Any) -> dict[str, Any]:
    if not isinstance(raw, dict):
        raise _Unusable("an object", "객체")
    if not is_plain(raw, may_be_null=form.is_schema):
        raise _Unusable(
            "an object of texts, finite numbers, true and false, at most 16 levels deep",
            "문자열, 유한한 숫자, true/false로만 된 16단계 이하의 객체",
        )
    if len(json.dumps(raw, ensure_ascii=False)) > _LONGEST_DOCUMENT:
        raise _Unusable(f"at most {_LONGEST_DOCUMENT} characters", f"{_LONGEST_DOCUMENT}자 이하")
    return raw


def is_plain(value: Any, *, may_be_null: bool, levels: int = _DEEPEST) -> bool:
    """Whether `value` is of texts, finite numbers, truth values, lists and objects, and not too deep."""
    if isinstance(value, str):
        return not _CONTROLS.search(value)
    if value is None:
        return may_be_null
    if isinstance(value, bool):
        return True
    if isinstance(value, int | float):
        return abs(value) < _GREATEST
    if levels == 0:
        return False
    deeper: Callable[[Iterable[Any]], bool] = lambda inner: all(  # noqa: E731  said twice below
        is_plain(each, may_be_null=may_be_null, levels=levels - 1) for each in inner
    )
    if isinstance(value, dict):
        return all(_is_name(key) for key in value) and deeper(value.values())
    return isinstance(value, list) and deeper(value)


def _is_name(key: object) -> bool:
    return isinstance(key, str) and 0 < len(key) <= _LONGEST_CODE and not _CONTROLS.search(key)


def _object(fields: tuple[Field, ...], raw: Any) -> dict[str, Any]:
    if not isinstance(raw, Mapping):
        raise _Unusable("an object", "객체")
    names = {each.name for each in fields}
    for name in raw:
        if name not in names:
            listed = ", ".join(each.name for each in fields)
            at = str(name)[:_LONGEST_CODE]
            raise _Unusable(f"only {listed}", f"{listed}만", at=at, value=raw[name])
    values = {}
    for field in fields:
        try:
            values[field.name] = _value(field, raw.get(field.name))
        except _Unusable as error:
            raise error.within(field.name, raw.get(field.name)) from error
    return values


def _table(form: Table, raw: Any) -> list[dict[str, Any]]:
    if not isinstance(raw, list) or len(raw) > form.most:
        raise _Unusable(f"a list of at most {form.most} objects", f"{form.most}개 이하의 객체 목록")
    values = []
    for at, each in enumerate(raw, start=1):
        try:
            values.append(_object(form.fields, each))
        except _Unusable as error:
            raise error.within(str(at), each) from error
    return values

"""Templates of labels: text with placeholders, and nothing that runs. Pure.

A placeholder is a name in braces, `{serial}`; `{{` and `}}` are braces. In ZPL it stands in the data of a
field (`^FD ... ^FS`) only, and what it stands for is written there as `^FH` asks: no value can be a command.
A PDF template is a layout in JSON, in millimetres from the top left corner:

    {"width": 60, "height": 30, "elements": [
        {"text": "{serial}", "x": 3, "y": 8, "size": 9, "bold": true},
        {"datamatrix": "{datamatrix}", "x": 42, "y": 4, "side": 14},
        {"line": [3, 24, 57, 24]}]}
"""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from andon_mes.kernel.errors import InvalidInput, Words, invalid
from andon_mes.labels.model import PLACEHOLDERS, LabelKind, Values

_TOKEN = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
_FIELD = re.compile(r"\^FD(.*?)(?=\^FS|\^XZ|\Z)", re.DOTALL | re.IGNORECASE)
_HEX = re.compile(r"\^FH(?P<sign>[^\^~\s])?", re.IGNORECASE)
_PLAIN = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 -./:+,()")
_LONGEST_SIDE = 300
_MOST_ELEMENTS = 100
_OF_SYMBOL = frozenset({"datamatrix", "x", "y", "side"})
_OF_TEXT = frozenset({"text", "x", "y", "size", "bold", "width"})


@dataclass(frozen=True, slots=True)
class TextElement:
    """A line of text whose base is at `y`; it is made smaller where it is wider than `width`."""

    text: str
    x: float
    y: float
    size: float
    is_bold: bool
    width: float


@dataclass(frozen=True, slots=True)
class SymbolElement:
    """A Data Matrix with its quiet zone, of `side` millimetres, whose top left corner is at x, y."""

    text: str
    x: float
    y: float
    side: float


@dataclass(frozen=True, slots=True)
class LineElement:
    """A thin line."""

    x: float
    y: float
    to_x: float
    to_y: float


Element = TextElement | SymbolElement | LineElement


@dataclass(frozen=True, slots=True)
class Layout:
    """A label on paper; everything in millimetres, sizes of text in points."""

    width: float
    height: float
    elements: tuple[Element, ...]


def check_template(kind: LabelKind, body: str) -> None:
    """Raises: InvalidInput (LABEL_PLACEHOLDER_UNKNOWN with its name, LABEL_TEMPLATE_INVALID)."""
    blank = dict.fromkeys(PLACEHOLDERS, "X")
    if kind is LabelKind.ZPL:
        render_zpl(body, blank)
    else:
        lay_out(body, blank)


def fill(text: str, values: Values) -> str:
    """`text` with its placeholders filled. Raises: InvalidInput as `check_template`."""

    def filled(token: re.Match[str]) -> str:
        whole, name = token.group(0), token.group(1)
        if whole in {"{{", "}}"}:
            return whole[0]
        if name is None:
            raise _wrong("body", text, "A brace stands alone; write it twice", "중괄호가 짝이 맞지 않습니다")
        if name not in values:
            raise _unknown(name)
        return values[name]

    return _TOKEN.sub(filled, text)


def render_zpl(body: str, values: Values) -> str:
    """The template as it is sent to the printer. Raises: InvalidInput as `check_template`."""
    if "^XA" not in body.upper() or "^XZ" not in body.upper():
        raise _wrong("body", body, "A ZPL label begins with ^XA and ends with ^XZ", "^XA와 ^XZ가 필요합니다")
    done, at = [], 0
    for field in _FIELD.finditer(body):
        between = body[at : field.start()]
        _require_no_placeholder(between)
        done.append(_unbraced(between) + _field(field.group(1), between, values))
        at = field.end()
    _require_no_placeholder(body[at:])
    return "".join(done) + _unbraced(body[at:])


def lay_out(body: str, values: Values) -> Layout:
    """The template as what is to be drawn. Raises: InvalidInput as `check_template`."""
    try:
        document = json.loads(body)
    except ValueError as error:
        raise _wrong("body", body, "A layout is JSON", "PDF 서식은 JSON이어야 합니다") from error
    if not isinstance(document, Mapping) or not isinstance(document.get("elements"), list):
        raise _wrong("body", body, "It has width, height, elements", "width, height, elements가 필요합니다")
    width = _number(document, "width", "body", (5, _LONGEST_SIDE))
    height = _number(document, "height", "body", (5, _LONGEST_SIDE))
    if len(document["elements"]) > _MOST_ELEMENTS:
        raise _wrong("body.elements", None, "A label has at most 100 elements", "요소는 최대 100개입니다")
    elements = tuple(
        _element(each, f"body.elements.{at}", (width, height), values)
        for at, each in enumerate(document["elements"])
    )
    return Layout(width, height, elements)


def _field(data: str, before: str, values: Values) -> str:
    """A field's data with its values as hexadecimal where they could be taken for commands."""
    if not _has_placeholder(data):
        return f"^FD{_unbraced(data)}"
    asked = list(_HEX.finditer(before[max(before.upper().rfind("^FS"), 0) :]))
    sign = (asked[-1].group("sign") or "_") if asked else "_"
    safe = {name: _escaped(value, sign) for name, value in values.items()}
    if asked:
        return f"^FD{fill(data, safe)}"
    return f"^FH^FD{fill(_outside(data), safe)}"


def _outside(data: str) -> str:
    """The template's own underscores as hexadecimal, those of its placeholders' names as they are."""
    done, at = [], 0
    for token in _TOKEN.finditer(data):
        done += [data[at : token.start()].replace("_", "_5F"), token.group(0)]
        at = token.end()
    return "".join(done) + data[at:].replace("_", "_5F")


def _escaped(value: str, sign: str) -> str:
    return "".join(
        chr(byte) if byte in _PLAIN and chr(byte) != sign else f"{sign}{byte:02X}" for byte in value.encode()
    )


def _has_placeholder(text: str) -> bool:
    return any(each.group(1) is not None for each in _TOKEN.finditer(text))


def _require_no_placeholder(text: str) -> None:
    for token in _TOKEN.finditer(text):
        if token.group(1) is not None:
            raise _wrong(
                "body",
                token.group(0),
                "A placeholder stands in the data of a field only, between ^FD and ^FS",
                "자리표시자는 ^FD와 ^FS 사이에만 쓸 수 있습니다",
            )


def _unbraced(text: str) -> str:
    return fill(text, {})


def _element(document: object, where: str, size: tuple[float, float], values: Values) -> Element:
    if not isinstance(document, Mapping):
        raise _wrong(where, document, "An element is an object", "요소는 JSON 객체여야 합니다")
    if "line" in document:
        return _line(document, where, size)
    _require_fields(document, where)
    width, height = size
    x, y = _number(document, "x", where, (0, width)), _number(document, "y", where, (0, height))
    if "datamatrix" in document:
        side = _number(document, "side", where, (4, min(width - x, height - y)))
        return SymbolElement(fill(_text(document, "datamatrix", where), values), x, y, side)
    return TextElement(
        fill(_text(document, "text", where), values),
        x,
        y,
        _number(document, "size", where, (3, 100), default=8),
        document.get("bold") is True,
        _number(document, "width", where, (1, width - x), default=width - x),
    )


def _line(document: Mapping[str, Any], where: str, size: tuple[float, float]) -> LineElement:
    ends = document["line"]
    if not isinstance(ends, list) or len(ends) != 4 or set(document) != {"line"}:
        raise _wrong(f"{where}.line", ends, "A line is [x, y, to_x, to_y]", "line은 [x, y, to_x, to_y]입니다")
    named = dict(zip(("x", "y", "to_x", "to_y"), ends, strict=True))
    found = [_number(named, name, where, (0, size[name.endswith("y")])) for name in named]
    return LineElement(*found)


def _require_fields(document: Mapping[str, Any], where: str) -> None:
    known = _OF_SYMBOL if "datamatrix" in document else _OF_TEXT
    for name in document:
        if name not in known:
            listed = ", ".join(sorted(known))
            raise _wrong(f"{where}.{name}", document[name], f"Known are {listed}", f"사용 가능: {listed}")


def _text(document: Mapping[str, Any], name: str, where: str) -> str:
    value = document.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= 200:
        raise _wrong(f"{where}.{name}", value, "It is text of 1 to 200 characters", "1~200자여야 합니다")
    return value


def _number(
    document: Mapping[str, Any],
    name: str,
    where: str,
    within: tuple[float, float],
    *,
    default: float | None = None,
) -> float:
    value = document.get(name, default)
    least, most = within
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise _wrong(f"{where}.{name}", value, "It is a number", "숫자여야 합니다")
    if not least <= value <= most:
        raise _wrong(
            f"{where}.{name}", value, f"It is from {least:g} to {most:g}", f"{least:g}~{most:g}이어야 합니다"
        )
    return float(value)


def _unknown(name: str) -> InvalidInput:
    known = ", ".join(PLACEHOLDERS)
    return invalid(
        "body",
        f"{{{name}}}",
        Words(f"There is no placeholder {{{name}}}", f"자리표시자 {{{name}}}이(가) 없습니다"),
        Words(f"Use one of: {known}", f"다음 중 하나를 사용하세요: {known}"),
        code="LABEL_PLACEHOLDER_UNKNOWN",
    )


def _wrong(field: str, value: object, en: str, ko: str) -> InvalidInput:
    return invalid(
        field,
        value,
        Words(en, ko),
        Words("Correct the label template", "라벨 서식을 수정하세요"),
        code="LABEL_TEMPLATE_INVALID",
    )

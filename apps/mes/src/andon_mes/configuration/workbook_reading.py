"""A workbook that somebody edited, read as a configuration: cells made the values of fields, places kept."""

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from andon_mes.configuration.files import Source, unreadable
from andon_mes.configuration.model import (
    Choice,
    Document,
    Field,
    Flag,
    Form,
    Group,
    Instant,
    Kind,
    Number,
    Reference,
    Shape,
    Table,
    Text,
    Whole,
)
from andon_mes.configuration.settings_sheet import grown
from andon_mes.configuration.shapes import SHAPES
from andon_mes.configuration.workbook import ABOUT, SETTINGS
from andon_mes.configuration.workbook_cells import Sheet, read_sheets
from andon_mes.kernel.errors import InvalidInput


def read(content: bytes, zone: ZoneInfo) -> Source:
    """The workbook as a document whose places are cells. Dates that Excel keeps without a zone are in `zone`.

    Raises: InvalidInput when it is no workbook, or holds a formula, with the sheet and cell.
    """
    sheets = read_sheets(content)
    document: dict[str, Any] = {"format": _format(sheets)}
    for name, sheet in sheets.items():
        if name in set(Kind):
            document[name] = _rows(SHAPES[Kind(name)], sheets, sheet, zone)
        elif name == SETTINGS:
            document[name] = grown(sheet)
        elif name != ABOUT and name.partition(".")[0] not in set(Kind):
            document[name] = []
    return Source(document, _Cells(sheets).locate)


def _format(sheets: Mapping[str, Sheet]) -> Any:
    about = sheets.get(ABOUT)
    return about.first_row[1] if about is not None and about.first_row[:1] == ["format"] else None


def _rows(shape: Shape, sheets: Mapping[str, Sheet], sheet: Sheet, zone: ZoneInfo) -> list[dict[str, Any]]:
    forms = dict(_forms(tuple(each for each in shape.fields if not isinstance(each.form, Table))))
    rows = [
        _grouped(shape, {name: typed(forms.get(name), value, zone) for name, value in row.items()})
        for row in sheet.rows
    ]
    for field in shape.fields:
        inner = sheets.get(f"{shape.kind}.{field.name}")
        if isinstance(field.form, Table):
            if inner is None:
                raise _no_sheet(f"{shape.kind}.{field.name}")
            _put_in(shape, field, rows, inner, zone)
    return rows


def _forms(fields: tuple[Field, ...], prefix: str = "") -> Iterator[tuple[str, Form]]:
    for field in fields:
        if isinstance(field.form, Group):
            yield from _forms(field.form.fields, f"{field.name}.")
        elif isinstance(field.form, Table):
            yield from _forms(field.form.fields)
        else:
            yield prefix + field.name, field.form


def _grouped(shape: Shape, row: dict[str, Any]) -> dict[str, Any]:
    groups = {field.name for field in shape.fields if isinstance(field.form, Group)}
    made: dict[str, Any] = {}
    for name, value in row.items():
        head, dot, tail = name.partition(".")
        if dot and head in groups:
            if value is not None:
                made.setdefault(head, {})[tail] = value
        else:
            made[name] = value
    return {name: value for name, value in made.items() if value is not None}


def _put_in(shape: Shape, field: Field, rows: list[dict[str, Any]], inner: Sheet, zone: ZoneInfo) -> None:
    """Give each row its list; lines whose row is not there go to a row of their own, which then says so."""
    forms = dict(_forms((field,))) | {name: Text(100) for name in shape.key}
    by_key = {tuple(row.get(name) for name in shape.key): row for row in rows}
    for line in inner.rows:
        said = {name: typed(forms.get(name), value, zone) for name, value in line.items()}
        key = tuple(said.pop(name, None) for name in shape.key)
        owner = by_key.get(key)
        if owner is None:
            owner = by_key[key] = dict(zip(shape.key, key, strict=True))
            rows.append(owner)
        owner.setdefault(field.name, []).append(
            {name: each for name, each in said.items() if each is not None}
        )


def typed(form: Form | None, value: Any, zone: ZoneInfo) -> Any:
    """What a person typed into a cell as the form has it, where Excel keeps it in another way."""
    if isinstance(value, str) and not value.strip():
        return None
    match form:
        case Text() | Reference() | Choice() if isinstance(value, int | float) and not isinstance(
            value, bool
        ):
            return str(int(value)) if float(value).is_integer() else repr(value)
        case Whole() if isinstance(value, float) and value.is_integer():
            return int(value)
        case Number() if isinstance(value, str):
            return _number(value)
        case Flag() if isinstance(value, str) and value.strip().lower() in {"true", "false"}:
            return value.strip().lower() == "true"
        case Instant() if isinstance(value, datetime) and value.tzinfo is None:
            return value.replace(tzinfo=zone)
        case Document() if isinstance(value, str):
            return _json(value)
        case _:
            return value


def _number(text: str) -> Any:
    try:
        return float(text)
    except ValueError:
        return text


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _no_sheet(name: str) -> InvalidInput:
    return unreadable(
        f"The sheet {name} is missing",
        f"{name} 시트가 없습니다",
        "Put it back, also if it is empty",
        "빈 시트라도 두세요",
    )


class _Cells:
    """In which cell a field is."""

    def __init__(self, sheets: Mapping[str, Sheet]) -> None:
        self._sheets = sheets

    def locate(self, kind: Kind | None, row: int, field: str) -> str:
        """`processes!D4`, as near as it can be told."""
        if kind is None:
            return f"sheet {SETTINGS}, {field}"
        sheet = self._sheets[kind]
        if row >= len(sheet.rows):
            return f"sheet {kind}"
        head, _, rest = field.partition(".")
        at, _, inner_field = rest.partition(".")
        inner = self._sheets.get(f"{kind}.{head}")
        if inner is not None and at.isdigit():
            key = [sheet.rows[row].get(name) for name in SHAPES[kind].key]
            lines = [
                number
                for number, line in enumerate(inner.rows)
                if [line.get(name) for name in SHAPES[kind].key] == key
            ]
            if int(at) <= len(lines):
                return inner.cell(lines[int(at) - 1], inner_field)
        return sheet.cell(row, field if field in sheet.columns else head)

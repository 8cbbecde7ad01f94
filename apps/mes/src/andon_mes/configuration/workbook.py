"""The configuration as an XLSX workbook, for who lives in Excel: the same content is the same bytes.

A sheet for each kind, a row for each row; a list within a row (the route, the bill of materials) has a sheet
of its own, `product_models.bom`, whose first columns say the row that it belongs to. Row 2 explains row 1.
It is read in workbook_reading.py.
"""

import io
import json
import re
import zipfile
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from andon_mes.configuration.files import FORMAT, pruned
from andon_mes.configuration.model import (
    Document,
    Field,
    Group,
    Plant,
    Row,
    Shape,
    Table,
)
from andon_mes.configuration.settings_sheet import flat
from andon_mes.configuration.shapes import SHAPES

if TYPE_CHECKING:
    from openpyxl.worksheet.worksheet import Worksheet

ABOUT = "read me"
SETTINGS = "settings"
_SETTING_COLUMNS = ("setting", "path", "type", "value")
_EPOCH = datetime(2000, 1, 1)  # noqa: DTZ001  a workbook's own times have no zone
_SAVED_AT = re.compile(rb"(<dcterms:modified[^>]*>)[^<]*")
_ZIP_TIME = (1980, 1, 1, 0, 0, 0)
_SAYS = (
    ("format", FORMAT),
    (
        "",
        "The configuration of a plant. Change rows; andon-mes import FILE --dry-run shows the plan.",
    ),
    ("", "All of it is taken or nothing. A row that is taken out is deactivated (a qualification ends)."),
    ("", "A sheet that is taken out stays as it is; an empty cell has its default. Formulas are not read."),
    (
        "",
        "공장 설정입니다. andon-mes import FILE --dry-run으로 변경 내용을 확인하세요. 수식은 쓸 수 없습니다.",
    ),
)


def render(plant: Plant) -> bytes:
    """`plant` as a workbook."""
    from openpyxl import Workbook  # here: a tenth of a second that serving does not need

    book = Workbook()
    about = book.active
    assert about is not None
    about.title = ABOUT
    for line in _SAYS:
        about.append(list(line))
    about.column_dimensions["B"].width = 110
    for kind, shape in SHAPES.items():
        if kind in plant.rows:
            _write_kind(book, shape, list(plant.of(kind).values()))
    if plant.settings:
        rows = [
            {"setting": name, "path": path, "type": word, "value": value}
            for name, document in sorted(plant.settings.items())
            for path, word, value in flat(pruned(document))
        ]
        _fill(book.create_sheet(SETTINGS), _SETTING_COLUMNS, dict.fromkeys(_SETTING_COLUMNS, ""), rows)
    book.properties.creator = "andon-mes"
    book.properties.created = book.properties.modified = _EPOCH
    written = io.BytesIO()
    book.save(written)
    return _same_bytes(written)


def _same_bytes(written: io.BytesIO) -> bytes:
    """The same archive without the times at which its parts were written."""
    result = io.BytesIO()
    with zipfile.ZipFile(written) as before, zipfile.ZipFile(result, "w", zipfile.ZIP_DEFLATED) as after:
        for name in sorted(before.namelist()):
            content = _SAVED_AT.sub(rb"\g<1>2000-01-01T00:00:00Z", before.read(name))
            after.writestr(zipfile.ZipInfo(name, _ZIP_TIME), content, zipfile.ZIP_DEFLATED)
    return result.getvalue()


def _write_kind(book: Any, shape: Shape, rows: list[Row]) -> None:
    abouts = dict(_columns(shape.fields))
    flattened = [dict(_cells(shape.fields, row)) for row in rows]
    _fill(book.create_sheet(shape.kind), tuple(abouts), abouts, flattened)
    for field in shape.fields:
        if isinstance(field.form, Table):
            inner = dict.fromkeys(shape.key, "of which row") | dict(_columns(field.form.fields))
            lines = [
                {name: row[name] for name in shape.key} | dict(_cells(field.form.fields, each))
                for row in rows
                for each in row[field.name] or []
            ]
            _fill(book.create_sheet(f"{shape.kind}.{field.name}"), tuple(inner), inner, lines)


def _columns(fields: tuple[Field, ...], prefix: str = "") -> Iterator[tuple[str, str]]:
    for field in fields:
        if isinstance(field.form, Group):
            yield from _columns(field.form.fields, f"{field.name}.")
        elif not isinstance(field.form, Table):
            needs = "*" if field.is_required else ""
            yield prefix + field.name, f"{needs}{field.about} / {field.about_ko}"


def _cells(fields: tuple[Field, ...], row: Row, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for field in fields:
        value = row[field.name]
        if isinstance(field.form, Group):
            yield from _cells(
                field.form.fields,
                value or dict.fromkeys(each.name for each in field.form.fields),
                f"{field.name}.",
            )
        elif isinstance(field.form, Document):
            yield prefix + field.name, json.dumps(value, ensure_ascii=False, sort_keys=True)
        elif not isinstance(field.form, Table):
            yield prefix + field.name, value


def _fill(
    sheet: "Worksheet", columns: tuple[str, ...], abouts: Mapping[str, str], rows: list[dict[str, Any]]
) -> None:
    from openpyxl.styles import Alignment, Font, PatternFill
    from openpyxl.utils import get_column_letter

    sheet.append(list(columns))
    sheet.append([f"# {abouts[columns[0]]}", *(abouts[name] for name in columns[1:])])
    for at, row in enumerate(rows, start=3):
        for number, name in enumerate(columns, start=1):
            _write(sheet, at, number, row.get(name))
    for number, name in enumerate(columns, start=1):
        sheet.cell(1, number).font = Font(bold=True, color="FFFFFF")
        sheet.cell(1, number).fill = PatternFill("solid", fgColor="1F3A5F")
        sheet.cell(2, number).font = Font(italic=True, color="808080")
        sheet.cell(2, number).alignment = Alignment(wrap_text=True, vertical="top")
        longest = max([len(name), *(len(str(row.get(name) or "")) for row in rows)])
        sheet.column_dimensions[get_column_letter(number)].width = min(max(longest + 3, 12), 60)
    sheet.freeze_panes = "A3"


def _write(sheet: "Worksheet", row: int, column: int, value: Any) -> None:
    if value is None:
        return
    cell = sheet.cell(row, column)
    if isinstance(value, datetime):
        cell.value = value.replace(microsecond=0).isoformat()
    elif isinstance(value, str) or (isinstance(value, float) and float(f"{value:.16g}") != value):
        cell.value = str(value)
        cell.data_type = "s"  # never a formula, whatever it begins with
    else:
        cell.value = value

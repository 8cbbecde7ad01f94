"""A report as an Excel workbook, written row by row: typed cells, a frozen heading, a sheet about itself."""

import re
from collections.abc import Iterable
from datetime import datetime
from typing import IO, Any

from andon_mes.exports.model import Column, Head, Kind, Row, Value, said

_FORMATS = {
    Kind.COUNT: "#,##0",
    Kind.PERCENT: "0.00",
    Kind.SECONDS: "0.0##",
    Kind.DATE: "yyyy-mm-dd",
    Kind.INSTANT: "yyyy-mm-dd hh:mm:ss",
}
_NOT_IN_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_LONGEST = 32_767
"""Characters in a cell."""


def write(head: Head, rows: Iterable[Row], file: IO[bytes]) -> None:
    """A sheet of rows and a sheet about them. Excel knows no zones: instants are in plant time."""
    from openpyxl import Workbook  # here: a second of start-up that scanning does not need
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.styles import Font
    from openpyxl.utils import get_column_letter

    book = Workbook(write_only=True)
    sheet = book.create_sheet(head.table.name)
    sheet.freeze_panes = "A2"
    for number, column in enumerate(head.table.columns, start=1):
        sheet.column_dimensions[get_column_letter(number)].width = column.width + 2

    def cell_of(value: Value, number_format: str | None = None, *, is_bold: bool = False) -> Any:
        cell = WriteOnlyCell(sheet, value=_plain(value, head))  # type: ignore[arg-type]  # dates too
        if isinstance(value, str):
            cell.data_type = "s"  # never a formula or an error, whatever it looks like
        if number_format is not None and value is not None:
            cell.number_format = number_format
        if is_bold:
            cell.font = Font(bold=True)
        return cell

    sheet.append([cell_of(each, is_bold=True) for each in head.headings()])
    formats = [_format(each) for each in head.table.columns]
    for row in rows:
        sheet.append([cell_of(value, form) for value, form in zip(row, formats, strict=True)])
    about = book.create_sheet("정보" if head.language == "ko" else "About")
    about.append([cell_of(said(head.table.title, head.language), is_bold=True)])
    for label, value in head.lines():
        about.append([cell_of(label), cell_of(value)])
    book.save(file)


def _format(column: Column) -> str | None:
    return _FORMATS.get(column.kind)


def _plain(value: Value, head: Head) -> Value:
    if isinstance(value, datetime):
        return value.astimezone(head.zone).replace(tzinfo=None)
    if isinstance(value, str):
        return _NOT_IN_XML.sub("�", value)[:_LONGEST]
    return value

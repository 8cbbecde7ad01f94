"""The cells of a workbook that somebody sent, read with care: bounded, without formulas, without entities."""

import io
import re
import struct
import zipfile
import zlib
from collections import Counter
from dataclasses import dataclass
from typing import Any

from andon_mes.configuration.files import MOST_ROWS, unreadable
from andon_mes.kernel.errors import InvalidInput

MOST_BYTES = 16 * 1024 * 1024
_MOST_UNPACKED = 64 * 1024 * 1024
_MOST_PARTS = 300
_MOST_COLUMNS = 100
_HEAD_ROWS = 2
_ENTITY = re.compile(rb"<!\s*(DOCTYPE|ENTITY)", re.IGNORECASE)
_BROKEN = (
    ValueError, KeyError, TypeError, IndexError, AttributeError, OSError, EOFError, SyntaxError,
    OverflowError, RecursionError, NotImplementedError, RuntimeError, zipfile.BadZipFile, zlib.error,
    struct.error,
)  # fmt: skip
"""What readers of archives, XML and sheets raise on bytes that are none."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """A sheet: its rows by the names in its first row, and where they stand. `first_row` is as it is."""

    name: str
    columns: dict[str, str]
    rows: list[dict[str, Any]]
    numbers: list[int]
    first_row: list[Any]

    def cell(self, row: int, column: str) -> str:
        """`processes!D4`; only the row where there is no such column."""
        letter = self.columns.get(column)
        return (
            f"{self.name}!{letter}{self.numbers[row]}" if letter else f"{self.name}, row {self.numbers[row]}"
        )


def read_sheets(content: bytes) -> dict[str, Sheet]:
    """The sheets by their names, in order.

    Raises: InvalidInput when it is no workbook, too large once unpacked, or holds what cannot be read.
    """
    _check_archive(content)
    try:
        return _sheets(content)
    except InvalidInput:
        raise
    except _BROKEN as error:
        why = f"{type(error).__name__}: {error}"[:150]
        raise _no_workbook(why) from error


def _check_archive(content: bytes) -> None:
    if len(content) > MOST_BYTES:
        raise _too_large(len(content))
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            parts = archive.infolist()
            size = sum(part.file_size for part in parts)
            if size > _MOST_UNPACKED or len(parts) > _MOST_PARTS:
                raise _too_large(size)
            if any(part.flag_bits & 1 for part in parts):
                raise _no_workbook("it is protected by a password")
            names = {part.filename for part in parts}
            if len(names) != len(parts) or "xl/workbook.xml" not in names:
                raise _no_workbook("it has no sheets")
            for part in parts:
                if part.filename.endswith((".xml", ".rels")) and _ENTITY.search(archive.read(part)):
                    raise _no_workbook("it declares entities")
    except InvalidInput:
        raise
    except _BROKEN as error:
        raise _no_workbook(f"{type(error).__name__}: {error}"[:150]) from error


def _sheets(content: bytes) -> dict[str, Sheet]:
    from openpyxl import load_workbook  # here: a tenth of a second that serving does not need

    book = load_workbook(io.BytesIO(content), read_only=True, data_only=False, keep_links=False)
    try:
        return {sheet.title: _sheet(sheet) for sheet in book.worksheets}
    finally:
        book.close()


def _sheet(sheet: Any) -> Sheet:
    from openpyxl.utils import get_column_letter

    columns: dict[str, str] = {}
    rows: list[dict[str, Any]] = []
    numbers: list[int] = []
    first: list[Any] = []
    names: list[str | None] = []
    if any(cell.value is not None for row in sheet.iter_rows(max_row=1) for cell in row[_MOST_COLUMNS:]):
        raise _bad_cell(
            f"{sheet.title}, row 1", f"it has more than {_MOST_COLUMNS} columns", "열이 너무 많습니다"
        )
    cells = sheet.iter_rows(max_row=MOST_ROWS + _HEAD_ROWS + 1, max_col=_MOST_COLUMNS)
    for number, row in enumerate(cells, start=1):
        values = [_value(sheet.title, number, at, cell) for at, cell in enumerate(row, start=1)]
        if number == 1:
            first = values
            names = _names(sheet.title, values)
            columns = {name: get_column_letter(at) for at, name in enumerate(names, start=1) if name}
            continue
        if all(value is None for value in values) or (
            number == _HEAD_ROWS and str(values[0]).startswith("#")
        ):
            continue
        if len(rows) >= MOST_ROWS:
            raise _too_many(sheet.title)
        rows.append(_named(sheet.title, number, names, values))
        numbers.append(number)
    return Sheet(sheet.title, columns, rows, numbers, first)


def _names(title: str, values: list[Any]) -> list[str | None]:
    names = [str(value).strip() if value is not None else None for value in values]
    if title != "read me":
        for name, count in Counter(filter(None, names)).items():
            if count > 1:
                raise _bad_cell(
                    f"{title}, row 1", f"the column {name[:50]!r} stands there twice", "열 이름이 중복됩니다"
                )
    return names


def _named(title: str, number: int, names: list[str | None], values: list[Any]) -> dict[str, Any]:
    from openpyxl.utils import get_column_letter

    row: dict[str, Any] = {}
    for at, value in enumerate(values):
        name = names[at] if at < len(names) else None
        if name is not None:
            row[name] = value
        elif value is not None and title != "read me":
            where = f"{title}!{get_column_letter(at + 1)}{number}"
            raise _bad_cell(where, "its column has no name in row 1", "1행에 열 이름이 없습니다")
    return row


def _value(title: str, number: int, column: int, cell: Any) -> Any:
    from openpyxl.utils import get_column_letter

    value = cell.value
    if cell.data_type in {"f", "e"} or not (
        value is None or isinstance(value, str | int | float) or hasattr(value, "year")
    ):
        where = f"{title}!{get_column_letter(column)}{number}"
        raise _bad_cell(where, "a formula or an error stands there", "수식 또는 오류 값이 있습니다")
    if isinstance(value, str):
        value = value.replace("\r\n", "\n")
        return value if value.strip() else None
    return value


def _bad_cell(where: str, why: str, why_ko: str) -> InvalidInput:
    return unreadable(
        f"{where}: {why[:150]}",
        f"{where}: {why_ko}",
        "Write values alone, in named columns",
        "값만 입력하세요",
    )


def _no_workbook(why: str) -> InvalidInput:
    return unreadable(
        f"It is no XLSX workbook: {why}",
        f"XLSX 파일이 아닙니다: {why}",
        "Save it as .xlsx",
        ".xlsx로 저장하세요",
    )


def _too_large(size: int) -> InvalidInput:
    return unreadable(
        f"It has {size} bytes unpacked",
        f"압축을 풀면 {size}바이트입니다",
        "Take out what is not needed",
        "필요 없는 내용을 빼세요",
    )


def _too_many(title: str) -> InvalidInput:
    return unreadable(
        f"The sheet {title} has more than {MOST_ROWS} rows",
        f"{title} 시트가 {MOST_ROWS}행을 넘습니다",
        "Split it",
        "나누세요",
    )

"""A report as a file: written whole before its first byte leaves, so that an error is an answer."""

import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import IO

from andon_mes.exports import form_csv, form_json, form_pdf, form_xlsx
from andon_mes.exports.model import Form, Head, Row
from andon_mes.kernel.errors import Words, invalid

MOST_ROWS = {Form.JSON: 200_000, Form.CSV: 200_000, Form.XLSX: 50_000, Form.PDF: 5_000}
"""Rows of one report. XLSX takes a second for about four thousand, PDF for two; nobody prints more."""

MEDIA_TYPES = {
    Form.JSON: "application/json",
    Form.CSV: "text/csv; charset=utf-8",
    Form.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    Form.PDF: "application/pdf",
}
_WRITERS = {
    Form.JSON: form_json.write,
    Form.CSV: form_csv.write,
    Form.XLSX: form_xlsx.write,
    Form.PDF: form_pdf.write,
}
_CHUNK = 65_536


@dataclass(frozen=True, slots=True)
class Written:
    """A report on the disk, where nobody else finds it; it is gone when `chunks` has given it all."""

    file: IO[bytes]
    size_bytes: int

    def chunks(self) -> Iterator[bytes]:
        """The bytes, once."""
        with self.file:
            while chunk := self.file.read(_CHUNK):
                yield chunk


def write(head: Head, rows: Iterable[Row], form: Form) -> Written:
    """Write the report. Memory does not grow with its rows.

    Raises: InvalidInput (REPORT_TOO_LARGE) when there are more rows than the form takes.
    """
    file = tempfile.TemporaryFile(prefix="andon-mes-report-")  # noqa: SIM115  closed by whoever sends it
    is_whole = False
    try:
        _WRITERS[form](head, _upto(rows, MOST_ROWS[form], form), file)
        size = file.tell() if form is not Form.XLSX else file.seek(0, 2)
        file.seek(0)
        is_whole = True
    finally:
        if not is_whole:
            file.close()
    return Written(file, size)


def _upto(rows: Iterable[Row], most: int, form: Form) -> Iterator[Row]:
    for number, row in enumerate(rows):
        if number == most:
            raise _too_large(form, most)
        yield row


def _too_large(form: Form, most: int) -> Exception:
    return invalid(
        "to",
        form,
        Words(
            f"The report has more than {most:,} rows, the most for {form}",
            f"보고서가 {form} 형식의 한도인 {most:,}행을 넘습니다",
        ),
        Words(
            "Ask for fewer days, for one process or product model, or for CSV, which takes the most",
            "기간을 줄이거나 공정·제품 모델을 지정하거나, 한도가 가장 큰 CSV로 받으세요",
        ),
        code="REPORT_TOO_LARGE",
    )

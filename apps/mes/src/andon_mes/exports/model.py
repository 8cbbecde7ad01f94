"""What a report is: its columns, what was asked of it, and the rows that are shares of others. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from enum import StrEnum

from andon_mes.kernel.errors import Words

Value = str | int | float | date | datetime | None
"""What stands in a cell: unknown is None in every form. An instant is aware."""

Row = tuple[Value, ...]


class Kind(StrEnum):
    """How a column is written."""

    TEXT = "text"
    COUNT = "count"
    PERCENT = "percent"
    SECONDS = "seconds"
    DATE = "date"
    INSTANT = "instant"


class Form(StrEnum):
    """The forms of a report."""

    JSON = "json"
    CSV = "csv"
    XLSX = "xlsx"
    PDF = "pdf"


class Language(StrEnum):
    """The languages of headings."""

    EN = "en"
    KO = "ko"


@dataclass(frozen=True, slots=True)
class Column:
    """One column. `width` is in characters of the default font."""

    key: str
    kind: Kind
    heading: Words
    width: int = 12

    def name(self, language: Language) -> str:
        """The heading in that language."""
        return said(self.heading, language)


@dataclass(frozen=True, slots=True)
class Table:
    """One report: its name in addresses, its title and its columns."""

    name: str
    title: Words
    columns: tuple[Column, ...]


@dataclass(frozen=True, slots=True)
class Head:
    """What a report says of itself."""

    table: Table
    language: Language
    zone: tzinfo
    plant: str
    first: date | None
    last: date | None
    filters: Mapping[str, str]
    made_at: datetime

    def headings(self) -> list[str]:
        """The headings of the columns; instants name the plant's zone where they are written without it."""
        return [each.name(self.language) for each in self.table.columns]

    def lines(self) -> list[tuple[str, str]]:
        """What stands above or beside the rows: label and value."""
        period = [(_say("Production dates", "생산일", self.language), f"{self.first} ... {self.last}")]
        return [
            (_say("Plant", "공장", self.language), self.plant),
            *(period if self.first is not None else []),
            *((name, value) for name, value in self.filters.items()),
            (_say("Made at", "작성 시각", self.language), self.local(self.made_at)),
            (_say("Times", "시각 기준", self.language), str(self.zone)),
        ]

    def local(self, instant: datetime) -> str:
        """An instant in plant time, for reading."""
        return instant.astimezone(self.zone).strftime("%Y-%m-%d %H:%M:%S")


def said(words: Words, language: Language) -> str:
    """`words` in `language`."""
    return words.ko if language is Language.KO else words.en


def _say(en: str, ko: str, language: Language) -> str:
    return said(Words(en, ko), language)


def with_shares(counts: Sequence[int]) -> Iterator[tuple[int, float | None, float | None]]:
    """Each count with its share of all and the cumulative one, in percent with two decimals."""
    total, upto = sum(counts), 0
    for count in counts:
        upto += count
        shares = (round(100 * count / total, 2), round(100 * upto / total, 2)) if total else (None, None)
        yield count, *shares

"""What a label is made of: a template, and the values that its placeholders stand for."""

from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from enum import StrEnum

Values = dict[str, str]


class LabelKind(StrEnum):
    """In which language a template is written: of Zebra printers, or as a layout in JSON for PDF."""

    ZPL = "ZPL"
    PDF = "PDF"


@dataclass(frozen=True, slots=True)
class Template:
    """How a label looks. `product_model` None is for every model."""

    code: str
    kind: LabelKind
    body: str
    product_model: str | None


@dataclass(frozen=True, slots=True)
class Subject:
    """The serial that a label is for. `copies` says how often this template was printed for it before."""

    serial_id: int
    serial_number: str
    checksum: str
    sequence_in_lot: int
    status: str
    lot_number: str
    plant_code: str
    shift: str
    production_date: date
    product_model: str
    model_name: str
    model_name_ko: str | None
    copies: int


SAMPLE = Subject(
    0,
    "FN-KR-251110D-001-0001",
    "7Q",
    1,
    "CREATED",
    "FN-KR-20251110-D-000001",
    "KR",
    "D",
    date(2025, 11, 10),
    "NH-F2X-001",
    "F2X Wearable Robot Standard",
    "F2X 웨어러블 로봇 표준형",
    0,
)
"""What a preview shows where no serial is named."""


def values_of(subject: Subject, at: datetime, zone: tzinfo) -> Values:
    """What each placeholder stands for; `at` is when it is printed, shown in the plant's `zone`."""
    return {
        "serial": subject.serial_number,
        "checksum": subject.checksum,
        "datamatrix": f"{subject.serial_number} {subject.checksum}",
        "lot": subject.lot_number,
        "sequence": str(subject.sequence_in_lot),
        "plant": subject.plant_code,
        "shift": subject.shift,
        "date": subject.production_date.isoformat(),
        "model": subject.product_model,
        "model_name": subject.model_name,
        "model_name_ko": subject.model_name_ko or subject.model_name,
        "printed_at": at.astimezone(zone).strftime("%Y-%m-%d %H:%M"),
    }


PLACEHOLDERS = (
    "serial",
    "checksum",
    "datamatrix",
    "lot",
    "sequence",
    "plant",
    "shift",
    "date",
    "model",
    "model_name",
    "model_name_ko",
    "printed_at",
)
"""What a template may name in braces."""

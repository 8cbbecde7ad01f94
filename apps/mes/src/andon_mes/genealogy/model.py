"""What a birth certificate is made of: the rows about one serial."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

Row = dict[str, Any]

FORMAT = "andon-mes/birth-certificate/1"


@dataclass(frozen=True, slots=True)
class Record:
    """Everything in the database about one serial, in one consistent view; rows in the order they came."""

    serial: Row
    attempts: tuple[Row, ...]
    limits: dict[str, tuple[Row, ...]]
    components: tuple[Row, ...]
    inside_of: tuple[Row, ...]
    defects: tuple[Row, ...]
    reworks: tuple[Row, ...]
    labels: tuple[Row, ...]
    history: tuple[Row, ...]
    recalls: tuple[Row, ...]
    contested: tuple[Row, ...]
    last_record: int | None
    seal: Row | None


@dataclass(frozen=True, slots=True)
class Issued:
    """Which release issues the certificate, when, and for which plant; `zone` is its IANA name."""

    release: str
    at: datetime
    plant_code: str
    zone: str

"""A bill of materials, what was put into a serial, and what a station scans."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from andon_mes.components.pattern import is_pattern
from andon_mes.kernel.errors import InvalidInput, Words, invalid
from andon_mes.lots.model import LotStatus
from andon_mes.serials.model import SerialStatus

_LONGEST_NAME = 50
_LONGEST_PATTERN = 200
_MOST = 1_000_000
_FIELDS = frozenset({"component", "process", "kind", "quantity", "pattern", "required"})


class Kind(StrEnum):
    """How a component is known: each piece by a number of its own, or a quantity out of a lot."""

    SERIAL = "SERIAL"
    LOT = "LOT"


@dataclass(frozen=True, slots=True)
class BomItem:
    """One component of a product model, put in at `process`; `pattern` is that of its number."""

    component: str
    process: str
    kind: Kind
    quantity: float
    pattern: str | None = None
    is_required: bool = True


@dataclass(frozen=True, slots=True)
class Use:
    """A component that is, or was, in a serial."""

    id: int
    component: str
    component_serial: str | None
    component_lot: str | None
    quantity: float
    removed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Scan:
    """What a station says was put in. `quantity` None is all that is still missing of a lot; 1 of a serial.

    `replaces` is the use that comes out for it, with the `reason`.
    """

    component: str
    component_serial: str | None = None
    component_lot: str | None = None
    quantity: float | None = None
    replaces: int | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Holder:
    """The serial that takes the component."""

    serial_number: str
    status: SerialStatus
    lot_number: str
    lot: LotStatus


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """What is known of a component's serial number beside this serial.

    `is_in` is the other serial that holds it. Where the number is one of this MES, `status` is its state and
    `contains_holder` says that the taker is, at any depth, inside of it. `recall` is the open recall of this
    very serial or lot number.
    """

    is_in: str | None = None
    status: SerialStatus | None = None
    contains_holder: bool = False
    recall: str | None = None


@dataclass(frozen=True, slots=True)
class Missing:
    """A required component of which less is there than the bill of materials says."""

    item: BomItem
    found: float


@dataclass(frozen=True, slots=True)
class Take:
    """It may be: book `quantity`, and take out the use `removes` first where one is named."""

    scan: Scan
    quantity: float
    removes: int | None = None


def bom_of(document: object) -> tuple[BomItem, ...]:
    """The bill of materials in a product model's `bom`.

    Raises: InvalidInput that names the item and its field, when a person has written what cannot be used.
    """
    if not isinstance(document, list):
        raise _wrong("bom", document, "It is a list of components", "구성품의 목록이어야 합니다")
    items = tuple(_item(each, f"bom.{at}") for at, each in enumerate(document))
    names = [each.component for each in items]
    for at, name in enumerate(names):
        if name in names[:at]:
            raise _wrong(
                f"bom.{at}.component", name, "Each component stands there once", "구성품은 한 번만 적습니다"
            )
    return items


def missing(bom: Sequence[BomItem], uses: Sequence[Use], process: str) -> tuple[Missing, ...]:
    """What `process` must still put in, of all that is required of it; nothing when it may pass."""
    return tuple(
        Missing(item, found)
        for item in bom
        if item.process == process
        and item.is_required
        and not _is_enough(found := found_of(item, uses), item.quantity)
    )


def found_of(item: BomItem, uses: Sequence[Use]) -> float:
    """How much of the component is in the serial now."""
    return math.fsum(
        each.quantity for each in uses if each.component == item.component and each.removed_at is None
    )


def _is_enough(found: float, wanted: float) -> bool:
    return found >= wanted or math.isclose(found, wanted, rel_tol=1e-9)


def _item(document: object, where: str) -> BomItem:
    if not isinstance(document, Mapping):
        raise _wrong(where, document, "A component is an object", "구성품은 JSON 객체여야 합니다")
    for field in document:
        if field not in _FIELDS:
            raise _wrong(
                f"{where}.{field}",
                document[field],
                f"Known are {', '.join(sorted(_FIELDS))}",
                "없는 항목입니다",
            )
    kind = document.get("kind", Kind.SERIAL)
    if kind not in set(Kind):
        raise _wrong(f"{where}.kind", kind, "It is SERIAL or LOT", "SERIAL 또는 LOT이어야 합니다")
    return BomItem(
        component=_name(document, "component", where),
        process=_name(document, "process", where),
        kind=Kind(kind),
        quantity=_quantity(document.get("quantity", 1), Kind(kind), where),
        pattern=_pattern(document.get("pattern"), where),
        is_required=_yes_or_no(document.get("required", True), where),
    )


def _name(document: Mapping[str, Any], field: str, where: str) -> str:
    value = document.get(field)
    if not isinstance(value, str) or not 0 < len(value.strip()) <= _LONGEST_NAME:
        raise _wrong(
            f"{where}.{field}",
            value,
            f"It is text of 1 to {_LONGEST_NAME} characters",
            "1~50자의 문자열이어야 합니다",
        )
    return value


def _quantity(value: object, kind: Kind, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= _MOST:
        raise _wrong(f"{where}.quantity", value, "It is a number above 0", "0보다 큰 숫자여야 합니다")
    if kind is Kind.SERIAL and value != int(value):
        raise _wrong(f"{where}.quantity", value, "Serials are counted whole", "시리얼 수량은 정수여야 합니다")
    return float(value)


def _pattern(value: object, where: str) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or len(value) > _LONGEST_PATTERN or not is_pattern(value):
        raise _wrong(
            f"{where}.pattern",
            value,
            "It is a regular expression of at most 200 characters, without look-around or references back",
            "전후방 탐색과 역참조가 없는 200자 이하의 정규식이어야 합니다",
        )
    return value


def _yes_or_no(value: object, where: str) -> bool:
    if not isinstance(value, bool):
        raise _wrong(f"{where}.required", value, "It is true or false", "true 또는 false여야 합니다")
    return value


def _wrong(field: str, value: object, en: str, ko: str) -> InvalidInput:
    return invalid(
        field,
        value,
        Words(en, ko),
        Words("Correct the bill of materials", "자재명세서를 수정하세요"),
        code="BOM_INVALID",
    )

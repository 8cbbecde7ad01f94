"""Limits on measurements: a part passes when its station says so and its numbers agree.

docs/design/mes.md, rule 11.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from andon_mes.kernel.errors import InvalidInput, Words, invalid, shown
from andon_mes.processes import units


@dataclass(frozen=True, slots=True)
class Characteristic:
    """A measurement of a process with its limits, inclusive, in `unit`; None is no limit on that side."""

    name: str
    unit: str
    lower: float | None
    upper: float | None
    defect_code: str


@dataclass(frozen=True, slots=True)
class Breach:
    """A measurement outside its limits; `value` is in the characteristic's unit."""

    characteristic: Characteristic
    value: float

    def as_document(self) -> dict[str, object]:
        """What is stored and answered."""
        known = self.characteristic
        return {
            "name": known.name,
            "value": round(self.value, 6),
            "unit": known.unit,
            "lower": known.lower,
            "upper": known.upper,
            "defect_code": known.defect_code,
        }


def breaches(data: Mapping[str, Any], characteristics: Sequence[Characteristic]) -> list[Breach]:
    """Which of `characteristics` `data` violates. One that was not measured violates nothing.

    `data` holds a number under the characteristic's name, and its unit under `<name>_unit` where the
    station's gauge differs from the configured one.

    Raises: InvalidInput when a measurement is not a finite number, or its unit is not one that fits.
    """
    found = []
    for each in characteristics:
        if data.get(each.name) is None:
            continue
        value = _measured(data, each)
        if not is_within(value, each):
            found.append(Breach(each, value))
    return found


def unreadable(
    data: Mapping[str, Any], characteristics: Sequence[Characteristic]
) -> list[tuple[str, InvalidInput]]:
    """The measurements in `data` for which `breaches` would raise, by name, and what it would raise."""
    found = []
    for each in characteristics:
        try:
            breaches(data, [each])
        except InvalidInput as error:
            found.append((each.name, error))
    return found


def measured(data: Mapping[str, Any], known: Characteristic) -> float | None:
    """What was measured of `known`, in its unit; None where it was not, or cannot be read in that unit."""
    if data.get(known.name) is None:
        return None
    try:
        return _measured(data, known)
    except InvalidInput:
        return None


def is_within(value: float, known: Characteristic) -> bool:
    """Whether `value`, in the characteristic's unit, is within its limits; on a limit is within."""
    return (known.lower is None or value >= known.lower) and (known.upper is None or value <= known.upper)


def _measured(data: Mapping[str, Any], known: Characteristic) -> float:
    raw = data[known.name]
    field = f"process_specific_data.{known.name}"
    value = _finite(raw)
    if value is None:
        raise _not_a_number(field, raw, known)
    unit = data.get(f"{known.name}_unit", known.unit)
    said = shown(unit)
    try:
        return units.convert(value, unit, known.unit)
    except (KeyError, TypeError, ValueError) as error:
        listed = ", ".join(units.known(known.unit))
        raise invalid(
            f"{field}_unit",
            said,
            Words(
                f"{known.name} cannot be read in {said!r}", f"{known.name} 단위 {said!r}을(를) 알 수 없습니다"
            ),
            Words(f"Use one of: {listed}", f"다음 중 하나를 사용하세요: {listed}"),
            code="UNIT_UNKNOWN",
        ) from error


def _finite(raw: object) -> float | None:
    """`raw` as a finite number; None when it is none, or too great to be one."""
    if isinstance(raw, bool) or not isinstance(raw, int | float):
        return None
    try:
        value = float(raw)
    except OverflowError:
        return None
    return value if math.isfinite(value) else None


def _not_a_number(field: str, raw: object, known: Characteristic) -> InvalidInput:
    return invalid(
        field,
        raw,
        Words(f"{known.name} is not a finite number", f"{known.name} 값이 유한한 숫자가 아닙니다"),
        Words(
            f"Send a number in {known.unit}, or leave it out",
            f"{known.unit} 단위의 숫자를 보내거나 생략하세요",
        ),
    )

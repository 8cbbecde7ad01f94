"""Who and what would do the work, and whether the process lets them: operator, equipment, recipe. Pure.

docs/design/mes.md, rules 2 and 8. The instant is data, so that an event which was made offline is judged by
its own time.
"""

import re
from dataclasses import dataclass, field
from datetime import datetime

from andon_mes.kernel.errors import Words
from andon_mes.processes.refusals import Refusal, Refuse

DOWN = ("SDT", "USD", "NST")
"""CFX resource states (SEMI E10) by their first letters in which nothing is made: scheduled and unscheduled
downtime, time that is not scheduled. What is not known stops nobody."""

_VERSION = re.compile(r"v?(\d+(?:\.\d+)*)(?:[-.]?([a-z][0-9a-z.-]*))?(?:\+.*)?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a station must run at a process; None is anything."""

    minimum_version: str | None = None
    configuration_hash: str | None = None


@dataclass(frozen=True, slots=True)
class Demands:
    """What a process, and the plant, demand of whoever and whatever works."""

    known_operator: bool = False
    qualification: bool = False
    equipment: bool = False
    recipe: Recipe = field(default_factory=Recipe)


@dataclass(frozen=True, slots=True)
class Operator:
    """A known badge. `is_qualified` is of the process in question, until `valid_until`; None has no end."""

    is_active: bool = True
    is_qualified: bool = True
    valid_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Equipment:
    """A registered machine. `process` is the one it is for; None is any. `state` is a CFX resource state."""

    process: str | None = None
    is_active: bool = True
    state: str | None = None
    calibration_due_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Workplace:
    """Who and what would do the work at `at`, and what is known of them; None is not known, or not said.

    `bound_to` is the process that the station's credential or its name is for. `equipment_id` and
    `operator_id` are what the event says, `equipment` and `operator` what is registered under them.
    """

    at: datetime
    demands: Demands = field(default_factory=Demands)
    operator_id: str | None = None
    operator: Operator | None = None
    equipment_id: str | None = None
    equipment: Equipment | None = None
    station: str | None = None
    bound_to: str | None = None
    application_version: str | None = None
    configuration_hash: str | None = None


def refused_here(workplace: Workplace, process: str) -> Refuse | None:
    """Why `process` may not be done here, by these, now; None when it may."""
    return (
        refused_station(workplace, process)
        or _refused_equipment(workplace, process)
        or _refused_recipe(workplace, process)
        or _refused_operator(workplace, process)
    )


def refused_station(here: Workplace, process: str) -> Refuse | None:
    """Why `process` may not be done by this station or credential, which is for another; None when it may."""
    if here.bound_to is None or here.bound_to == process:
        return None
    name, name_ko = (
        (f"Station {here.station}", f"작업대 {here.station}은(는)")
        if here.station
        else ("This station", "이 작업대는")
    )
    return _wrong(
        process,
        Words(
            f"{name} is set up for {here.bound_to}, not for {process}",
            f"{name_ko} {process}이(가) 아닌 {here.bound_to} 공정용입니다",
        ),
    )


def _refused_equipment(here: Workplace, process: str) -> Refuse | None:
    name, known = here.equipment_id or "-", here.equipment
    if known is None:
        if not here.demands.equipment:
            return None
        return _wrong(
            process,
            Words(
                f"{process} needs registered equipment, and {name} is not registered",
                f"{process} 공정에는 등록된 설비가 필요하지만 {name}은(는) 등록되지 않았습니다",
            ),
        )
    if known.process not in {None, process}:
        return _wrong(
            process,
            Words(
                f"{name} is equipment of {known.process}, not of {process}",
                f"{name}은(는) {process}이(가) 아닌 {known.process} 공정 설비입니다",
            ),
        )
    if not known.is_active or (known.state or "")[:3].upper() in DOWN:
        state = (known.state or "-") if known.is_active else "taken out of use"
        return Refuse(Refusal.EQUIPMENT_DOWN, {"equipment": name, "state": state})
    if known.calibration_due_at is not None and known.calibration_due_at <= here.at:
        about: dict[str, object] = {"equipment": name, "due": known.calibration_due_at.date().isoformat()}
        return Refuse(Refusal.CALIBRATION_EXPIRED, about)
    return None


def _refused_recipe(here: Workplace, process: str) -> Refuse | None:
    wanted = here.demands.recipe
    if not is_at_least(here.application_version, wanted.minimum_version):
        needed, has = f">= {wanted.minimum_version}", here.application_version or "-"
    elif wanted.configuration_hash not in {None, here.configuration_hash}:
        needed, has = wanted.configuration_hash or "-", here.configuration_hash or "-"
    else:
        return None
    return Refuse(Refusal.RECIPE_MISMATCH, {"process": process, "needed": needed, "has": has})


def _refused_operator(here: Workplace, process: str) -> Refuse | None:
    demands, known = here.demands, here.operator
    about: dict[str, object] = {"operator": here.operator_id, "process": process}
    if here.operator_id is None or not (demands.known_operator or demands.qualification):
        return None
    if known is None or not known.is_active:
        return Refuse(Refusal.OPERATOR_UNKNOWN, about)
    if not demands.qualification:
        return None
    is_over = known.valid_until is not None and known.valid_until <= here.at
    return Refuse(Refusal.OPERATOR_NOT_QUALIFIED, about) if is_over or not known.is_qualified else None


def is_at_least(has: str | None, minimum: str | None) -> bool:
    """Whether the version `has` is not older than `minimum`. One that cannot be read is older than any.

    Numbers count as numbers (2.10 is newer than 2.9), and a pre-release is older than its release.
    """
    if minimum is None:
        return True
    mine, wanted = _version(has), _version(minimum)
    return mine is not None and wanted is not None and mine >= wanted


def _version(text: str | None) -> tuple[list[int], bool, str] | None:
    found = _VERSION.fullmatch(text or "")
    if found is None:
        return None
    numbers = [int(part) for part in found[1].split(".")]
    while numbers and numbers[-1] == 0:
        numbers.pop()  # 2 and 2.0 are the same
    return numbers, found[2] is None, (found[2] or "").lower()


def _wrong(process: str, why: Words) -> Refuse:
    return Refuse(Refusal.STATION_WRONG_PROCESS, {"process": process, "why": why})

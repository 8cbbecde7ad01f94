"""What must hold between the rows of a plant, all of it at once: pure.

Rows that are not active may refer to what is not active, and are asked little: they are history. What is
wrong already does not stop another change (`new_findings`).
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from andon_mes.components.pattern import is_pattern
from andon_mes.configuration.model import Field, Finding, Key, Kind, Plant, Reference, Row, Shape, Table
from andon_mes.configuration.schemas import schema_fault
from andon_mes.configuration.shapes import SHAPES
from andon_mes.kernel.errors import InvalidInput, Words
from andon_mes.labels.model import LabelKind
from andon_mes.labels.template import check_template
from andon_mes.numbers.calendar_document import read_calendar
from andon_mes.numbers.pattern_rules import check_pattern


def findings(plant: Plant) -> list[Finding]:
    """All that is wrong with `plant`, in the order of its kinds and keys."""
    return [
        *_references(plant),
        *_processes(plant),
        *_models(plant),
        *_characteristics(plant),
        *_schemas(plant),
        *_labels(plant),
        *_settings(plant),
    ]


def new_findings(before: Plant, after: Plant) -> list[Finding]:
    """What a change from `before` to `after` makes wrong."""
    known = findings(before)
    return [each for each in findings(after) if each not in known]


def route_of(plant: Plant, model: Row) -> list[str]:
    """The codes of the processes on a model's route; every active process by its order where it has none."""
    if model["route"] is not None:
        return [each["process"] for each in model["route"]]
    active = (row for row in plant.of(Kind.PROCESSES).values() if row["is_active"])
    return [row["code"] for row in sorted(active, key=lambda row: (row["sequence_order"], row["code"]))]


def _references(plant: Plant) -> Iterator[Finding]:
    codes: dict[Kind | None, set[str | None]] = {kind: {key[0] for key in plant.of(kind)} for kind in Kind}
    codes[None] = set(plant.logins)
    for shape in SHAPES.values():
        for key, row in plant.of(shape.kind).items():
            for field, value, to in _references_of(shape, row):
                if value not in codes[to]:
                    yield _unknown(shape, key, field, value, _listed(codes[to]))
                elif to is not None and row.get("is_active", False) and not _is_active(plant, to, value):
                    yield _out_of_use(shape, key, field, value)


def _references_of(shape: Shape, row: Row) -> Iterator[tuple[str, Any, Kind | None]]:
    for field in shape.fields:
        if isinstance(field.form, Reference) and row[field.name] is not None:
            yield field.name, row[field.name], field.form.to
        if isinstance(field.form, Table):
            for at, each in enumerate(row[field.name] or [], start=1):
                yield from _within(field, field.form, at, each)


def _within(field: Field, table: Table, at: int, row: Row) -> Iterator[tuple[str, Any, Kind | None]]:
    for inner in table.fields:
        if isinstance(inner.form, Reference):
            yield f"{field.name}.{at}.{inner.name}", row[inner.name], inner.form.to


def _is_active(plant: Plant, kind: Kind, code: str) -> bool:
    return bool(plant.of(kind)[(code,)].get("is_active", True))


def _processes(plant: Plant) -> Iterator[Finding]:
    places: defaultdict[int, list[str]] = defaultdict(list)
    for row in plant.of(Kind.PROCESSES).values():
        if row["is_active"]:
            places[row["sequence_order"]].append(row["code"])
    for place, codes in places.items():
        for code in sorted(codes)[1:]:
            yield Finding(
                Kind.PROCESSES,
                (code,),
                "sequence_order",
                place,
                Words(
                    f"{sorted(codes)[0]} has the place {place} too",
                    f"{sorted(codes)[0]} 공정도 순서가 {place}입니다",
                ),
                Words("Give each active process its own place", "활성 공정마다 다른 순서를 지정하세요"),
            )


def _models(plant: Plant) -> Iterator[Finding]:
    for key, row in plant.of(Kind.PRODUCT_MODELS).items():
        for field, is_serial in (("lot_pattern", False), ("serial_pattern", True)):
            try:
                check_pattern(field, row[field], is_serial=is_serial)
            except InvalidInput as error:
                problem = error.problem
                yield Finding(
                    Kind.PRODUCT_MODELS, key, field, row[field], problem.detail, problem.fix, problem.code
                )
        yield from _route(key, row)
        yield from _bom(plant, key, row)


def _route(key: Key, row: Row) -> Iterator[Finding]:
    if row["route"] is None:
        return
    if not any(not each["optional"] for each in row["route"]):
        yield Finding(
            Kind.PRODUCT_MODELS,
            key,
            "route",
            row["route"],
            Words("The route has no process that must be passed", "반드시 통과해야 하는 공정이 없습니다"),
            Words(
                "Name one, or leave the route out for every active process",
                "공정을 지정하거나, 모든 활성 공정을 쓰려면 경로를 비우세요",
            ),
        )
    elif row["route"][-1]["optional"]:
        yield Finding(
            Kind.PRODUCT_MODELS,
            key,
            f"route.{len(row['route'])}.optional",
            True,
            Words(
                "A serial is finished with the last process that it must pass: this one is never reached",
                "마지막 필수 공정을 통과하면 완료되므로 이 공정에는 도달하지 않습니다",
            ),
            Words("Let the last process be required", "마지막 공정은 필수로 지정하세요"),
        )
    for at, process in _repeated(each["process"] for each in row["route"]):
        yield Finding(
            Kind.PRODUCT_MODELS,
            key,
            f"route.{at}.process",
            process,
            Words(f"{process} is on the route twice", f"{process} 공정이 경로에 두 번 있습니다"),
            Words("Name each process once", "공정마다 한 번씩만 지정하세요"),
        )


def _bom(plant: Plant, key: Key, row: Row) -> Iterator[Finding]:
    if not row["is_active"]:
        return
    route = route_of(plant, row)
    for at, each in enumerate(row["bom"], start=1):
        if each["process"] not in route and (each["process"],) in plant.of(Kind.PROCESSES):
            yield Finding(
                Kind.PRODUCT_MODELS,
                key,
                f"bom.{at}.process",
                each["process"],
                Words(
                    f"{each['process']} is not on the route of {key[0]}",
                    f"{each['process']} 공정은 {key[0]} 경로에 없습니다",
                ),
                Words(f"Use one of: {', '.join(route)}", f"다음 중 하나를 사용하세요: {', '.join(route)}"),
            )
        if each["pattern"] is not None and not is_pattern(each["pattern"]):
            yield Finding(
                Kind.PRODUCT_MODELS,
                key,
                f"bom.{at}.pattern",
                each["pattern"],
                Words("It is no regular expression that always ends", "사용할 수 없는 정규식입니다"),
                Words("Write one such as BAT-[0-9]{6}", "BAT-[0-9]{6} 같은 정규식을 쓰세요"),
            )
        if each["kind"] == "SERIAL" and not float(each["quantity"]).is_integer():
            yield Finding(
                Kind.PRODUCT_MODELS,
                key,
                f"bom.{at}.quantity",
                each["quantity"],
                Words("Things with serial numbers are counted whole", "시리얼 부품은 정수로 셉니다"),
                Words("Give a whole number", "정수를 입력하세요"),
            )
    for at, component in _repeated(each["component"] for each in row["bom"]):
        yield Finding(
            Kind.PRODUCT_MODELS,
            key,
            f"bom.{at}.component",
            component,
            Words(f"{component} stands there twice", f"{component}이(가) 두 번 있습니다"),
            Words("Write it once, with its quantity", "한 번만 쓰고 수량을 지정하세요"),
        )


def _characteristics(plant: Plant) -> Iterator[Finding]:
    for key, row in plant.of(Kind.CHARACTERISTICS).items():
        if row["is_active"]:
            yield from _limits(key, row)
            yield from _chart(key, row)
        defect = plant.of(Kind.DEFECT_CODES).get((row["defect_code"],))
        if row["is_active"] and defect is not None and defect["process"] != row["process"]:
            own = _listed(
                each["code"]
                for each in plant.of(Kind.DEFECT_CODES).values()
                if each["process"] == row["process"] and each["is_active"]
            )
            yield _of_characteristic(
                key,
                "defect_code",
                row["defect_code"],
                Words(
                    f"{row['defect_code']} is a defect code of {defect['process']}, not of {row['process']}",
                    f"{row['defect_code']}: {row['process']}이(가) 아닌 {defect['process']} 공정 코드",
                ),
                Words(f"Use one of: {own}", f"다음 중 하나를 사용하세요: {own}"),
            )


def _limits(key: Key, row: Row) -> Iterator[Finding]:
    lower, upper, target = row["lower"], row["upper"], row["target"]
    if lower is not None and upper is not None and lower > upper:
        yield _of_characteristic(
            key,
            "lower",
            lower,
            Words(f"The lower limit is above the upper, {upper:g}", f"하한이 상한 {upper:g}보다 큽니다"),
            Words("Exchange or correct the limits", "한계를 바꾸거나 고치세요"),
        )
    elif target is not None and (
        (lower is not None and target < lower) or (upper is not None and target > upper)
    ):
        yield _of_characteristic(
            key,
            "target",
            target,
            Words("The target is outside the limits", "목표값이 한계를 벗어났습니다"),
            Words("Give one within them", "한계 안의 값을 입력하세요"),
        )


_DEMANDS = ("known_operators",)
"""What a plant may demand of every start, beside what each process demands."""

_SIZES = {"i-mr": (1, 1), "xbar-r": (2, 10), "xbar-s": (2, 25)}
"""Subgroups of each chart; above 10 the range says too little (ISO 7870-2)."""


def _chart(key: Key, row: Row) -> Iterator[Finding]:
    least, most = _SIZES.get(row["chart"], (1, 25))
    if not least <= row["subgroup_size"] <= most:
        yield _of_characteristic(
            key,
            "subgroup_size",
            row["subgroup_size"],
            Words(
                f"A chart {row['chart']} has {least} to {most} in a subgroup",
                f"{row['chart']} 관리도의 부분군 크기는 {least}~{most}입니다",
            ),
            Words(
                f"Give {least} to {most}, or another chart", f"{least}~{most} 또는 다른 관리도를 지정하세요"
            ),
        )


def _schemas(plant: Plant) -> Iterator[Finding]:
    for key, row in plant.of(Kind.DATA_SCHEMAS).items():
        fault = schema_fault(row["document"])
        if fault is not None:
            yield Finding(
                Kind.DATA_SCHEMAS,
                key,
                "document",
                fault,
                Words(f"It is no JSON Schema: {fault}", f"JSON Schema가 아닙니다: {fault}"),
                Words("Correct it by JSON Schema 2020-12", "JSON Schema 2020-12에 맞게 고치세요"),
            )


def _settings(plant: Plant) -> Iterator[Finding]:
    for name, document in plant.settings.items():
        try:
            if name == "calendar":
                read_calendar(document)
        except InvalidInput as error:
            yield _said(None, (name,), error)
        if name == "enforcement":
            yield from _enforcement(document)


def _enforcement(document: Mapping[str, Any]) -> Iterator[Finding]:
    for name, value in document.items():
        if name not in _DEMANDS or not isinstance(value, bool):
            known = ", ".join(_DEMANDS)
            yield Finding(
                None,
                ("enforcement",),
                name,
                value,
                Words(
                    f"{name} is no demand, or is not true or false", f"{name} 항목 또는 값이 잘못되었습니다"
                ),
                Words(f"Known are {known}, true or false", f"가능한 항목: {known} (true/false)"),
            )


def _said(kind: Kind | None, key: Key, error: InvalidInput) -> Finding:
    said = error.problem
    return Finding(kind, key, said.field, said.value, said.detail, said.fix, said.code)


def _of_characteristic(key: Key, field: str, value: object, detail: Words, fix: Words) -> Finding:
    return Finding(Kind.CHARACTERISTICS, key, field, value, detail, fix)


def _unknown(shape: Shape, key: Key, field: str, value: object, known: str) -> Finding:
    return Finding(
        shape.kind,
        key,
        field,
        value,
        Words(f"There is no {value!r}", f"{value!r}이(가) 없습니다"),
        Words(f"Use one of: {known}", f"다음 중 하나를 사용하세요: {known}"),
        "REFERENCE_UNKNOWN",
    )


def _out_of_use(shape: Shape, key: Key, field: str, value: object) -> Finding:
    return Finding(
        shape.kind,
        key,
        field,
        value,
        Words(f"{value} is not active", f"{value}은(는) 비활성 상태입니다"),
        Words("Use an active one, or deactivate this too", "활성 항목을 쓰거나 이 항목도 비활성화하세요"),
        "REFERENCE_INACTIVE",
    )


def _listed(codes: Iterable[str | None]) -> str:
    known = sorted(filter(None, codes))
    return ", ".join(known[:10]) + (" ..." if len(known) > 10 else "") or "-"


def _labels(plant: Plant) -> Iterator[Finding]:
    for key, row in plant.of(Kind.LABEL_TEMPLATES).items():
        try:
            check_template(LabelKind(row["kind"]), row["body"])
        except InvalidInput as error:
            problem = error.problem
            yield Finding(
                Kind.LABEL_TEMPLATES,
                key,
                problem.field,
                problem.value,
                problem.detail,
                problem.fix,
                problem.code,
            )


def _repeated(values: Iterable[Any]) -> Iterator[tuple[int, Any]]:
    """Place, from 1, and value of each that came before."""
    seen = set()
    for at, value in enumerate(values, start=1):
        if value in seen:
            yield at, value
        seen.add(value)

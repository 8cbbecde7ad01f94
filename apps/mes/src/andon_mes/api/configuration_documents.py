"""The rows of the configuration for the description at /openapi.json, made of their shapes."""

from typing import Any, assert_never

from andon_mes.api.documents import READS, WATCHED, WRITES, problems
from andon_mes.configuration.model import (
    Choice,
    Document,
    Field,
    Flag,
    Form,
    Group,
    Instant,
    Kind,
    Number,
    Reference,
    Shape,
    Table,
    Text,
    Whole,
)

Responses = dict[int | str, dict[str, Any]]
_CHANGES = {**WRITES, **problems(412, 428)}
_ANY = {"type": "object"}


def rows_of(shape: Shape) -> Responses:
    """A list of rows."""
    row = _shown(shape)
    if shape.kind is Kind.PROCESSES:
        row["properties"]["characteristics"] = {"type": "array", "items": _ANY}
        row["required"].append("characteristics")
    return {200: _data({"type": "array", "items": row}), **READS}


def row_of(shape: Shape, status: int) -> Responses:
    """One row, answered with `status`."""
    return {status: _data(_shown(shape)), **(READS if status == 200 else WRITES), **_CHANGES}


def key_parameters(shape: Shape) -> dict[str, Any]:
    """The parts of the path that name a row."""
    return {
        "parameters": [
            {
                "name": name,
                "in": "path",
                "required": True,
                "schema": {"type": "string"},
                "description": "* where it has none"
                if shape.field(name).is_nullable
                else shape.field(name).about,
            }
            for name in shape.key
        ]
    }


def new_row(shape: Shape) -> dict[str, Any]:
    """The body that makes a row."""
    return _body(_object(shape.fields, required=[each.name for each in shape.fields if each.is_required]))


def changed_row(shape: Shape) -> dict[str, Any]:
    """The body that changes a row, and the parts of its path."""
    return {**_body(_object(shape.fields, required=[])), **key_parameters(shape)}


def _body(schema: dict[str, Any]) -> dict[str, Any]:
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


def _data(schema: dict[str, Any]) -> dict[str, Any]:
    whole = {
        "type": "object",
        "properties": {"data": schema},
        "required": ["data"],
        "additionalProperties": False,
    }
    return {"description": "Success", "content": {"application/json": {"schema": whole}}}


SETTINGS: Responses = {200: _data(_ANY), **WATCHED}
SETTING: Responses = {200: _data({"type": ["object", "null"]}), **READS, **_CHANGES}


def _shown(shape: Shape) -> dict[str, Any]:
    fields = (*shape.fields, *shape.known)
    return _object(fields, required=[each.name for each in fields])


def _object(fields: tuple[Field, ...], *, required: list[str]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {each.name: _described(each) for each in fields},
        "required": required,
        "additionalProperties": False,
    }


def _described(field: Field) -> dict[str, Any]:
    schema = _schema(field.form) | {"description": f"{field.about} ({field.about_ko})"}
    if field.is_nullable:
        schema["type"] = [schema["type"], "null"]
        if "enum" in schema:
            schema["enum"] = [*schema["enum"], None]
    elif not field.is_required:
        schema["default"] = field.default
    return schema


def _schema(form: Form) -> dict[str, Any]:
    match form:
        case Group(fields):
            return _object(fields, required=[])
        case Table(fields, most):
            required = [each.name for each in fields if each.is_required]
            return {"type": "array", "items": _object(fields, required=required), "maxItems": most}
        case Document():
            return {"type": "object"}
        case Instant():
            return {"type": "string", "format": "date-time"}
        case Text() | Reference() | Whole() | Number() | Flag() | Choice():
            return _scalar(form)
        case _:
            assert_never(form)


def _scalar(form: Text | Reference | Whole | Number | Flag | Choice) -> dict[str, Any]:
    match form:
        case Text(most, pattern):
            return {"type": "string", "maxLength": most} | ({"pattern": f"^{pattern}$"} if pattern else {})
        case Reference():
            return {"type": "string"}
        case Whole(least, most):
            return {"type": "integer", "minimum": least, "maximum": most}
        case Number():
            return {"type": "number"}
        case Flag():
            return {"type": "boolean"}
        case Choice(words):
            return {"type": "string", "enum": list(words)}
        case _:
            assert_never(form)

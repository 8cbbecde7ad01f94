"""The contract as JSON Schema (draft 2020-12), one for each process and kind of file.

docs/design/mes.md, rules 10 and 11. Pure: the plant's rows in, documents out.
"""

from typing import Any

from andon_mes.processes import units
from andon_mes.processes.limits import Characteristic
from andon_mes.vendor.model import Kind, Terms

DRAFT = "https://json-schema.org/draft/2020-12/schema"
ALIASES = {"work_order": "attempt", "process_data": "process_specific_data", "workstation": "station"}
"""Older names that are taken as well. Both at once is a name that stands twice."""

_CHARACTERS = r"^[^\u0000-\u001f\u007f]*$"
_ZONED = r"^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}([.,]\d+)?)?\s?([Zz]|[+-]\d{2}:?\d{2})$"


def schema_of(kind: Kind, terms: Terms) -> dict[str, Any]:
    """The schema of a file of this kind at this process. Names that it does not know are passed over."""
    whole = {
        "$schema": DRAFT,
        "$id": f"urn:andon-mes:vendor:{kind}:{terms.process}",
        "title": f"{terms.process} {kind}",
        "description": f"{terms.name}: {'work begins' if kind is Kind.START else 'work ended'}",
        "type": "object",
    }
    required = ["serial_number", "process_code", "operator_id", "timestamp"]
    if kind is Kind.START:
        return whole | {
            "required": [*required[:3], "equipment_id", "timestamp"],
            "properties": _common(terms) | _of_workplace(),
        }
    return whole | {
        "required": [*required[:3], "is_pass", "timestamp"],
        "properties": _common(terms) | _of_workplace() | _of_completion(terms),
        "allOf": [
            {
                "if": {"properties": {"is_pass": {"const": True}}, "required": ["is_pass"]},
                "then": {"properties": {"defect_code": {"type": "null"}}},
            },
            {
                "if": {"properties": {"is_pass": {"const": False}}, "required": ["is_pass"]},
                "then": {
                    "required": ["defect_code"],
                    "properties": {"defect_code": {"enum": list(terms.defect_codes)}},
                },
            },
        ],
    }


def _common(terms: Terms) -> dict[str, Any]:
    return {
        "serial_number": _text("The number on the label", 10, 100),
        "process_code": {"const": terms.process, "description": "The process of this station"},
        "operator_id": _text("The operator's badge", 1, 100),
        "timestamp": {
            "type": "string",
            "format": "date-time",
            "pattern": _ZONED,
            "description": "ISO 8601 with its zone, such as 2025-11-10T14:30:00+09:00",
        },
    }


def _of_workplace() -> dict[str, Any]:
    return {
        "equipment_id": _text("The equipment that does the work", 1, 100),
        "station": _text("The work place", 1, 100),
        "application_version": _text("Of your application, where the plant demands a least version", 0, 40),
        "configuration_hash": _text("Of its configuration, where the plant demands one", 0, 80),
        "checksum": {"type": "string", "pattern": "^[0-9A-Z]{2}$", "description": "Behind the number"},
    }


def _of_completion(terms: Terms) -> dict[str, Any]:
    return {
        "is_pass": {"type": "boolean", "description": "Whether the part passed here"},
        "cycle_time": {
            "type": "number",
            "minimum": 0,
            "maximum": 1_000_000,
            "description": "Seconds, whole or not; left out, it follows from the times",
        },
        "process_specific_data": _measurements(terms),
        "inspection_result": {"type": ["object", "null"], "description": "Free"},
        "defect_code": {
            "type": ["string", "null"],
            "description": f"Null for a pass; else one of {', '.join(terms.defect_codes) or '-'}",
        },
        "defect_description": {"type": ["string", "null"], "maxLength": 500},
        "attempt": {"type": ["integer", "null"], "minimum": 1, "maximum": 1000},
        "components": {
            "type": "array",
            "maxItems": 100,
            "description": "What was put in here, by the bill of materials",
            "items": _component(),
        },
    }


def _component() -> dict[str, Any]:
    return {
        "type": "object",
        "required": ["component"],
        "properties": {
            "component": _text("Its name in the bill of materials", 1, 50),
            "component_serial": _text("Its own number, where it has one", 1, 100),
            "component_lot": _text("The lot that it is of", 1, 100),
            "quantity": {"type": "number", "exclusiveMinimum": 0, "maximum": 1_000_000},
        },
    }


def _measurements(terms: Terms) -> dict[str, Any]:
    properties: dict[str, Any] = {}
    for each in terms.characteristics:
        properties[each.name] = {"type": ["number", "null"], "description": _limits(each)}
        properties[f"{each.name}_unit"] = {"enum": _units(each), "description": f"Default {each.unit}"}
    own = {
        "type": "object",
        "properties": properties,
        "description": "Measurements; other names are kept too",
    }
    return {"allOf": [own, dict(terms.schema)]} if terms.schema else own


def _limits(known: Characteristic) -> str:
    sides = [
        f"{sign} {limit:g}"
        for sign, limit in (("at least", known.lower), ("at most", known.upper))
        if limit is not None
    ]
    return f"{' and '.join(sides) or 'no limits'}, in {known.unit}"


def _units(known: Characteristic) -> list[str]:
    try:
        return units.known(known.unit)
    except KeyError:
        return [known.unit]


def _text(description: str, least: int, most: int) -> dict[str, Any]:
    return {
        "type": "string",
        "minLength": least,
        "maxLength": most,
        "pattern": _CHARACTERS,
        "description": description,
    }

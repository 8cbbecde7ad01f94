"""Administration of what a plant configures: lists with forms, made of the shapes of the rows."""

import json
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from andon_mes.api.configuration import path_of
from andon_mes.configuration import store
from andon_mes.configuration.exchange import Form
from andon_mes.configuration.model import (
    Choice,
    Document,
    Flag,
    Group,
    Instant,
    Kind,
    Number,
    Plant,
    Reference,
    Row,
    Shape,
    Table,
    Text,
    Whole,
    key_text,
)
from andon_mes.configuration.model import Field as RowField
from andon_mes.configuration.plan import etag, plain
from andon_mes.configuration.shapes import SHAPES
from andon_mes.dashboard.actions import Action, Field, choice, reason, text
from andon_mes.dashboard.asked import Asked
from andon_mes.dashboard.viewer import Viewer
from andon_mes.equipment.model import ResourceState
from andon_mes.store.engine import Connection

_LONG = 200


def list_kind(connection: Connection, viewer: Viewer, asked: Asked, kind: Kind) -> dict[str, Any]:
    """The rows of a kind, each with the form that changes it, and the form that makes one."""
    shape, plant = SHAPES[kind], store.load(connection)
    zone = asked.mes.calendar_in(connection).zone
    rows = store.list_rows(connection, kind)
    return {
        "kind": kind.value,
        "about": _about(viewer, shape),
        "fields": [
            (each, _about(viewer, each))
            for each in (*shape.fields, *shape.known)
            if each in shape.fields or any(row[each.name] is not None for row in rows)
        ],
        "rows": [
            (row, [_change(viewer, shape, plant, row, zone), *_records(viewer, kind, row)]) for row in rows
        ],
        "has_activity": shape.has_activity,
        "create": _create(viewer, shape, plant),
    }


def settings(connection: Connection, viewer: Viewer, _asked: Asked) -> dict[str, Any]:
    """The plant's documents, each with the form that changes it."""
    found = store.load(connection).settings
    return {
        "settings": [
            (name, found.get(name), _set(viewer, name, found.get(name)))
            for name in sorted({"calendar", *found})
        ]
    }


def _about(viewer: Viewer, it: Shape | RowField) -> str:
    return it.about_ko if viewer.language == "ko" else it.about


def _create(viewer: Viewer, shape: Shape, plant: Plant) -> Action:
    return Action(
        "create",
        viewer.say("add"),
        f"/api/v1{path_of(shape.kind)}",
        say=_about(viewer, shape),
        fields=tuple(_field(viewer, each, plant, each.default, None) for each in shape.fields),
        why=viewer.why_not("configuration", "create"),
        tone="main",
        done=viewer.say("done"),
    )


def _change(viewer: Viewer, shape: Shape, plant: Plant, row: Row, zone: ZoneInfo) -> Action:
    key = key_text(shape.key_of(row))
    open_fields = [each for each in shape.fields if each.name not in shape.key]
    return Action(
        f"edit-{key}",
        viewer.say("edit"),
        f"/api/v1{path_of(shape.kind)}/{key}",
        "PATCH",
        key,
        tuple(_field(viewer, each, plant, row[each.name], zone) for each in open_fields),
        why=viewer.why_not("configuration", "update"),
        tone="quiet small",
        done=viewer.say("done"),
        more={"verb": viewer.say("save"), "etag": etag(plain(row)), "onlyChanged": True},
    )


def _records(viewer: Viewer, kind: Kind, row: Row) -> list[Action]:
    """What is recorded of a row beside its configuration: states and calibrations, the end of a right."""
    if kind is Kind.EQUIPMENT:
        return [_calibrate(viewer, row["code"]), _report(viewer, row["code"])]
    if kind is not Kind.QUALIFICATIONS:
        return []
    key = key_text(SHAPES[kind].key_of(row))
    return [
        Action(
            f"revoke-{key}",
            viewer.say("qualification.revoke"),
            f"/api/v1/qualifications/{key}/revoke",
            say=viewer.say("qualification.revoke.say", operator=row["operator"], process=row["process"]),
            why=viewer.why_not("configuration", "update"),
            tone="danger small",
            done=viewer.say("done"),
        )
    ]


def _calibrate(viewer: Viewer, code: str) -> Action:
    results = [(each, viewer.say(f"attempt.{each}")) for each in ("PASS", "FAIL")]
    return Action(
        f"calibrate-{code}",
        viewer.say("calibration.record"),
        f"/api/v1/equipment/{code}/calibrations",
        say=code,
        fields=(
            text(viewer, "calibrated_at", "calibration.at", type="instant", required=True),
            text(viewer, "due_at", "calibration.due", type="instant", required=True),
            choice(viewer, "result", "result", results, "PASS"),
            text(viewer, "performed_by", "calibration.by", required=True, most=100),
            text(viewer, "certificate", "calibration.certificate", most=200),
            text(viewer, "notes", "notes", type="textarea", most=1000),
        ),
        why=viewer.why_not("equipment", "update"),
        tone="quiet small",
        done=viewer.say("done"),
    )


def _report(viewer: Viewer, code: str) -> Action:
    states = [(each.value, _state(viewer, each.value)) for each in ResourceState]
    return Action(
        f"state-{code}",
        viewer.say("equipment.state"),
        f"/api/v1/equipment/{code}/states",
        say=viewer.say("equipment.state.say", code=code),
        fields=(
            choice(viewer, "state", "status", states, ResourceState.PRD.value),
            reason(viewer, is_required=False),
        ),
        why=viewer.why_not("equipment", "update"),
        tone="quiet small",
        done=viewer.say("done"),
    )


def _state(viewer: Viewer, state: str) -> str:
    group, _, kind = state.partition("_")
    words = [viewer.say(f"e10.{group}"), *([viewer.say_or(f"cfx.{kind}", kind)] if kind else [])]
    return " – ".join(words)


def _set(viewer: Viewer, name: str, document: Any) -> Action:
    return Action(
        f"set-{name}",
        viewer.say("edit"),
        f"/api/v1/settings/{name}",
        "PUT",
        viewer.say_or(f"setting.{name}", name),
        (
            {
                "name": "*",
                "label": name,
                "type": "json",
                "rows": 16,
                "required": True,
                "value": json.dumps(document, ensure_ascii=False, indent=1) if document is not None else "",
            },
        ),
        why=viewer.why_not("configuration", "update"),
        tone="quiet small",
        done=viewer.say("done"),
        more={"verb": viewer.say("save"), "etag": etag(document) if document is not None else None},
    )


def _field(viewer: Viewer, field: RowField, plant: Plant, value: Any, zone: ZoneInfo | None) -> Field:
    label = _about(viewer, field)
    return {
        "name": field.name,
        "label": label[:1].upper() + label[1:],
        "hint": field.name,
        "required": field.is_required,
        **_input(viewer, field, plant, value, zone),
    }


def _input(viewer: Viewer, field: RowField, plant: Plant, value: Any, zone: ZoneInfo | None) -> Field:
    form = field.form
    match form:
        case Flag():
            return {"type": "checkbox", "value": bool(value), "required": False}
        case Choice():
            words = [(each, viewer.say_or(f"severity.{each}", each)) for each in form.words]
            return _select(field, words, value)
        case Reference():
            codes = [key[0] or "" for key in plant.of(form.to)] if form.to else sorted(plant.logins)
            return _select(field, [(each, each) for each in codes], value)
        case Whole():
            return {"type": "number", "min": form.least, "max": form.most, "step": 1, "value": value}
        case Number():
            return {"type": "number", "value": value}
        case Instant():
            return {"type": "instant", "value": _local(value, zone)}
        case Document() | Group() | Table():
            shown = "" if value is None else json.dumps(plain(value), ensure_ascii=False, indent=1)
            return {"type": "json", "rows": 8, "value": shown}
        case Text():
            is_long = form.has_lines or form.most > _LONG
            return {"type": "textarea" if is_long else "text", "most": form.most, "value": value or ""}


def _select(field: RowField, options: list[tuple[str, str]], value: Any) -> Field:
    empty = [] if field.is_required else [("", "–")]
    return {"type": "select", "options": [*empty, *options], "value": value or ""}


def _local(value: datetime | None, zone: ZoneInfo | None) -> str:
    return f"{value.astimezone(zone):%Y-%m-%dT%H:%M:%S}" if value is not None and zone is not None else ""


def exchange(_connection: Connection, viewer: Viewer, _asked: Asked) -> dict[str, Any]:
    """The configuration as one file: to take away, to see what another would change, to take that one."""
    file: Field = {
        "name": "file",
        "label": viewer.say("exchange.file"),
        "type": "file",
        "required": True,
        "accept": ".toml,.xlsx",
    }

    words = {each: viewer.say(f"exchange.{each}") for each in ("add", "change", "deactivate", "none")}
    words |= {each.value: viewer.say(f"admin.{each.value}") for each in Kind}
    words["settings"] = viewer.say("admin.settings")

    def taking(name: str, query: str, tone: str) -> Action:
        return Action(
            name,
            viewer.say(f"exchange.{name}"),
            f"/api/v1/configuration/import{query}",
            say=viewer.say(f"exchange.{name}.say"),
            fields=(file,),
            why=viewer.why_not("configuration", "update"),
            tone=tone,
            more={"show": "steps", "shown": viewer.say(f"exchange.{name}.shown"), "plan": words},
        )

    return {
        "forms": [each.value for each in Form],
        "verbs": [taking("look", "?dry_run=true", "quiet"), taking("take", "", "danger")],
    }

"""What a change of the whole configuration would do, row by row, before and after: pure."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from andon_mes.configuration.model import Etag, Key, Kind, Plant, Row, Shape
from andon_mes.configuration.shapes import SHAPES


class Action(StrEnum):
    """What happens to a row. A qualification is not deactivated: it ends."""

    ADD = "add"
    CHANGE = "change"
    DEACTIVATE = "deactivate"


@dataclass(frozen=True, slots=True)
class Step:
    """One row's change: the fields that differ, each with before and after. `kind` None is a setting."""

    action: Action
    kind: Kind | None
    key: Key
    row: Any
    changes: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)


def plan(before: Plant, wanted: Plant, now: datetime) -> list[Step]:
    """The steps from `before` to `wanted`, in the order in which rows refer to each other.

    A kind that `wanted` does not hold stays as it is. Of one that it holds, what it leaves out is
    deactivated; a qualification ends `now`. A setting that it leaves out stays.
    """
    steps = [
        step
        for shape in SHAPES.values()
        if shape.kind in wanted.rows
        for step in _rows(shape, before, wanted, now)
    ]
    return [*steps, *_settings(before, wanted)]


def outcome(before: Plant, steps: list[Step]) -> Plant:
    """The plant once `steps` are done."""
    rows = {kind: dict(before.of(kind)) for kind in Kind}
    settings = dict(before.settings)
    for step in steps:
        if step.kind is None:
            settings[step.key[0] or ""] = step.row
        else:
            rows[step.kind][step.key] = step.row
    return Plant(rows, settings, before.logins)


def etag(content: Any) -> Etag:
    """The digest of a row or a setting; equal content has an equal one, whoever asks."""
    text = json.dumps(plain(content), sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return Etag(hashlib.sha256(text.encode()).hexdigest()[:20])


def plain(value: Any) -> Any:
    """`value` as JSON has it: times as text."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {key: plain(each) for key, each in value.items()}
    return [plain(each) for each in value] if isinstance(value, list) else value


def _rows(shape: Shape, before: Plant, wanted: Plant, now: datetime) -> Iterator[Step]:
    had, wants = before.of(shape.kind), wanted.of(shape.kind)
    for key, row in wants.items():
        if key not in had:
            yield Step(Action.ADD, shape.kind, key, row)
        elif changes := _differences(shape, had[key], row):
            yield Step(_action(changes), shape.kind, key, row, changes)
    for key, row in had.items():
        if key not in wants and _is_in_use(shape, row, now):
            ended: Row = {**row, "is_active": False} if shape.has_activity else {**row, "valid_until": now}
            yield Step(Action.DEACTIVATE, shape.kind, key, ended, _differences(shape, row, ended))


def _action(changes: Mapping[str, tuple[Any, Any]]) -> Action:
    return Action.DEACTIVATE if changes.get("is_active") == (True, False) else Action.CHANGE


def _is_in_use(shape: Shape, row: Row, now: datetime) -> bool:
    if shape.has_activity:
        return bool(row["is_active"])
    return row["valid_until"] is None or row["valid_until"] > now


def _differences(shape: Shape, had: Row, wants: Row) -> dict[str, tuple[Any, Any]]:
    return {
        each.name: (had[each.name], wants[each.name])
        for each in shape.fields
        if had[each.name] != wants[each.name]
    }


def _settings(before: Plant, wanted: Plant) -> Iterator[Step]:
    for name, document in sorted(wanted.settings.items()):
        had = before.settings.get(name)
        if had is None:
            yield Step(Action.ADD, None, (name,), document)
        elif had != document:
            names = sorted({*had, *document}) if isinstance(had, Mapping) else []
            changes = {
                each: (had.get(each), document.get(each))
                for each in names
                if had.get(each) != document.get(each)
            }
            yield Step(Action.CHANGE, None, (name,), document, changes)

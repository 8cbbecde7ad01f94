"""The configuration out of the MES as a file, and a file into it; both forms."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from andon_mes.configuration import controller, store, toml_file
from andon_mes.configuration.files import plant_in
from andon_mes.configuration.model import Finding, Plant, key_text
from andon_mes.configuration.plan import Step, plain
from andon_mes.configuration.store import By
from andon_mes.numbers.calendar import Calendar
from andon_mes.store.engine import Connection


class Form(StrEnum):
    """The form of a file."""

    TOML = "toml"
    XLSX = "xlsx"


MEDIA_TYPES = {
    Form.TOML: "application/toml",
    Form.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
_ARCHIVE = b"PK\x03\x04"


@dataclass(frozen=True, slots=True)
class Parsed:
    """What a file says, and where in it something stands."""

    plant: Plant
    where: Callable[[Finding], str]


def give(connection: Connection, form: Form) -> bytes:
    """All of the configuration as a file."""
    plant = store.load(connection)
    if form is Form.TOML:
        return toml_file.render(plant)
    from andon_mes.configuration import workbook  # here: it loads what serving does not need

    return workbook.render(plant)


def parse(connection: Connection, content: bytes, default: Calendar) -> Parsed:
    """What the file says, in whichever form it is. Slow for a large one: not in the writer's transaction.

    `default` is the plant's calendar until it has its own: it zones the dates of a sheet.
    Raises: InvalidInput with all that is wrong, each with its place.
    """
    if not content.startswith(_ARCHIVE):
        source = toml_file.read(content)
    else:
        from andon_mes.configuration import workbook_reading  # here: it loads what serving does not need

        source = workbook_reading.read(content, store.get_calendar(connection, default).zone)
    return Parsed(plant_in(source), source.where)


def take(connection: Connection, parsed: Parsed, by: By, *, is_dry: bool) -> list[Step]:
    """Make the plant what the file says, all of it or nothing; the steps of it.

    Raises: InvalidInput with every finding in its place.
    """
    return controller.take(connection, parsed.plant, by, is_dry=is_dry, where=parsed.where)


def step_view(step: Step) -> dict[str, Any]:
    """A step as a document: what happens to which row, each field with before and after."""
    return {
        "action": step.action,
        "kind": step.kind or "settings",
        "key": key_text(step.key),
        "changes": {name: plain(list(values)) for name, values in step.changes.items()},
    }

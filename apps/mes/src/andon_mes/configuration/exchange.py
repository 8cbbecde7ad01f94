"""The configuration out of the MES as a file, and a file into it; both forms."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from andon_mes.configuration import controller, store, toml_file
from andon_mes.configuration.files import Source, plant_in
from andon_mes.configuration.model import key_text
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
class Taking:
    """How a file is taken: by whom, and whether only its plan is wanted. `calendar` zones a sheet's dates."""

    by: By
    calendar: Calendar
    is_dry: bool


def give(connection: Connection, form: Form) -> bytes:
    """All of the configuration as a file."""
    plant = store.load(connection)
    if form is Form.TOML:
        return toml_file.render(plant)
    from andon_mes.configuration import workbook  # here: it loads what serving does not need

    return workbook.render(plant)


def take(connection: Connection, content: bytes, taking: Taking) -> list[Step]:
    """Make the plant what the file says, all of it or nothing; the steps of it.

    Raises: InvalidInput with every finding in its place.
    """
    source = read(content, store.get_calendar(connection, taking.calendar))
    return controller.take(connection, plant_in(source), taking.by, is_dry=taking.is_dry, where=source.where)


def read(content: bytes, calendar: Calendar) -> Source:
    """The file as a document, in whichever form it is. Raises: InvalidInput."""
    if not content.startswith(_ARCHIVE):
        return toml_file.read(content)
    from andon_mes.configuration import workbook_reading

    return workbook_reading.read(content, calendar.zone)


def step_view(step: Step) -> dict[str, Any]:
    """A step as a document: what happens to which row, each field with before and after."""
    return {
        "action": step.action,
        "kind": step.kind or "settings",
        "key": key_text(step.key),
        "changes": {name: plain(list(values)) for name, values in step.changes.items()},
    }

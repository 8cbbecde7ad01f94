"""OEE of a plant's equipment over production dates: read, then reckon. Works in the caller's transaction."""

from dataclasses import dataclass
from datetime import date, datetime

from andon_mes.numbers.calendar import Calendar
from andon_mes.oee import store
from andon_mes.oee.model import Oee, judge, roll_up
from andon_mes.reports.period import production_days
from andon_mes.store.engine import Connection


@dataclass(frozen=True, slots=True)
class EquipmentOee:
    """The figures of one piece of equipment; `process` None where it serves none in particular."""

    code: str
    name: str
    process: str | None
    figures: Oee


@dataclass(frozen=True, slots=True)
class Asked:
    """The production dates `first` to `last`, as far as they are over at `now`; one equipment, or all."""

    first: date
    last: date
    now: datetime
    equipment: str | None = None


def of_equipment(connection: Connection, calendar: Calendar, asked: Asked) -> list[EquipmentOee]:
    """The OEE of each piece of equipment in use, by its code.

    Raises: NotFound (EQUIPMENT_UNKNOWN) when the one asked for is not there.
    """
    over = production_days(calendar, asked.first, asked.last).upto(asked.now)
    known = store.list_equipment(connection, asked.equipment)
    states = store.states_in(connection, [row.id for row in known], over)
    made = store.made_in(connection, over)
    planned = calendar.planned_spans(over.begins_at, over.ends_at)
    return [
        EquipmentOee(
            row.code, row.name, row.process, judge(roll_up(states[row.id], planned), made.get(row.code, []))
        )
        for row in known
    ]

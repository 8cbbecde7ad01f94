"""What the reports' clients get, for the description at /openapi.json; a test holds `figures.py` to it.

A rate, yield or ratio is in percent with two decimals, a time in seconds; what nobody measured is null.
"""

from datetime import date, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from andon_mes.exports.model import Kind


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ProcessNow(_Document):
    """Serials of open lots at a process; `wip` is all of them."""

    process: str
    name: str
    name_ko: str | None
    standard_cycle_time: int
    wip: int
    waiting: int
    in_process: int
    rework: int
    defective: int
    held: int


class ProcessOfToday(ProcessNow):
    """What a process has done since the production day began. Yields are of attempt 1 only.

    `rolled_throughput_yield` is that of the route up to and with this process; null while an earlier one has
    no attempt today.
    """

    processed: int
    passed: int
    failed: int
    first_attempts: int
    first_passed: int
    first_pass_yield: float | None
    rework_ratio: float | None
    average_cycle_time: float | None
    shortest_cycle_time: float | None
    longest_cycle_time: float | None
    cycle_time_against_standard: float | None
    rolled_throughput_yield: float | None
    throughput_per_hour: float | None


class ModelOfToday(_Document):
    """The yield of a product model through its own route."""

    product_model: str
    processed: int
    first_pass_yield: float | None
    rolled_throughput_yield: float | None


class SummaryShown(_Document):
    """Today at one look. Quantities are of the production date's lots; what is open is so of any date."""

    production_date: date
    shift: str
    begins_at: datetime
    ends_at: datetime
    seen_at: datetime
    lots_today: int
    target_quantity: int
    generated_quantity: int
    actual_quantity: int
    defect_quantity: int
    completion_rate: float | None
    defect_rate: float | None
    scrap_ratio: float | None
    takt_time: float | None
    rolled_throughput_yield: float | None
    active_lots: int
    running_lots: int
    held_lots: int
    held_serials: int
    serials_not_started: int
    open_calls: int
    unacknowledged_calls: int
    open_defects: int
    open_reworks: int
    processes: list[ProcessOfToday]
    models: list[ModelOfToday]


class RunningShown(_Document):
    """An attempt under way; `since` by the station's clock, `seconds` until now."""

    serial_number: str
    lot_number: str
    process: str
    attempt: int
    station: str | None
    equipment: str | None
    operator: str
    since: datetime
    seconds: float
    is_over_standard: bool


class EquipmentNow(_Document):
    """A piece of equipment; `state` is a CFX resource state, null when unknown."""

    code: str
    name: str
    process: str | None
    station: str | None
    state: str | None
    since: datetime | None
    calibration_due_at: datetime | None


class CallOpen(_Document):
    """An andon call that is not resolved."""

    id: int
    kind: str
    process: str | None
    equipment: str | None
    serial_number: str | None
    message: str | None
    raised_by: str
    raised_at: datetime
    acknowledged_by: str | None
    acknowledged_at: datetime | None


class ProcessOfFloor(ProcessNow):
    """A process now: its oldest attempts under way and its equipment."""

    running: list[RunningShown]
    equipment: list[EquipmentNow]


class FloorShown(_Document):
    """The floor now. `takt_time` is planned time for each serial of today's lots, `pace` the time that each
    finished one has taken so far."""

    seen_at: datetime
    production_date: date
    shift: str
    takt_time: float | None
    pace: float | None
    processes: list[ProcessOfFloor]
    other_equipment: list[EquipmentNow]
    calls: list[CallOpen]
    attempts_left_off: int


class BoundsShown(_Document):
    """What the true figure cannot leave, in percent; `upper` null: nothing limits it."""

    lower: float
    upper: float | None


class SecondsIn(_Document):
    """Planned seconds by SEMI E10 state; `unknown` is time of which no state is known."""

    productive: float
    standby: float
    engineering: float
    scheduled_down: float
    unscheduled_down: float
    non_scheduled: float
    unknown: float


class OeeShown(_Document):
    """OEE of a piece of equipment, in percent. Null is unknown and `unknown_because` says why; then
    the bounds are all that is known. `coverage` is the share of the planned time whose state is known."""

    equipment: str
    name: str
    process: str | None
    planned_seconds: float
    seconds: SecondsIn
    coverage: float | None
    processed: int
    good: int
    availability: float | None
    performance: float | None
    quality: float | None
    oee: float | None
    availability_bounds: BoundsShown | None
    oee_bounds: BoundsShown | None
    unknown_because: str | None


class OeePage(_Document):
    """The OEE of equipment over production dates, until now where the last is not over."""

    first: date
    last: date
    equipment: list[OeeShown]


class ColumnShown(_Document):
    """A column of a report: its key in the rows, how it is written, its heading in the language asked for."""

    key: str
    kind: Kind
    heading: str


class ReportShown(_Document):
    """A report. A row is an object by column; instants in UTC, dates are production dates."""

    report: str
    title: str
    first: date | None = Field(alias="from")
    last: date | None = Field(alias="to")
    made_at: datetime
    columns: list[ColumnShown]
    rows: list[dict[str, Any]]

"""Today at one look, and the floor as it is now: what the summary and the live view hold. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from andon_mes.reports.model import (
    Counts,
    Quantities,
    Step,
    Tally,
    per_hour,
    rolled_throughput_yield,
    takt,
    tally,
)
from andon_mes.reports.period import Period
from andon_mes.serials.model import SerialStatus

IN_WORK = (
    SerialStatus.WAITING,
    SerialStatus.IN_PROCESS,
    SerialStatus.REWORK,
    SerialStatus.DEFECTIVE,
    SerialStatus.HOLD,
)
"""A serial of one of these is work in process: begun, and not over."""


@dataclass(frozen=True, slots=True)
class Process:
    """A process as it is configured; `standard_cycle_time` in seconds."""

    code: str
    name: str
    name_ko: str | None
    standard_cycle_time: int


@dataclass(frozen=True, slots=True)
class Model:
    """A product model and its route."""

    code: str
    route: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Waiting:
    """Serials of open lots that are at one process, by their status."""

    by_status: Mapping[SerialStatus, int] = field(default_factory=dict)

    def of(self, status: SerialStatus) -> int:
        """How many are in `status`."""
        return self.by_status.get(status, 0)

    @property
    def wip(self) -> int:
        """All of them: work in process."""
        return sum(self.by_status.get(each, 0) for each in IN_WORK)


@dataclass(frozen=True, slots=True)
class ProcessToday:
    """One process: what is at it now, and what it did since the production day began.

    `rolled_throughput_yield` is that of the route up to and with this process.
    """

    process: Process
    waiting: Waiting
    tally: Tally
    rolled_throughput_yield: float | None
    throughput_per_hour: float | None

    @property
    def against_standard(self) -> float | None:
        """Average cycle time as a share of the standard one; above 1 is slower."""
        average = self.tally.average
        return average / self.process.standard_cycle_time if average is not None else None


@dataclass(frozen=True, slots=True)
class ModelToday:
    """One product model: its rolled throughput yield of today, through its own route."""

    code: str
    tally: Tally
    rolled_throughput_yield: float | None


@dataclass(frozen=True, slots=True)
class Attention:
    """What waits for a person: counts over all that is open, not only of today."""

    active_lots: int = 0
    running_lots: int = 0
    held_lots: int = 0
    held_serials: int = 0
    serials_not_started: int = 0
    open_calls: int = 0
    unacknowledged_calls: int = 0
    open_defects: int = 0
    open_reworks: int = 0


@dataclass(frozen=True, slots=True)
class Summary:
    """Today at one look. `lots` are those of the production date, whatever became of them."""

    production_date: date
    shift: str
    day: Period
    seen_at: datetime
    lots: int
    quantities: Quantities
    takt: float | None
    rolled_throughput_yield: float | None
    processes: tuple[ProcessToday, ...]
    models: tuple[ModelToday, ...]
    attention: Attention


@dataclass(frozen=True, slots=True)
class Moment:
    """When a look is taken: the production date and shift that run at `now`, and the day's own period."""

    now: datetime
    production_date: date
    shift: str
    day: Period
    planned: timedelta
    """How long the plant plans to work on that day."""


@dataclass(frozen=True, slots=True)
class Rows:
    """What the database says, as the summary needs it; all read in one transaction."""

    processes: tuple[Process, ...]
    models: tuple[Model, ...]
    counts: tuple[Counts, ...]
    waiting: Mapping[str, Waiting]
    lots: int
    quantities: Quantities
    attention: Attention


def summarise(rows: Rows, at: Moment) -> Summary:
    """The summary of `rows` at that moment."""
    tallies = _by_process(rows.counts)
    route = [Step(each.code) for each in rows.processes]
    elapsed = at.day.upto(at.now).length.total_seconds()
    return Summary(
        production_date=at.production_date,
        shift=at.shift,
        day=at.day,
        seen_at=at.now,
        lots=rows.lots,
        quantities=rows.quantities,
        takt=takt(at.planned.total_seconds(), rows.quantities.target),
        rolled_throughput_yield=rolled_throughput_yield(route, tallies),
        processes=tuple(
            ProcessToday(
                process=process,
                waiting=rows.waiting.get(process.code, Waiting()),
                tally=tallies.get(process.code, Tally()),
                rolled_throughput_yield=rolled_throughput_yield(route[: number + 1], tallies),
                throughput_per_hour=_hourly(tallies.get(process.code), elapsed),
            )
            for number, process in enumerate(rows.processes)
        ),
        models=tuple(_of_model(model, rows.counts) for model in rows.models),
        attention=rows.attention,
    )


def _by_process(counts: Iterable[Counts]) -> dict[str, Tally]:
    grouped: dict[str, list[Counts]] = {}
    for each in counts:
        grouped.setdefault(each.process, []).append(each)
    return {process: tally(each) for process, each in grouped.items()}


def _of_model(model: Model, counts: Sequence[Counts]) -> ModelToday:
    own = [each for each in counts if each.product_model == model.code]
    return ModelToday(model.code, tally(own), rolled_throughput_yield(model.route, _by_process(own)))


def _hourly(seen: Tally | None, elapsed: float) -> float | None:
    return None if seen is None else per_hour(seen.passed, elapsed)


@dataclass(frozen=True, slots=True)
class Running:
    """An attempt that is under way. `since` is the station's own time."""

    serial_number: str
    lot_number: str
    process: str
    attempt: int
    station: str | None
    equipment: str | None
    operator: str
    since: datetime

    def seconds(self, now: datetime) -> float:
        """How long it has run; never below 0, whatever the station's clock says."""
        return max(0.0, (now - self.since).total_seconds())


@dataclass(frozen=True, slots=True)
class Equipment:
    """A piece of equipment; `state` is a CFX resource state, None when unknown."""

    code: str
    name: str
    process: str | None
    station: str | None
    state: str | None
    since: datetime | None
    calibration_due_at: datetime | None


@dataclass(frozen=True, slots=True)
class Call:
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


@dataclass(frozen=True, slots=True)
class FloorProcess:
    """One process as it is now. `running` holds its oldest attempts; `waiting` counts all."""

    process: Process
    waiting: Waiting
    running: tuple[Running, ...]
    equipment: tuple[Equipment, ...]


@dataclass(frozen=True, slots=True)
class Floor:
    """The floor as it is now. `left_off` attempts are under way beside those shown.

    `takt` is the planned seconds for each serial of today's lots, `pace` the seconds since the day began for
    each that passed the last process.
    """

    seen_at: datetime
    production_date: date
    shift: str
    takt: float | None
    pace: float | None
    processes: tuple[FloorProcess, ...]
    other_equipment: tuple[Equipment, ...]
    calls: tuple[Call, ...]
    left_off: int

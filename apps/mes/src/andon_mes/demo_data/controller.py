"""Make the demonstrated plant: its configuration, then what happened, through the controllers of the MES."""

import hashlib
import importlib.resources
import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, assert_never

from andon_mes.access.model import Role
from andon_mes.access.people import store as people
from andon_mes.access.people.model import NewUser
from andon_mes.calls import store as calls
from andon_mes.calls.model import NewCall
from andon_mes.components.model import Scan
from andon_mes.configuration import controller as configuration
from andon_mes.configuration import store as configured
from andon_mes.configuration import toml_file
from andon_mes.configuration.files import plant_in
from andon_mes.configuration.model import Kind, Plant, Row
from andon_mes.configuration.store import By
from andon_mes.defects import controller as quality
from andon_mes.defects import store as defects
from andon_mes.defects.controller import Choice, Finding
from andon_mes.defects.model import DefectStatus, Disposition
from andon_mes.demo_data.line import Line
from andon_mes.demo_data.model import (
    AnswerCall,
    Call,
    ChangeLot,
    Contradict,
    EndWork,
    Event,
    Find,
    Machine,
    MakeLot,
    PrintLabel,
    ScrapHeld,
    StartWork,
    Station,
    Step,
    Work,
)
from andon_mes.equipment import controller as machines
from andon_mes.equipment.model import Calibration, CalibrationResult, StateReport
from andon_mes.idempotency.store import Answer
from andon_mes.kernel.errors import Conflict, Problem, Words
from andon_mes.labels import controller as labelling
from andon_mes.labels import store as labels
from andon_mes.labels.controller import Printing
from andon_mes.lots import controller as lot_life
from andon_mes.lots import store as lots
from andon_mes.lots.model import NewLot
from andon_mes.lots.store import LotFilter
from andon_mes.numbers.calendar import Calendar
from andon_mes.numbers.calendar_document import read_calendar
from andon_mes.processes import controller as processes
from andon_mes.processes.model import CompletionEvent, Serving, StartEvent
from andon_mes.serials import store as serials
from andon_mes.store.engine import Connection
from andon_mes.store.history import Change

NAME = "demo-data"
MODEL = "NH-F2X-001"
LABEL = "SERIAL-ZPL"
PEOPLE = (
    ("demo.admin", "관리자", Role.ADMIN),
    ("demo.lead", "이수진", Role.LINE_LEAD),
    ("demo.quality", "박지훈", Role.QUALITY),
    ("demo.engineer", "정하준", Role.ENGINEER),
    ("demo.auditor", "한지민", Role.AUDITOR),
)
"""Login, name and role of who may sign in; each is given a one-time password."""

VERSION = "2.4.1"
"""What the demonstrated stations run."""

_DAYS = 5
_QUANTITY = (14, 26)
_REFUSED = 400
_FAILS = {"SPRING": 0.02, "LMA": 0.03, "LASER": 0.015, "EOL": 0.045, "ROBOT": 0.02, "PRINT": 0.01}
_FIXED: dict[str, dict[str, Any]] = {
    "LMA": {"lma_model": "LMA-A2", "assembly_complete": True, "torque_test": "PASS"},
    "EOL": {"firmware": "v2.4.1"},
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """How much of a plant, of which seed, until when. `plant_code` stands in the numbers."""

    lots: int
    seed: int
    now: datetime
    plant_code: str
    release: str
    is_forced: bool = False


def set_up(connection: Connection, wanted: Wanted) -> Calendar:
    """Write the plant's configuration and say its calendar. What is there already stays as it is.

    Raises: Conflict (PRODUCTION_THERE) on a database that has lots, unless `is_forced`.
    """
    _, there = lots.list_page(connection, LotFilter(), page=1, page_size=1)
    if there and not wanted.is_forced:
        raise Conflict(
            Problem(
                "PRODUCTION_THERE",
                Words("The database has production", "데이터베이스에 생산 기록이 있습니다"),
                Words(f"It has {there} lots", f"로트 {there}개가 있습니다"),
                Words("Use another database, or --force", "다른 데이터베이스를 쓰거나 --force를 지정하세요"),
            )
        )
    plant = shipped_plant(wanted.now)
    before = configured.load(connection)
    if there:
        rows = {kind: {**plant.of(kind), **before.of(kind)} for kind in plant.rows}
        plant = Plant(rows, {**plant.settings, **before.settings})
    began = wanted.now - timedelta(days=60)
    configuration.take(connection, plant, By(NAME, began), is_dry=False, where=str)
    for code in plant.of(Kind.EQUIPMENT):
        _calibrate(connection, code[0] or "", wanted.now)
    document = configured.find_setting(connection, "calendar")
    return read_calendar(document)


def shipped_plant(now: datetime) -> Plant:
    """The plant's configuration, which works on the day of `now`."""
    shipped = importlib.resources.files("andon_mes.demo_data").joinpath("plant.toml").read_bytes()
    return _worked_today(plant_in(toml_file.read(shipped)), now)


def happenings(connection: Connection, wanted: Wanted, calendar: Calendar) -> list[Event]:
    """What happens in the plant until `wanted.now`, in the order in which it happens."""
    _, there = lots.list_page(connection, LotFilter(), page=1, page_size=1)
    plant = configured.load(connection)
    spans = _working_spans(calendar, wanted.now)
    line = Line(f"{wanted.seed}/{there}", _steps(plant), _stations(plant), spans, wanted.now)
    return line.run(wanted.lots, _QUANTITY)


@dataclass
class Doing:
    """Does events, in transactions of the caller's. What the MES refuses is counted, and ends that serial."""

    wanted: Wanted
    calendar: Calendar
    numbers: dict[int, str] = field(default_factory=dict)
    serials: dict[int, list[str]] = field(default_factory=dict)
    calls: dict[int, int] = field(default_factory=dict)
    refused: Counter[str] = field(default_factory=Counter)
    stuck: set[tuple[int, int]] = field(default_factory=set)

    def do(self, connection: Connection, events: Sequence[Event]) -> None:
        """Do `events` in their order."""
        for event in events:
            self._do(connection, event)

    def _do(self, connection: Connection, event: Event) -> None:
        change = Change(NAME, event.at)
        match event:
            case MakeLot():
                self._make_lot(connection, event)
            case ChangeLot(at, lot, action, reason):
                known = lots.get(connection, self.numbers[lot])
                self._unless_refused(
                    lambda: lot_life.change_status(connection, known, action, Change("이수진", at, reason))
                )
            case StartWork(at, work):
                if (work.lot, work.place) not in self.stuck:
                    self._count(work, processes.start(connection, self._start(at, work), self._serving(at)))
            case EndWork() | Contradict():
                self._end(connection, event)
            case Machine(at, equipment, state, reason):
                machines.report_state(connection, equipment, StateReport(state, at, reason, equipment), at)
            case Find(at, lot, place, process, defect, description):
                found = Finding(self.serials[lot][place], process, defect, description, holds=False)
                quality.find(connection, found, Change("박지훈", at))
            case ScrapHeld(_, lot, place):
                self._unless_refused(lambda: _scrap(connection, self.serials[lot][place], change))
            case Call() | AnswerCall() | PrintLabel():
                self._help(connection, event)
            case _:
                assert_never(event)

    def _help(self, connection: Connection, event: Call | AnswerCall | PrintLabel) -> None:
        match event:
            case Call(at, number, kind, process, equipment, message):
                of = calls.find_process_id(connection, process)
                new = NewCall(kind, of, equipment, message=message)
                made, is_new = calls.raise_call(connection, new, Change("OP-101", at))
                if is_new:  # else somebody called for the same already, and comes for that
                    self.calls[number] = made
            case AnswerCall(at, number, action, by, reason):
                if number in self.calls:
                    known = calls.get(connection, self.calls[number])
                    calls.change_status(connection, known, action, Change(by, at, reason))
            case PrintLabel(at, lot, place, reason):
                if (lot, place) not in self.stuck:
                    printing = Printing("OP-113", at, reason)
                    _print(connection, self.serials[lot][place], printing, self.calendar)
            case _:
                assert_never(event)

    def _make_lot(self, connection: Connection, event: MakeLot) -> None:
        on, shift = self.calendar.shift_at(event.at)
        new = NewLot(
            self.wanted.plant_code, MODEL, on, shift, event.quantity, event.priority, "이수진", event.notes
        )
        lot = lots.create(connection, new, event.at)
        made = serials.generate(connection, lot, event.quantity, Change("이수진", event.at))
        self.numbers[event.lot] = lot.lot_number
        self.serials[event.lot] = [each.serial_number for each in made]

    def _end(self, connection: Connection, event: EndWork | Contradict) -> None:
        if isinstance(event, Contradict):
            report = self._report(EndWork(event.at, event.work, {"note": "late file"}))
            processes.complete(connection, report, {"file": "late"}, self._serving(event.at))
            return
        if (event.work.lot, event.work.place) in self.stuck:
            return
        report = self._report(event)
        content = {"serial_number": report.serial_number, "at": event.at.isoformat()}
        self._count(event.work, processes.complete(connection, report, content, self._serving(event.at)))

    def _start(self, at: datetime, work: Work) -> StartEvent:
        return StartEvent(
            self.serials[work.lot][work.place],
            work.process,
            work.operator,
            work.equipment,
            at,
            station=work.equipment,
            application_version=VERSION,
        )

    def _report(self, event: EndWork) -> CompletionEvent:
        work = event.work
        number = self.serials[work.lot][work.place]
        said = json.dumps([number, work.process, event.at.isoformat(), dict(event.data)], sort_keys=True)
        return CompletionEvent(
            number,
            work.process,
            work.operator,
            event.defect is None,
            event.at,
            hashlib.sha256(said.encode()).hexdigest(),
            data=dict(event.data),
            defect_code=event.defect,
            components=tuple(
                Scan(name, component_lot=said) if kind == "LOT" else Scan(name, component_serial=said)
                for name, kind, said in event.scans
            ),
            equipment_id=work.equipment,
            station=work.equipment,
            application_version=VERSION,
        )

    def _serving(self, at: datetime) -> Serving:
        return Serving(self.wanted.release, at)

    def _count(self, work: Work, answer: Answer) -> None:
        if answer.status_code >= _REFUSED:
            self.refused[json.loads(answer.body)["code"]] += 1
            self.stuck.add((work.lot, work.place))

    def _unless_refused(self, do: Callable[[], None]) -> None:
        try:
            do()
        except Conflict as error:
            self.refused[error.problem.code] += 1


def _print(connection: Connection, number: str, printing: Printing, calendar: Calendar) -> None:
    template = labels.get_template(connection, LABEL)
    subject = labels.get_subject(connection, number, template.code)
    sheet = labelling.render(template, [subject], printing.at, calendar.zone)
    labelling.book(connection, template, [subject], printing, sheet)


def _scrap(connection: Connection, number: str, change: Change) -> None:
    for known in defects.list_live_of_serial(connection, serials.get(connection, number).id):
        if known.status in {DefectStatus.OPEN, DefectStatus.CONTAINED}:
            held = quality.contain(connection, known, change) if known.status is DefectStatus.OPEN else known
            quality.dispose(connection, held, Choice(Disposition.SCRAP), change)
            return


def _worked_today(plant: Plant, now: datetime) -> Plant:
    """The plant, working on the day of `now` whatever the weekday, so that today has something to show."""
    document = plant.settings["calendar"]
    calendar = read_calendar(document)
    today, _ = calendar.shift_at(now)
    if calendar.is_working_day(today):
        return plant
    holidays = [each for each in document["holidays"] if each["date"] != today.isoformat()]
    extra = [*document["extra_working_days"], {"date": today.isoformat(), "name": "demo"}]
    changed = {**document, "holidays": holidays, "extra_working_days": extra}
    return Plant(plant.rows, {**plant.settings, "calendar": changed})


def _working_spans(calendar: Calendar, now: datetime) -> list[tuple[datetime, datetime]]:
    today, _ = calendar.shift_at(now)
    days = [day for day in _days_back(today) if calendar.is_working_day(day)][:_DAYS]
    begins = calendar.shifts_of(min(days))[0].starts_at
    return [(start, end) for start, end in calendar.planned_spans(begins, now) if start < end]


def _days_back(today: date) -> Iterator[date]:
    return (today - timedelta(days=back) for back in range(40))


def _steps(plant: Plant) -> list[Step]:
    model = plant.of(Kind.PRODUCT_MODELS)[MODEL,]
    active = sorted(
        (row for row in plant.of(Kind.PROCESSES).values() if row["is_active"]),
        key=lambda row: row["sequence_order"],
    )
    return [_step(plant, model, row) for row in active]


def _step(plant: Plant, model: Row, row: Row) -> Step:
    code = row["code"]
    measured = [
        each
        for each in plant.of(Kind.CHARACTERISTICS).values()
        if each["process"] == code and each["is_active"]
    ]
    return Step(
        code,
        row["standard_cycle_time"],
        tuple(
            each["code"]
            for each in plant.of(Kind.DEFECT_CODES).values()
            if each["process"] == code and each["is_active"]
        ),
        tuple(
            _measured(each) for each in measured if each["lower"] is not None and each["upper"] is not None
        ),
        tuple((each["component"], each["kind"]) for each in model["bom"] if each["process"] == code),
        _FAILS.get(code, 0.0),
        _FIXED.get(code, {}),
    )


def _measured(row: Row) -> tuple[str, float, float, float, float]:
    lower, upper = row["lower"], row["upper"]
    mean = (lower + upper) / 2 if row["target"] is None else row["target"]
    return row["name"], mean, (upper - lower) / 11, lower, upper


def _stations(plant: Plant) -> list[Station]:
    people: dict[str, list[str]] = {}
    for operator, process in sorted(plant.of(Kind.QUALIFICATIONS)):
        people.setdefault(process or "", []).append(operator or "")
    return [
        Station(row["code"], row["process"], tuple(people.get(row["process"], ["OP-101"])))
        for row in plant.of(Kind.EQUIPMENT).values()
        if row["is_active"] and row["process"] is not None
    ]


def _calibrate(connection: Connection, code: str, now: datetime) -> None:
    """Gauges have certificates; one of them is due within days."""
    if not code.startswith(("LMA", "EOL", "ROBOT")):
        return
    made = now - timedelta(days=356 if code == "LMA-02" else 150)
    machines.calibrate(
        connection,
        code,
        Calibration(
            made,
            made + timedelta(days=365),
            CalibrationResult.PASS,
            "KOLAS 교정기관",
            f"CAL-{made.year}-{code}",
        ),
        now,
    )


def add_people(connection: Connection, hashes: dict[str, str], at: datetime) -> list[str]:
    """Let the demonstrated people in who are not there yet, with the hashes of their one-time passwords."""
    known = {each.user.username for each in people.list_all(connection)}
    added = []
    for username, full_name, role in PEOPLE:
        if username not in known:
            people.add(connection, NewUser(username, full_name, role), hashes[username], at)
            added.append(username)
    return added

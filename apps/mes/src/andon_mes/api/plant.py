"""The plant's calendar and the numbers it gives, for who needs to know what a date or a number means."""

from datetime import date, datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from fastapi.responses import JSONResponse, Response

from andon_mes.api.access import Caller, needs
from andon_mes.api.context import ThisMes
from andon_mes.api.documents import READS, Data
from andon_mes.api.fields import Body, Day, Document
from andon_mes.configuration import store
from andon_mes.configuration.model import Kind
from andon_mes.kernel.errors import Words, invalid
from andon_mes.numbers.calendar import Calendar, Shift
from andon_mes.numbers.checksum import checksum
from andon_mes.numbers.pattern_rules import read_number
from andon_mes.numbers.patterns import LOT_PATTERN, SERIAL_PATTERN, LotKey, SerialKey
from andon_mes.store.engine import Connection

_MOST_DAYS = 400

router = APIRouter(prefix="/api/v1", tags=["configuration"])


class CalendarQuery(Body):
    """GET calendar: which production dates, both inclusive; today where nothing is said."""

    first: Day | None = None
    last: Day | None = None


class ShiftShown(Document):
    """A shift: from when to when events belong to it, and how many seconds of it are planned to be worked."""

    code: str
    starts_at: datetime
    ends_at: datetime
    planned_seconds: int


class DayShown(Document):
    """A production date with its shifts, in the order in which they begin."""

    production_date: date
    is_working_day: bool
    shifts: list[ShiftShown]


class CalendarShown(Document):
    """The plant's zone, the shift that runs now, and the days that were asked for."""

    zone: str
    production_date: date
    shift: str
    days: list[DayShown]


class NumberShown(Document):
    """What a number says; `place` is that of a serial in its lot, null for a lot."""

    number: str
    plant_code: str
    production_date: date
    shift: str
    sequence: int
    place: int | None
    checksum: str


@router.get("/calendar", response_model=Data[CalendarShown], responses=READS)
async def get_calendar(
    mes: ThisMes,
    _caller: Annotated[Caller, needs("configuration", "read")],
    asked: Annotated[CalendarQuery, Query()],
) -> Response:
    """The plant's shifts by production date, in UTC, with their planned time."""
    calendar = await mes.database.read(mes.calendar_in)
    on, shift = calendar.shift_at(mes.clock.now())
    first = asked.first or asked.last or on
    last = asked.last or first
    if not 0 <= (last - first).days < _MOST_DAYS:
        raise invalid(
            "last",
            last.isoformat(),
            Words(
                f"{first} to {last} is no span of at most {_MOST_DAYS} days",
                f"{first}~{last} 기간은 쓸 수 없습니다",
            ),
            Words("Ask for fewer days, the first before the last", "기간을 줄이거나 순서를 확인하세요"),
        )
    days = [_day(calendar, first + timedelta(days=at)) for at in range((last - first).days + 1)]
    shown = {"zone": calendar.zone.key, "production_date": on.isoformat(), "shift": shift, "days": days}
    return JSONResponse({"data": shown})


@router.get("/numbers/{number}", response_model=Data[NumberShown], responses=READS)
async def get_number(
    mes: ThisMes,
    _caller: Annotated[Caller, needs("serial", "read")],
    number: Annotated[str, Path(max_length=100)],
) -> Response:
    """What the number of a lot or a serial says, in any form that a product model gives or has given."""

    def work(connection: Connection) -> list[tuple[str, str]]:
        models = store.list_rows(connection, Kind.PRODUCT_MODELS)
        return [(each["lot_pattern"], each["serial_pattern"]) for each in models]

    patterns = [*await mes.database.read(work), (LOT_PATTERN, SERIAL_PATTERN)]
    found = read_number(number.strip().upper(), patterns)
    if found is None:
        raise invalid(
            "number",
            number,
            Words(
                f"{number!r} is no number of a lot or serial", f"{number!r}은(는) 로트·시리얼 번호가 아닙니다"
            ),
            Words("Scan the label again", "라벨을 다시 스캔하세요"),
            code="NUMBER_MALFORMED",
        )
    return JSONResponse({"data": _number(number.strip().upper(), found)})


def _day(calendar: Calendar, on: date) -> dict[str, Any]:
    return {
        "production_date": on.isoformat(),
        "is_working_day": calendar.is_working_day(on),
        "shifts": [_shift(each) for each in calendar.shifts_of(on)],
    }


def _shift(shift: Shift) -> dict[str, Any]:
    return {
        "code": shift.code,
        "starts_at": shift.starts_at.isoformat(),
        "ends_at": shift.ends_at.isoformat(),
        "planned_seconds": int(shift.planned_time.total_seconds()),
    }


def _number(number: str, found: LotKey | SerialKey) -> dict[str, Any]:
    lot = found.lot if isinstance(found, SerialKey) else found
    return {
        "number": number,
        "plant_code": lot.plant,
        "production_date": lot.on.isoformat(),
        "shift": lot.shift,
        "sequence": lot.sequence,
        "place": found.place if isinstance(found, SerialKey) else None,
        "checksum": checksum(number),
    }

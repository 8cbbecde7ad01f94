"""When a plant's calendar is open: windows, closed days, shifts, and the days on which clocks change."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from andon.access.policies import calendar
from andon.access.policies.calendar import HORIZON, Calendar, is_open, look, next_opening
from andon.kernel.errors import InvalidInput

NIGHTS = Calendar("Asia/Seoul", ("Mon-Fri 22:00-05:00",))
ZONES = [
    "Asia/Seoul",
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",  # changes by half an hour
    "America/Sao_Paulo",  # used to change at midnight
    "Pacific/Apia",  # once left out a whole day
    "Africa/Casablanca",
    "UTC",
]
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def at(text: str, zone: str = "Asia/Seoul") -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


OPEN = [
    ("2026-11-25 22:00", True),  # a Wednesday
    ("2026-11-25 21:59", False),
    ("2026-11-26 04:59", True),
    ("2026-11-26 05:00", False),
    ("2026-11-28 04:00", True),  # Saturday morning belongs to Friday's window
    ("2026-11-28 22:30", False),
    ("2026-11-30 04:00", False),  # Monday morning belongs to Sunday, which has none
]


@pytest.mark.parametrize(("moment", "expected"), OPEN)
def test_a_window_belongs_to_the_day_on_which_it_begins(moment: str, expected: bool) -> None:
    assert is_open(NIGHTS, at(moment)) is expected


def test_a_closed_window_says_when_it_opens_in_the_plant_s_own_time() -> None:
    seen = look(NIGHTS, at("2026-11-28 12:00"))
    assert not seen.is_open
    assert seen.until == at("2026-11-30 22:00")
    assert seen.reason == "the plant's calendar is closed until Mon 2026-11-30 22:00 (Asia/Seoul)"


def test_an_open_one_says_when_it_closes() -> None:
    seen = look(NIGHTS, at("2026-11-26 01:00"))
    assert (seen.is_open, seen.until) == (True, at("2026-11-26 05:00"))
    assert seen.reason == "the plant's calendar is open until Thu 2026-11-26 05:00 (Asia/Seoul)"


def test_without_windows_it_is_open_but_on_its_closed_days() -> None:
    closed = Calendar("Asia/Seoul", closed=("2026-12-24..2027-01-02 stock-taking", "2026-10-03 개천절"))
    assert is_open(closed, at("2026-12-23 23:59"))
    assert not is_open(closed, at("2026-12-24 00:00"))
    assert not is_open(closed, at("2027-01-02 23:59"))
    assert is_open(closed, at("2027-01-03 00:00"))
    assert look(closed, at("2026-10-03 12:00")).reason == (
        "the plant's calendar is closed (개천절) until Sun 2026-10-04 00:00 (Asia/Seoul)"
    )
    assert look(closed, at("2026-12-20 00:00")).until == at("2026-12-24 00:00")
    assert look(Calendar("UTC"), at("2026-12-20 00:00")).reason == "the plant's calendar is open"


def test_a_closed_day_wins_over_a_window_and_cuts_it() -> None:
    cut = Calendar("Asia/Seoul", NIGHTS.open, ("2026-11-26",))
    assert look(cut, at("2026-11-25 23:00")).until == at("2026-11-26 00:00")
    assert not is_open(cut, at("2026-11-26 01:00"))
    assert next_opening(cut, at("2026-11-26 01:00")) == at("2026-11-27 00:00")
    hours = Calendar("Asia/Seoul", NIGHTS.open, ("2026-11-25 23:00..2026-11-26 01:00",))
    assert next_opening(hours, at("2026-11-25 23:30")) == at("2026-11-26 01:00")


def test_a_shift_is_a_window_with_a_name() -> None:
    plant = calendar.parse(
        'zone = "Asia/Seoul"\nopen = ["night", "Sun 08:00-18:00"]\n'
        '[shifts]\nnight = ["Mon-Fri 22:00-06:00"]\nday = "Mon-Fri 06:00-14:00"\n'
    )
    assert plant.shift_names == ("night", "day")
    assert is_open(plant, at("2026-11-26 05:30"))
    assert not is_open(plant, at("2026-11-26 06:30"))
    assert is_open(plant, at("2026-11-26 06:30"), "day")
    assert not is_open(plant, at("2026-11-29 09:00"), "night")
    assert look(plant, at("2026-11-29 09:00"), "night").reason.startswith("shift night is closed until Mon")
    with pytest.raises(InvalidInput, match=r"no shift 'late'; known: day, night"):
        look(plant, at("2026-11-29 09:00"), "late")


def test_windows_that_touch_are_one() -> None:
    touching = Calendar("UTC", ("Mon 20:00-24:00", "Tue 00:00-04:00"))
    assert look(touching, at("2026-11-30 21:00", "UTC")).until == at("2026-12-01 04:00", "UTC")
    assert look(Calendar("UTC", ("Mon-Sun 00:00-24:00",)), at("2026-11-30 21:00", "UTC")).until is None


def test_what_never_opens_says_so() -> None:
    never = Calendar("UTC", ("Mon 01:00-02:00",), ("2026-01-01..2030-01-01",))
    assert next_opening(never, at("2026-11-30 21:00", "UTC")) is None
    assert look(never, at("2026-11-30 21:00", "UTC")).reason == (
        "the plant's calendar is closed and does not open within 400 days"
    )


CLOCKS = [
    # Berlin, 29 March 2026: from 02:00 to 03:00 in one moment (01:00 UTC)
    ("Sun 02:30-04:00", "2026-03-29T00:59:59+00:00", False),
    ("Sun 02:30-04:00", "2026-03-29T01:00:00+00:00", True),
    ("Sun 02:30-04:00", "2026-03-29T02:00:00+00:00", False),
    ("Sun 01:00-02:30", "2026-03-29T00:59:59+00:00", True),
    ("Sun 01:00-02:30", "2026-03-29T01:00:00+00:00", False),
    # 25 October 2026: 03:00 becomes 02:00 (01:00 UTC), so that 02:30 comes twice
    ("Sun 01:00-02:30", "2026-10-25T00:29:59+00:00", True),
    ("Sun 01:00-02:30", "2026-10-25T00:30:00+00:00", False),
    ("Sun 01:00-02:30", "2026-10-25T01:15:00+00:00", False),
    ("Sun 02:30-04:00", "2026-10-25T00:30:00+00:00", True),
    ("Sun 02:30-04:00", "2026-10-25T01:15:00+00:00", True),
    ("Sat 22:00-05:00", "2026-10-25T03:59:59+00:00", True),
    ("Sat 22:00-05:00", "2026-10-25T04:00:00+00:00", False),
]


@pytest.mark.parametrize(("window", "moment", "expected"), CLOCKS)
def test_on_the_day_on_which_clocks_change(window: str, moment: str, expected: bool) -> None:
    assert is_open(Calendar("Europe/Berlin", (window,)), datetime.fromisoformat(moment)) is expected


def test_a_window_within_the_hour_that_is_left_out_does_not_happen() -> None:
    gone = Calendar("Europe/Berlin", ("Sun 02:10-02:50",))
    assert next_opening(gone, datetime(2026, 3, 28, tzinfo=UTC)) == datetime(2026, 4, 5, 0, 10, tzinfo=UTC)


BAD = [
    ("", "zone '' is no time zone"),
    ('zone = "Mars/Olympus"', "no time zone"),
    ('zone = "../../etc/passwd"', "no time zone"),
    ('zone = "UTC"\nopen = ["Mon-Fri 25:00-26:00"]', "no time of the day"),
    ('zone = "UTC"\nopen = ["Montag 08:00-09:00"]', "are no days"),
    ('zone = "UTC"\nopen = ["Mon- 08:00-09:00"]', "are no days"),
    ('zone = "UTC"\nopen = ["Mon 08:00-08:00"]', "is empty"),
    ('zone = "UTC"\nopen = ["weekend"]', "no window"),
    ('zone = "UTC"\nclosed = ["2026-02-30"]', "closed: '2026-02-30'"),
    ('zone = "UTC"\nclosed = ["2026-03-02..2026-03-01"]', "ends before it begins"),
    ('zone = "UTC"\nclosed = ["9999-12-31"]', "closed: '9999-12-31'"),
    ('zone = "UTC"\nclosed = ["Christmas"]', "no day or span"),
    ('zone = "UTC"\nopen = 5', "open is no list of texts"),
    ('zone = "UTC"\nshift = []', "'shift' is no key"),
    ('zone = "UTC"\n[shifts]\nDay = "Mon 08:00-09:00"', "shift 'Day'"),
    ('zone = "UTC"\n[shifts]\nday = []', "shift 'day'"),
    ("zone = UTC", "not TOML"),
]


@pytest.mark.parametrize(("text", "wrong"), BAD)
def test_what_is_no_calendar_is_refused_with_what_is_wrong(text: str, wrong: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        calendar.parse(text)
    assert wrong in caught.value.message
    assert caught.value.hint


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=200) | st.from_regex(r'zone = "UTC"\n(open|closed) = \[".{0,40}"\]', fullmatch=True))
def test_any_text_is_a_calendar_or_refused(text: str) -> None:
    try:
        found = calendar.parse(text)
    except InvalidInput:
        return
    assert calendar.from_values(calendar.to_values(found)) == found


@st.composite
def calendars(draw: st.DrawFn) -> Calendar:
    def window() -> str:
        days = draw(st.sampled_from([*DAYS, "Mon-Fri", "Sat,Sun", "Fri-Mon"]))
        start = draw(st.integers(0, 23 * 4 + 3)) * 15
        length = draw(st.integers(1, 95)) * 15
        end = (start + length) % (24 * 60)
        return f"{days} {start // 60:02}:{start % 60:02}-{end // 60:02}:{end % 60:02}"

    closed = draw(st.lists(st.dates(date(2011, 1, 1), date(2030, 1, 1)), max_size=2))
    return Calendar(
        draw(st.sampled_from(ZONES)),
        tuple(window() for _ in range(draw(st.integers(0, 3)))),
        tuple(f"{each}" for each in closed),
    )


moments = st.integers(1_307_000_000, 1_890_000_000).map(lambda each: datetime.fromtimestamp(each, UTC))
# The weeks around changes of clocks, and the day that Samoa left out, come more often than by chance.
hard = st.sampled_from(["2011-12-29", "2016-10-15", "2024-03-30", "2026-10-24", "2027-04-03"]).flatmap(
    lambda day: st.integers(0, 3 * 24 * 60).map(lambda minutes: at(day, "UTC") + timedelta(minutes=minutes))
)


@settings(max_examples=100, deadline=None)
@given(calendars(), moments | hard)
def test_the_next_opening_is_open_and_nothing_before_it_is(plant: Calendar, now: datetime) -> None:
    opens = next_opening(plant, now)
    if opens is None:
        assert not is_open(plant, now)
        return
    assert now <= opens <= now + HORIZON
    assert is_open(plant, opens)
    assert (opens == now) == is_open(plant, now)
    for part in range(12):
        before = now + (opens - now) * part / 12
        assert before == opens or not is_open(plant, before)


@settings(max_examples=100, deadline=None)
@given(calendars(), moments | hard)
def test_what_is_told_of_an_opening_holds(plant: Calendar, now: datetime) -> None:
    seen = look(plant, now)
    assert seen.is_open is is_open(plant, now)
    if seen.until is None:
        return
    assert seen.until > now
    assert is_open(plant, seen.until) is not seen.is_open
    for part in range(8):
        assert is_open(plant, now + (seen.until - now) * part / 8) is seen.is_open


@settings(max_examples=100, deadline=None)
@given(calendars(), moments)
def test_where_clocks_stand_still_it_is_what_a_clock_on_the_wall_says(plant: Calendar, now: datetime) -> None:
    zone = ZoneInfo(plant.zone)
    offsets = {(now + timedelta(days=each)).astimezone(zone).utcoffset() for each in range(-3, 4)}
    if len(offsets) > 1:
        return
    wall = now.astimezone(zone).replace(tzinfo=None)
    is_closed = wall.date().isoformat() in plant.closed
    assert is_open(plant, now) is (
        not is_closed and (not plant.open or any(_in(each, wall) for each in plant.open))
    )


def _in(window: str, wall: datetime) -> bool:
    """The same by another way: minutes of a week, one after the other."""
    days, times = window.split()
    start, end = (int(each[:2]) * 60 + int(each[3:]) for each in times.split("-"))
    length = end - start if end > start else end - start + 24 * 60
    minute = (wall.weekday() * 24 * 60) + (wall - datetime.combine(wall.date(), time())) / timedelta(
        minutes=1
    )
    named = {"Mon-Fri": DAYS[:5], "Sat,Sun": DAYS[5:], "Fri-Mon": ("Fri", "Sat", "Sun", "Mon")}
    for day in named.get(days, (days,)):
        begin = DAYS.index(day) * 24 * 60 + start
        if any(begin + week <= minute < begin + length + week for week in (0, -7 * 24 * 60)):
            return True
    return False

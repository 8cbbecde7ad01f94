"""What a station is told of windows, and that silence takes nothing off."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from andon.access.policies import calendar
from andon.access.policies.calendar import Calendar
from andon.fleet import windows
from andon.fleet.assign import Assigned
from andon.fleet.model import Scope, Window, derived_name, labels, station_name
from andon.fleet.tests.worlds import HERE, NEW, NOW, OLD, UNIT, a_station
from andon.fleet.wanting import render
from andon.fleet.windows import Allowed
from andon.kernel.errors import InvalidInput
from andon_wire import spans
from andon_wire.protocol import WantedUnit, Windows

NIGHTS = Calendar(
    "Asia/Seoul", ("Mon-Fri 22:00-05:00", "Sat,Sun 00:00-24:00"), ("2026-12-24..2027-01-02 holidays",)
)


def a_window(scope: Scope, name: str) -> Window:
    return Window(scope, name, NIGHTS)


def test_the_narrowest_window_counts() -> None:
    places = [
        (Scope.ENVIRONMENT, HERE), (Scope.RING, "plant"), (Scope.LINE, "line-1"), (Scope.STATION, "press-1"),
    ]  # fmt: skip
    station = a_station()
    for count in range(1, 5):
        found = windows.find(station, windows.by_place([a_window(*each) for each in places[:count]]))
        assert found is not None
        assert (found.scope, found.name) == places[count - 1]
    assert windows.find(station, windows.by_place([a_window(Scope.LINE, "line-2")])) is None


def test_an_agent_reads_the_same_windows_as_the_plants_calendar() -> None:
    told = windows.wire(Calendar(NIGHTS.zone, NIGHTS.open))
    moment = datetime(2026, 3, 2, tzinfo=ZoneInfo("Asia/Seoul"))
    for minutes in range(0, 14 * 24 * 60, 7):
        at = moment + timedelta(minutes=minutes)
        assert spans.is_open(told, at) == calendar.is_open(Calendar(NIGHTS.zone, NIGHTS.open), at), at


def test_on_a_closed_day_a_station_only_gets_ready_and_a_direct_return_waits_for_no_day() -> None:
    at = datetime(2026, 12, 25, 12, tzinfo=ZoneInfo("Asia/Seoul"))
    allowed = windows.allowed(a_window(Scope.LINE, "line-1"), at)
    assert "holidays" in allowed.closed
    held = render.wanted_unit(Assigned(NEW, reason="on trial"), allowed)
    assert not held.may_switch
    assert "holidays" in held.reason
    assert render.wanted_unit(Assigned(OLD, is_return=True, direct=True), allowed).may_switch
    assert windows.allowed(a_window(Scope.LINE, "line-1"), NOW).closed == ""
    assert windows.allowed(None, at) == Allowed()


def test_a_unit_of_which_nothing_is_known_stays_as_it_was() -> None:
    former = {UNIT: WantedUnit(version=OLD, attempt=3)}
    found = render.content(a_station().name, {}, former, Allowed(), render.Common())
    assert found.units == former
    taken_off = render.content(a_station().name, {UNIT: Assigned(None)}, former, Allowed(), render.Common())
    assert taken_off.units[UNIT].version is None


def test_a_document_carries_what_was_assigned() -> None:
    given = Assigned(NEW, True, False, True, True, 4, "ro-1", "on trial")
    made = render.wanted_unit(given, Allowed(Windows(zone="Asia/Seoul", spans=[(0, 1, 2)])))
    assert (made.version, made.may_switch, made.is_return, made.direct) == (NEW, False, True, True)
    assert (made.attempt, made.rollout, made.reason) == (4, "ro-1", "on trial")
    assert made.windows.spans == [(0, 1, 2)]


@pytest.mark.parametrize("name", ["", "Press", "-a", "a-", "a" * 61, "a b", "ü", "../etc"])
def test_what_cannot_name_a_station_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput):
        station_name(name)


@pytest.mark.parametrize(
    ("host", "name"),
    [("PRESS-1.plant.local", "press-1"), ("공장", ""), ("--a__b--", "a-b"), ("x" * 99, "x" * 50)],
)
def test_a_name_is_made_of_a_hosts(host: str, name: str) -> None:
    assert derived_name(host) == name
    assert not name or station_name(name)


def test_labels_stand_in_order_and_bad_ones_are_refused() -> None:
    assert list(labels({"b": "1", "a": "2"})) == ["a", "b"]
    for bad in ({"A": "1"}, {"a": "x\n"}, {"a": "x" * 101}, {f"l{each}": "" for each in range(33)}):
        with pytest.raises(InvalidInput):
            labels(bad)

"""The heat map: every state of a station has one colour with a mark of its own, and no station is lost."""

import itertools
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.api.fleet_model import StationView, UnitOnStation
from andon.board.heat import MARKS, Heat, cell, halls, heat_of, units
from andon_wire.protocol import Phase

AT = datetime(2026, 3, 1, tzinfo=UTC)


def a_unit(**changes: object) -> UnitOnStation:
    given_ = {
        "unit": "screen", "running": "1.0", "confirmed": "1.0", "standby": None, "wanted": "1.0",
        "may_switch": True, "phase": "idle", "since": AT, "progress": None, "reason": "", "wanted_reason": "",
        "attempt": 0, "restarts": 0, "crashes": 0, "is_drifted": False, "differs": False, "pinned": None,
    }  # fmt: skip
    return UnitOnStation(**{**given_, **changes})


def a_station(name: str = "press-1", *on: UnitOnStation, **changes: object) -> StationView:
    given_ = {
        "name": name, "environment": "line", "ring": "lab", "line": "line-1", "labels": {},
        "standing": "active", "is_reachable": True, "last_seen_at": AT, "platform": "linux-x86_64",
        "agent": "1.0", "revision": 1, "acts_on": 1, "units": list(on),
    }  # fmt: skip
    return StationView(**{**given_, **changes})


@pytest.mark.parametrize(
    ("station", "unit", "heat"),
    [
        ({"standing": "waiting"}, {}, Heat.WAITING),
        ({}, {"phase": "failed"}, Heat.FAILED),
        ({"is_reachable": False}, {"phase": "failed"}, Heat.FAILED),
        ({}, {"phase": "held"}, Heat.FAILED),
        ({"is_reachable": False}, {"phase": "downloading"}, Heat.AWAY),
        ({}, {"phase": "returning"}, Heat.RETURNING),
        ({}, {"is_drifted": True, "phase": "downloading"}, Heat.DRIFTED),
        ({}, {"phase": "ready", "differs": True}, Heat.MOVING),
        ({}, {"pinned": "spare part", "differs": True}, Heat.PINNED),
        ({}, {"differs": True}, Heat.BEHIND),
        ({}, {"running": None, "wanted": None}, Heat.EMPTY),
        ({}, {}, Heat.GOOD),
    ],
)
def test_what_a_person_should_look_at_first_is_what_is_shown(station, unit, heat):
    assert heat_of(a_station(**station), a_unit(**unit)) is heat


def test_a_station_without_the_unit_has_none_of_it():
    assert cell(a_station(), "screen").heat is Heat.EMPTY
    assert cell(a_station(), "screen").version is None


def test_each_state_has_a_mark_of_its_own():
    assert set(MARKS) == set(Heat)
    assert len(set(MARKS.values())) == len(MARKS)


def test_every_phase_of_every_station_has_a_colour():
    for phase, reachable, differs in itertools.product(Phase, (True, False), (True, False)):
        station = a_station(is_reachable=reachable)
        assert heat_of(station, a_unit(phase=phase.value, differs=differs)) in Heat


def test_rings_stand_in_the_order_in_which_waves_open_them():
    stations = [a_station(each, ring=each) for each in ("plant", "lab", "own", "pilot")]
    (hall,) = halls(stations, "screen", ["lab", "pilot", "line", "plant"])
    assert hall.rings == ["lab", "pilot", "plant", "own"]


def test_the_unit_that_most_stations_have_comes_first():
    stations = [a_station("a", a_unit(unit="agent")), a_station("b", a_unit(unit="agent"), a_unit())]
    assert units(stations) == ["agent", "screen"]


names = st.sampled_from(["a", "b", "c"])


@given(
    st.lists(st.tuples(names, names, names, st.sampled_from(["active", "waiting", "retired"])), max_size=30)
)
def test_every_station_that_is_not_retired_stands_in_exactly_one_place(drawn):
    stations = [
        a_station(f"s-{index}", environment=place, line=line, ring=ring, standing=standing)
        for index, (place, line, ring, standing) in enumerate(drawn)
    ]
    made = halls(stations, "screen", ["a", "b"])
    shown = [each.station.name for hall in made for row in hall.rows for ring in row.rings for each in ring]
    assert sorted(shown) == sorted(each.name for each in stations if each.standing != "retired")
    assert sum(hall.size for hall in made) == sum(count for hall in made for _, count in hall.counts)

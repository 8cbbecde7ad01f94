"""Simple clients: they are stations that only ask, so rings, shares, pins and windows hold for them."""

from typing import Any

import pytest

from andon.access.policies.calendar import Calendar
from andon.api.fleet_views import checked
from andon.fleet.assign import Wish
from andon.fleet.model import Scope
from andon.fleet.tests.worlds import HERE, NEW, NOW, OLD, UNIT, a_station
from andon.fleet.updates import Answer, File, Question
from andon.fleet.whole import Fleet
from andon.kernel.clock import ManualClock
from andon.kernel.errors import Conflict, Forbidden, NotFound
from andon.kernel.ids import EnvironmentName, StationName
from andon.testing.fleet import Rows, fleet_of

LINUX = "linux-x86_64"
FULL, PATCH = File("screen/full", "a" * 64, 1000), File("screen/patch", "b" * 64, 10)


@pytest.fixture
def rows() -> Rows:
    made = Rows()
    made.files = {
        (UNIT, OLD): {f"bundle-{LINUX}.andon": FULL},
        (UNIT, NEW): {f"bundle-{LINUX}.andon": FULL, f"delta-{LINUX}-from-{OLD}.andon": PATCH},
    }
    return made


@pytest.fixture
def fleet(rows: Rows) -> Fleet:
    return fleet_of(rows, ManualClock(NOW))


async def asked(fleet: Fleet, client: str = "kiosk-7", **others: Any) -> Answer:
    values = {"unit": UNIT, "environment": HERE, "current": OLD, "platform": LINUX} | others
    return await fleet.updates.check(Question(client, **values), "token:kiosk", source="10.0.0.9")


async def test_a_client_is_a_station_of_the_last_ring_from_its_first_question_on(
    fleet: Fleet, rows: Rows
) -> None:
    fleet.controller.want((UNIT, HERE), Wish(OLD))
    answer = await asked(fleet)
    assert answer.version is None
    station = fleet.roster.stations[StationName("kiosk-7")]
    assert (station.ring, station.machine.platform, station.labels) == ("plant", LINUX, {"client": "simple"})
    assert fleet.roster.seen_of(station.name).units[UNIT].running == OLD
    assert [each.kind for each in rows.told] == ["station.enrolled"]
    await asked(fleet)
    assert len(rows.stations) == 1


async def test_it_is_given_what_its_ring_is_given_and_no_sooner(fleet: Fleet, rows: Rows) -> None:
    lab = a_station("lab-1", ring="lab")
    rows.stations[lab.name] = lab
    fleet.roster.put(lab)
    fleet.controller.want((UNIT, HERE), Wish(OLD, NEW, 0.5))
    assert (await asked(fleet)).version is None
    fleet.controller.want((UNIT, HERE), Wish(OLD, NEW, 1.0))
    await fleet.controller.tick()
    answer = await asked(fleet)
    assert (answer.version, answer.full, answer.patch) == (NEW, FULL, PATCH)


async def test_without_a_delta_from_what_it_has_it_gets_the_whole(fleet: Fleet) -> None:
    fleet.controller.want((UNIT, HERE), Wish(NEW))
    answer = await asked(fleet, current="0.9.0")
    assert (answer.version, answer.full, answer.patch) == (NEW, FULL, None)


async def test_a_delta_that_is_larger_than_the_whole_is_not_offered(fleet: Fleet, rows: Rows) -> None:
    large = File("screen/patch", "b" * 64, FULL.size + 1)
    rows.files[UNIT, NEW] = {f"bundle-{LINUX}.andon": FULL, f"delta-{LINUX}-from-{OLD}.andon": large}
    fleet.controller.want((UNIT, HERE), Wish(NEW))
    answer = await asked(fleet)
    assert (answer.version, answer.full, answer.patch) == (NEW, FULL, None)


async def test_it_waits_for_its_window(fleet: Fleet) -> None:
    fleet.controller.want((UNIT, HERE), Wish(NEW))
    nights = Calendar("UTC", ("Mon-Fri 22:00-05:00",))  # it is half past nine in the morning
    await fleet.commands.set_window(Scope.RING, "plant", nights, "minsu", "shifts")
    answer = await asked(fleet)
    assert answer.version is None
    assert "1.1.0 waits" in answer.reason


async def test_what_is_made_for_no_such_platform_is_not_found_and_makes_no_station(
    fleet: Fleet, rows: Rows
) -> None:
    fleet.controller.want((UNIT, HERE), Wish(NEW))
    for platform in ("windows-amd64", "linux", "linux-x86_64-extra", "../etc"):
        with pytest.raises(NotFound) as caught:
            await asked(fleet, platform=platform)
        assert caught.value.code == "unknown-platform"
    assert (fleet.roster.stations, rows.stations, rows.told) == ({}, {}, [])
    await asked(fleet)
    before = dict(fleet.roster.stations)
    with pytest.raises(NotFound):
        await asked(fleet, platform="windows-amd64")
    assert fleet.roster.stations == before


async def test_a_platform_is_known_also_when_nothing_is_wanted_yet(fleet: Fleet) -> None:
    assert (await asked(fleet, current="0.1.0")).reason == "nothing is wanted here yet"
    with pytest.raises(NotFound):
        await asked(fleet, "kiosk-8", platform="windows-amd64", current="0.1.0")


async def test_a_release_that_is_not_made_for_it_leaves_a_client_as_it_is(fleet: Fleet, rows: Rows) -> None:
    rows.files[UNIT, NEW] = {"bundle-windows-amd64.andon": FULL}
    fleet.controller.want((UNIT, HERE), Wish(NEW))
    answer = await asked(fleet)
    assert (answer.version, answer.reason) == (None, "1.1.0 is not made for linux-x86_64")


async def test_a_recall_takes_it_back(fleet: Fleet) -> None:
    fleet.controller.want((UNIT, HERE), Wish(NEW))
    await fleet.recalls.recall(UNIT, HERE, (NEW, OLD), "jiwoo", "it loses serials")
    answer = await asked(fleet, current=NEW)
    assert (answer.version, answer.is_return) == (OLD, True)


async def test_a_retired_client_and_one_of_another_environment_are_refused(fleet: Fleet) -> None:
    fleet.controller.want((UNIT, HERE), Wish(OLD))
    await asked(fleet)
    with pytest.raises(Conflict):
        await asked(fleet, environment=EnvironmentName("staging"))
    await fleet.commands.retire("kiosk-7", "minsu", "gone")
    with pytest.raises(Forbidden):
        await asked(fleet)


async def test_two_clients_of_one_name_are_two_stations(fleet: Fleet) -> None:
    fleet.controller.want((UNIT, HERE), Wish(OLD))
    await asked(fleet, "kiosk.7")
    await asked(fleet, "kiosk/7")
    assert len(fleet.roster.stations) == 2


async def test_what_was_revoked_after_it_was_wanted_is_offered_to_nobody(fleet: Fleet, rows: Rows) -> None:
    fleet.controller.want((UNIT, HERE), Wish(NEW))
    del rows.files[UNIT, NEW]
    answer = await asked(fleet)
    assert (answer.version, answer.full) == (None, None)
    assert answer.reason.startswith("1.1.0 cannot be installed: there is no release")


async def test_stations_are_sent_back_or_pinned_to_nothing_that_cannot_be_installed(
    fleet: Fleet, rows: Rows
) -> None:
    await asked(fleet)
    del rows.files[UNIT, OLD]
    with pytest.raises(NotFound, match="there is no release"):
        await fleet.recalls.recall(UNIT, HERE, (NEW, OLD), "jiwoo", "it loses serials")
    with pytest.raises(NotFound, match="there is no release"):
        await fleet.commands.pin("kiosk-7", UNIT, "jiwoo", "qualified with it", version=OLD)
    said = await fleet.commands.said()
    assert (list(said.recalls), list(said.pins)) == ([], [])


async def test_a_client_is_told_what_is_new_in_what_it_gets(fleet: Fleet, rows: Rows) -> None:
    rows.notes[UNIT, NEW] = "- scans no longer wait"
    rows.files[UNIT, NEW] = {**rows.files[UNIT, NEW], "notes.md": File("screen/notes", "c" * 64, 23)}
    fleet.controller.want((UNIT, HERE), Wish(NEW))
    answer = await asked(fleet)
    assert (answer.version, answer.notes) == (NEW, "- scans no longer wait")
    assert (answer.full, answer.patch) == (FULL, PATCH)
    told = checked(answer, "https://andon/")
    assert (told.changes, told.reason) == ("- scans no longer wait", answer.reason)
    stays = await asked(fleet, current=NEW)
    assert (stays.version, stays.notes) == (None, "")
    assert checked(stays, "https://andon/").changes == stays.reason


async def test_a_return_is_told_by_its_reason_and_not_as_something_new(fleet: Fleet, rows: Rows) -> None:
    rows.notes[UNIT, OLD] = "- the first release"
    fleet.controller.want((UNIT, HERE), Wish(OLD))
    answer = await asked(fleet, current=NEW)
    told = checked(answer, "https://andon/")
    assert (answer.version, answer.is_return, told.changes) == (OLD, True, answer.reason)


async def test_without_notes_the_reason_is_what_changes(fleet: Fleet) -> None:
    fleet.controller.want((UNIT, HERE), Wish(NEW))
    answer = await asked(fleet)
    assert checked(answer, "https://andon/").changes == answer.reason != ""

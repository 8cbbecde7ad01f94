"""The commands of the fleet speak to the real API, over a fleet whose rows are in memory."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

from andon.cli import exits
from andon.cli import fleet_tables as tables
from andon.cli.main import app
from andon.cli.tests.test_against_api import Served
from andon.fleet.model import Recall
from andon.fleet.reports.model import Tally
from andon.fleet.roster import Told
from andon.fleet.wanting.render import Content
from andon.kernel import errors
from andon.kernel.ids import EnvironmentName, StationName, UnitName, Version
from andon.testing.access import PASSWORD
from andon.testing.scenes import a_busy_morning
from andon.testing.services import FakePlant
from andon_wire.protocol import Phase, WantedUnit

BECAUSE = ("--reason", "a test")


@pytest.fixture
def plant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakePlant]:
    made = a_busy_morning(FakePlant())
    with Served(made) as port:
        monkeypatch.setenv("ANDON_PORT", str(port))
        monkeypatch.setenv("ANDON_HOME", str(tmp_path / "home"))
        monkeypatch.setenv("ANDON_CREDENTIALS", str(tmp_path / "credentials.json"))
        run("login", "--user", "admin", "--password-stdin", stdin=f"{PASSWORD}\n")
        yield made


def run(*words: str, stdin: str = "") -> Result:
    return CliRunner().invoke(app, words, input=stdin)


def told(*words: str, stdin: str = "") -> Any:
    result = run(*words, "--json", stdin=stdin)
    assert result.exit_code == 0, (result.output, result.exception)
    return json.loads(result.output)


def test_stations_are_listed_and_filtered(plant: FakePlant) -> None:
    assert [each["name"] for each in told("fleet", "list")] == ["oven-1", "press-1", "press-2"]
    assert [each["name"] for each in told("fleet", "list", "--line", "line-2")] == ["oven-1"]
    assert [each["name"] for each in told("fleet", "list", "--ring", "lab")] == ["press-1"]
    assert told("fleet", "list", "--label", "kind=oven") == []
    assert len(told("fleet", "list", "--unit", "screen", "--version", "2.0.0")) == 3
    assert told("fleet", "list", "--phase", "failed") == []
    shown = run("fleet", "list").output
    assert "press-1" in shown
    assert "3 stations, 2 reachable" in shown


def test_one_that_watches_hears_of_a_station_when_something_of_it_changed(plant: FakePlant) -> None:
    first = told("fleet", "list")
    later = [{**each, "last_seen_at": "2026-01-01T00:00:00Z"} for each in first]
    plant.fleet.roster.put(replace(plant.fleet.roster.stations[StationName("press-1")], ring="plant"))
    moved = told("fleet", "list")
    without = [each for each in moved if each["name"] != "oven-1"]
    names = [each["name"] for each in tables.changes([first, later, moved, moved, without, moved])]
    assert names == ["oven-1", "press-1", "press-2", "press-1", "oven-1"]


def test_a_watch_for_programs_is_a_line_for_each_change_as_it_comes(plant: FakePlant) -> None:
    watching = subprocess.Popen(
        [str(Path(sys.executable).with_name("andon")), "fleet", "watch", "--json", "--line", "line-1"],
        stdout=subprocess.PIPE,
        env=os.environ,
    )
    assert watching.stdout is not None
    try:
        seen = [json.loads(watching.stdout.readline()) for _ in range(2)]
        plant.fleet.roster.put(replace(plant.fleet.roster.stations[StationName("press-1")], ring="plant"))
        seen.append(json.loads(watching.stdout.readline()))
    finally:
        watching.kill()
        watching.communicate()
    assert [(each["name"], each["ring"]) for each in seen][-1] == ("press-1", "plant")


def test_a_station_is_shown_whole(plant: FakePlant) -> None:
    assert told("fleet", "show", "press-1")["machine"]["hostname"] == "press-1"
    shown = run("fleet", "show", "press-1").output
    assert "ring lab" in shown
    assert "screen" in shown
    missing = run("fleet", "show", "nobody")
    assert isinstance(missing.exception, errors.NotFound)


def test_a_station_is_moved_pinned_and_retired_with_a_reason(plant: FakePlant) -> None:
    assert told("fleet", "ring", "press-2", "pilot", *BECAUSE)["ring"] == "pilot"
    moved = told("fleet", "move", "press-2", "--line", "line-9", "--label", "kind=oven", *BECAUSE)
    assert (moved["line"], moved["labels"]) == ("line-9", {"kind": "oven"})
    assert told("fleet", "pin", "press-2", "screen", "--days", "7", *BECAUSE)["expires_at"] is not None
    assert "press-2 stays" in run("fleet", "pin", "press-2", "screen", *BECAUSE).output
    assert "may move" in run("fleet", "unpin", "press-2", "screen", *BECAUSE).output
    assert "is retired" in run("fleet", "retire", "press-2", *BECAUSE).output
    assert "press-2" not in run("fleet", "list").output
    kinds = [each.kind for each in plant.stations.told]
    assert kinds == [
        "station.moved", "station.moved", "station.pinned", "station.pinned", "station.unpinned",
        "station.retired",
    ]  # fmt: skip
    assert {(each.actor, each.reason) for each in plant.stations.told} == {("admin", "a test")}


def test_a_pin_says_why_by_whom_and_until_when_beside_the_stations_own_reason(plant: FakePlant) -> None:
    name = StationName("press-2")
    state = plant.fleet.roster.seen[name].units["screen"].model_copy(update={"reason": "the disk is full"})
    plant.fleet.roster.seen[name].units["screen"] = state  # type: ignore[index]
    run("fleet", "pin", "press-2", "screen", *BECAUSE)
    (unit,) = told("fleet", "show", "press-2")["units"]
    assert (unit["pinned"], unit["pinned_by"], unit["pinned_until"]) == ("a test", "admin", None)
    shown = tables.station(told("fleet", "show", "press-2"))
    console = Console(width=300, record=True, file=io.StringIO())
    console.print(shown)
    text = console.export_text()
    assert "pinned: a test, by admin, until it is taken off" in text
    assert "the disk is full" in text


def test_a_unit_that_nobody_has_or_makes_is_not_pinned(plant: FakePlant) -> None:
    refused = run("fleet", "pin", "press-2", "scren", *BECAUSE).exception
    assert isinstance(refused, errors.NotFound)
    assert "no station has scren" in refused.message
    assert plant.stations.pins == {}


def test_a_list_says_of_a_name_that_nothing_has_it(plant: FakePlant) -> None:
    assert (
        "no station is in line line-7; lines are: line-1, line-2"
        in run("fleet", "list", "--line", "line-7").output
    )
    strange = run("fleet", "drift", "--ring", "labb")
    assert ("no station is in ring labb" in strange.output, strange.exit_code) == (True, exits.INPUT)
    machine = run("fleet", "drift", "--ring", "labb", "--json")
    assert (json.loads(machine.stdout), machine.exit_code) == ([], exits.INPUT)
    assert "no station is in ring labb" in machine.stderr
    assert "no station is in environment prod" in run("fleet", "list", "-e", "prod").output
    assert "no station is in" not in run("fleet", "list", "--ring", "pilot").output, "a ring may be empty"
    assert told("fleet", "list", "--line", "line-7") == []


def test_status_says_that_a_recall_holds(plant: FakePlant) -> None:
    made = Recall(
        UnitName("mes"), EnvironmentName("production"), Version("1.2.0"), Version("1.1.0"), False,
        "it loses serials", "jiwoo", plant.clock.now(),
    )  # fmt: skip
    assert "recalled" not in run("status", "mes").output
    plant.stations.recalls[made.unit, made.environment, made.version] = made
    shown = " ".join(run("status", "mes").output.split())
    assert "1.2.0 is recalled by jiwoo: it loses serials" in shown


def test_what_failed_is_tried_again(plant: FakePlant) -> None:
    nothing = run("fleet", "retry", "screen", *BECAUSE)
    assert isinstance(nothing.exception, errors.NotFound)
    name, seen = next(iter(plant.fleet.roster.seen.items()))
    failed = seen.units["screen"].model_copy(update={"phase": Phase.FAILED, "attempt": 4})
    plant.fleet.roster.seen[name].units["screen"] = failed  # type: ignore[index]
    assert told("fleet", "retry", "screen", *BECAUSE) == {"stations": [name]}
    assert list(plant.stations.attempts.values()) == [5]


def test_a_token_is_made_shown_once_and_revoked(plant: FakePlant, tmp_path: Path) -> None:
    made = told("fleet", "enrol-token", "--line", "line-1", "--ring", "pilot", "--approve", *BECAUSE)
    assert made["text"].startswith("andon1.")
    assert (made["token"]["ring"], made["token"]["needs_approval"]) == ("pilot", True)
    kept = tmp_path / "token"
    shown = run("fleet", "enrol-token", "--output", str(kept), *BECAUSE)
    assert kept.read_text().startswith("andon1.")
    assert "andon1." not in shown.output
    assert kept.stat().st_mode & 0o777 == 0o600
    assert run("fleet", "revoke-token", made["token"]["id"], *BECAUSE).exit_code == 0
    assert "revoked" in run("fleet", "tokens").output


def test_rings_and_windows_are_shown_and_set(plant: FakePlant, tmp_path: Path) -> None:
    assert [each["name"] for each in told("fleet", "rings")] == ["lab", "pilot", "line", "plant"]
    assert [each["name"] for each in told("fleet", "rings", "lab", "plant", *BECAUSE)] == ["lab", "plant"]
    used = run("fleet", "rings", "lab", *BECAUSE)
    assert isinstance(used.exception, errors.Conflict)
    nights = tmp_path / "nights.toml"
    nights.write_text('zone = "Asia/Seoul"\nopen = ["Mon-Fri 22:00-05:00"]\n')
    told("fleet", "windows", "line", "line-1", "--calendar", str(nights), *BECAUSE)
    assert "Mon-Fri 22:00-05:00" in run("fleet", "windows").output
    assert told("fleet", "show", "press-1")["window"] == "line/line-1"
    assert told("fleet", "windows", "line", "line-1", "--drop", *BECAUSE) == []


def test_a_recall_is_signed_and_lifted(plant: FakePlant) -> None:
    files = plant.stations.files[UnitName("screen"), Version("1.1.0")]
    plant.stations.files |= {(UnitName("mes"), Version("1.1.0")): files}
    words = ("fleet", "recall", "mes", "1.2.0", "--to", "1.1.0", *BECAUSE)
    refused = run(*words)
    assert isinstance(refused.exception, errors.Forbidden)
    assert refused.exception.code == "signature-required"
    pen = ("--user", "admin", "--password-stdin", "--meaning", "approved")
    made = told(*words, "--direct", *pen, stdin=f"{PASSWORD}\n")
    assert (made["version"], made["to"], made["direct"]) == ("1.2.0", "1.1.0", True)
    assert plant.stations.signatures[0].document.values["recalls"] == "1.2.0"
    assert "1.2.0" in run("fleet", "recalls").output
    assert told("fleet", "recall", "mes", "1.2.0", "--lift", *BECAUSE) == []
    wrong = run("fleet", "recall", "mes", "1.2.0", *BECAUSE)
    assert isinstance(wrong.exception, errors.InvalidInput)


def test_no_fleet_is_sent_to_what_failed_or_is_recalled_itself(plant: FakePlant) -> None:
    files = plant.stations.files[UnitName("screen"), Version("1.1.0")]
    plant.stations.files |= {(UnitName("mes"), Version("1.1.0")): files}
    bad = (UnitName("mes"), EnvironmentName("production"), Version("1.1.0"))
    plant.stations.tallies[bad] = Tally(installs_failed=1)
    pen = ("--user", "admin", "--password-stdin", "--meaning", "approved")
    words = ("fleet", "recall", "mes", "1.2.0", "--to", "1.1.0", *BECAUSE, *pen)
    refused = run(*words, stdin=f"{PASSWORD}\n").exception
    assert isinstance(refused, errors.Conflict)
    assert "1 of its installs failed, 0 were confirmed" in refused.message
    assert "another version" in str(refused.hint)
    plant.stations.tallies[bad] = Tally(installs_failed=1, installs_ok=9)
    assert told(*words, stdin=f"{PASSWORD}\n")["to"] == "1.1.0"


def test_stations_that_run_what_was_revoked_are_named_with_the_way_out(plant: FakePlant) -> None:
    plant.revoked.add((UnitName("screen"), Version("1.0.0")))
    (row,) = told("fleet", "versions")
    assert (row["is_revoked"], row["to_move"]) == (False, [])
    plant.revoked.add((UnitName("screen"), Version("2.0.0")))
    (row,) = told("fleet", "versions")
    assert (row["is_revoked"], row["to_move"]) == (True, ["oven-1", "press-1", "press-2"])
    shown = " ".join(run("fleet", "versions").output.split())
    assert "screen@2.0.0 was revoked, and still runs on oven-1, press-1, press-2" in shown
    assert "andon fleet recall screen 2.0.0 --environment production --to VERSION" in shown


def test_a_revoked_release_is_listed_as_such(plant: FakePlant) -> None:
    plant.revoked.add((UnitName("mes"), Version("1.2.0")))
    found = {each["id"]: each["is_revoked"] for each in told("releases", "mes")}
    assert found.pop("mes@1.2.0")
    assert found
    assert not any(found.values())
    lines = [each for each in run("releases", "mes").output.splitlines() if "revoked" in each]
    assert [each.split()[0] for each in lines] == ["mes@1.2.0"]


def test_versions_and_drift_say_what_runs_where(plant: FakePlant) -> None:
    (row,) = told("fleet", "versions")
    assert (row["unit"], row["version"], row["stations"]) == ("screen", "2.0.0", 3)
    assert "screen" in run("fleet", "versions").output
    assert told("fleet", "drift") == []
    name = StationName("press-1")
    other = Content(name, {UnitName("screen"): WantedUnit(version="2.1.0")})
    plant.fleet.roster.tell(name, Told(1, "signed", other))
    result = run("fleet", "drift", "--json")
    (drifted,) = json.loads(result.output)
    assert (drifted["name"], drifted["units"][0]["wanted"]) == ("press-1", "2.1.0")
    assert "2.1.0" in run("fleet", "drift").output
    assert result.exit_code == exits.INCONCLUSIVE, "it is on its way"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({}, exits.GOOD),
        ({"is_drifted": True}, exits.BAD),
        ({"running": "1.9.0", "phase": Phase.DOWNLOADING}, exits.INCONCLUSIVE),
        ({"running": "1.9.0", "phase": Phase.FAILED}, exits.BAD),
        ({"running": "1.9.0", "phase": Phase.HELD}, exits.BAD),
    ],
)
def test_drift_ends_with_what_a_person_has_to_do(plant: FakePlant, change: dict[str, Any], code: int) -> None:
    roster, name = plant.fleet.roster, StationName("press-1")
    seen = roster.seen_of(name)
    wanted = Content(name, {UnitName("screen"): WantedUnit(version="2.0.0")})
    roster.tell(name, Told(1, "signed", wanted))
    roster.reported(name, replace(seen, units={"screen": seen.units["screen"].model_copy(update=change)}))
    assert run("fleet", "drift").exit_code == code

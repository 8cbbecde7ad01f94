"""The configuration as a file: what is exported is imported unchanged, and no file does harm."""

import io
import json
import sys
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from andon_mes.cli import cli
from andon_mes.configuration import toml_file
from andon_mes.configuration.exchange import Form, give
from andon_mes.configuration.files import plant_in
from andon_mes.configuration.plan import Action
from andon_mes.kernel.errors import InvalidInput
from andon_mes.store import schema
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.main import get_command
from typer.testing import CliRunner

sys.path.insert(0, str(Path(__file__).parent))

from plants import PLANTS, take

API = "/api/v1/configuration"
NOON = datetime(2025, 11, 10, 3, 0, tzinfo=UTC)
SEOUL = ZoneInfo("Asia/Seoul")
STEADY = {
    "deadline": None, "derandomize": True,
    "suppress_health_check": list(HealthCheck),
}  # fmt: skip


@settings(max_examples=15, **STEADY)
@given(PLANTS)
def test_any_configuration_comes_back_from_its_toml_file(plant):
    content = toml_file.render(plant)
    read = plant_in(toml_file.read(content))
    assert (read.rows, read.settings) == (plant.rows, plant.settings)
    assert toml_file.render(read) == content


@pytest.mark.parametrize("form", list(Form))
def test_an_export_imported_elsewhere_is_exported_as_the_same_bytes(connection, exported, form):
    steps = take(connection, exported[form])
    assert {step.action for step in steps} <= {Action.ADD, Action.CHANGE}
    assert {each: give(connection, each) for each in Form} == exported
    assert take(connection, exported[form], dry=True) == []


def edited(content, **replacements):
    text = content.decode()
    for before, after in replacements.values():
        assert before in text
        text = text.replace(before, after, 1)
    return text.encode()


def test_the_plan_says_before_and_after_and_a_dry_run_writes_nothing(connection, exported):
    take(connection, exported[Form.TOML])
    text = edited(exported[Form.TOML], seconds=("standard_cycle_time = 120", "standard_cycle_time = 110"))
    text = text.replace(b'[[equipment]]\ncode = "PACK-02"', b'[[equipment]]\ncode = "PACK-03"')
    text = text.replace(b'operator = "OP-114"\nprocess = "PRINT"', b'operator = "OP-114"\nprocess = "EOL"')
    before = give(connection, Form.TOML)
    steps = take(connection, text, dry=True, at=NOON + timedelta(days=1))
    assert give(connection, Form.TOML) == before
    said = {(step.action, step.kind, step.key): step.changes for step in steps}
    assert said[Action.CHANGE, "processes", ("SPRING",)] == {"standard_cycle_time": (120, 110)}
    assert (Action.ADD, "equipment", ("PACK-03",)) in said
    assert said[Action.DEACTIVATE, "equipment", ("PACK-02",)] == {"is_active": (True, False)}
    assert (Action.DEACTIVATE, "qualifications", ("OP-114", "PRINT")) in said
    take(connection, text, at=NOON + timedelta(days=1))
    ended = connection.execute(sa.select(schema.qualifications.c.valid_until).where(
        schema.qualifications.c.valid_until.is_not(None))).scalars().all()  # fmt: skip
    assert ended == [NOON + timedelta(days=1)]


def test_what_a_file_leaves_out_as_a_whole_stays(connection, exported):
    take(connection, exported[Form.TOML])
    assert take(connection, b"format = 1\n") == []


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        ('process = "LASER"', 'process = "LASR"', ["line ", "defect_codes, entry 3", "'LASR'"]),
        ("standard_cycle_time = 180", 'standard_cycle_time = "180"', ["line ", "entry 2", "whole number"]),
        ('code = "D002"', 'code = "D001"', ["D001 stands there twice", "entry 1"]),
        ('severity = "MINOR"', 'severity = "SMALL"', ["line ", "one of MINOR, MAJOR, CRITICAL"]),
        ("lower = 40.0", "lower = 60.0", ["characteristics, entry", "above the upper"]),
        ('zone = "Asia/Seoul"', 'zone = "Seoul"', ["line ", "settings.calendar", "IANA"]),
        ("format = 1", "format = 2", ["format 1"]),
        ("format = 1", "", ["format"]),
        ("[[processes]]", "[[prozesse]]", ["nothing called 'prozesse'"]),
        ("is_active = true", "is_aktive = true", ["no field 'is_aktive'"]),
        ('code = "SPRING"', 'code = "SPRING', ["no TOML", "line "]),
        ('"BATTERY", process = "LMA"', '"BATTERY", process = "LMB"', ["product_models", "LMB"]),
    ],
)  # fmt: skip
def test_an_error_in_a_file_is_said_with_its_line(connection, exported, before, after, says):
    text = exported[Form.TOML].decode()
    assert before in text
    with pytest.raises(InvalidInput) as caught:
        take(connection, text.replace(before, after, 1).encode())
    problem = caught.value.problem
    said = " ".join(f"{each.detail.en}. {each.fix.en}" for each in (problem, *problem.others))
    assert [each for each in says if each not in said] == [], said


def archive(**parts):
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in parts.items():
            made.writestr(name.replace("__", "/") + ".xml", content)
    return written.getvalue()


BILLION = b'<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]><workbook>&b;</workbook>'
HOSTILE = {
    "nothing": b"",
    "no toml": b"\x00\x01\x02",
    "utf-16": "format = 1".encode("utf-16"),
    "deep": b"format = 1\nx = " + b"[" * 3000 + b"]" * 3000,
    "deep keys": b"format = 1\n" + b"a." * 60_000 + b"b = 1",
    "a great number": b"format = " + b"9" * 6000,
    "not finite": b'format = 1\n[[characteristics]]\nprocess = "LMA"\nname = "x"\nlower = nan\n',
    "wrong kinds": b"format = 1\nprocesses = 3\nsettings = []\n",
    "one row": b"format = 1\n[processes]\ncode = 1\n",
    "boolean format": b"format = true",
    "archive of nothing": archive(),
    "archive cut off": archive(xl__workbook=b"<workbook/>")[:60],
    "entities": archive(xl__workbook=BILLION),
    "no xml": archive(xl__workbook=b"<<<<"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_one_clear_error(connection, name):
    before = give(connection, Form.TOML)
    with pytest.raises(InvalidInput):
        take(connection, HOSTILE[name])
    assert give(connection, Form.TOML) == before


@settings(max_examples=25, **STEADY)
@given(at=st.integers(0, 17_000), size=st.integers(0, 40), bytes_=st.binary(max_size=12))
def test_a_damaged_toml_file_is_read_or_refused(exported, at, size, bytes_):
    content = exported[Form.TOML]
    try:
        plant_in(toml_file.read(content[:at] + bytes_ + content[at + size :]))
    except InvalidInput:
        return


async def test_over_http_a_file_is_exported_planned_and_taken(plant, exported):
    send = plant.client
    planned = await send.post(f"{API}/import?dry_run=true", content=exported[Form.XLSX])
    assert (planned.status_code, planned.json()["data"]["is_applied"]) == (200, False)
    taken = await send.post(f"{API}/import", content=exported[Form.TOML], headers={"Idempotency-Key": "k"})
    assert taken.json()["data"]["steps"] == planned.json()["data"]["steps"]
    again = await send.post(f"{API}/import", content=exported[Form.TOML], headers={"Idempotency-Key": "k"})
    assert again.content == taken.content
    for form in Form:
        answer = await send.get(f"{API}/export?format={form}")
        assert answer.content == exported[form]
    refused = await send.post(f"{API}/import", content=b"format = 9")
    assert (refused.status_code, refused.json()["code"]) == (422, "FORMAT_UNKNOWN")
    assert json.loads(refused.text)["detail_ko"]


def test_a_command_says_that_the_database_is_not_migrated_and_where_it_cannot_write(
    tmp_path, database_path, monkeypatch
):
    run = CliRunner()
    monkeypatch.setenv("ANDON_MES_DATABASE", str(tmp_path / "new.db"))
    for words, code in (
        (["verify"], 3),
        (["export"], 1),
        (["users", "add", "kim", "--name", "Kim", "--role", "admin"], 1),
    ):
        answer = run.invoke(cli, words)
        assert (answer.exit_code, "Run andon-mes migrate" in answer.output) == (code, True), answer.output
    monkeypatch.setenv("ANDON_MES_DATABASE", str(database_path))
    answer = run.invoke(cli, ["export", "--out", str(tmp_path / "nowhere" / "plant.toml")])
    assert (answer.exit_code, "plant.toml cannot be written" in answer.output) == (2, True)


def test_every_command_shows_how_it_is_called():
    def names(command, path):
        inner = getattr(command, "commands", {})
        return [each for name in inner for each in names(inner[name], [*path, name])] if inner else [path]

    for words in names(get_command(cli), []):
        assert "Example" in CliRunner().invoke(cli, [*words, "--help"]).output, words


def test_who_adds_a_row_beside_an_empty_list_is_told_which_line_to_take_out():
    with pytest.raises(InvalidInput) as caught:
        toml_file.read(b'format = 1\nequipment = []\n\n[[equipment]]\ncode = "P-1"\n')
    assert "equipment = []" in caught.value.problem.fix.en

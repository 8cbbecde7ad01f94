"""An export verifies with Python alone; a change in it is named; the other copies are safe to read."""

import asyncio
import csv
import io
import json
import random
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path

import pytest

from andon.kernel.clock import ManualClock
from andon.kernel.errors import InvalidInput
from andon.store.engine import Database
from andon.timeline import checks, exported, keys, manifest, offline, pdf
from andon.timeline.export import Exporter, verifier, write
from andon.timeline.exported import verify
from andon.timeline.records import Event
from andon.timeline.store import Filter, TimelineStore
from andon_wire.cosigning import Signer
from andon_wire.note import LOG_KEY, Note
from tests.component import timeline_attacks
from tests.component.timeline_attacks import AT, ORIGIN, Past

RECORDS = 120


@pytest.fixture
async def past(tmp_path: Path) -> Past:
    return await timeline_attacks.a_past(tmp_path / "past", RECORDS)


@pytest.fixture
async def exporter(past: Past) -> AsyncIterator[Exporter]:
    opened = Database.open(f"sqlite:///{past.home / 'andon.db'}")
    yield Exporter(opened, past.places, ManualClock(AT), [past.witness_key.key])
    await opened.close()


@pytest.fixture
async def lines(exporter: Exporter, tmp_path: Path) -> Path:
    await write(tmp_path / "timeline.jsonl", exporter.jsonl())
    return tmp_path / "timeline.jsonl"


def trust(past: Past) -> checks.Trust:
    return checks.Trust(keys.public(past.places), [past.witness_key.key])


def run_alone(folder: Path, *arguments: str) -> tuple[int, str]:
    """As an auditor does: another folder, an isolated Python without site packages."""
    (folder / "verify.pyz").write_bytes(verifier())
    command = [sys.executable, "-I", "-S", "verify.pyz", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.part11("11.10(b)", "11.10(c)")
def test_an_export_verifies_with_python_alone(past: Past, lines: Path) -> None:
    arguments = ["--key", str(past.places.vkey), "--witness", str(past.witness)]
    code, said = run_alone(
        lines.parent, lines.name, *arguments, "--witness-key", str(past.witness_key.key), "--json"
    )
    assert code == 0, said
    found = json.loads(said)
    assert (found["is_intact"], found["records"], found["signed_to"]) == (True, RECORDS, RECORDS)
    assert found["witnessed_to"] == RECORDS
    assert found["notes"] == []
    code, said = run_alone(lines.parent, lines.name, *arguments)
    assert said.startswith(f"intact: {RECORDS} records, signed up to {RECORDS}, witnessed up to {RECORDS}")


def test_without_a_key_from_elsewhere_it_says_what_that_is_worth(lines: Path) -> None:
    code, said = run_alone(lines.parent, lines.name)
    assert code == 0
    assert "the key was taken from the export itself" in said


def test_another_plants_key_does_not_hold(past: Past, lines: Path) -> None:
    code, said = run_alone(lines.parent, lines.name, "--key", str(past.witness_key.key))
    assert code == 1
    assert "not signed by a key that is trusted" in said


@pytest.mark.parametrize("arguments", [["nothing.jsonl"], ["verify.pyz"], ["timeline.jsonl", "--key", "x"]])
def test_what_cannot_be_checked_is_neither_intact_nor_not(lines: Path, arguments: list[str]) -> None:
    code, said = run_alone(lines.parent, *arguments)
    assert code == 2
    assert said.startswith("cannot be checked")


def edit_a_line(lines: list[bytes], number: int, chance: random.Random) -> int:
    line = bytearray(lines[number])
    at = chance.randrange(len(line) - 1)
    line[at] = chance.choice([each for each in b'xyz019{}",' if each != line[at]])
    lines[number] = bytes(line)
    return number


def delete_a_line(lines: list[bytes], number: int, _: random.Random) -> int:
    del lines[number]
    return number


def repeat_a_line(lines: list[bytes], number: int, _: random.Random) -> int:
    lines.insert(number, lines[number])
    return number + 1


def swap_two_lines(lines: list[bytes], number: int, _: random.Random) -> int:
    lines[number], lines[number % RECORDS + 1] = lines[number % RECORDS + 1], lines[number]
    return min(number, number % RECORDS + 1)


def cut_off(lines: list[bytes], number: int, _: random.Random) -> int:
    del lines[number:]
    return number


def cut_out_the_end(lines: list[bytes], number: int, _: random.Random) -> int:
    del lines[number : RECORDS + 1]
    return number


def cut_within_a_line(lines: list[bytes], number: int, _: random.Random) -> int:
    lines[number:] = [lines[number][:-20]]
    return number


CHANGES = [
    edit_a_line, delete_a_line, repeat_a_line, swap_two_lines, cut_off, cut_out_the_end, cut_within_a_line,
]  # fmt: skip


@pytest.mark.part11("11.10(a)")
@pytest.mark.parametrize("change", CHANGES, ids=lambda each: each.__name__)
def test_the_first_bad_line_of_an_export_is_named(
    past: Past, lines: Path, change: Callable[[list[bytes], int, random.Random], int]
) -> None:
    chance = random.Random(change.__name__)
    whole = lines.read_bytes().splitlines(keepends=True)
    changed = lines.with_name("changed.jsonl")
    for number in [1, RECORDS, *(chance.randint(2, RECORDS - 1) for _ in range(20))]:
        copy = list(whole)
        expected = change(copy, number, chance)
        changed.write_bytes(b"".join(copy))
        found = verify(exported.read(changed), trust(past), [])
        assert not found.is_intact, number
        assert found.first_bad is not None
        assert found.first_bad == expected or found.first_bad - expected in {0, 1}, (number, found.findings)


def test_two_processes_say_what_one_says(past: Past, lines: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exported, "_SPLIT_FROM_BYTES", 1)
    export = exported.read(lines)
    alone, together = verify(export, trust(past), [], 1), verify(export, trust(past), [], 5)
    assert together.is_intact
    assert (alone.records, alone.signatures) == (together.records, together.signatures)
    memories = offline.memories_at(str(past.witness), ORIGIN, [past.witness_key.key])
    assert verify(export, trust(past), memories, 3).witnessed_to == RECORDS


@pytest.mark.part11("11.10(b)")
async def test_an_extract_proves_each_of_its_records(past: Past, exporter: Exporter, tmp_path: Path) -> None:
    await write(tmp_path / "some.jsonl", exporter.jsonl(Filter(actor="김민준")))
    found = verify(exported.read(tmp_path / "some.jsonl"), trust(past), [])
    assert found.is_intact, found.findings
    assert 0 < found.records < RECORDS
    assert "an extract" in found.notes[0]
    whole = (tmp_path / "some.jsonl").read_bytes().splitlines(keepends=True)
    for at, old, new in [(1, "김민준".encode(), b"nobody"), (2, b'"proof":["', b'"proof":["A')]:
        changed = [*whole[:at], whole[at].replace(old, new), *whole[at + 1 :]]
        (tmp_path / "changed.jsonl").write_bytes(b"".join(changed))
        assert not verify(exported.read(tmp_path / "changed.jsonl"), trust(past), []).is_intact
    (tmp_path / "changed.jsonl").write_bytes(b"".join([whole[0], *whole[2:]]))
    assert not verify(exported.read(tmp_path / "changed.jsonl"), trust(past), []).is_intact


@pytest.mark.asvs("1.1.2", "1.2.1")
async def test_a_cell_is_never_a_formula(exporter: Exporter) -> None:
    event = Event("test", "unit/mes", "=cmd|' /C calc'!A0", '@SUM("1,2")\nsecond line', after={"a": "한글"})
    await TimelineStore(exporter.database).record(event, AT)
    text = b"".join([piece async for piece in exporter.csv()]).decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(rows) == RECORDS + 1
    assert rows[-1]["actor"] == "'=cmd|' /C calc'!A0"
    assert rows[-1]["reason"] == '\'@SUM("1,2")\nsecond line'
    assert json.loads(rows[-1]["after"]) == {"a": "한글"}


@pytest.mark.part11("11.10(b)")
async def test_a_folder_has_every_copy_and_verifies_itself(
    past: Past, exporter: Exporter, tmp_path: Path
) -> None:
    signed = {"signer": "김민준", "meaning": "approved", "at": "2026-03-01T12:00:00Z"}
    await TimelineStore(exporter.database).record(
        Event("signature.made", "rollout/ro-1", "김민준", "검토함 " + "long " * 400, after=signed), AT
    )
    await exporter.folder(tmp_path / "copy")
    names = {each.name for each in (tmp_path / "copy").iterdir()}
    assert names == {
        "timeline.jsonl", "timeline.csv", "timeline.pdf", "manifest.txt", "verify.pyz", "README.txt"
    }  # fmt: skip
    document = (tmp_path / "copy" / "timeline.pdf").read_bytes()
    assert document.startswith(b"%PDF-")
    assert document.count(b"/Type /Page\n") >= 6
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-I", "-S", "verify.pyz", "timeline.jsonl", "--key", str(past.places.vkey),
        cwd=tmp_path / "copy", stdout=subprocess.PIPE,
    )  # fmt: skip
    said, _ = await process.communicate()
    assert said.decode().startswith("intact: ")


@pytest.mark.asvs("15.2.2")
async def test_a_document_has_a_limit(
    exporter: Exporter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pdf, "MOST_RECORDS", 10)
    with pytest.raises(InvalidInput, match="at most 10"):
        await exporter.pdf(tmp_path / "timeline.pdf")
    assert not (tmp_path / "timeline.pdf").exists()


async def test_an_empty_timeline_is_exported_and_verifies(database: Database, tmp_path: Path) -> None:
    places = keys.KeyFiles.at(tmp_path)
    keys.ensure(places, ORIGIN)
    exporter = Exporter(database, places, ManualClock(AT))
    await write(tmp_path / "timeline.jsonl", exporter.jsonl())
    found = verify(exported.read(tmp_path / "timeline.jsonl"), checks.Trust(keys.public(places)), [])
    assert found.is_intact, found.findings
    assert found.records == 0


async def test_a_step_back_is_a_note_that_a_record_explains(database: Database, tmp_path: Path) -> None:
    places, store = keys.KeyFiles.at(tmp_path), TimelineStore(database)
    keys.ensure(places, ORIGIN)
    event = Event("test", "unit/mes", "kim", "because")
    for at in (AT, AT - timedelta(hours=1), AT - timedelta(hours=1, seconds=1)):
        await store.record(event, at)
    exporter = Exporter(database, places, ManualClock(AT))
    for told, expected in [(False, "no record near it"), (True, "record 4 tells of it")]:
        if told:
            await store.record(Event("clock.stepped", "clock", "clock", "back"), AT - timedelta(hours=1))
        await write(tmp_path / "timeline.jsonl", exporter.jsonl())
        found = verify(exported.read(tmp_path / "timeline.jsonl"), checks.Trust(keys.public(places)), [])
        assert found.is_intact
        assert [each.split("; ")[0] for each in found.notes] == [
            "the clock went back by 3600.0 s at record 2"
        ]
        assert expected in found.notes[0]


@pytest.mark.parametrize("where", ["before", "after"])
@pytest.mark.parametrize(
    "line",
    [
        b' {"hash":"00","previous":"00","record":{"number":121}}\n',
        b'{"end": 120}\n',
        b'{"checkpoint": "x", "end": 120}\n',
        b'{"note": "approved by everybody"}\n',
        b"\n",
        b'{"checkpoint":"x"}\n',
        b"nonsense",
    ],
)
def test_nothing_else_than_an_export_has_stands_behind_its_records(
    past: Past, lines: Path, line: bytes, where: str
) -> None:
    content = lines.read_bytes()
    end = content.rindex(b'{"end"')
    lines.write_bytes(content[:end] + line + content[end:] if where == "before" else content + line)
    found = verify(exported.read(lines), trust(past), [])
    assert "strange-line" in {each.what for each in found.findings}


async def test_an_extracts_line_has_nothing_beside_its_proof(
    past: Past, exporter: Exporter, tmp_path: Path
) -> None:
    await write(tmp_path / "part.jsonl", exporter.jsonl(Filter(after=100)))
    content = (tmp_path / "part.jsonl").read_bytes()
    assert verify(exported.read(tmp_path / "part.jsonl"), trust(past), []).is_intact
    header, rest = content.split(b"\n", 1)
    (tmp_path / "part.jsonl").write_bytes(header[:-1] + b', "note": "approved"}\n' + rest)
    with pytest.raises(ValueError, match="not an export"):
        exported.read(tmp_path / "part.jsonl")
    rest = rest.replace(b"]}\n", b'], "note": "approved"}\n', 1)
    (tmp_path / "part.jsonl").write_bytes(header + b"\n" + rest)
    assert not verify(exported.read(tmp_path / "part.jsonl"), trust(past), []).is_intact


def add_to(name: str) -> Callable[[Path], None]:
    def added(folder: Path) -> None:
        (folder / name).write_bytes((folder / name).read_bytes() + b" ")

    return added


def sign_with_another_key(folder: Path) -> None:
    other = Signer.generate(ORIGIN, LOG_KEY)
    add_to("timeline.csv")(folder)
    text = manifest.text(ORIGIN, [each for each in folder.iterdir() if each.name != manifest.NAME])
    (folder / manifest.NAME).write_text(str(Note(text, (other.sign(text),))))


EDITS: dict[str, tuple[Callable[[Path], None], str]] = {
    "a cell": (add_to("timeline.csv"), "file-altered"),
    "the document": (add_to("timeline.pdf"), "file-altered"),
    "the manifest": (add_to("manifest.txt"), "bad-manifest"),
    "no manifest": (lambda folder: (folder / "manifest.txt").unlink(), "no-manifest"),
    "a manifest of another key": (sign_with_another_key, "bad-manifest"),
}


@pytest.mark.part11("11.10(b)", "11.10(c)")
@pytest.mark.parametrize("edit", EDITS)
async def test_an_edited_copy_in_a_folder_is_found_with_python_alone(
    past: Past, exporter: Exporter, tmp_path: Path, edit: str
) -> None:
    folder = tmp_path / "record"
    await exporter.folder(folder)
    arguments = ["--key", str(past.places.vkey), "--json"]
    code, said = await asyncio.to_thread(run_alone, folder, ".", *arguments)
    assert (code, json.loads(said)["notes"]) == (0, [])
    made, what = EDITS[edit]
    made(folder)
    packed = shutil.make_archive(str(tmp_path / "record"), "zip", folder)
    for place in (".", packed):
        code, said = await asyncio.to_thread(run_alone, folder, place, *arguments)
        assert code == 1, said
        assert [each["what"] for each in json.loads(said)["findings"]] == [what]

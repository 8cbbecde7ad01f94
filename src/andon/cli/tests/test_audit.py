"""`andon audit verify` believes public keys alone, and needs no Andon to run."""

import asyncio
import json
import socket
import sqlite3
import zipfile
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from andon.access.policies.store import policies
from andon.access.signatures.store import signatures
from andon.cli import exits
from andon.cli.main import app
from andon.kernel import errors
from andon.kernel.clock import ManualClock
from andon.store.engine import Database
from andon.store.schema import metadata
from andon.timeline import keys
from andon.timeline.checkpoints import Checkpointer
from andon.timeline.export import Exporter, write
from andon.timeline.keys import KeyFiles
from andon.timeline.records import Event
from andon.timeline.store import TimelineStore
from andon_wire.cosigning import Signer
from andon_wire.note import COSIGNER_KEY, LOG_KEY

RECORDS = 12


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with a signed timeline, and an export of it in `timeline.jsonl`."""
    asyncio.run(_made(tmp_path))
    return tmp_path


async def _made(home: Path) -> None:
    database, places, clock = (
        Database.open(f"sqlite:///{home / 'andon.db'}"),
        KeyFiles.at(home),
        ManualClock(),
    )
    async with database.transaction() as tx:
        assert {policies.name, signatures.name} <= set(metadata.tables)
        await tx.run_sync(metadata.create_all)
    keys.ensure(places, "plant.example/andon")
    timeline = TimelineStore(database)
    for number in range(RECORDS):
        await timeline.record(Event("test.happened", f"thing/{number}", "kim", "because"), clock.now())
    await Checkpointer(database, places, clock).checkpoint_now()
    await write(home / "timeline.jsonl", Exporter(database, places, clock).jsonl())
    await database.close()


def verify(home: Path, *words: str) -> Result:
    return CliRunner().invoke(app, ["--home", str(home), "audit", "verify", *words])


def found(home: Path, *words: str) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(verify(home, *words, "--json").stdout)
    return answer


def alter(home: Path, number: int) -> None:
    with sqlite3.connect(home / "andon.db") as database:
        for (name,) in database.execute("select name from sqlite_master where type = 'trigger'").fetchall():
            database.execute(f'drop trigger "{name}"')
        database.execute("update timeline set actor = 'lee' where number = ?", (number,))


def test_a_home_and_its_export_are_intact_as_they_were_written(home: Path) -> None:
    for where in ((), (str(home / "timeline.jsonl"),)):
        result = verify(home, *where)
        assert result.exit_code == 0
        assert f"intact: {RECORDS} records" in result.stdout


def test_a_record_altered_in_the_database_is_named(home: Path) -> None:
    alter(home, 5)
    result = verify(home)
    assert result.exit_code == 1
    assert "NOT intact: record 5" in result.stdout
    assert found(home)["first_bad"] == 5


def test_a_record_altered_in_an_export_is_named(home: Path) -> None:
    file = home / "timeline.jsonl"
    file.write_text(file.read_text().replace("thing/6", "thing/9"))
    assert verify(home, str(file)).exit_code == 1
    assert found(home, str(file))["first_bad"] == 7


def test_an_export_travels_as_a_zip(home: Path) -> None:
    with zipfile.ZipFile(home / "record.zip", "w") as packed:
        packed.write(home / "timeline.jsonl", "record/timeline.jsonl")
    assert found(home, str(home / "record.zip"))["is_intact"]


def test_an_export_signed_by_another_key_is_not_believed(home: Path) -> None:
    other = Signer.generate("plant.example/andon", LOG_KEY).key
    told = found(home, str(home / "timeline.jsonl"), "--key", str(other))
    assert not told["is_intact"]
    assert told["findings"][0]["what"] == "not-signed"


def test_where_no_key_is_given_or_known_it_says_that_the_export_vouches_for_itself(home: Path) -> None:
    elsewhere = home / "elsewhere"
    told = found(elsewhere, str(home / "timeline.jsonl"))
    assert "from elsewhere" in told["notes"][0]
    result = verify(elsewhere)
    assert isinstance(result.exception, errors.NotFound)


@pytest.mark.parametrize("words", [("README.md",), ("timeline.jsonl", "--key", "nonsense")])
def test_what_cannot_be_checked_is_neither_good_nor_bad(home: Path, words: tuple[str, ...]) -> None:
    (home / "README.md").write_text("hello")
    result = verify(home, str(home / words[0]), *words[1:])
    assert isinstance(result.exception, errors.InvalidInput)
    assert result.exception.exit_code == 2


def test_a_witness_that_does_not_answer_leaves_the_result_open(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as taken:  # bound, and nobody listens
        taken.bind(("127.0.0.1", 0))
        witness = {
            "url": f"http://127.0.0.1:{taken.getsockname()[1]}",
            "key": str(Signer.generate("qa-pc", COSIGNER_KEY).key),
        }
        monkeypatch.setenv("ANDON_TIMELINE__WITNESSES", json.dumps([witness]))
        result = verify(home)
        assert result.exit_code == exits.INCONCLUSIVE
        assert "as far as can be said" in result.stdout
        assert "witness qa-pc did not answer" in result.stdout
        told = found(home)
        assert (told["is_intact"], len(told["silent"])) == (True, 1)
        alter(home, 5)
        assert verify(home).exit_code == exits.BAD


def test_a_home_whose_end_was_cut_off_with_its_checkpoints_is_not_intact(home: Path) -> None:
    alter(home, 0)
    with sqlite3.connect(home / "andon.db") as database:
        database.execute("delete from timeline where number > 6")
        database.execute("delete from timeline_checkpoints")
        database.execute(
            "update timeline_head set number = 6, hash = (select hash from timeline where number = 6)"
        )
    told = found(home)
    assert (told["is_intact"], told["first_bad"]) == (False, 7)

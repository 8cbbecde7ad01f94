"""Keys are exchanged and a restored database is taken over while Andon is down, and the timeline tells it."""

import asyncio
import json
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from andon.access.sessions import keys as session_keys
from andon.access.signatures.seal import Sealer
from andon.access_parts import make_keys
from andon.cli.main import app
from andon.kernel import locking
from andon.kernel.clock import SystemClock
from andon.kernel.errors import Conflict, Damaged
from andon.store import migrate
from andon.store.engine import Database
from andon.timeline import keys
from andon.timeline.checkpoints import Checkpointer
from andon.timeline.keys import KeyFiles
from andon.timeline.records import Event, Record
from andon.timeline.store import Filter, TimelineStore


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with its keys and a signed timeline of five records."""
    (tmp_path / "andon.env").touch()
    make_keys(tmp_path, SystemClock())
    asyncio.run(migrate.upgrade(url(tmp_path)))
    grow(tmp_path, 5)
    return tmp_path


def url(home: Path) -> str:
    return f"sqlite:///{home / 'andon.db'}"


def grow(home: Path, count: int) -> None:
    async def grown() -> None:
        database, clock = Database.open(url(home)), SystemClock()
        for _ in range(count):
            await TimelineStore(database).record(Event("test", "unit/mes", "kim", "because"), clock.now())
        await Checkpointer(database, KeyFiles.at(home), clock).checkpoint_now()
        await database.close()

    asyncio.run(grown())


def records(home: Path, kind: str) -> list[Record]:
    async def found() -> list[Record]:
        database = Database.open(url(home))
        try:
            return list(await TimelineStore(database).list(Filter(kind=kind)))
        finally:
            await database.close()

    return asyncio.run(found())


def audit(home: Path, *words: str) -> Result:
    return CliRunner().invoke(app, ["--home", str(home), "audit", *words])


def told(home: Path, *words: str) -> dict[str, Any]:
    result = audit(home, *words, "--json")
    assert result.exit_code == 0, result.output
    answer: dict[str, Any] = json.loads(result.stdout)
    return answer


def test_the_timelines_key_is_exchanged_and_both_vouch(home: Path) -> None:
    before = keys.public(KeyFiles.at(home))[0]
    new = told(home, "rotate-key", "--of", "timeline", "--reason", "yearly")["key"]
    assert [str(each) for each in keys.public(KeyFiles.at(home))] == [new, str(before)]
    (record,) = records(home, "timeline.key-rotated")
    assert (record.event.actor, record.event.reason) == ("andon audit rotate-key", "yearly")
    assert told(home, "verify")["is_intact"]


def test_a_seal_of_the_key_before_stays_genuine(home: Path) -> None:
    path = home / "keys" / "signatures.key"
    before = Sealer.load(path)
    new = told(home, "rotate-key", "--of", "signatures", "--reason", "yearly")["key"]
    after = Sealer.load(path)
    assert after.public_keys[1] == before.public_keys[0]
    (record,) = records(home, "signatures.key-rotated")
    assert record.event.before["key"] != new


def test_the_key_of_sessions_is_exchanged_and_the_one_before_verifies(home: Path) -> None:
    path, clock = home / "keys" / "sessions.key", SystemClock()
    before = session_keys.load_or_make(path, clock.now())
    new = told(home, "rotate-key", "--of", "sessions", "--reason", "yearly")["key"]
    after = session_keys.load_or_make(path, clock.now())
    assert [each.kid for each in after] == [new, before[0].kid]
    (record,) = records(home, "sessions.key-rotated")
    assert dict(record.event.before) == {"key": before[0].kid}


@pytest.mark.parametrize(
    "words", [("rotate-key", "--of", "sessions", "--reason", "x"), ("accept-restored", "--reason", "x")]
)
def test_nothing_is_exchanged_while_andon_runs(home: Path, words: tuple[str, ...]) -> None:
    with locking.exclusive(home / "andon.lock", waits=False):
        result = audit(home, *words)
    assert isinstance(result.exception, Conflict)
    assert result.exception.code == "already-up"


def test_a_database_from_a_backup_is_signed_on_once_a_person_answers_for_it(home: Path) -> None:
    copy = home / "backup.db"
    shutil.copy(home / "andon.db", copy)
    grow(home, 4)
    restore(home, copy)
    assert audit(home, "verify").exit_code == 1
    assert told(home, "accept-restored", "--reason", "disk failed") == {"records": 6}
    (record,) = records(home, "timeline.restored")
    assert (record.event.before["records"], record.event.after["records"]) == (9, 5)
    assert told(home, "verify")["is_intact"]


def test_where_nothing_was_restored_the_memory_is_kept(home: Path) -> None:
    result = audit(home, "accept-restored", "--reason", "x")
    assert isinstance(result.exception, Conflict)
    assert result.exception.code == "not-restored"
    assert KeyFiles.at(home).signed.exists()


def test_an_altered_database_is_not_taken_for_a_restored_one(home: Path) -> None:
    with sqlite3.connect(home / "andon.db") as database:
        for (name,) in database.execute("select name from sqlite_master where type = 'trigger'").fetchall():
            database.execute(f'drop trigger "{name}"')
        database.execute("update timeline set actor = 'lee' where number = 2")
        database.execute("delete from timeline where number = 5")
        database.execute(
            "update timeline_head set number = 4, hash = (select hash from timeline where number = 4)"
        )
    result = audit(home, "accept-restored", "--reason", "x")
    assert isinstance(result.exception, Damaged)
    assert KeyFiles.at(home).signed.exists()


def restore(home: Path, copy: Path) -> None:
    for each in home.glob("andon.db*"):
        each.unlink()
    shutil.copy(copy, home / "andon.db")

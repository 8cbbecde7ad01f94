"""Declared data on a real disk: copied before a switch, back with its version, and nothing thrown away."""

import errno
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from andon_agent.engine.data import Keeper
from andon_wire.application import Application, Data
from andon_wire.disk import SPARE_BYTES, RealDisk
from andon_wire.errors import Malformed, Unreachable

pytestmark = pytest.mark.unit


def a_contract(**data: Data) -> Application:
    return Application(unit="screen", version="1.0", platform="linux-x86_64", command=["app"], data=data)


DATABASE = a_contract(db=Data(kind="sqlite", path="db"))


@pytest.fixture
def keeper(tmp_path: Path) -> Keeper:
    (tmp_path / "data").mkdir()
    return Keeper(tmp_path / "data", tmp_path / "backups", RealDisk())


def nobody(_done: int, _total: int) -> None:
    """No progress."""


def fill(path: Path, *words: str) -> sqlite3.Connection:
    """A database in WAL mode whose last words are only in its log."""
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("CREATE TABLE IF NOT EXISTS words (word TEXT)")
    connection.executemany("INSERT INTO words VALUES (?)", [(each,) for each in words])
    connection.commit()
    return connection


def words(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        return [row[0] for row in connection.execute("SELECT word FROM words ORDER BY rowid")]


def test_a_database_comes_back_with_what_was_only_in_its_log(keeper: Keeper) -> None:
    killed = fill(keeper.data / "db", "one", "two")  # never closed, as after a kill
    assert (keeper.data / "db-wal").stat().st_size > 0
    keeper.back_up(DATABASE, "1.0-3", nobody)
    killed.close()
    with closing(fill(keeper.data / "db", "of the new version")):
        pass
    said = keeper.restore(DATABASE, "1.0-3", nobody)
    assert words(keeper.data / "db") == ["one", "two"]
    assert "db" in said
    assert words(keeper.backups / "replaced-1.0-3/db/db")[-1] == "of the new version"


def test_a_log_of_the_new_version_does_not_reach_into_the_old_data(keeper: Keeper) -> None:
    with closing(fill(keeper.data / "db", "one")):
        pass
    keeper.back_up(DATABASE, "1.0-3", nobody)
    killed = fill(keeper.data / "db", "of the new version")
    keeper.restore(DATABASE, "1.0-3", nobody)
    assert words(keeper.data / "db") == ["one"]
    killed.close()


def test_a_damaged_database_comes_back_as_it_was(keeper: Keeper) -> None:
    (keeper.data / "db").write_bytes(b"no database at all" * 100)
    keeper.back_up(DATABASE, "1.0-3", nobody)
    (keeper.data / "db").write_bytes(b"something else")
    keeper.restore(DATABASE, "1.0-3", nobody)
    assert (keeper.data / "db").read_bytes() == b"no database at all" * 100


def test_a_folder_comes_back_without_what_was_added(keeper: Keeper) -> None:
    contract = a_contract(files=Data(kind="folder", path="files"))
    (keeper.data / "files/below").mkdir(parents=True)
    (keeper.data / "files/below/one").write_text("1")
    (keeper.data / "files/link").symlink_to("below/one")
    keeper.back_up(contract, "1.0-3", nobody)
    (keeper.data / "files/below/one").write_text("changed")
    (keeper.data / "files/added").write_text("2")
    keeper.restore(contract, "1.0-3", nobody)
    assert (keeper.data / "files/link").read_text() == "1"
    assert not (keeper.data / "files/added").exists()
    assert (keeper.backups / "replaced-1.0-3/files/files/added").read_text() == "2"


def test_what_is_not_declared_to_come_back_stays_and_is_said(keeper: Keeper) -> None:
    contract = a_contract(
        db=Data(kind="sqlite", path="db"), photos=Data(kind="folder", path="photos", is_restored=False)
    )
    (keeper.data / "photos").mkdir()
    (keeper.data / "photos/one").write_text("1")
    keeper.back_up(contract, "1.0-3", nobody)
    (keeper.data / "photos/two").write_text("2")
    said = keeper.restore(contract, "1.0-3", nobody)
    assert (keeper.data / "photos/two").exists()
    assert "photos" in said


def test_what_was_not_there_is_gone_again_afterwards(keeper: Keeper) -> None:
    keeper.back_up(DATABASE, "1.0-3", nobody)
    with closing(fill(keeper.data / "db", "of the new version")):
        pass
    keeper.restore(DATABASE, "1.0-3", nobody)
    assert not (keeper.data / "db").exists()


def test_a_copy_that_is_whole_is_not_made_again(keeper: Keeper) -> None:
    with closing(fill(keeper.data / "db", "one")):
        pass
    keeper.back_up(DATABASE, "1.0-3", nobody)
    with closing(fill(keeper.data / "db", "two")):
        pass
    keeper.back_up(DATABASE, "1.0-3", nobody)
    keeper.restore(DATABASE, "1.0-3", nobody)
    assert words(keeper.data / "db") == ["one"]


def test_bringing_back_twice_is_the_same_as_once(keeper: Keeper) -> None:
    with closing(fill(keeper.data / "db", "one")):
        pass
    keeper.back_up(DATABASE, "1.0-3", nobody)
    with closing(fill(keeper.data / "db", "two")):
        pass
    for _ in range(2):
        keeper.restore(DATABASE, "1.0-3", nobody)
    assert words(keeper.data / "db") == ["one"]
    assert words(keeper.backups / "replaced-1.0-3/db/db") == ["one", "two"]


def test_without_a_whole_copy_nothing_is_touched(keeper: Keeper) -> None:
    with closing(fill(keeper.data / "db", "one")):
        pass
    with pytest.raises(Malformed, match="no whole copy"):
        keeper.restore(DATABASE, "1.0-3", nobody)
    assert words(keeper.data / "db") == ["one"]


@pytest.mark.parametrize("path", ["../elsewhere", "/etc", ".", "a/../.."])
def test_a_path_that_leads_out_of_the_data_is_refused(keeper: Keeper, path: str) -> None:
    with pytest.raises(Malformed, match="leads out"):
        keeper.back_up(a_contract(x=Data(kind="folder", path=path)), "1.0-3", nobody)


def test_progress_counts_up_to_all_of_it(keeper: Keeper) -> None:
    seen: list[tuple[int, int]] = []
    with closing(fill(keeper.data / "db", *("word" * 500 for _ in range(300)))):
        pass
    keeper.back_up(DATABASE, "1.0-3", lambda done, total: seen.append((done, total)))
    assert seen[-1][0] == seen[-1][1] > 0


class Small(RealDisk):
    """A disk with so much room as it is told."""

    free = 0

    def free_bytes(self, folder: Path) -> int:
        return self.free


def test_what_is_missing_for_a_copy_is_known_before_it_and_a_copy_says_it(
    tmp_path: Path,
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "db").write_bytes(b"x" * (2 << 20))
    disk = Small()
    small = Keeper(tmp_path / "data", tmp_path / "backups", disk)
    assert small.short(DATABASE) == (2 << 20) + SPARE_BYTES
    assert small.short(a_contract()) == 0, "nothing is copied"
    disk.free = (2 << 20) + SPARE_BYTES
    assert small.short(DATABASE) == 0
    disk.free = 1 << 20
    with pytest.raises(Unreachable, match="1 MiB are missing on the disk for the copy of its data: 2 MiB"):
        small.back_up(DATABASE, "1.0-3", nobody)


def test_a_copy_that_the_disk_cuts_short_leaves_nothing_that_takes_room(tmp_path: Path) -> None:
    class Full(Small):
        free = 1 << 30

        def sync_folder(self, folder: Path) -> None:
            if (tmp_path / "backups" / "1.0-3" / "db").exists():
                raise OSError(errno.ENOSPC, "No space left on device")

    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "db").write_bytes(b"x" * 100)
    with pytest.raises(OSError, match="No space"):
        Keeper(tmp_path / "data", tmp_path / "backups", Full()).back_up(DATABASE, "1.0-3", nobody)
    assert not (tmp_path / "backups" / "1.0-3").exists()

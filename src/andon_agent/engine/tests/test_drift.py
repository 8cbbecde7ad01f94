import hashlib
from pathlib import Path

import pytest

from andon.testing.disks import MemoryDisk
from andon_agent.engine.drift import look
from andon_wire.tree import File, tree

pytestmark = pytest.mark.unit
FOLDER = Path("/station/a/files")
CONTENT = {"app": b"the program" * 300_000, "lib/one": b"1"}
TREE = tree(File(path, hashlib.sha256(each).hexdigest(), len(each)) for path, each in CONTENT.items())


def a_disk(**changed: bytes) -> MemoryDisk:
    disk = MemoryDisk()
    for path, content in (CONTENT | changed).items():
        disk.make_folder((FOLDER / path).parent)
        with disk.open_write(FOLDER / path) as stream:
            stream.write(content)
    return disk


def looked(disk: MemoryDisk) -> tuple[str, list[int]]:
    pieces: list[int] = []
    return look(FOLDER, TREE, disk, pieces.append, lambda _done, _total: None), pieces


def test_what_was_installed_is_no_drift_and_every_piece_is_followed_by_a_pause() -> None:
    said, pieces = looked(a_disk())
    assert said == ""
    assert sum(pieces) == TREE.size
    assert max(pieces) <= 1 << 20


def test_one_other_byte_is_drift() -> None:
    changed = bytearray(CONTENT["app"])
    changed[-1] ^= 1
    assert looked(a_disk(app=bytes(changed)))[0] == "'app' has other bytes"


def test_a_file_that_is_gone_or_added_is_drift() -> None:
    disk = a_disk()
    disk.remove(FOLDER / "lib/one")
    assert "lib" in looked(disk)[0]
    assert "added" in looked(a_disk(added=b"x"))[0]

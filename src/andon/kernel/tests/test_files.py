"""Files that survive: whole or not at all."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from andon.kernel import files

_WRITER = """
import sys
from pathlib import Path
from andon.kernel import files
path, size = Path(sys.argv[1]), int(sys.argv[2])
print("ready", flush=True)
while True:
    for letter in b"ab":
        files.write(path, bytes([letter]) * size)
"""


def test_a_write_replaces_the_whole_file_with_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "file"
    files.write(path, b"old" * 1000)
    files.write(path, b"new", mode=0o600)
    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_a_write_that_fails_keeps_the_old_content_and_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "file"
    files.write(path, b"old")
    with pytest.raises(RuntimeError), files.replacing(path) as stream:
        stream.write(b"half")
        raise RuntimeError
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_writer_killed_at_any_moment_leaves_a_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    files.write(path, b"a")
    seen = set()
    for _ in range(5):
        writer = subprocess.Popen(
            [sys.executable, "-c", _WRITER, str(path), "200000"], stdout=subprocess.PIPE
        )
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"ready\n"
        before = path.stat().st_ino
        while path.stat().st_ino == before:
            os.sched_yield()
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        writer.stdout.close()
        content = path.read_bytes()
        seen.add(content[:1])
        assert content in {b"a" * 200000, b"b" * 200000}
    assert seen


def test_a_hash_is_that_of_the_bytes(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"abc")
    assert files.sha256(path) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_a_move_takes_the_content_along(tmp_path: Path) -> None:
    (tmp_path / "from").mkdir()
    source = tmp_path / "from" / "file"
    source.write_bytes(b"abc")
    files.move(source, tmp_path / "there")
    assert (tmp_path / "there").read_bytes() == b"abc"
    assert not source.exists()

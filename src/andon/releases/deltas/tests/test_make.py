"""What `make` writes turns the old folder into the new one, wherever it is applied."""

import io
import random
from pathlib import Path

import pytest

from andon.releases.deltas.make import Means, make
from andon_wire import scan
from andon_wire.delta.apply import apply, tree_in
from andon_wire.disk import RealDisk
from andon_wire.errors import Missing, Untrusted
from andon_wire.tree import EMPTY

pytestmark = pytest.mark.unit


def two_versions(at: Path) -> tuple[Path, Path]:
    """An old and a new folder with a file for each form."""
    old, new, draw = at / "old", at / "new", random.Random(6)
    big, text = draw.randbytes(100_000), draw.randbytes(3_000)
    for folder in (old, new):
        (folder / "lib/empty").mkdir(parents=True)
        (folder / "same").write_bytes(text)
    (old / "big").write_bytes(big)
    (new / "big").write_bytes(big[:999] + b"between" + big[1500:])
    (old / "was here").write_bytes(text[::-1])
    (new / "lib/is there").write_bytes(text[::-1])
    (new / "lib/is there").chmod(0o755)
    (old / "gone").write_bytes(b"gone")
    (new / "fresh").write_bytes(draw.randbytes(500))
    (new / "fresh twin").write_bytes((new / "fresh").read_bytes())
    (new / "nothing").touch()
    (new / "link").symlink_to("lib/is there")
    return old, new


@pytest.mark.parametrize("form", ["hdiff", "zdict"])
def test_a_delta_makes_the_new_folder_of_the_old_one(tmp_path: Path, form: str) -> None:
    old, new = two_versions(tmp_path)
    container = io.BytesIO()
    made = make(old, new, container, means=Means(tried=(form,)), scratch=tmp_path)
    assert made.forms == {form: (new / "big").stat().st_size, "whole": 500}
    assert made.size_bytes == len(container.getvalue()) < 5_000
    container.seek(0)
    assert tree_in(container, made.old) == made.new
    container.seek(0)
    apply(container, old=old, into=tmp_path / "into", tree=made.new, disk=RealDisk())
    scan.check(tmp_path / "into", scan.scan(new), RealDisk())


def test_a_full_package_is_the_delta_from_nothing(tmp_path: Path) -> None:
    _, new = two_versions(tmp_path)
    container = io.BytesIO()
    made = make(None, new, container, scratch=tmp_path)
    container.seek(0)
    assert tree_in(container, EMPTY) == made.new == scan.scan(new)
    container.seek(0)
    apply(container, old=None, into=tmp_path / "into", tree=made.new, disk=RealDisk())
    scan.check(tmp_path / "into", made.new, RealDisk())


@pytest.mark.parametrize("path", ["same", "was here", "big"])
def test_an_old_version_that_was_changed_in_place_is_not_built_upon(tmp_path: Path, path: str) -> None:
    old, new = two_versions(tmp_path)
    container = io.BytesIO()
    made = make(old, new, container, scratch=tmp_path)
    content = bytearray((old / path).read_bytes())
    content[40] ^= 1
    (old / path).write_bytes(content)
    container.seek(0)
    with pytest.raises(Untrusted):
        apply(container, old=old, into=tmp_path / "into", tree=made.new, disk=RealDisk())
    (old / path).unlink()
    container.seek(0)
    with pytest.raises(Missing):
        apply(container, old=old, into=tmp_path / "into", tree=made.new, disk=RealDisk())

"""docs/design/deltas.md describes the format: a reader that was written from it reads what is written."""

import io
import random
from pathlib import Path

import pytest

from andon.releases.deltas.make import Means, make
from andon_wire.delta.container import XZ, ZSTD
from andon_wire.delta.tests import second_reader

pytestmark = pytest.mark.unit


def files(folder: Path) -> dict[str, bytes]:
    return {str(each.relative_to(folder)): each.read_bytes() for each in folder.rglob("*") if each.is_file()}


@pytest.mark.parametrize("compression", [ZSTD, XZ], ids=["zstd", "xz"])
@pytest.mark.parametrize("form", ["hdiff", "zdict"])
def test_a_reader_made_from_the_description_reads_what_is_written(
    tmp_path: Path, form: str, compression: bytes
) -> None:
    draw = random.Random(21)
    old, new = tmp_path / "old", tmp_path / "new"
    for folder in (old, new):
        (folder / "lib").mkdir(parents=True)
        (folder / "same").write_bytes(b"same")
    for n in range(6):
        base = draw.randbytes(4_000)
        changed = bytearray(base[:900] + draw.randbytes(40 * n) + base[1_200:3_000] + base[200:700])
        for at in range(0, len(changed), 37):  # as addresses differ: a little, at many places
            changed[at] = (changed[at] + n) & 0xFF
        (old / f"lib/{n}").write_bytes(base)
        (new / f"lib/{n}").write_bytes(changed)
    (old / "was").write_bytes(b"moved" * 50)
    (new / "is").write_bytes(b"moved" * 50)
    (old / "log").write_bytes(base)
    (new / "log").write_bytes(base[50:800])
    (new / "zeros").write_bytes(bytes(70))
    (old / "zeros").write_bytes(b"0" * 70)
    (new / "nothing").touch()
    for name in ("fresh", "fresh twin"):
        (new / name).write_bytes(b"fresh" * 30)
    container = io.BytesIO()
    made = make(old, new, container, scratch=tmp_path, means=Means((form,), compressions=(compression,)))
    assert set(made.forms) == {form, "whole", "copy", "zeros"}
    assert second_reader.read(container.getvalue(), files(old)) == files(new)

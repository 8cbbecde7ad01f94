"""A large container is compressed on several cores, and nobody can tell on how many."""

import io
import random
from pathlib import Path

import pytest

from andon.releases.deltas.write import write
from andon_wire.delta.container import XZ, ZSTD, Container
from andon_wire.delta.model import Index, Step
from andon_wire.tree import EMPTY

pytestmark = pytest.mark.unit


def test_the_bytes_of_a_large_container_do_not_depend_on_the_number_of_threads(tmp_path: Path) -> None:
    size, block = 80 << 20, random.Random(3).randbytes(1 << 20)
    payload = tmp_path / "payload"
    payload.write_bytes(block * (size >> 20))
    index = Index(EMPTY.id, EMPTY.id, steps=(Step("whole", "a", size, size),))
    made = []
    for threads in (1, 3):
        container = io.BytesIO()
        write(
            container, index, [(payload, 0, size)], scratch=tmp_path, threads=threads, compressions=(XZ, ZSTD)
        )
        made.append(container.getvalue())
    assert made[0] == made[1]
    assert made[0][8:12] == ZSTD[:4]
    opened = Container(io.BytesIO(made[0]))
    assert opened.index == index
    for _ in range(size >> 20):
        assert opened.read(1 << 20) == block
    opened.end()

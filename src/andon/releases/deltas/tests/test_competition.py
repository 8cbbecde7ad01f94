"""Which form makes a file, of what, and in which pieces; and that it costs no memory to speak of."""

import io
import random
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.releases.deltas.compete import Job, compete
from andon.releases.deltas.make import Made, Means, make
from andon.releases.deltas.pieces import MARGIN, MOST_AT_ONCE, PIECE, Piece, cut
from andon.releases.deltas.tests.builds import an_elf, functions
from andon_wire import scan
from andon_wire.delta.apply import apply
from andon_wire.delta.container import Container
from andon_wire.delta.model import COPY, MOST_PART_BYTES, WHOLE, ZEROS, Index
from andon_wire.disk import RealDisk
from andon_wire.tree import File

pytestmark = pytest.mark.unit
DRAW = random.Random(11)
CODE = DRAW.randbytes(40_000)
TEXT = b"".join(b"line %d of what is read, %d\n" % (n, n * n) for n in range(900))


@pytest.fixture
def old(tmp_path: Path) -> Path:
    (tmp_path / "old").mkdir()
    return tmp_path / "old"


@pytest.fixture
def new(tmp_path: Path) -> Path:
    (tmp_path / "new").mkdir()
    return tmp_path / "new"


ALONE = Means(workers=1)


def made(old: Path, new: Path, means: Means = ALONE) -> tuple[Index, Made, bytes]:
    container = io.BytesIO()
    done = make(old, new, container, means=means, scratch=new.parent)
    content = container.getvalue()
    return Container(io.BytesIO(content)).index, done, content


def put(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        ("lib/libqt.so.6.9.2", "lib/libqt.so.6.9.3"),
        ("numpy.libs/libblas-fdde5778.so", "numpy.libs/libblas-8a3f77e1.so"),
        ("app-1.0/core.py", "app-1.1/core.py"),
        ("data/colours.tab", "tables/palette.tab"),
    ],
)
@pytest.mark.parametrize("content", [CODE, TEXT], ids=["code", "text"])
def test_a_file_that_was_renamed_and_changed_is_a_patch_of_what_it_was(
    old: Path, new: Path, was: str, becomes: str, content: bytes
) -> None:
    put(old / was, content)
    for n in range(20):
        put(old / f"lib/libother{n}.so.{n}", DRAW.randbytes(30_000 + n))
    put(new / becomes, content[:5_000] + b"something new" + content[5_100:])
    index, done, whole = made(old, new)
    assert [(each.path, each.base) for each in index.steps] == [(becomes, was)]
    assert len(whole) < 3_000
    assert set(done.forms) == {"hdiff"}


@pytest.mark.parametrize(("fresh_bytes", "form"), [(0, "rebase"), (50_000, "hdiff")])
def test_the_form_that_takes_a_station_longer_has_to_save_a_share_of_the_patch(
    old: Path, new: Path, fresh_bytes: int, form: str
) -> None:
    """All that it saves is some kilobytes for one function that grew; the rest of the patch is new data."""
    written = functions(7, 600)
    put(old / "a.so", an_elf(written))
    written[50] = written[50][0] + bytes(100), written[50][1]
    put(new / "a.so", an_elf(written) + DRAW.randbytes(fresh_bytes))
    index, _, _ = made(old, new)
    assert [each.form for each in index.steps] == [form]


def test_a_file_of_another_kind_under_the_same_name_comes_whole(old: Path, new: Path) -> None:
    put(old / "a.bin", CODE)
    put(new / "a.bin", TEXT)
    index, _, _ = made(old, new)
    assert [each.form for each in index.steps] == [WHOLE]


def test_the_beginning_of_an_old_file_is_copied_and_nothing_is_made_of_zeros(old: Path, new: Path) -> None:
    put(old / "log", CODE)
    put(new / "log", CODE[100:9_000])
    put(old / "table", CODE[::-1])
    put(new / "table", bytes(20_000))
    index, _, content = made(old, new)
    assert {each.path: (each.form, each.at) for each in index.steps} == {
        "log": (COPY, 100),
        "table": (ZEROS, 0),
    }
    assert len(content) < 500


def test_a_file_that_is_there_twice_is_shipped_once(old: Path, new: Path) -> None:
    for path in ("one/lib.so", "two/lib.so"):
        put(new / path, CODE)
    index, _, content = made(old, new)
    assert len(index.steps) == 1
    assert len(content) < len(CODE) + 1_000


def test_a_folder_that_was_renamed_costs_names_and_no_hashes(old: Path, new: Path) -> None:
    for n in range(300):
        put(old / f"app-1.0/part-{n}", DRAW.randbytes(50))
        put(new / f"app-1.1/part-{n}", (old / f"app-1.0/part-{n}").read_bytes())
    _, _, content = made(old, new)
    assert len(content) < 1_500


@given(st.integers(0, 5 * PIECE), st.none() | st.integers(1, 5 * PIECE))
def test_pieces_follow_each_other_and_fit_into_what_a_station_holds_in_memory(
    size: int, base: int | None
) -> None:
    pieces = cut(File("a", "", size), File("b", "", base) if base is not None else None)
    at = 0
    for each in pieces:
        assert each.start == at
        at += each.length
        assert each.at + each.span <= (base or 0)
        assert each.span <= MOST_PART_BYTES
        if base is not None and max(size, base) > MOST_AT_ONCE and each.span:
            assert each.at <= each.start - MARGIN or each.at == 0 or base < size
    assert at == size


def test_a_piece_finds_what_moved_by_less_than_the_margin(old: Path, new: Path, tmp_path: Path) -> None:
    piece = Piece(File("f", "", 9_000), 3_000, 2_000, "f", 1_000, 4_000)
    put(old / "f", CODE[:9_000])
    put(new / "f", bytes(3_000) + CODE[2_000:3_000] + b"?" + CODE[3_000:3_999] + bytes(4_000))
    step = compete(Job(piece, old, new, tmp_path / "payload", ("hdiff",)))
    assert (step.form, step.makes, step.at, step.span) == ("hdiff", 2_000, 1_000, 4_000)
    assert step.takes == (tmp_path / "payload").stat().st_size < 200


def test_a_huge_file_with_holes_is_cut_kept_sparse_and_needs_no_memory(old: Path, new: Path) -> None:
    size = 3 * PIECE + 12_345
    for folder, middle in ((old, b"the old"), (new, b"the new")):
        with (folder / "disk.img").open("wb") as image:
            image.write(CODE)
            image.seek(2 * PIECE - 3)
            image.write(middle)
            image.truncate(size)
    index, done, content = made(old, new)
    assert [index.steps[0].form, index.steps[3].form] == [COPY, ZEROS]
    assert len(index.steps) == 4
    assert len(content) < 5_000
    tracemalloc.start()
    apply(io.BytesIO(content), old=old, into=new.parent / "into", tree=done.new, disk=RealDisk())
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8 << 20
    scan.check(new.parent / "into", done.new, RealDisk())
    assert (new.parent / "into/disk.img").stat().st_blocks * 512 < size / 2


def test_the_bytes_do_not_depend_on_the_number_of_workers(old: Path, new: Path) -> None:
    for n in range(3):
        body = DRAW.randbytes(2 << 20)
        put(old / f"lib{n}.so", body)
        put(new / f"lib{n}.so", body[: 1 << 19] + bytes([n]) * 99 + body[1 << 19 : -500])
        put(new / f"fresh{n}", DRAW.randbytes(1_000))
    put(old / "lib3.so", body * 2)
    put(new / "lib3.so", body + b"-" + body)
    _, alone, content = made(old, new, Means(workers=1))
    _, together, again = made(old, new, Means(workers=2))
    assert (again, together) == (content, alone)


def test_what_is_told_grows_to_the_whole_and_what_it_raises_ends_the_work(old: Path, new: Path) -> None:
    for n in range(4):
        put(new / f"{n}", DRAW.randbytes(500 + n))
    told: list[tuple[int, int]] = []
    make(old, new, io.BytesIO(), progress=lambda done, total: told.append((done, total)))
    assert told == sorted(told)
    assert told[-1] == (2006, 2006)
    with pytest.raises(KeyboardInterrupt):
        make(old, new, io.BytesIO(), progress=_stop, scratch=new.parent)
    assert {each.name for each in new.parent.iterdir()} == {"new", "old"}


def _stop(done: int, total: int) -> None:
    raise KeyboardInterrupt

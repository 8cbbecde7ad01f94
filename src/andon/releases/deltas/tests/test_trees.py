"""Whatever two folders are, what is made of them turns one into the other, also when it was interrupted."""

import io
import shutil
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from andon.releases.deltas.forms import ENCODERS
from andon.releases.deltas.make import Made, Means, make
from andon_wire import scan
from andon_wire.delta.apply import apply, tree_in
from andon_wire.disk import RealDisk
from andon_wire.errors import Malformed
from andon_wire.tree import EMPTY, Entry, File, Folder, Link, Tree, decode, encode, tree

pytestmark = pytest.mark.unit

NAMES = st.sampled_from(["a", "b", "lib", "lib.so.1", "é", "日本語", "x y", "🜚.txt", ".hidden", "n" * 200])
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)
SEED = bytes(range(256)) * 3
CONTENTS = st.one_of(
    st.just(b""),
    st.binary(max_size=20),
    st.sampled_from([SEED, SEED[:300] + b"between" + SEED[310:], SEED * 9, bytes(2_000), SEED[100:500]]),
    st.builds(lambda at, more: SEED[:at] + more + SEED[at:], st.integers(0, 700), st.binary(max_size=30)),
)
LEAVES = st.one_of(
    st.tuples(CONTENTS, st.booleans()), st.sampled_from(["a", "../a", "lib/b", "é"]), st.none()
)
FOLDERS = st.dictionaries(PATHS, LEAVES, max_size=9)
ALL_FORMS = Means(tried=tuple(ENCODERS), workers=1)
Leaves = dict[str, tuple[bytes, bool] | str | None]


def lay(leaves: Leaves, at: Path) -> Tree:
    """The folder of these, without what cannot stand beside what came before it."""
    at.mkdir()
    entries: list[Entry] = []
    for path, leaf in leaves.items():
        entry: Entry = Folder(path) if leaf is None else Link(path, "a")
        if isinstance(leaf, tuple):
            entry = File(path, "0" * 64, 0)
        elif isinstance(leaf, str):
            entry = Link(path, leaf)
        with suppress(Malformed):
            tree([*entries, entry])
            entries.append(entry)
            put(at / path, leaf)
    return scan.scan(at)


def put(path: Path, leaf: tuple[bytes, bool] | str | None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if leaf is None:
        path.mkdir(exist_ok=True)
    elif isinstance(leaf, str):
        path.symlink_to(leaf)
    else:
        path.write_bytes(leaf[0])
        path.chmod(0o755 if leaf[1] else 0o644)


def made(old: Path | None, new: Path, means: Means = ALL_FORMS) -> tuple[bytes, Made]:
    container = io.BytesIO()
    done = make(old, new, container, means=means)
    return container.getvalue(), done


@given(FOLDERS, FOLDERS, st.integers(0, 60))
@settings(deadline=None, max_examples=40)
def test_any_two_folders(before: Leaves, after: Leaves, moment: int) -> None:
    with TemporaryDirectory() as name:
        room = Path(name)
        old, new = lay(before, room / "old"), lay(after, room / "new")
        content, done = made(room / "old", room / "new")
        assert (done.old, done.new, done.size_bytes) == (old, new, len(content))
        assert tree_in(io.BytesIO(content), old) == new
        left = iter(range(moment))
        with suppress(StopIteration):
            apply(
                io.BytesIO(content),
                old=room / "old",
                into=room / "into",
                tree=new,
                disk=RealDisk(),
                progress=lambda _done, _total: (next(left), None)[1],
            )
        apply(io.BytesIO(content), old=room / "old", into=room / "into", tree=new, disk=RealDisk())
        assert scan.scan(room / "into") == new
        assert scan.scan(room / "old") == old


@given(FOLDERS, FOLDERS)
@settings(deadline=None, max_examples=25)
def test_any_folder_whole_and_made_over_any_other(before: Leaves, after: Leaves) -> None:
    with TemporaryDirectory() as name:
        room = Path(name)
        lay(before, room / "into")
        new = lay(after, room / "new")
        content, done = made(None, room / "new")
        assert done.old == EMPTY
        apply(io.BytesIO(content), old=None, into=room / "into", tree=new, disk=RealDisk())
        assert scan.scan(room / "into") == new
        assert decode(encode(new)) == new


@given(FOLDERS, FOLDERS)
@settings(deadline=None, max_examples=10)
def test_the_same_folders_give_the_same_bytes(before: Leaves, after: Leaves) -> None:
    with TemporaryDirectory() as name:
        room = Path(name)
        lay(before, room / "old")
        lay(after, room / "new")
        shutil.copytree(room / "old", room / "old again", symlinks=True)
        shutil.copytree(room / "new", room / "new again", symlinks=True)
        first, _ = made(room / "old", room / "new")
        assert made(room / "old again", room / "new again")[0] == first

"""What a tree may hold, on every system; its canonical form; and folders that are one or are not."""

import hashlib
import json
import os
import string
import unicodedata
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.testing.disks import MemoryDisk
from andon_wire import scan
from andon_wire.disk import RealDisk
from andon_wire.errors import Malformed, Untrusted
from andon_wire.tree import (
    LONGEST_NAME,
    LONGEST_PATH,
    Entry,
    File,
    Folder,
    Link,
    check_path,
    decode,
    encode,
    from_row,
    to_row,
    tree,
)

pytestmark = pytest.mark.unit

HASH = "0123456789abcdef" * 4
NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
SAFE = st.text(st.sampled_from(string.ascii_lowercase + "é日_-. "), min_size=1, max_size=6)


def is_allowed(path: str) -> bool:
    try:
        check_path(path)
    except Malformed:
        return False
    return True


HOSTILE = """
 . .. a/.. ../a a/../b /a a/ a//b a/./b a\\b c: c:/a a:stream nul NUL.txt a/con lpt9.log com0 a. what? a*b
 a"b <a a> a|b
"""
SPACED = ["", "a\0b", "a\nb", "a\x7f", "aux .c", "a ", "a/b. /c", "e\u0301", "é" * 128, "\ud800"]
LONG = ["n" * (LONGEST_NAME + 1), "/".join(["n" * 200] * 6)]


@pytest.mark.parametrize("path", [*HOSTILE.split(), *SPACED, *LONG])
def test_a_path_that_some_system_reads_differently_is_refused(path: str) -> None:
    with pytest.raises(Malformed) as told:
        check_path(path)
    assert told.value.code == "bad-path"


PLAIN = ["a", "a/b.c", ".hidden", "é", "日本/語.txt", "x y", "~", "console", "a..b", "n" * 255]


@pytest.mark.parametrize("path", PLAIN)
def test_a_plain_path_is_allowed(path: str) -> None:
    check_path(path)


@given(NAMES)
def test_no_allowed_name_leads_out_of_its_folder(name: str) -> None:
    for path in (name, f"a/{name}", f"{name}/b"):
        if is_allowed(path):
            assert os.path.normpath(path) == path
            assert not path.startswith("/")
            assert unicodedata.is_normalized("NFC", path)
            assert len(path.encode()) <= LONGEST_PATH


@pytest.mark.parametrize(
    ("one", "other"),
    [("a", "A"), ("Straße", "STRASSE"), ("a", "a/b"), ("A/b", "a"), ("a/B/c", "a/b"), ("a", "a")],
)
def test_two_paths_that_are_one_on_some_system_are_refused(one: str, other: str) -> None:
    with pytest.raises(Malformed) as told:
        tree([File(one, HASH, 1), File(other, HASH, 1)])
    assert told.value.code == "path-twice"


@pytest.mark.parametrize(
    "target", ["", "/etc", "..", "../x", "b/../../x", "b//c", "./b", "b\\c", "c:b", "../../a/b", "\ud800"]
)
def test_a_link_that_leads_out_of_the_tree_is_refused(target: str) -> None:
    with pytest.raises(Malformed):
        tree([Link("a", target)])


def test_a_link_may_lead_up_as_far_as_the_tree_goes() -> None:
    assert tree([Link("a/b/c", "../../d"), Link("e", "a/../f")]).entries[0] == Link("a/b/c", "../../d")


@pytest.mark.parametrize(("sha256", "size"), [(HASH[1:], 1), (HASH.upper(), 1), (HASH, -1), (HASH, 1 << 53)])
def test_a_file_without_a_proper_hash_and_size_is_refused(sha256: str, size: int) -> None:
    with pytest.raises(Malformed):
        tree([File("a", sha256, size)])


ENTRIES = st.one_of(
    st.builds(
        File,
        st.lists(SAFE, min_size=1, max_size=3).map("/".join),
        st.binary(max_size=9).map(lambda each: hashlib.sha256(each).hexdigest()),
        st.integers(0, (1 << 53) - 1),
        st.booleans(),
    ),
    st.builds(Link, SAFE, SAFE),
    st.builds(Folder, SAFE),
)


@given(st.lists(ENTRIES, max_size=8), st.randoms(use_true_random=False))
def test_a_tree_is_what_its_canonical_form_says_in_whatever_order_it_was_given(
    entries: list[Entry], draw: object
) -> None:
    try:
        made = tree(entries)
    except Malformed:
        return
    content = encode(made)
    assert decode(content) == made
    assert hashlib.sha256(content).hexdigest() == made.id
    shuffled = list(entries)
    draw.shuffle(shuffled)  # type: ignore[attr-defined]
    assert tree(shuffled) == made
    assert [from_row(to_row(each)) for each in made.entries] == list(made.entries)


@given(st.lists(ENTRIES, max_size=3), st.data())
def test_no_other_bytes_are_read_as_a_tree(entries: list[Entry], data: st.DataObject) -> None:
    try:
        content = encode(tree(entries))
    except Malformed:
        return
    at = data.draw(st.integers(0, len(content) - 1))
    changed = content[:at] + bytes([data.draw(st.integers(0, 255))]) + content[at + 1 :]
    spaced = json.dumps(json.loads(content)).encode()
    for other in (changed, content[:at], content + b" ", b" " + content, spaced):
        try:
            found = decode(other)
        except Malformed:
            continue
        assert encode(found) == other


ROWS = st.recursive(st.none() | st.integers() | st.text(max_size=3), st.lists, max_leaves=9)
DOCUMENTS = ROWS.map(lambda each: json.dumps({"format": "andon-tree/1", "entries": each}).encode())


@given(st.binary(max_size=100) | DOCUMENTS)
def test_anything_else_is_malformed(content: bytes) -> None:
    with suppress(Malformed):
        assert encode(decode(content)) == content


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "lib/empty").mkdir(parents=True)
    (tmp_path / "lib/a.so").write_bytes(b"library")
    (tmp_path / "run").write_bytes(b"program")
    (tmp_path / "run").chmod(0o755)
    (tmp_path / "link").symlink_to("lib/a.so")
    (tmp_path / "none").touch()
    return tmp_path


def test_a_scan_sees_every_kind_and_follows_no_link(folder: Path) -> None:
    (folder / "around").symlink_to("lib")
    assert scan.scan(folder).entries == (
        Link("around", "lib"),
        File("lib/a.so", hashlib.sha256(b"library").hexdigest(), 7),
        Folder("lib/empty"),
        Link("link", "lib/a.so"),
        File("none", hashlib.sha256(b"").hexdigest(), 0),
        File("run", hashlib.sha256(b"program").hexdigest(), 7, executable=True),
    )


def test_a_name_that_is_not_text_is_told(folder: Path) -> None:
    Path(os.fsdecode(bytes(folder) + b"/\xff")).touch()
    with pytest.raises(Malformed, match="not text"):
        scan.scan(folder)


def test_what_no_tree_may_have_is_told(folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    with pytest.raises(Malformed, match="neither a file"):
        scan.scan(folder)
    (folder / "pipe").unlink()
    (folder / "out").symlink_to("/etc/passwd")
    with pytest.raises(Malformed, match="not relative"):
        scan.scan(folder)


def damages() -> dict[str, object]:
    def link_elsewhere(folder: Path) -> None:
        (folder / "link").unlink()
        (folder / "link").symlink_to("run")

    def file_for_link(folder: Path) -> None:
        (folder / "link").unlink()
        (folder / "link").write_bytes(b"library")

    return {
        "other bytes": lambda folder: (folder / "lib/a.so").write_bytes(b"Library"),
        "longer": lambda folder: (folder / "lib/a.so").write_bytes(b"library and more"),
        "missing": lambda folder: (folder / "none").unlink(),
        "one more": lambda folder: (folder / "more").touch(),
        "mode": lambda folder: (folder / "run").chmod(0o644),
        "link elsewhere": link_elsewhere,
        "file for link": file_for_link,
        "folder filled": lambda folder: (folder / "lib/empty/x").touch(),
        "folder gone": lambda folder: (folder / "lib/empty").rmdir(),
    }


@pytest.mark.parametrize("damage", damages())
def test_a_folder_that_differs_in_anything_is_not_the_tree(folder: Path, damage: str) -> None:
    expected = scan.scan(folder)
    scan.check(folder, expected, RealDisk())
    damages()[damage](folder)  # type: ignore[operator]
    with pytest.raises(Untrusted) as told:
        scan.check(folder, expected, RealDisk())
    assert told.value.code == "tree-differs"
    if damage == "other bytes":
        scan.check(folder, expected, RealDisk(), is_deep=False)


def test_where_a_system_has_no_modes_they_are_not_compared() -> None:
    disk = MemoryDisk(is_windows=True)
    disk.make_folder(Path("/a"))
    with disk.open_write(Path("/a/Run.exe")) as stream:
        stream.write(b"program")
    expected = tree([File("Run.exe", hashlib.sha256(b"program").hexdigest(), 7, executable=True)])
    scan.check(Path("/a"), expected, disk)

"""A damaged container never makes a wrong file, never takes more memory than its bounds, and says so at once.

ANDON_DELTA_FLIPS is how many of its bits are flipped at each byte (the campaign flips all eight).
"""

import hashlib
import io
import json
import os
import random
import tracemalloc
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from andon.releases.deltas.forms import ENCODERS
from andon.releases.deltas.make import Means, make
from andon.testing.disks import MemoryDisk
from andon_wire import scan
from andon_wire.delta import forms, index
from andon_wire.delta.apply import apply, tree_in
from andon_wire.delta.container import XZ, ZSTD, Container, head
from andon_wire.delta.model import Index, Moved, Step
from andon_wire.errors import Malformed, Missing, Untrusted, WireError
from andon_wire.tree import EMPTY, File, Tree, tree

pytestmark = pytest.mark.unit
FLIPS = int(os.environ.get("ANDON_DELTA_FLIPS", "1"))
OLD, INTO = Path("/a"), Path("/b")
REFUSALS = (Malformed, Untrusted, Missing)


class Small:
    """A container of a few hundred bytes with its old files."""

    def __init__(self, content: bytes, old: dict[str, bytes], new: Tree) -> None:
        self.content, self.old, self.new = content, old, new

    def apply(self, content: bytes) -> MemoryDisk:
        """What apply makes of other bytes."""
        disk = MemoryDisk()
        disk.make_folder(OLD)
        for name, data in self.old.items():
            with disk.open_write(OLD / name) as stream:
                stream.write(data)
        apply(io.BytesIO(content), old=OLD, into=INTO, tree=self.new, disk=disk)
        return disk


def small(at: Path, form: str, compression: bytes) -> Small:
    """One with a patch, a whole and a moved file."""
    draw = random.Random(4)
    old, new = at / "old", at / "new"
    old.mkdir(parents=True)
    new.mkdir()
    base = draw.randbytes(300)
    (old / "patched").write_bytes(base)
    (new / "patched").write_bytes(base[:90] + b"between" + base[99:])
    (old / "from").write_bytes(b"moved" * 9)
    (new / "to").write_bytes(b"moved" * 9)
    (new / "fresh").write_bytes(draw.randbytes(60))
    container = io.BytesIO()
    made = make(old, new, container, scratch=at, means=Means(tried=(form,), compressions=(compression,)))
    assert made.forms == {form: 298, "whole": 60}
    content = container.getvalue()
    return Small(content, {each.name: each.read_bytes() for each in old.iterdir()}, made.new)


CASES = [(form, kind) for form in ("hdiff", "zdict") for kind in (ZSTD, XZ)]


@pytest.fixture(scope="module", params=CASES, ids=lambda each: f"{each[0]}-{each[1][:2].decode()}")
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Small:
    form, kind = request.param
    return small(tmp_path_factory.mktemp("small"), form, kind)


def damaged(content: bytes) -> Iterator[bytes]:
    """Each byte changed, each beginning, a byte more and a byte less at every place."""
    for at in range(len(content)):
        for bit in range(FLIPS):
            yield content[:at] + bytes([content[at] ^ 1 << (at + bit) % 8]) + content[at + 1 :]
        yield content[:at] + b"\xff" + content[at + 1 :]
        yield content[:at]
        yield content[:at] + b"\0" + content[at:]
        yield content[:at] + content[at + 1 :]
    yield content + b"\0"


def test_no_damage_at_any_byte_makes_a_wrong_file(case: Small) -> None:
    refused = 0
    for content in damaged(case.content):
        if content == case.content:
            continue
        try:
            disk = case.apply(content)
        except REFUSALS:
            refused += 1
        else:  # what does not change the bytes that come out, such as a check value of the compression
            scan.check(INTO, case.new, disk)
    assert refused > 4 * len(case.content)


def test_a_container_is_refused_by_a_station_that_wants_another_tree(case: Small) -> None:
    case.new, right = tree(case.new.entries[1:]), case.new
    with pytest.raises(Malformed, match="not"):
        case.apply(case.content)
    case.new = right
    with pytest.raises(Malformed, match="is for the tree"):
        tree_in(io.BytesIO(case.content), EMPTY)


def test_a_delta_needs_an_old_version(case: Small) -> None:
    with pytest.raises(Malformed) as told:
        apply(io.BytesIO(case.content), old=None, into=INTO, tree=case.new, disk=MemoryDisk())
    assert told.value.code == "needs-old"


def crafted(steps: list[Step], payload: bytes, new: Tree, moved: tuple[Moved, ...] = ()) -> bytes:
    """A container by somebody who can write any."""
    content = index.encode(Index(EMPTY.id, new.id, (), new.entries, moved, tuple(steps)))
    frame = zstandard.ZstdCompressor().compress(content + payload)
    return head(content, ZSTD, len(frame)) + frame


def a_file(path: str, content: bytes) -> File:
    return File(path, hashlib.sha256(content).hexdigest(), len(content))


BASE = b"base" * 100


def bomb(form: str, makes: int, payload: bytes) -> Small:
    new = tree([File("big", "0" * 64, makes)])
    step = Step(form, "big", makes, len(payload), "base", 0, len(BASE), zlib.crc32(payload))
    return Small(crafted([step], payload, new), {"base": BASE}, new)


def hdiff_that_claims(new: int) -> bytes:
    size = bytes(0x80 | new >> shift & 0x7F for shift in (35, 28, 21, 14, 7)) + bytes([new & 0x7F])
    return b"HDIFF13&\0" + size + bytes([0x83, 0x10]) + bytes(40)


@pytest.mark.parametrize(
    "of",
    [
        bomb("hdiff", 60 << 20, hdiff_that_claims(30 << 30)),
        bomb("hdiff", 1000, hdiff_that_claims(1 << 34)),
        bomb("zdict", 1000, zstandard.ZstdCompressor().compress(bytes(60 << 20))),
        bomb("zdict", 1 << 40, b"payload"),
        bomb("hdiff", 1 << 40, b"payload"),
        bomb("rebase", 1000, bytes(200)),
        bomb("absolute", 1000, bytes(200)),
        bomb("a form of tomorrow", 1000, b"payload"),
    ],
    ids=lambda each: each.new.entries[0].size if isinstance(each, Small) else None,
)
def test_sizes_that_a_container_claims_take_no_memory(of: Small) -> None:
    tracemalloc.start()
    with pytest.raises(REFUSALS):
        of.apply(of.content)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8 << 20


def test_a_frame_that_swells_is_not_read_past_what_the_index_says() -> None:
    content = index.encode(Index(EMPTY.id, EMPTY.id))
    frame = zstandard.ZstdCompressor().compress(content + bytes(200 << 20))
    whole = head(content, ZSTD, len(frame)) + frame
    tracemalloc.start()
    with pytest.raises(Malformed, match="after its end"):
        apply(io.BytesIO(whole), old=None, into=INTO, tree=EMPTY, disk=MemoryDisk())
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8 << 20


def test_an_index_of_any_length_is_refused_before_it_is_read() -> None:
    content = index.encode(Index(EMPTY.id, EMPTY.id))
    with pytest.raises(Malformed, match="index of"):
        Container(io.BytesIO(head(content, ZSTD, 9)[:12] + b"\xff" * 4 + bytes(100)))


ZEROS = Step("zeros", "a", 7)
A, B = Step("whole", "a", 7, 7), Step("whole", "b", 7, 7)
STRANGE = [
    ([Step("whole", "a", 4, 4), B], "do not make 'a'"),
    ([A, B, A], "twice"),
    ([A, B, replace(B, path="c")], "do not make 'c'"),
    ([Step("copy", "a", 7, 0, "base", 1 << 40, 7), B], "cut off"),
    ([Step("copy", "a", 7, 0, "not there", 0, 7), B], "not there"),
    ([Step("hdiff", "a", 7, 4, "base", 0, 9, 1), B], "damaged patch"),
    ([Step("hdiff", "a", 7, 4, "base", 0, 9, zlib.crc32(b"payl")), B], "not an uncompressed patch"),
    ([ZEROS, B], "another hash"),
    ([A, replace(B, path="b")], "another hash"),
    ([A], "after its end"),
]


@pytest.mark.parametrize(("steps", "why"), STRANGE, ids=[why for _, why in STRANGE])
def test_steps_that_do_not_make_the_tree_are_refused(steps: list[Step], why: str) -> None:
    new = tree([a_file("a", b"payload"), a_file("b", b"daolyap")])
    if why == "after its end":
        new = tree([a_file("a", b"payload")])
    taken = max(sum(each.takes for each in steps), 14)
    of = Small(crafted(steps, (b"payload" * 3)[:taken], new), {"base": BASE}, new)
    with pytest.raises(REFUSALS, match=why):
        of.apply(of.content)


def test_an_index_that_is_not_the_one_of_the_head_is_refused() -> None:
    content = index.encode(Index(EMPTY.id, EMPTY.id))
    other = content.replace(EMPTY.id.encode(), b"0" * 64, 1)
    frame = zstandard.ZstdCompressor().compress(other)
    with pytest.raises(Malformed, match="index is damaged"):
        Container(io.BytesIO(head(content, ZSTD, len(frame)) + frame))


@pytest.mark.parametrize("path", ["../up", "/etc/passwd", "a/../../b", "c:x", "NUL", "a\\b", "x/."])
def test_a_hostile_path_is_refused_wherever_it_stands(path: str) -> None:
    step = Step("copy", "a", 1, 0, "b", 0, 1)
    honest = Index(
        EMPTY.id, EMPTY.id, (), (File("a", "0" * 64, 1),), (Moved("a", "b", executable=False),), (step,)
    )
    assert index.decode(index.encode(honest)) == honest
    for hostile in (
        replace(honest, gone=(path,)),
        replace(honest, moved=(Moved(path, "b", executable=False),)),
        replace(honest, moved=(Moved("a", path, executable=False),)),
        replace(honest, steps=(replace(step, path=path),)),
        replace(honest, steps=(replace(step, base=path),)),
    ):
        with pytest.raises(Malformed):
            index.decode(index.encode(hostile))
    with pytest.raises(Malformed):
        tree([File(path, "0" * 64, 1)])


@given(st.binary(max_size=200))
def test_anything_that_is_no_index_is_malformed(content: bytes) -> None:
    with pytest.raises(Malformed):
        index.decode(content)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=8) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=30,
    )
)
def test_any_json_in_the_place_of_any_part_is_malformed_or_an_index(value: object) -> None:
    for part in ("old", "new", "gone", "changed", "moved", "steps"):
        document = json.loads(index.encode(Index(EMPTY.id, EMPTY.id)))
        document[part] = [value] if part in {"gone", "changed", "moved", "steps"} else value
        content = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        try:
            found = index.decode(content.encode(errors="replace"))
        except Malformed:
            continue
        assert index.encode(found) == content.encode()


@given(
    st.sampled_from(sorted(forms.DECODERS)),
    st.binary(max_size=300),
    st.binary(max_size=300),
    st.integers(0, 5000),
)
def test_no_decoder_does_anything_but_refuse_or_make_what_was_asked(
    form: str, base: bytes, payload: bytes, makes: int
) -> None:
    with suppress(WireError):
        assert len(forms.decode(form, base, payload, makes)) == makes


@given(st.data())
def test_no_decoder_does_anything_else_with_a_payload_that_was_damaged(data: st.DataObject) -> None:
    form = data.draw(st.sampled_from(sorted(forms.DECODERS)))
    base = data.draw(st.binary(min_size=64, max_size=400))
    new = base[: data.draw(st.integers(0, 64))] + data.draw(st.binary(max_size=40)) + base[50:]
    payload = ENCODERS[form](base, new)
    if payload is None or not payload:
        return
    at = data.draw(st.integers(0, len(payload) - 1))
    bad = bytearray(payload)
    bad[at] = data.draw(st.integers(0, 255))
    with suppress(WireError):
        assert len(forms.decode(form, base, bytes(bad), len(new))) == len(new)

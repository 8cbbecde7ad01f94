"""Patches of the form `absolute`: small where code was compiled anew, right whatever the files are."""

import random
import struct

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from andon.releases.deltas import executables, flattening, forms
from andon.releases.deltas.tests.builds import EDITS, a_pe, an_elf, edited, functions
from andon.releases.deltas.tests.test_rebasing import Build
from andon_wire.delta.absolute import DIFFERENCES, RELATIVE, TARGETS, flatten
from andon_wire.delta.forms import decode

pytestmark = pytest.mark.unit

OFTEN_CALLED = 12


def compressed(content: bytes) -> int:
    return len(zstandard.ZstdCompressor(level=19).compress(content))


def generated(seed: int, number: int) -> list[tuple[bytes, list[int]]]:
    """As of a generator: much the same code each time, which calls a few functions of a library."""
    draw = random.Random(seed)
    parts = [draw.randbytes(12).replace(b"\xe8", b"\x90") for _ in range(8)]
    library = functions(1, OFTEN_CALLED)
    return [(body, []) for body, _ in library] + [
        (b"".join(draw.choices(parts, k=3)), draw.choices(range(OFTEN_CALLED), k=8)) for _ in range(number)
    ]


@pytest.mark.parametrize("build", [an_elf, a_pe])
def test_where_code_was_compiled_anew_it_is_much_less_than_a_rebased_patch(build: Build) -> None:
    old, new = build(generated(1, 500)), build(generated(2, 600))
    based, flat = forms.encode("rebase", old, new), forms.encode("absolute", old, new)
    assert based is not None
    assert flat is not None
    assert decode("absolute", old, flat, len(new)) == new
    assert compressed(flat) < 0.8 * compressed(based)


def test_it_is_not_tried_where_little_was_compiled_anew() -> None:
    written = functions(7, 600)
    old = an_elf(written)
    written[50] = written[50][0] + bytes(100), written[50][1]
    assert forms.encode("rebase", old, an_elf(written)) is not None
    assert forms.encode("absolute", old, an_elf(written)) is None


def test_files_too_large_for_a_station_are_for_other_forms(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flattening, "LONGEST_BYTES", 1000)
    assert forms.encode("absolute", an_elf(generated(1, 100)), an_elf(generated(3, 100))) is None


@pytest.mark.parametrize(
    ("table", "filled", "expected"), [("", True, 0), (".data.rel.ro", False, 0), (".data.rel.ro", True, 1)]
)
def test_addends_are_taken_off_only_where_the_linker_wrote_them_twice(
    table: str, filled: bool, expected: int
) -> None:
    content = an_elf(functions(7, 50), table=table, filled=filled)
    found = executables.read(content)
    assert found is not None
    steps = executables.shape(found, content)
    codes = [each[0] for each in steps]
    assert [codes.count(each) for each in (TARGETS, DIFFERENCES, RELATIVE)] == [1, 2, expected]
    flat = flatten(content, [each for each in steps if each[0] != TARGETS])
    assert flat.count(struct.pack("<QQ", 8, 0)) >= 40 * expected  # kind and addend of a row


@settings(deadline=None, max_examples=40)
@given(st.sampled_from([an_elf, a_pe]), EDITS, EDITS)
def test_whatever_is_wrong_in_either_file_the_new_one_comes_out(
    build: Build, wrong: list[tuple[int, bytes]], changed: list[tuple[int, bytes]]
) -> None:
    old, new = edited(build(generated(3, 60)), wrong), edited(build(generated(4, 70)), changed)
    payload = forms.encode("absolute", old, new)
    if payload is not None:
        assert decode("absolute", old, payload, len(new)) == new


def test_the_same_files_give_the_same_payload() -> None:
    old, new = an_elf(generated(5, 300)), an_elf(generated(6, 300))
    first = forms.encode("absolute", old, new)
    forms.encode("absolute", new, old)
    assert first is not None
    assert forms.encode("absolute", old, new) == first

"""Patches of the form `rebase`: they make the new file whatever the two are, small where parts moved."""

import random
from collections.abc import Callable
from itertools import pairwise

import hdiffpatch
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from andon.releases.deltas import executables, forms, rebasing
from andon.releases.deltas.covers import Cover, apart, covers, shared
from andon.releases.deltas.tests.builds import EDITS, a_pe, an_elf, edited, functions
from andon_wire.delta.forms import decode
from andon_wire.delta.rebase import VERSION, shifts_in
from andon_wire.delta.references import CALLS, CODE, NEAR, Numbers

pytestmark = pytest.mark.unit

Build = Callable[[list[tuple[bytes, list[int]]]], bytes]


def compressed(content: bytes) -> int:
    return len(zstandard.ZstdCompressor(level=19).compress(content))


def grown(written: list[tuple[bytes, list[int]]]) -> list[tuple[bytes, list[int]]]:
    """Three functions grow: all that follows moves, and every call over them changes."""
    draw = random.Random(1)
    return [
        (body + draw.randbytes(100) if n in {50, 300, 450} else body, calls)
        for n, (body, calls) in enumerate(written)
    ]


@pytest.mark.parametrize("build", [an_elf, a_pe])
def test_where_functions_grew_it_is_less_than_half_of_a_plain_patch(build: Build) -> None:
    written = functions(7, 600)
    old, new = build(written), build(grown(written))
    plain = forms.encode("hdiff", old, new)
    based = forms.encode("rebase", old, new)
    assert plain is not None
    assert based is not None
    assert decode("rebase", old, based, len(new)) == new
    assert compressed(based) < compressed(plain) / 2


@pytest.mark.parametrize("build", [an_elf, a_pe])
def test_functions_in_another_order_are_found(build: Build) -> None:
    written = functions(8, 600)
    order = [*range(300, 600), *range(300)]
    place = {old: new for new, old in enumerate(order)}
    mixed = [(written[each][0], [place[call] for call in written[each][1]]) for each in order]
    old, new = build(written), build(mixed)
    plain, based = forms.encode("hdiff", old, new), forms.encode("rebase", old, new)
    assert plain is not None
    assert based is not None
    assert decode("rebase", old, based, len(new)) == new
    assert compressed(based) < compressed(plain) / 2


def kinds_looked_for(payload: bytes) -> int:
    """The kinds of instructions of the only step that looks into code."""
    numbers = Numbers(payload)
    numbers.take()
    assert numbers.take() == VERSION
    shifts_in(numbers)
    for _ in range(numbers.take()):
        code = numbers.take()
        if code == CODE:
            return numbers.signed(4)[3]
        numbers.signed(6)
    return 0


def test_instructions_that_hardly_ever_change_are_not_looked_for() -> None:
    """Calls lead over what grew; every function has a jump, of which one only leads over it."""
    written = [
        (b"\xe9" + (600 if n == 49 else 16).to_bytes(4, "little") + body, calls)
        for n, (body, calls) in enumerate(functions(7, 600))
    ]
    based = rebasing.encode(an_elf(written), an_elf(grown(written)))
    assert based is not None
    assert kinds_looked_for(based) & CALLS
    assert not kinds_looked_for(based) & NEAR


def test_the_same_files_give_the_same_payload() -> None:
    written = functions(9, 200)
    old, new = an_elf(written), an_elf(grown(written))
    assert rebasing.encode(old, new) == rebasing.encode(old, new, hdiffpatch.diff(old, new, validate=False))


def test_other_files_and_those_too_large_for_a_station_are_for_other_forms() -> None:
    elf = an_elf(functions(1, 20))
    assert rebasing.encode(b"text" * 100, elf) is None
    assert rebasing.encode(elf, b"text" * 100) is None
    assert rebasing.encode(elf + bytes(rebasing.LONGEST_BYTES), elf) is None


@settings(deadline=None, max_examples=60)
@given(st.sampled_from([an_elf, a_pe]), EDITS, EDITS)
def test_whatever_is_wrong_in_either_file_the_new_one_comes_out(
    build: Build, wrong: list[tuple[int, bytes]], changed: list[tuple[int, bytes]]
) -> None:
    written = functions(3, 60)
    old, new = edited(build(written), wrong), edited(build(grown(written)), changed)
    payload = rebasing.encode(old, new)
    if payload is not None:
        assert decode("rebase", old, payload, len(new)) == new


@given(st.binary(max_size=300))
def test_what_only_begins_like_an_executable_is_not_one(content: bytes) -> None:
    for magic in (b"\x7fELF\x02\x01", b"MZ"):
        executables.read(magic + content)


@settings(deadline=None, max_examples=60)
@given(st.integers(0), st.integers(500, 2000), st.binary(max_size=300))
def test_covers_are_what_both_files_have(seed: int, at: int, between: bytes) -> None:
    old = random.Random(seed).randbytes(3000)
    new = old[:at] + between + old[at:]
    found = list(covers(hdiffpatch.diff(old, new, validate=False)))
    for each in found:
        assert old[each.old : each.end] == new[each.new : each.new + each.length]
    assert sum(each.length for each in found) >= len(old) - 100
    assert all(a.end <= b.old for a, b in pairwise(apart(found)))


def test_a_reference_that_crosses_the_end_of_a_cover_stands_in_one_file_only() -> None:
    found = [Cover(0, 100, 50), Cover(60, 10, 40)]
    assert [(list(group), move) for group, move in shared([0, 46, 47, 55, 60, 96, 97], 4, found)] == [
        ([0, 46], 100),
        ([60, 96], -50),
    ]


def test_a_patch_of_another_form_has_no_covers() -> None:
    with pytest.raises(ValueError, match="not an uncompressed patch"):
        list(covers(b"BSDIFF40" + bytes(100)))

"""The form `absolute`: what flattening makes of references, that it is undone, and what damage does."""

import contextlib
import hashlib
import struct
import tracemalloc
from collections.abc import Sequence

import hdiffpatch
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from andon_wire.delta.absolute import DIFFERENCES, RELATIVE, TARGETS, Step, flatten
from andon_wire.delta.forms import decode
from andon_wire.delta.rebase import predict, predict_by
from andon_wire.delta.references import AT_ONCE, MOST_WORK
from andon_wire.delta.tests.test_rebase import BY, HIGHER, LIMIT, a_file, a_guide, a_step, number
from andon_wire.errors import Malformed

pytestmark = pytest.mark.unit

GUIDE = a_guide()
SHIFTS = predict_by(b"", GUIDE)[1]
OLD = a_file((0x100, b"\xe8" + struct.pack("<i", 0x7FB) + b"\x48\x8b\x05" + struct.pack("<i", -0x10)))
CODE_OF = (TARGETS, 0, LIMIT, 0)
CHUNK = 1 << 18


def listed(steps: Sequence[Step]) -> bytes:
    return number(len(steps)) + b"".join(a_step(*each) for each in steps)


def a_payload(old: bytes, new: bytes, before: Sequence[Step], after: Sequence[Step]) -> bytes:
    shape = listed(before) + listed(after)
    patch = hdiffpatch.diff(flatten(predict(old, GUIDE), before, SHIFTS), flatten(new, after), validate=False)
    return number(len(GUIDE)) + GUIDE + number(len(shape)) + shape + patch


def shaped(shape: bytes) -> bytes:
    patch = hdiffpatch.diff(OLD, OLD, validate=False)
    return number(len(GUIDE)) + GUIDE + number(len(shape)) + shape + patch


def test_calls_of_one_function_are_alike_wherever_they_stand() -> None:
    new = a_file(*[(at, b"\xe8" + struct.pack("<i", 0x900 - at - 5)) for at in (0x100, 0x777)])
    flat = flatten(new, [CODE_OF])
    assert flat == a_file(*[(at, b"\xe8\0\0\x09\0") for at in (0x100, 0x777)])


def test_in_an_old_file_they_lead_to_where_the_function_is_now() -> None:
    assert flatten(OLD, [CODE_OF], SHIFTS) == a_file(
        (0x100, b"\xe8" + struct.pack(">i", HIGHER + 0x100 + BY)),
        (0x105, b"\x48\x8b\x05" + struct.pack(">i", 0x10C - 0x10)),
    )


def test_what_leads_too_far_is_no_reference() -> None:
    new = a_file((0x10, b"\xe8" + struct.pack("<i", 1 << 26)))
    assert flatten(new, [CODE_OF]) == a_file((0x10, b"\xe8" + struct.pack(">i", 1 << 26)))


def test_an_operand_is_not_looked_for_within_another() -> None:
    within = b"\xe8\xe8\x01\0\0\xe8\x02\0\0\0"
    flat = flatten(a_file((0, within)), [CODE_OF])
    assert flat[:10] == b"\xe8" + struct.pack(">i", 0x1E8 + 5) + b"\xe8" + struct.pack(">i", 2 + 10)


def test_a_column_becomes_differences() -> None:
    new = a_file((0x10, struct.pack("<IIIIII", 7, 1, 9, 1, 4, 1)))
    flat = flatten(new, [(DIFFERENCES, 0x10, 3, 8, 4)])
    assert flat == a_file((0x10, struct.pack("<IIIIiI", 7, 1, 2, 1, -5, 1)))


def test_an_addend_that_stands_in_the_data_becomes_nothing() -> None:
    rows = struct.pack("<QQQQQQQQQ", 0x1200, 8, 0x456, 0x1208, 6, 0x456, 0x9999, 8, 0x456)
    new = a_file((0x100, rows), (0x200, struct.pack("<QQ", 0x456, 0x456)))
    flat = flatten(new, [(RELATIVE, 0x100, 3, 0x200, 0x300, 0x1000)])
    assert flat == a_file((0x100, rows), (0x110, bytes(8)), (0x200, struct.pack("<QQ", 0x456, 0x456)))


def test_all_machines_flatten_alike() -> None:
    """Both sides of a patch have to, so this hash never changes."""
    steps = [CODE_OF, (DIFFERENCES, 0x800, 100, 16, 8), (RELATIVE, 0xC00, 10, 0, LIMIT, 0)]
    dense = bytes(n * n * 7 >> 5 & 0xFF for n in range(LIMIT))
    made = hashlib.sha256(flatten(dense, steps, SHIFTS)).hexdigest()
    assert (
        made == "10b236c89b4aff7d8ec80c2d63d7e33f41412dfbcd6d55315fff91dfe3da1599"
    )  # pragma: allowlist secret


# Much of it opcodes and what follows them, so that operands begin within operands.
DENSE = st.lists(
    st.sampled_from([b"\xe8", b"\x8b\x05", b"\x8d\x3d", b"\xff", b"\0", b"\x03\x05", b"\x7f", b"\xfc\x15"]),
    max_size=400,
).map(b"".join)


@settings(deadline=None)
@given(DENSE, st.integers(-(1 << 30), 1 << 30), st.integers(0, 6))
def test_whatever_the_bytes_are_flattening_is_undone(content: bytes, base: int, skipped: int) -> None:
    new = content.ljust(256, b"\xe8")
    after = [
        (TARGETS, skipped, len(new) - skipped, base),
        (RELATIVE, 0, 2, 48, 200, skipped),
        (DIFFERENCES, skipped, 20, 8, 8),
        (DIFFERENCES, skipped, 9, 12, 4),
        (TARGETS, 0, len(new) // 2, -base),
    ]
    assert decode("absolute", OLD, a_payload(OLD, new, [CODE_OF], after), len(new)) == new


def test_chunks_of_code_and_of_columns_are_undone_where_they_meet() -> None:
    new = b"".join(struct.pack("<I", n * 2_654_435_761 & 0xFFFFFFFF) for n in range(2 * AT_ONCE + 5))
    new = new[: CHUNK - 2] + b"\xe8" + new[CHUNK - 1 :]
    after = [(TARGETS, 0, len(new), 77), (DIFFERENCES, 0, 2 * AT_ONCE + 5, 4, 4)]
    assert decode("absolute", OLD, a_payload(OLD, new, [], after), len(new)) == new


@pytest.mark.parametrize(
    "shape",
    [
        number(1) + a_step(TARGETS, 0, LIMIT + 1, 0) + number(0),
        number(1) + a_step(TARGETS, 8, -1, 0) + number(0),
        number(0) + number(1) + a_step(TARGETS, -1, 5, 0),
        number(1) + a_step(DIFFERENCES, 0, 3, 8, 5) + number(0),
        number(1) + a_step(DIFFERENCES, 0, 3, 6, 4) + number(0),
        number(1) + a_step(DIFFERENCES, LIMIT - 16, 3, 8, 8) + number(0),
        number(1) + a_step(RELATIVE, LIMIT - 24, 2, 0, 0, 0) + number(0),
        number(1) + a_step(RELATIVE, 0, 2, 8, LIMIT + 1, 0) + number(0),
        number(1) + a_step(4, 0, 0, 0) + number(0),
        number(MOST_WORK + 1) + a_step(*CODE_OF) * (MOST_WORK + 1) + number(0),
        number(0),
        number(0) + number(0) + b"\0",
        number(1 << 40),
    ],
)
def test_a_shape_that_leads_out_of_its_file_is_refused(shape: bytes) -> None:
    with pytest.raises(Malformed):
        decode("absolute", OLD, shaped(shape), len(OLD))


@given(st.integers(1, 3), st.lists(st.integers(-(1 << 45), 1 << 45), min_size=5, max_size=5))
def test_no_numbers_break_a_step(code: int, values: list[int]) -> None:
    step = a_step(code, *values[: {TARGETS: 3, DIFFERENCES: 4, RELATIVE: 5}[code]])
    for shape in (number(1) + step + number(0), number(0) + number(1) + step):
        with contextlib.suppress(Malformed):
            assert len(decode("absolute", OLD, shaped(shape), len(OLD))) == len(OLD)


def test_a_damaged_payload_is_refused_or_makes_as_many_bytes() -> None:
    new = a_file((0x333, OLD[0x100:0x110]), (0x800, b"new" * 20))
    payload = a_payload(OLD, new, [CODE_OF], [CODE_OF, (DIFFERENCES, 0x10, 3, 8, 8)])
    for at in range(len(payload)):
        damaged = bytearray(payload)
        damaged[at] ^= 0x55
        with contextlib.suppress(Malformed):
            assert len(decode("absolute", OLD, bytes(damaged), len(new))) == len(new)
        with contextlib.suppress(Malformed):
            decode("absolute", OLD, payload[:at], len(new))


def test_memory_is_a_few_times_the_files_however_dense_they_are() -> None:
    old = b"\xe8\1\0\0\0" * 400_000
    code = (TARGETS, 0, len(old), 0)
    payload = a_payload(old, old, [code], [(DIFFERENCES, 0, len(old) // 8, 8, 8), code])
    tracemalloc.start()
    decode("absolute", old, payload, len(old))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 5 * len(old) + (8 << 20)

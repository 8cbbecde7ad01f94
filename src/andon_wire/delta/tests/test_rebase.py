"""The prediction that re-based patches are made against: what a guide moves, what a damaged one may do."""

import contextlib
import hashlib
import struct

import hdiffpatch
import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon_wire.delta.forms import decode
from andon_wire.delta.rebase import predict
from andon_wire.delta.references import (
    BACK,
    CALLS,
    CODE,
    FAR,
    FIXED,
    FRAMES,
    JUMPS,
    MOST_WORK,
    MOVING,
    NEAR,
    OWN,
    POINTERS,
    RIP,
    TABLE,
)
from andon_wire.errors import Malformed

pytestmark = pytest.mark.unit

EVERYTHING = CALLS | RIP | FAR | NEAR
LIMIT = 0x1000
HIGHER, BY = 0x800, 0x40  # from this address on, all moved by so much
REGIONS = ((HIGHER >> 4, BY),)


def number(value: int) -> bytes:
    parts = []
    while value >= 0x80:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*parts, value])


def signed(*values: int) -> bytes:
    return b"".join(number(-2 * each - 1 if each < 0 else 2 * each) for each in values)


def a_guide(*steps: bytes, regions: tuple[tuple[int, int], ...] = REGIONS, limit: int = LIMIT) -> bytes:
    moved, last = b"", (0, 0)
    for each in regions:
        moved += number(each[0] - last[0]) + signed(each[1] - last[1])
        last = each
    return b"\1" + number(limit) + number(len(regions)) + moved + number(len(steps)) + b"".join(steps)


def a_step(code: int, *values: int) -> bytes:
    return number(code) + signed(*values)


def a_file(*fields: tuple[int, bytes]) -> bytes:
    content = bytearray(LIMIT)
    for at, field in fields:
        content[at : at + len(field)] = field
    return bytes(content)


def test_an_absolute_pointer_moves_with_what_it_leads_to() -> None:
    old = a_file((0x100, struct.pack("<QQ", 0x900, 0x700)))
    made = predict(old, a_guide(a_step(TABLE, 0x100, 2, 8, 8, FIXED, 0)))
    assert made == a_file((0x100, struct.pack("<QQ", 0x900 + BY, 0x700)))


def test_a_field_that_counts_from_a_place_that_moves_changes_by_the_difference() -> None:
    old = a_file((0x100, struct.pack("<ii", -0x800, 0x10)))  # both count from 0x900
    made = predict(old, a_guide(a_step(TABLE, 0x100, 2, 4, 4, MOVING, 0x900)))
    assert made == a_file((0x100, struct.pack("<ii", -0x800 - BY, 0x10)))


@pytest.mark.parametrize(("kind", "at"), [(OWN, 0x104), (BACK, 0x904)])
def test_a_field_that_counts_from_itself_changes_by_how_much_further_its_target_is(
    kind: int, at: int
) -> None:
    old = a_file((at, struct.pack("<i", 0x800)))  # between 0x104 and 0x904, of which the latter moved
    made = predict(old, a_guide(a_step(TABLE, at, 1, 4, 4, kind, 0)))
    assert made == a_file((at, struct.pack("<i", 0x800 + BY)))


@pytest.mark.parametrize("opcode", [b"\xe8", b"\xe9", b"\x0f\x84", b"\x48\x8d\x05", b"\x8b\x3d", b"\xff\x25"])
def test_calls_jumps_and_what_counts_from_the_instruction_lead_to_where_their_targets_are(
    opcode: bytes,
) -> None:
    near, far = struct.pack("<i", 0x100), struct.pack("<i", 0x800)
    old = a_file((0x200, opcode + near), (0x220, opcode + far))
    made = predict(old, a_guide(a_step(CODE, 0x200, 0x100, 0, EVERYTHING)))
    assert made == a_file((0x200, opcode + near), (0x220, opcode + struct.pack("<i", 0x800 + BY)))


@pytest.mark.parametrize(
    ("which", "opcode", "away"),
    [
        (CALLS, b"\xe8", 0x800),
        (RIP, b"\x8b\x3d", 0x800),
        (FAR, b"\xe9", 0x11000),
        (FAR, b"\x0f\x84", 0x11000),
        (NEAR, b"\xe9", 0x800),
        (NEAR, b"\x0f\x84", 0x800),
    ],
)
def test_in_code_nothing_is_looked_for_but_what_the_guide_says(which: int, opcode: bytes, away: int) -> None:
    old = bytes(0x200) + opcode + struct.pack("<i", away) + bytes(0x12000)
    moved = bytes(0x200) + opcode + struct.pack("<i", away + BY) + bytes(0x12000)
    for asked in range(1, 16):
        made = predict(old, a_guide(a_step(CODE, 0x200, 0x100, 0, asked), limit=0x13000))
        assert made == (moved if asked & which else old)
    with pytest.raises(Malformed, match="unknown in code"):
        predict(old, a_guide(a_step(CODE, 0x200, 0x100, 0, 16), limit=0x13000))


def test_a_move_that_a_field_cannot_say_is_refused() -> None:
    far = 1 << 40
    old = a_file((0x100, struct.pack("<i", 0x900)), (0x200, b"\xe8" + struct.pack("<i", 0x800)))
    for step in (a_step(TABLE, 0x100, 1, 4, 4, FIXED, 0), a_step(CODE, 0x200, 0x100, 0, CALLS)):
        with pytest.raises(Malformed, match="more than a field can say"):
            predict(old, a_guide(step, regions=((HIGHER >> 4, far),)))


def test_a_reference_out_of_all_addresses_stays_as_it_is() -> None:
    old = a_file((0x200, b"\xe8" + struct.pack("<i", 0x12345)), (0x900, struct.pack("<q", -5)))
    assert (
        predict(
            old, a_guide(a_step(CODE, 0x200, 0x100, 0, EVERYTHING), a_step(TABLE, 0x900, 1, 8, 8, FIXED, 0))
        )
        == old
    )


def test_begins_of_functions_are_found_by_the_table_of_their_frames() -> None:
    frame, function = 0x400, 0x900
    row = struct.pack("<ii", function - 0x300, frame - 0x300)
    begin = struct.pack("<i", function - (frame + 8))
    old = a_file((0x30C, row), (frame + 8, begin))
    made = predict(old, a_guide(a_step(FRAMES, 0x30C, 1, 0x300, 0x3F0, 0x480, 0)))
    assert made == a_file((0x30C, row), (frame + 8, struct.pack("<i", function - (frame + 8) + BY)))


def test_pointers_are_found_by_the_relocations_of_a_pe() -> None:
    image = 0x1_8000_0000
    block = struct.pack("<IIHH", 0x0, 12, 10 << 12 | 0x500, 3 << 12 | 0x510)
    old = a_file((0xE00, block), (0x500, struct.pack("<Q", image + 0x900)), (0x510, b"\1\2\3\4"))
    step = number(POINTERS) + signed(0xE00, 12, image) + number(1) + signed(0, LIMIT, 0)
    made = predict(old, a_guide(step))
    assert made == a_file(
        (0xE00, block), (0x500, struct.pack("<Q", image + 0x900 + BY)), (0x510, b"\1\2\3\4")
    )


def test_jump_tables_are_found_by_the_code_that_uses_them() -> None:
    table = 0x900
    lea = b"\x48\x8d\x05" + struct.pack("<i", table - 0x207)
    rows = struct.pack("<ii", 0x210 - table, 0x7FFF)  # the second leads nowhere: the table ends
    old = a_file((0x200, lea), (table, rows))
    made = predict(old, a_guide(a_step(JUMPS, 0x200, 0x100, 0, 0x880, 0x980, 0)))
    assert made == a_file((0x200, lea), (table, struct.pack("<ii", 0x210 - table - BY, 0x7FFF)))


def test_every_machine_predicts_the_same_bytes() -> None:
    old = b"".join(b"\xe8" + struct.pack("<i", n * 7919 % 30_000 - 15_000) for n in range(8000))
    guide = a_guide(
        a_step(CODE, 0, 20_000, 0, EVERYTHING),
        a_step(TABLE, 20_001, 1250, 8, 4, FIXED, 15_000),
        a_step(TABLE, 30_001, 625, 8, 4, MOVING, 16_000),
        a_step(TABLE, 35_001, 600, 8, 4, BACK, 0),
        regions=tuple((n * 5, (-1) ** n * n * 16) for n in range(1, 400)),
        limit=len(old),
    )
    made = predict(old, guide)
    assert sum(a != b for a, b in zip(made, old, strict=True)) > 7000
    expected = "446f74cc41ed66faf0cb2af80cf6f1e4842db990e2312c3760a252c787e4a148"
    assert hashlib.sha256(made).hexdigest() == expected


WHOLE = a_guide(
    a_step(TABLE, 0x100, 2, 8, 8, FIXED, 0),
    a_step(CODE, 0x200, 0x100, 0, EVERYTHING),
    a_step(FRAMES, 0x30C, 1, 0x300, 0x3F0, 0x480, 0),
    number(POINTERS) + signed(0xE00, 12, 1 << 32) + number(1) + signed(0, LIMIT, 0),
    a_step(JUMPS, 0x200, 0x100, 0, 0x880, 0x980, 0),
)
OLD = a_file(
    (0x100, struct.pack("<QQ", 0x900, 0x700)),
    (0x200, b"\xe8" + struct.pack("<i", 0x800) + b"\x48\x8d\x05" + struct.pack("<i", 0x900 - 0x20C)),
    (0x30C, struct.pack("<ii", 0x600, 0x100)),
    (0x900, struct.pack("<i", 0x210 - 0x900)),
    (0xE00, struct.pack("<IIHH", 0x0, 12, 10 << 12 | 0x500, 10 << 12 | 0xFFD)),
)


def test_a_damaged_guide_is_refused_or_predicts_something_else_but_never_breaks() -> None:
    refused = 0
    for at in range(len(WHOLE)):
        for value in range(256):
            damaged = WHOLE[:at] + bytes([value]) + WHOLE[at + 1 :]
            try:
                assert len(predict(OLD, damaged)) == len(OLD)
            except Malformed:
                refused += 1
    assert refused > 1000


def test_a_guide_that_ends_too_early_or_goes_on_is_refused() -> None:
    assert predict(OLD, WHOLE) != OLD
    for end in range(len(WHOLE)):
        with pytest.raises(Malformed):
            predict(OLD, WHOLE[:end])
    with pytest.raises(Malformed, match="goes on"):
        predict(OLD, WHOLE + b"\0")


@given(st.binary(max_size=400), st.binary(max_size=200))
def test_no_bytes_break_the_prediction(old: bytes, guide: bytes) -> None:
    for each in (guide, b"\1\xff\x1f\1\1\2" + guide):  # the second gets as far as the steps
        with contextlib.suppress(Malformed):
            assert len(predict(old, each)) == len(old)


@given(st.integers(1, 5), st.lists(st.integers(-(1 << 50), 1 << 50), max_size=20))
def test_no_numbers_break_a_step(code: int, values: list[int]) -> None:
    with contextlib.suppress(Malformed):
        assert len(predict(OLD, a_guide(a_step(code, *values)))) == len(OLD)


def test_a_guide_may_not_go_through_its_file_too_often() -> None:
    step = a_step(CODE, 0, LIMIT, 0, EVERYTHING)
    predict(OLD, a_guide(*[step] * MOST_WORK))
    with pytest.raises(Malformed, match="too often"):
        predict(OLD, a_guide(*[step] * (MOST_WORK + 1)))


def test_regions_beyond_all_addresses_take_no_room() -> None:
    far = tuple((1 + n * 250, n) for n in range(1000))
    assert predict(OLD, a_guide(regions=far)) == OLD


def test_the_form_makes_the_new_file_of_guide_and_patch() -> None:
    new = predict(OLD, WHOLE).replace(bytes(64), b"new" * 22, 1)
    payload = number(len(WHOLE)) + WHOLE + hdiffpatch.diff(predict(OLD, WHOLE), new, validate=False)
    assert decode("rebase", OLD, payload, len(new)) == new
    for at in range(len(payload)):
        damaged = bytearray(payload)
        damaged[at] ^= 0x55
        with contextlib.suppress(Malformed):
            decode("rebase", OLD, bytes(damaged), len(new))
    with pytest.raises(Malformed, match="shorter than its guide"):
        decode("rebase", OLD, payload[: len(WHOLE) // 2], len(new))

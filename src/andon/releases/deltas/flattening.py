"""Makes patches of the form `absolute`: the guide, what is flattened, and the patch between flat files."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import hdiffpatch

from andon.releases.deltas import executables, rebasing
from andon.releases.deltas.moves import Pair, Region
from andon_wire.delta import absolute
from andon_wire.delta.rebase import predict_by
from andon_wire.delta.references import CALLS, CODE, RIP, Numbers
from andon_wire.errors import Malformed

LONGEST_BYTES = 16 << 20  # of old and new; a station holds three of them at once, and looks through two
_ANEW = 1 / 32  # of the new file; where a patch of the form `rebase` is less, little was compiled anew

_Shapes = tuple[Sequence[absolute.Step], Sequence[absolute.Step]]  # of the old file, of the new one


def encode(old: bytes, new: bytes, based: bytes) -> bytes | None:
    """A payload of the form `absolute` that makes `new` of `old`; None where it is not for them.

    based: the payload of the form `rebase`, whose guide is used.
    """
    if max(len(old), len(new)) > LONGEST_BYTES or rebasing.cost(based) < _ANEW * len(new):
        return None
    before, after = executables.read(old), executables.read(new)
    if before is None or after is None:
        return None
    pair = Pair(old, new, before, after)
    guide = _guide(pair, rebasing.regions_in(Numbers(based).part()))
    try:
        payload = min((_payload(pair, guide, each) for each in _shapes(pair)), key=rebasing.cost)
        return payload if absolute.decode(old, payload, len(new)) == new else None
    except Malformed:  # tables that lead out of the file: it only begins like an executable
        return None


def _shapes(pair: Pair) -> Sequence[_Shapes]:
    """Of operands alone, and with tables: linkers write these otherwise only once in a while."""
    whole = executables.shape(pair.before, pair.old), executables.shape(pair.after, pair.new)
    code = [tuple(step for step in each if step[0] == absolute.TARGETS) for each in whole]
    return [(code[0], code[1]), whole]


def _payload(pair: Pair, guide: bytes, shapes: _Shapes) -> bytes:
    before, after = shapes
    predicted, shifts = predict_by(pair.old, guide)
    flat = absolute.flatten(predicted, before, shifts)
    patch = hdiffpatch.diff(flat, absolute.flatten(pair.new, after), validate=False, big_cache_match=True)
    shape = b"".join((*_listed(before), *_listed(after)))
    return b"".join((rebasing.number(len(guide)), guide, rebasing.number(len(shape)), shape, patch))


def _guide(pair: Pair, moved: Sequence[Region]) -> bytes:
    """That of `rebase`, without the operands that are flattened."""
    steps = [(*step[:4], step[4] & ~(CALLS | RIP)) if step[0] == CODE else step for step in pair.before.steps]
    left = replace(pair.before, steps=tuple(each for each in steps if each[0] != CODE or each[4]))
    return rebasing.encode_guide(rebasing.worth(replace(pair, before=left), moved), moved)


def _listed(steps: Sequence[absolute.Step]) -> Iterator[bytes]:
    yield rebasing.number(len(steps))
    for code, *rest in steps:
        yield rebasing.number(code)
        yield from map(rebasing.signed, rest)

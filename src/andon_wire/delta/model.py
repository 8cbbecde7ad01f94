"""What a container says: which tree it makes from which, and by what steps. Values and bounds only.

Its bytes are described in docs/design/deltas.md, exactly enough for a second reader; `index.py` and
`container.py` read and write them.
"""

from dataclasses import dataclass

from andon_wire.tree import Entry

FORMAT = "andon-delta/1"
MAGIC = b"ANDONDL1"
MOST_INDEX_BYTES = 64 << 20
MOST_PART_BYTES = 64 << 20  # of a base, of a payload, and of what a form makes of them in memory
MOST_WINDOW_BYTES = 128 << 20  # of the zstd stream
SPARE_BYTES = 4096  # by so much a payload may be longer than what it makes

WHOLE, COPY, ZEROS = "whole", "copy", "zeros"  # the forms that need no decoder; all others are patches


@dataclass(frozen=True, slots=True)
class Step:
    """The next bytes of one file of the new tree.

    whole: the payload is these bytes. copy: they are `span` bytes of the old tree's file `base`, from `at`
    on. zeros: zero bytes. Any other is a patch: its decoder makes them of that part of `base` and payload.

    makes, takes: bytes that it makes, and of payload. check: CRC-32 of a patch's payload, 0 for other forms.
    """

    form: str
    path: str
    makes: int
    takes: int = 0
    base: str = ""
    at: int = 0
    span: int = 0
    check: int = 0


@dataclass(frozen=True, slots=True)
class Moved:
    """A file of the new tree whose bytes the old tree has as `base`."""

    path: str
    base: str
    executable: bool


@dataclass(frozen=True, slots=True)
class Index:
    """All of a container but its payloads.

    old, new: ids of trees. gone: paths of the old tree that the new one has not. changed: entries of the new
    tree that the old one has not, or has otherwise, without those in moved. steps: in the order of their
    payloads; those of one file follow each other.
    """

    old: str
    new: str
    gone: tuple[str, ...] = ()
    changed: tuple[Entry, ...] = ()
    moved: tuple[Moved, ...] = ()
    steps: tuple[Step, ...] = ()

"""The notes of a release as people see them: plain text, Markdown as it is written. Pure.

What could deceive a reader or a terminal (control characters, marks that turn the direction of text around)
is refused before it is signed, in `pipelines/notes.py`, and taken out here of what another home signed.
"""

import unicodedata
from dataclasses import dataclass

LARGEST_BYTES = 64 << 10
_TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


@dataclass(frozen=True, slots=True)
class Notes:
    """What people are told is new in a release. fault: why the notes that it has cannot be shown."""

    text: str = ""
    fault: str = ""


def shown(content: bytes) -> Notes:
    """What people are shown of signed notes. Whoever signed them may have checked nothing."""
    if len(content) > LARGEST_BYTES:
        return Notes(fault=f"its notes have {len(content)} bytes; {LARGEST_BYTES} is the most that is shown")
    text = content.decode("utf-8", "replace").replace("\r\n", "\n")
    return Notes("".join(each for each in text if not is_deceiving(each)).strip("\n"))


def is_deceiving(character: str) -> bool:
    """Whether it has no place in notes: it is not shown, or changes how what is around it is shown."""
    if character in "\n\t":
        return False
    return character in _TURNING or unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"}

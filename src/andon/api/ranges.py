"""Which part of a file a request asks for (RFC 9110, section 14). Values only."""

import re
from dataclasses import dataclass

_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")


@dataclass(frozen=True, slots=True)
class Part:
    """Bytes from `begin` up to, and without, `end`."""

    begin: int
    end: int

    @property
    def size(self) -> int:
        """How many bytes."""
        return self.end - self.begin


class Unsatisfiable(Exception):
    """The part begins behind the end of the file."""


def asked_for(header: str, size: int) -> Part | None:
    """The one part that a `Range` header names of a file of `size` bytes; None: all of it.

    What is not understood is passed over, as the RFC allows, and several ranges at once are too.

    Raises:
        Unsatisfiable: there is no such part.
    """
    found = _RANGE.fullmatch(header.strip().lower())
    if found is None or found.groups() == ("", ""):
        return None
    first, last = found.groups()
    if first == "":
        if int(last) == 0 or size == 0:
            raise Unsatisfiable
        return Part(max(0, size - int(last)), size)
    begin = int(first)
    if last != "" and int(last) < begin:
        return None
    if begin >= size:
        raise Unsatisfiable
    return Part(begin, size if last == "" else min(int(last) + 1, size))

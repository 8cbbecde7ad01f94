"""Whether a JSON document says what a gate waits for. Pure. What cannot be compared is never a yes."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from andon.units.gating import Production

_LONGEST_SHOWN = 60
_MISSING = object()


@dataclass(frozen=True, slots=True)
class Met:
    """Whether it is so, and what was seen: the rest of a sentence about the gate."""

    is_met: bool
    reason: str


def look(document: Any, wanted: Production) -> Met:
    """What `document` says of the wanted state."""
    value = find(document, wanted.field)
    if value is _MISSING:
        return Met(False, f"the answer has no {wanted.field}")
    if wanted.below is None:
        goal = f"{wanted.field} = {_shown(wanted.equals)}"
        is_met = is_same(value, wanted.equals)
    else:
        goal = f"{wanted.field} below {wanted.below:g}"
        if isinstance(value, bool) or not isinstance(value, int | float):
            return Met(False, f"{wanted.field} is {_shown(value)}, which is no number")
        is_met = value < wanted.below
    if is_met:
        return Met(True, f"{wanted.field} is {_shown(value)}")
    return Met(False, f"{wanted.field} is {_shown(value)}; it waits for {goal}")


def find(document: Any, path: str) -> Any:
    """The value at a path of names and numbers with dots between; a mark of its own where there is none."""
    for part in path.split("."):
        if isinstance(document, Mapping) and part in document:
            document = document[part]
        elif _is_place(document, part):
            document = document[int(part)]
        else:
            return _MISSING
    return document


def is_same(value: Any, wanted: Any) -> bool:
    """Equal, and of one kind: neither is 1 true, nor "0" zero."""
    if isinstance(value, bool) or isinstance(wanted, bool):
        return value is wanted
    if isinstance(value, int | float) and isinstance(wanted, int | float):
        return value == wanted
    return isinstance(value, str) and isinstance(wanted, str) and value == wanted


def _is_place(document: Any, part: str) -> bool:
    if not isinstance(document, Sequence) or isinstance(document, str):
        return False
    return part.isdecimal() and len(part) < 10 and int(part) < len(document)


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"

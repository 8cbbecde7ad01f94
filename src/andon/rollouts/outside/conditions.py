"""Whether a JSON document says what a gate waits for. Pure. What cannot be compared is never a yes."""

import json
from dataclasses import dataclass
from typing import Any

from andon.rollouts.outside.paths import MISSING, find, is_same
from andon.units.gating import Production

_LONGEST_SHOWN = 60


@dataclass(frozen=True, slots=True)
class Met:
    """Whether it is so, and what was seen: the rest of a sentence about the gate."""

    is_met: bool
    reason: str


def look(document: Any, wanted: Production) -> Met:
    """What `document` says of the wanted state."""
    value = find(document, wanted.field)
    if value is MISSING:
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


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"

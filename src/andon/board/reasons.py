"""What engine, judge, registry and agents say of themselves, in Korean. Pure.

They write English sentences from a closed set with figures in them; those stand in `vocabulary/reasons_*.py`
as templates. A sentence that fits none is shown as it is: a person's reason, what a program printed, the
words of a newer part. The timeline shows what was recorded, word for word, and asks nothing here.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from andon.board.vocabulary import (
    reasons_of_judges,
    reasons_of_plans,
    reasons_of_registry,
    reasons_of_rollouts,
    reasons_of_stations,
)
from andon.board.words import Language

PHRASES = (
    *reasons_of_rollouts.PHRASES,
    *reasons_of_plans.PHRASES,
    *reasons_of_judges.PHRASES,
    *reasons_of_stations.PHRASES,
    *reasons_of_registry.PHRASES,
)
# A blank of these names holds a phrase of its own, `goal` one of its clause; `version` begins with a digit,
# `gate` and the like hold one word, `n` and the like a figure, any other whatever stands there.
_WITHIN = frozenset({"why", "rest", "what", "how", "said", "goal"})
_VERSIONS = frozenset({"version", "other"})
_WORDS = frozenset({"gate", "unit", "ring", "metric", "role", "path"})
_FIGURES = frozenset("nmkabcd")
_BLANK = re.compile(r"\{(\w+)\}")
_LONGEST, _DEEPEST = 1000, 10
# Letters: less than that, such as `X is Y`, may be a person's own words, unless it is within others.
_SURE = 5


@dataclass(frozen=True, slots=True)
class _Phrase:
    fits: re.Pattern[str]
    korean: str
    weight: int  # letters that are not blanks: the more, the surer


def told(language: Language, text: str) -> str:
    """`text` in that language, as far as its sentences are known."""
    return _said(text, 0) if language == "ko" and len(text) <= _LONGEST else text


@lru_cache(maxsize=4096)
def _said(text: str, depth: int) -> str:
    if depth >= _DEEPEST:
        return text
    for phrase in _phrases():
        found = phrase.fits.fullmatch(text) if depth or phrase.weight >= _SURE else None
        if found is not None:
            filled = {
                name: _said(value, depth + 1) if name in _WITHIN else value
                for name, value in found.groupdict().items()
            }
            return phrase.korean.format(**filled)
    parts = text.split("; ")
    if len(parts) > 1:
        return "; ".join(_said(each, depth + 1) for each in parts)
    who, _, rest = text.partition(": ")  # a station's name before what it says
    return f"{who}: {_said(rest, depth + 1)}" if rest and " " not in who else text


@lru_cache(maxsize=1)
def _phrases() -> Sequence[_Phrase]:
    made = [_phrase(english, korean) for english, korean in PHRASES]
    return sorted(made, key=lambda each: -each.weight)


def _phrase(english: str, korean: str) -> _Phrase:
    parts = _BLANK.split(english)
    pattern = re.compile(
        "".join(_blank(each) if number % 2 else re.escape(each) for number, each in enumerate(parts)),
        re.DOTALL,
    )
    return _Phrase(pattern, korean, sum(map(len, parts[::2])))


def _blank(name: str) -> str:
    if name in _FIGURES:
        return rf"(?P<{name}>[\d,.]+(?:e[+-]?\d+)?(?: ?%)?)"
    if name == "goal":
        return rf"(?P<{name}>[^;]+?)"
    if name in _VERSIONS:
        return rf"(?P<{name}>[0-9]\S*?|nothing|None)"
    return rf"(?P<{name}>\S+?)" if name in _WORDS else rf"(?P<{name}>.+?)"

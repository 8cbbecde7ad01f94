"""Words of the board: which language a person wants, and what stands under a key.

The words themselves are in `vocabulary/`. What the engine says on the timeline stays as it said it; elsewhere
its sentences are said in Korean by `reasons.py`.
"""

from typing import Any, Literal

from andon.board.vocabulary import (
    account,
    deploy,
    fleet,
    fleet_settings,
    floor,
    frame,
    people,
    records,
    registry,
    rollout,
)

Language = Literal["en", "ko"]
LANGUAGES: tuple[Language, ...] = ("en", "ko")

GROUPS = (frame, floor, fleet, fleet_settings, rollout, deploy, account, people, records, registry)
WORDS: dict[str, tuple[str, str]] = {key: both for group in GROUPS for key, both in group.WORDS.items()}


def choose(query: str | None, cookie: str | None, accept: str) -> Language:
    """The language a person wants: asked for, then remembered, then what the browser prefers."""
    for wanted in (query, cookie):
        if wanted in LANGUAGES:
            return "ko" if wanted == "ko" else "en"
    for each in accept.lower().split(","):
        tag = each.split(";")[0].strip()[:2]
        if tag in LANGUAGES:
            return "ko" if tag == "ko" else "en"
    return "en"


def say(language: Language, key: str, **values: Any) -> str:
    """The words under `key`, with `values` filled in. Raises KeyError for a key that is not there."""
    text = WORDS[key][LANGUAGES.index(language)]
    return text.format(**values) if values else text


def say_or(language: Language, key: str, otherwise: str) -> str:
    """The words under `key`; `otherwise` where a newer part speaks a word that the board does not know."""
    return say(language, key) if key in WORDS else otherwise

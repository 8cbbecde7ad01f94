"""Logins: which may be given, and when two are the same. Pure.

Two logins are the same when they are after NFKC and case folding. To keep look-alikes apart a login has
letters of one script only; and one in Cyrillic or Greek whose every letter looks Latin is refused (UTS 39
calls these mixed-script and whole-script confusables).
"""

import unicodedata

from andon.kernel.errors import InvalidInput

SHORTEST, LONGEST = 2, 64
LONGEST_KEY = 256
LONGEST_NAMED = 120  # as an actor on the timeline
LONGEST_DISPLAY = 120
_MARKS = "._-@"
# Parts of Andon that act by themselves: on the timeline, nobody may pass for one of them.
RESERVED = frozenset({
    "access", "agent", "andon", "backup", "checkpoints", "clock", "cord", "directory", "fleet", "gateway",
    "judge", "login", "nobody", "pipelines", "policies", "registry", "releases", "rollouts", "secrets",
    "sessions", "setup", "signatures", "supervisor", "system", "timeline", "tls", "tokens", "unknown",
    "witness",
})  # fmt: skip
_RESERVED_BEGINNINGS = ("token:", "andon ")  # of machines, and of commands on the host
_LATIN_BESIDE_ASCII = set("ßæœøłđðþ")
_LOOK_LATIN = set("асеорхуіјѕһԁԛԝкмтвнг") | set("αορνικτυχγ")


def key_of(login: str) -> str:
    """What is compared: NFKC, folded, no spaces around; what no text may hold becomes a question mark."""
    folded = unicodedata.normalize("NFKC", login[: 4 * LONGEST_KEY]).casefold()
    sound = "".join("?" if unicodedata.category(each) in ("Cc", "Cs") else each for each in folded)
    return unicodedata.normalize("NFKC", sound).strip()[:LONGEST_KEY].strip()


def is_reserved(login: str) -> bool:
    """Whether the timeline knows something else by this name, whatever its case or form."""
    key = key_of(login)
    return key in RESERVED or key.startswith(_RESERVED_BEGINNINGS)


def checked_login(login: str) -> str:
    """`login` in NFKC, where it may be given to somebody.

    Raises:
        InvalidInput: its length, a character, letters that could be taken for others, or a part of Andon.
    """
    text = unicodedata.normalize("NFKC", login.strip())
    if is_reserved(text):
        raise _bad(login, "it names a part of Andon", "choose another")
    if not SHORTEST <= len(text) <= LONGEST:
        raise _bad(login, f"it has {len(text)} characters", f"use {SHORTEST} to {LONGEST}")
    for each in text:
        if not (each in _MARKS or each.isdecimal() or unicodedata.category(each)[0] in "LM"):
            raise _bad(login, f"{each!r} is not allowed", f"use letters, digits and {' '.join(_MARKS)}")
    if not text[0].isalnum():
        raise _bad(login, f"it begins with {text[0]!r}", "begin with a letter or a digit")
    _check_scripts(login, key_of(text))
    return text


def checked_display_name(name: str) -> str:
    """`name` for the eyes of people: one line, not empty.

    Raises:
        InvalidInput: it is empty, too long, or has invisible characters.
    """
    text = unicodedata.normalize("NFC", " ".join(name.split()))
    is_visible = not any(unicodedata.category(each)[0] == "C" for each in text)
    if not text or len(text) > LONGEST_DISPLAY or not is_visible:
        raise InvalidInput(
            "bad-display-name",
            f"display name {name[:40]!r} is empty, too long or has invisible characters",
            hint=f"use 1 to {LONGEST_DISPLAY} visible characters",
        )
    return text


def _check_scripts(login: str, key: str) -> None:
    letters = [each for each in key if each.isalpha()]
    scripts = {_script(each) for each in letters}
    if len(scripts) > 1:
        raise _bad(login, f"it mixes {' and '.join(sorted(scripts))} letters", "use letters of one script")
    if scripts & {"Cyrillic", "Greek"} and all(each in _LOOK_LATIN for each in letters):
        raise _bad(login, "it looks like a Latin login and is not", "write it in Latin letters")
    if scripts == {"Latin"} and not all(_is_plain(each) for each in letters):
        raise _bad(login, "it has a letter that looks like another", "use plain letters, with accents or not")


def _script(letter: str) -> str:
    """The first word of a letter's name says its script; Japanese writes with three of them."""
    first = unicodedata.name(letter, "UNKNOWN").split()[0]
    return "Japanese or Chinese" if first in ("CJK", "HIRAGANA", "KATAKANA") else first.capitalize()


def _is_plain(letter: str) -> bool:
    return letter in _LATIN_BESIDE_ASCII or unicodedata.normalize("NFD", letter)[0].isascii()


def _bad(login: str, what: str, fix: str) -> InvalidInput:
    return InvalidInput("bad-login", f"login {login[:LONGEST]!r} cannot be used: {what}", hint=fix)

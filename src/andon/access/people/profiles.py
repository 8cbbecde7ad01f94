"""What a company demands of passwords: profiles, because the rules contradict each other. Pure.

`nist`: NIST SP 800-63B-4, section 3.1.1.2. At least 15 characters where the password is the only factor, at
least 64 allowed, any printing Unicode, each code point counts as one, NFKC before hashing, a blocklist of
common, expected and compromised passwords with words of the context; no composition rules, no ageing.
`part11`: 21 CFR 11.300(b) asks that passwords are "periodically checked, recalled, or revised (e.g., to cover
such events as password aging)" and names no figure. The figures here (12 characters, three kinds of four,
90 days, the last 10) are what regulated plants commonly write into their procedures, not the law's.
`annex11-draft`: EU GMP Annex 11, draft of July 2025, section 11: long enough, upper and lower case, numbers
and symbols, no dictionary words, names, user ids, products or organisation, clearly unlike the one before;
and a locked account is unlocked by an administrator only. It names no length and no age: 15 is NIST's.

What is not here: how common a password is (guessing.py), and hashing (passwords.py).
"""

import unicodedata
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from difflib import SequenceMatcher

LONGEST = 256  # code points; NIST asks for 64 or more, and an endless one would be a way to burn processors
_SHORTEST_WORD = 3
_CARRIES = 8
_KINDS = "an upper-case letter, a lower-case letter, a digit and a symbol"


@dataclass(frozen=True, slots=True)
class Profile:
    """One set of rules. Lengths are code points after NFKC; kinds: how many of four must be there.

    history: former passwords that may not come back; likeness: of the former one, from 0 to 1, that is too
    near. least_guesses: a power of ten. is_unlocked_by_time: whether a locked account opens by itself.
    """

    name: str
    shortest: int
    kinds: int = 0
    longest_age: timedelta | None = None
    history: int = 0
    likeness: float | None = None
    least_guesses: float = 8.0
    is_unlocked_by_time: bool = True


PROFILES: Mapping[str, Profile] = {
    each.name: each
    for each in (
        Profile("nist", shortest=15),
        Profile("part11", shortest=12, kinds=3, longest_age=timedelta(days=90), history=10),
        Profile(
            "annex11-draft",
            shortest=15,
            kinds=4,
            likeness=0.75,
            least_guesses=10.0,
            is_unlocked_by_time=False,
        ),
    )
}


@dataclass(frozen=True, slots=True)
class Commonness:
    """How easily others come upon a password. guesses: a power of ten; breached: a list names it."""

    guesses: float
    is_breached: bool = False


def normal(password: str) -> str:
    """The form that is counted, compared and hashed: NFKC, so that every keyboard gives the same."""
    return unicodedata.normalize("NFKC", password)


def faults(
    password: str,
    profile: Profile,
    *,
    words: Collection[str] = (),
    commonness: Commonness | None = None,
    former: str | None = None,
) -> list[str]:
    """What is wrong with `password`, one sentence a rule; none where it may be used.

    words: of the context, such as login, name and plant. former: the password in use until now, where known.
    """
    text = normal(password)
    found = [*_of_form(text, profile), *_of_words(text, words)]
    if commonness is not None and commonness.is_breached:
        found.append("it is on the list of breached passwords (NIST SP 800-63B-4, 3.1.1.2)")
    elif commonness is not None and commonness.guesses < profile.least_guesses:
        found.append("it is too easy to guess: common words, repeats or rows of keys")
    if former is not None and _is_like(text, normal(former), profile):
        found.append("it is too much like the password before")
    return found


def is_aged(profile: Profile, changed_at: datetime | None, now: datetime) -> bool:
    """Whether a password that was set at `changed_at` must be changed for its age."""
    if profile.longest_age is None or changed_at is None:
        return False
    return now - changed_at >= profile.longest_age


def _of_form(text: str, profile: Profile) -> list[str]:
    found = []
    if len(text) < profile.shortest:
        found.append(f"it has {len(text)} characters, and {profile.shortest} are the least ({profile.name})")
    if len(text) > LONGEST:
        found.append(f"it has {len(text)} characters, and {LONGEST} are the most")
    if any(unicodedata.category(each) in ("Cc", "Cs", "Cn") for each in text):
        found.append("it has a character that cannot be typed everywhere, such as a tab or a line end")
    if _kinds(text) < profile.kinds:
        wanted = f"{profile.kinds} of these" if profile.kinds < 4 else "all of these"
        found.append(f"it needs {wanted}: {_KINDS} ({profile.name})")
    return found


def _of_words(text: str, words: Collection[str]) -> list[str]:
    left = text.casefold()
    found = []
    for word in sorted({normal(each).casefold() for each in words}, key=len, reverse=True):
        if len(word) >= _SHORTEST_WORD and word in left:
            left = left.replace(word, "")
            found.append(word)
    # What is left without the words must carry the password: a long one may well mention the plant.
    if found and sum(each.isalnum() for each in left) < _CARRIES:
        return [f"it is built on {found[0]!r}, which everybody here would try"]
    return []


def _kinds(text: str) -> int:
    has_upper = any(each.isupper() for each in text)
    # Letters of scripts without case count as lower case.
    has_lower = any(each.isalpha() and not each.isupper() for each in text)
    has_digit = any(each.isdigit() for each in text)
    return has_upper + has_lower + has_digit + any(not each.isalnum() for each in text)


def _is_like(text: str, former: str, profile: Profile) -> bool:
    if text == former:
        return True
    if profile.likeness is None:
        return False
    matcher = SequenceMatcher(None, text.casefold(), former.casefold(), autojunk=False)
    return matcher.ratio() >= profile.likeness

"""Which of two versions is newer. Pure."""

import re
from itertools import zip_longest

_PARTS = re.compile(r"[0-9]+|[a-z]+")
_BEFORE = {"dev": 0, "a": 1, "alpha": 1, "b": 2, "beta": 2, "c": 3, "rc": 3, "pre": 3}


def is_older(version: str, than: str) -> bool:
    """Whether `version` comes before `than`: numbers by value, a pre-release before its release.

    As PEP 440 and SemVer order what both can say; a local part (after +) counts last.
    """
    return _compare(version, than) < 0


def _compare(one: str, two: str) -> int:
    (left, _, left_local), (right, _, right_local) = one.partition("+"), two.partition("+")
    for mine, yours in zip_longest(_key(left), _key(right), fillvalue=_END):
        if mine != yours:
            return -1 if mine < yours else 1
    return 0 if left_local == right_local else (-1 if _key(left_local) < _key(right_local) else 1)


_END = (4, 0, "")  # 1.0 is after 1.0rc1, and 1.0.0 and 1.0 are one


def _key(version: str) -> list[tuple[int, int, str]]:
    parts = [_part(each) for each in _PARTS.findall(version.lower().removeprefix("v"))]
    while parts and parts[-1] == (4, 0, ""):
        parts.pop()
    return parts


def _part(text: str) -> tuple[int, int, str]:
    if text.isdigit():
        return (4, int(text), "")
    return (_BEFORE[text], 0, "") if text in _BEFORE else (5, 0, text)

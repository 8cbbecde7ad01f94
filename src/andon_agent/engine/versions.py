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


_END = (2, 0, "")  # 1.0 is after 1.0rc1 and before 1.0.post1, which is before 1.0.1


def _key(version: str) -> list[tuple[int, int, str]]:
    """Zeros at the end of the leading numbers say nothing: 1.0 and 1.0.0 are one."""
    parts = [_part(each) for each in _PARTS.findall(version.lower().removeprefix("v"))]
    numbers = next((at for at, each in enumerate(parts) if each[0] != _NUMBER), len(parts))
    last = next((at for at in range(numbers, 0, -1) if parts[at - 1][1] != 0), 0)
    return parts[:last] + parts[numbers:]


_NUMBER = 4


def _part(text: str) -> tuple[int, int, str]:
    if text.isdigit():
        return (_NUMBER, int(text), "")
    return (1, _BEFORE[text], "") if text in _BEFORE else (3, 0, text)

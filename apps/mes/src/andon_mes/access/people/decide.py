"""When a name is locked, what a good password is, and who must remain: pure."""

import itertools
import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from andon_mes.access.model import Role, User
from andon_mes.access.people.model import UserChange
from andon_mes.kernel.errors import Conflict, InvalidInput, Problem, Words, invalid

USERNAME = re.compile(r"[a-z0-9][a-z0-9._-]{1,49}")
SHORTEST, LONGEST = 12, 128
_FEWEST_LETTERS = 5
_LONGEST_RUN = 6
_ROWS = (
    "0123456789",
    "abcdefghijklmnopqrstuvwxyz",
    "qwertyuiop",
    "asdfghjkl",
    "zxcvbnm",
    "ㅂㅈㄷㄱㅅㅛㅕㅑㅐㅔ",
)
_COMMON = (
    "password", "passw0rd", "p@ssw0rd", "passwort", "welcome", "letmein", "changeme", "iloveyou", "dragon",
    "sunshine", "princess", "football", "baseball", "superman", "trustno1", "administrator", "factory",
    "production", "andon", "monkey", "secret", "default", "비밀번호", "관리자",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Lockout:
    """After `failures` wrong passwords in a row a name is locked for `first`; each further doubles it."""

    failures: int = 5
    first: timedelta = timedelta(minutes=15)
    longest: timedelta = timedelta(hours=24)

    def until(self, failed: int, now: datetime) -> datetime | None:
        """Until when a name with so many failures in a row is locked; None when it is not."""
        if failed < self.failures:
            return None
        doublings = min(failed - self.failures, 16)
        return now + min(self.first * (1 << doublings), self.longest)


def check_username(said: str) -> None:
    """Raises: InvalidInput when it is no name to sign in with."""
    if not USERNAME.fullmatch(said):
        raise invalid(
            "username",
            said,
            Words(f"{said!r} is no name to sign in with", f"{said!r}은(는) 사용할 수 없는 이름입니다"),
            Words(
                "Use 2 to 50 small letters, digits, and . _ - after the first",
                "영문 소문자와 숫자로 시작하는 2~50자(. _ - 포함)를 사용하세요",
            ),
        )


def check_password(password: str, username: str) -> None:
    """Raises: InvalidInput when the password is short, common, the name, or a run of neighbouring keys."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise _weak(
            Words(f"It has {len(password)} characters", f"길이가 {len(password)}자입니다"),
            Words(f"Use {SHORTEST} to {LONGEST}", f"{SHORTEST}~{LONGEST}자를 사용하세요"),
        )
    said = password.lower()
    left = said
    for word in sorted((*_COMMON, username.lower()), key=len, reverse=True):
        left = left.replace(word, "")
    if len(left) < SHORTEST // 2 or len(set(said)) < _FEWEST_LETTERS or _longest_run(said) > _LONGEST_RUN:
        raise _weak(
            Words("It is easily guessed", "쉽게 추측할 수 있습니다"),
            Words(
                "Take several unrelated words, without your name and rows of keys",
                "이름이나 연속된 글자 없이 서로 관련 없는 단어 여러 개를 쓰세요",
            ),
        )


def check_change(user: User, change: UserChange, active_admins: int) -> None:
    """Raises: Conflict (LAST_ADMIN) when nobody would be left who may give rights back."""
    is_admin = user.role == Role.ADMIN and user.is_active
    stays = change.is_active is not False and change.role in {None, Role.ADMIN}
    if is_admin and not stays and active_admins <= 1:
        raise Conflict(
            Problem(
                "LAST_ADMIN",
                Words("The last administrator remains", "마지막 관리자는 유지되어야 합니다"),
                Words(
                    f"{user.username} is the only active administrator",
                    f"{user.username}은(는) 유일한 활성 관리자입니다",
                ),
                Words("Make somebody else an administrator first", "먼저 다른 관리자를 지정하세요"),
            )
        )


def _longest_run(said: str) -> int:
    """Letters in a row that stand side by side in the alphabet or on the keyboard, either way."""
    longest = run = 1
    for first, second in itertools.pairwise(said):
        run = run + 1 if any(first + second in row or second + first in row for row in _ROWS) else 1
        longest = max(longest, run)
    return longest


def _weak(detail: Words, fix: Words) -> InvalidInput:
    return invalid("password", None, detail, fix, code="PASSWORD_WEAK")

"""Signing in, renewing, signing out, and the password. A wrong name is answered as a wrong password is.

Unknown, locked and not let in are told apart neither by words nor by time: each costs a write and a hash.
"""

import asyncio
from dataclasses import dataclass
from typing import Final

from andon_mes.access.controller import Directory
from andon_mes.access.model import User
from andon_mes.access.people import store
from andon_mes.access.people.decide import Lockout, check_password
from andon_mes.access.people.limits import Limit
from andon_mes.access.people.model import Kept, Renewal, SignedIn
from andon_mes.access.people.passwords import hash_password, verify
from andon_mes.access.people.store import Ages
from andon_mes.access.tokens import Claims, Tokens, new_refresh_token, new_sign_in, unidentified
from andon_mes.kernel.clock import Clock
from andon_mes.kernel.errors import Forbidden, Problem, Unidentified, Words, invalid
from andon_mes.store.actor import Actor
from andon_mes.store.engine import Connection, Database

_HASHES_AT_ONCE: Final = 2


@dataclass(frozen=True, slots=True)
class Rules:
    """What a plant decides about signing in."""

    lockout: Lockout
    ages: Ages
    tries_per_minute: int


class SignIns:
    """Who signs in at one instance."""

    def __init__(
        self, database: Database, clock: Clock, directory: Directory, tokens: Tokens, rules: Rules
    ) -> None:
        self._database = database
        self._clock = clock
        self._directory = directory
        self._tokens = tokens
        self._rules = rules
        self._limit = Limit(clock, rules.tries_per_minute)
        self._hashing = asyncio.Semaphore(_HASHES_AT_ONCE)

    async def sign_in(
        self, username: str, password: str, actor: Actor, new_password: str | None = None
    ) -> SignedIn:
        """Sign a person in; `new_password` replaces one that must be changed.

        Raises: TooMany for the address; Unidentified (SIGN_IN_REFUSED); Forbidden (PASSWORD_CHANGE_REQUIRED);
            InvalidInput when the new password is weak.
        """
        self._limit.count(actor.ip_address)
        user = await self._prove(username, password, actor)
        if new_password is not None:
            await self._replace(user, password, new_password, actor)
        elif user.must_change_password:
            raise change_required()
        sign_in, refresh, now = new_sign_in(), new_refresh_token(), self._clock.now()

        def work(connection: Connection) -> User:
            store.keep(connection, Kept(user.id, sign_in, refresh), now, self._rules.ages)
            return store.get(connection, username).user

        signed_in = await self._database.write(work, actor)
        self._directory.forget()  # whoever was let in a moment ago is known now
        return SignedIn(signed_in, self._tokens.make(Claims(username, sign_in), now), refresh)

    async def renew(self, refresh: str, actor: Actor) -> SignedIn:
        """A new token, and what renews it the next time. Raises: Unidentified (REFRESH_REFUSED)."""
        new, now = new_refresh_token(), self._clock.now()
        became, user, sign_in = await self._database.write(
            lambda each: store.renew(each, refresh, new, now, self._rules.ages), actor
        )
        if became is Renewal.USED_TWICE:
            self._directory.forget()
            raise unidentified(
                "REFRESH_REUSED",
                "The refresh token was used before, so the sign-in has ended",
                "이미 사용된 갱신 토큰이므로 로그인이 종료되었습니다",
            )
        if became is not Renewal.RENEWED or user is None:
            raise unidentified("REFRESH_REFUSED", "The sign-in is over", "로그인이 만료되었습니다")
        return SignedIn(user, self._tokens.make(Claims(user.username, sign_in), now), new)

    async def sign_out(self, sign_in: str, actor: Actor) -> None:
        """End a sign-in."""
        now = self._clock.now()
        await self._database.write(lambda each: store.end(each, sign_in, now), actor)
        self._directory.forget()

    async def change_password(self, username: str, password: str, new_password: str, actor: Actor) -> None:
        """Give oneself a new password; every sign-in by the old one ends, this one too.

        Raises: Unidentified when the old one is wrong; InvalidInput when the new one is weak.
        """
        user = await self._prove(username, password, actor)
        await self._replace(user, password, new_password, actor)

    async def is_own_password(self, username: str, password: str, actor: Actor) -> bool:
        """Whether the password is that of `username`, who signs with it. A wrong one is a failed try."""
        return (await self._try(username, password, actor)) is not None

    async def _prove(self, username: str, password: str, actor: Actor) -> User:
        user = await self._try(username, password, actor)
        if user is None:
            raise _refused(self._rules.lockout)
        return user

    async def _try(self, username: str, password: str, actor: Actor) -> User | None:
        now, rule = self._clock.now(), self._rules.lockout
        attempt = await self._database.write(
            lambda each: store.count_attempt(each, username, rule, now), actor
        )
        async with self._hashing:
            kept = attempt.password_hash if attempt else None
            is_right = await asyncio.to_thread(verify, kept, password)
        if attempt is None or attempt.is_locked or not attempt.user.is_active or not is_right:
            return None
        await self._database.write(lambda each: store.succeed(each, attempt.user, now), actor)
        return attempt.user

    async def _replace(self, user: User, password: str, new_password: str, actor: Actor) -> None:
        check_password(new_password, user.username)
        if new_password == password:
            raise _same()
        async with self._hashing:
            hashed = await asyncio.to_thread(hash_password, new_password)
        now = self._clock.now()
        await self._database.write(
            lambda each: store.set_password(each, user.username, hashed, now, must_change=False), actor
        )
        self._directory.forget()


def change_required() -> Forbidden:
    """That a one-time password lets nobody work."""
    return Forbidden(
        Problem(
            "PASSWORD_CHANGE_REQUIRED",
            Words("The password must be changed first", "먼저 비밀번호를 변경해야 합니다"),
            Words("It was given by an administrator, for once", "관리자가 발급한 일회용 비밀번호입니다"),
            Words(
                "Sign in with it and a new_password",
                "new_password와 함께 다시 로그인하여 비밀번호를 변경하세요",
            ),
        )
    )


def _same() -> Exception:
    return invalid(
        "new_password",
        None,
        Words("It is the password that is to be replaced", "변경 전 비밀번호와 같습니다"),
        Words("Choose another one", "다른 비밀번호를 사용하세요"),
        code="PASSWORD_WEAK",
    )


def _refused(rule: Lockout) -> Exception:
    minutes = int(rule.first.total_seconds() // 60)
    return Unidentified(
        Problem(
            "SIGN_IN_REFUSED",
            Words("The sign-in was refused", "로그인이 거부되었습니다"),
            Words(
                "The name or the password is wrong, or the name is locked",
                "이름 또는 비밀번호가 틀렸거나 계정이 잠겼습니다",
            ),
            Words(
                f"After {rule.failures} wrong passwords wait {minutes} minutes, or ask an administrator",
                f"{rule.failures}번 틀리면 {minutes}분 동안 잠깁니다. 기다리거나 관리자에게 문의하세요",
            ),
        )
    )

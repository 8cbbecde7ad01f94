"""Sessions: opened after a password was checked, followed while they are used, ended.

A secret has 256 random bits and is kept as SHA-256. Each use asks the database whether the session still
stands and its person is still enabled, so an end takes effect with the next request.
"""

import hashlib
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from andon.access.model import Principal, PrincipalKind, User
from andon.access.people.authority import checked_reason, name_of, subject_of
from andon.access.people.model import Actor
from andon.access.people.store import PeopleStore
from andon.access.sessions.bearer import AccessTokens
from andon.access.sessions.model import (
    BROWSER,
    TERMINAL,
    Bearer,
    Limits,
    Opened,
    SessionRow,
    SessionView,
)
from andon.access.sessions.store import SessionStore
from andon.kernel.clock import Clock
from andon.kernel.errors import Conflict, Forbidden, NotFound, Unauthenticated
from andon.kernel.ids import new_id
from andon.timeline.records import Event, Severity

_SECRET_BYTES = 32


@dataclass(frozen=True, slots=True)
class Entry:
    """How somebody comes in. kind: `browser` or `terminal`; agent: what the program calls itself.

    until: the session ends then at the latest.
    """

    kind: str
    source: str
    agent: str
    method: str
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Fresh:
    """A session that is not kept yet, and its secrets."""

    row: SessionRow
    secret: str
    refresh: str
    told: Event

    @property
    def opened(self) -> Opened:
        """What its owner gets, once."""
        return Opened(
            session_id=self.row.id,
            user_id=self.row.user_id,
            secret=self.secret,
            refresh=self.refresh,
            csrf=csrf(self.secret) if self.secret else "",
            expires_at=self.row.expires_at,
        )


class Sessions:
    """Opens, follows and ends sessions. aged: the person, who must also change a password that is too old."""

    def __init__(
        self,
        store: SessionStore,
        people: PeopleStore,
        access: AccessTokens,
        clock: Clock,
        *,
        limits: Limits = Limits(),  # noqa: B008  frozen
        aged: Callable[[User], User] = lambda user: user,
    ) -> None:
        self._store = store
        self._people = people
        self._access = access
        self._clock = clock
        self._limits = limits
        self._aged = aged

    async def open(self, user: User, *, kind: str, source: str, agent: str, method: str) -> Opened:
        """A session for somebody whose password was just checked.

        Raises:
            Forbidden: the account is disabled, or must change its password first.
        """
        fresh = await self.prepare(user.id, Entry(kind, source, agent, method))
        await self._store.open(
            fresh.row,
            secret_hash=hashed(fresh.secret) if fresh.secret else None,
            refresh_hash=hashed(fresh.refresh) if fresh.refresh else None,
            told=fresh.told,
        )
        return fresh.opened

    async def prepare(self, user_id: str, entry: Entry) -> Fresh:
        """A session with its secrets, which somebody else keeps in their own transaction."""
        user = self._aged((await self._people.get(user_id)).user)
        if user.is_disabled:
            raise Forbidden("account-disabled", "this account is disabled", hint="ask an administrator")
        if user.must_change_password:
            raise Forbidden(
                "password-change-required", "the password must be changed first", hint="give a new password"
            )
        now = self._clock.now()
        longest = now + self._limits.longest
        row = SessionRow(
            id=new_id("se", now),
            user_id=user.id,
            kind=entry.kind,
            method=entry.method,
            source=entry.source,
            agent=_printable(entry.agent),
            created_at=now,
            seen_at=now,
            expires_at=longest if entry.until is None else min(longest, entry.until),
        )
        return Fresh(
            row,
            secret=secrets.token_urlsafe(_SECRET_BYTES) if entry.kind == BROWSER else "",
            refresh="andon_rt_" + secrets.token_hex(_SECRET_BYTES) if entry.kind == TERMINAL else "",
            told=_signed_in(user, row),
        )

    async def principal(
        self,
        secret: str,
        *,
        source: str,  # noqa: ARG002  not bound: people move
        is_use: bool = True,
    ) -> Principal:
        """Who has this cookie. is_use: a person did something; a page that refreshes itself is none.

        Raises:
            Unauthenticated: nobody, or not any more.
        """
        return await self._principal(await self._store.find_by_secret(hashed(secret)), is_use=is_use)

    async def csrf_of(self, secret: str) -> str:
        """What requests that change something must carry beside the cookie."""
        return csrf(secret)

    async def bearer(self, refresh: str) -> Bearer:
        """An access token, and a refresh token in place of `refresh`, which works once.

        Raises:
            Conflict: `already-refreshed`; another program with this token was faster by seconds.
            Unauthenticated: nobody has it; or it was used before, which ends the session: it was stolen.
        """
        now = self._clock.now()
        replacement = "andon_rt_" + secrets.token_hex(_SECRET_BYTES)
        done = await self._store.rotate(hashed(refresh), hashed(replacement), now)
        if done is None:
            raise _not_signed_in()
        if done.used_at is not None:
            await self._reused(done.session, done.used_at, now)
        await self._principal(done.session, is_use=True)
        until = min(now + self._limits.access_token, done.session.expires_at)
        session = done.session
        text = self._access.write(session_id=session.id, user_id=session.user_id, at=now, until=until)
        return Bearer(text, replacement, until - now, session.id, session.user_id)

    async def principal_of_bearer(self, jwt: str, *, is_use: bool = True) -> Principal:
        """Who has this access token; raises Unauthenticated."""
        session_id, user_id = self._access.session_of(jwt, self._clock.now())
        row = await self._store.find(session_id)
        own = row if row is not None and row.user_id == user_id else None
        return await self._principal(own, is_use=is_use)

    async def find(self, session_id: str) -> SessionRow | None:
        """The session with this id, ended or not."""
        return await self._store.find(session_id)

    async def list(self, user_id: str | None = None) -> list[SessionView]:
        """Sessions that stand, of one person or of all, the newest first."""
        now = self._clock.now()
        logins = {each.id: each.login for each in await self._people.everybody()}
        rows = await self._store.list_open(user_id, now, now - self._limits.idle)
        return [_view(each, logins.get(each.user_id, "")) for each in rows]

    async def end(self, session_id: str, *, actor: Actor, reason: str) -> None:
        """End one session: its next request is refused. One that has ended stays as it is.

        Raises:
            NotFound: there is none with this id.
        """
        row = await self._store.find(session_id)
        if row is None:
            raise NotFound("no-such-session", f"there is no session {session_id}")
        reason, now = checked_reason(reason), self._clock.now()
        login = (await self._people.get(row.user_id)).user.login
        event = Event(
            "access.session-ended", subject_of(login), name_of(actor), reason, before={"session": row.id}
        )
        await self._store.end(session_id, now, reason, event)

    async def end_all_of(self, user_id: str, *, actor: Actor, reason: str, keep_session: str = "") -> int:
        """End all sessions of a person but `keep_session`; gives how many; raises NotFound."""
        reason, now = checked_reason(reason), self._clock.now()
        login = (await self._people.get(user_id)).user.login
        event = Event("access.sessions-ended", subject_of(login), name_of(actor), reason)
        return await self._store.end_all(user_id, now, reason, event, keep=keep_session)

    async def tick(self) -> None:
        """Remove sessions that ended long ago; the timeline keeps that they were."""
        await self._store.remove_ended(self._clock.now() - self._limits.keep)

    async def _principal(self, row: SessionRow | None, *, is_use: bool) -> Principal:
        now = self._clock.now()
        if row is None:
            raise _not_signed_in()
        if row.ended_at is not None or row.expires_at <= now or now - row.seen_at >= self._limits.idle:
            raise Unauthenticated("session-ended", "this session has ended", hint="sign in again")
        account, roles = await self._people.find_with_roles(row.user_id)
        if account is None or account.user.is_disabled:
            raise Unauthenticated("session-ended", "this account is disabled", hint="ask an administrator")
        if is_use and now - row.seen_at >= self._limits.touch:
            await self._store.touch(row.id, now)
        user = self._aged(account.user)
        return Principal(
            kind=PrincipalKind.PERSON,
            name=user.login,
            display_name=user.display_name,
            grants=user.grants,
            user_id=user.id,
            session=row.id,
            must_change_password=user.must_change_password,
            roles=roles,
        )

    async def _reused(self, row: SessionRow, used_at: datetime, now: datetime) -> None:
        if now - used_at < self._limits.grace:
            raise Conflict(
                "already-refreshed",
                "another program refreshed this sign-in a moment ago",
                hint="use the newer refresh token",
            )
        login = (await self._people.get(row.user_id)).user.login
        why = "a refresh token was used twice: somebody has a copy of it"
        event = Event(
            "access.refresh-reused",
            subject_of(login),
            "sessions",
            why,
            severity=Severity.ALERT,
            before={"session": row.id},
        )
        await self._store.end(row.id, now, why, event)
        raise Unauthenticated("session-ended", why, hint="sign in again, and change the password")


def hashed(secret: str) -> str:
    """As secrets are kept. They have 256 random bits, so one round of SHA-256 is enough."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def csrf(secret: str) -> str:
    """Derived, so that it need not be kept; who knows it does not know the secret."""
    return hmac.new(secret.encode("utf-8", "surrogatepass"), b"andon csrf", hashlib.sha256).hexdigest()


def _not_signed_in() -> Unauthenticated:
    return Unauthenticated("not-signed-in", "nobody is signed in", hint="sign in")


def _signed_in(user: User, row: SessionRow) -> Event:
    """Use of the sealed account is an alert, because nobody should need it."""
    is_alert = user.is_break_glass
    return Event(
        "access.break-glass-used" if is_alert else "access.signed-in",
        subject_of(user.login),
        user.login,
        f"signed in by {row.method} ({row.kind})",
        severity=Severity.ALERT if is_alert else Severity.INFO,
        after={"session": row.id, "kind": row.kind, "method": row.method},
        source=row.source,
    )


def _printable(agent: str) -> str:
    return "".join(each if each.isprintable() else " " for each in agent)[:200]


def _view(row: SessionRow, login: str) -> SessionView:
    return SessionView(
        id=row.id,
        user_id=row.user_id,
        login=login,
        kind=row.kind,
        method=row.method,
        source=row.source,
        agent=row.agent,
        created_at=row.created_at,
        seen_at=row.seen_at,
        expires_at=row.expires_at,
    )

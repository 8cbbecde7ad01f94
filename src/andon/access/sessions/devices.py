"""Signing in a terminal through a browser (RFC 8628): a short code, typed where one is signed in already."""

import secrets
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

from andon.access.model import Principal
from andon.access.people.attempts import Attempts
from andon.access.people.authority import subject_of
from andon.access.people.lockout import Limits as Guesses
from andon.access.sessions.model import (
    TERMINAL,
    DeviceBegun,
    DeviceRow,
    DeviceSeen,
    DeviceState,
    Limits,
    Opened,
)
from andon.access.sessions.sessions import Entry, Sessions, hashed
from andon.access.sessions.store import DeviceStore, is_early
from andon.kernel.addresses import origin_of
from andon.kernel.clock import Clock
from andon.kernel.errors import Conflict, Forbidden, NotFound, Throttled, Unauthenticated
from andon.kernel.ids import new_id
from andon.timeline import origin
from andon.timeline.records import Event

# Without vowels, so that no words come of it, and without letters that look like others (RFC 8628, 6.1).
_LETTERS = "BCDFGHJKLMNPQRSTVWXZ"
_CODE_LENGTH = 8
_SLOWER_S = 5
# 20 to the 8th are 34 bits: with these waits nobody guesses one of the open codes within their ten minutes.
_GUESSES = Guesses(5, timedelta(minutes=1), timedelta(minutes=15), timedelta(hours=1))


class Devices:
    """Begins device sign-ins, lets people answer, and opens the session once."""

    def __init__(
        self,
        store: DeviceStore,
        sessions: Sessions,
        attempts: Attempts,
        clock: Clock,
        *,
        limits: Limits = Limits(),  # noqa: B008  frozen
    ) -> None:
        self._store = store
        self._sessions = sessions
        self._attempts = attempts
        self._clock = clock
        self._limits = limits

    async def begin(self, *, source: str, agent: str) -> DeviceBegun:
        """A code for the person and one for the program; raises Throttled where too many are open."""
        now = self._clock.now()
        waiting = [origin_of(each) for each in await self._store.open_sources(now)]
        is_full = len(waiting) >= self._limits.devices_at_once
        if is_full or waiting.count(origin_of(source)) >= self._limits.devices_per_source:
            raise Throttled(
                "too-many-devices",
                "too many sign-ins wait for an answer",
                hint="answer or let them run out",
                retry_after=self._limits.device,
            )
        device_code = "andon_dc_" + secrets.token_hex(32)
        letters = "".join(secrets.choice(_LETTERS) for _ in range(_CODE_LENGTH))
        row = DeviceRow(
            id=new_id("dv", now),
            state=DeviceState.PENDING,
            source=source,
            agent="".join(each if each.isprintable() else " " for each in agent),
            begun_at=now,
            expires_at=now + self._limits.device,
            interval_s=int(self._limits.device_interval.total_seconds()),
        )
        await self._store.begin(row, device_hash=hashed(device_code), code_hash=hashed(letters))
        shown = f"{letters[:4]}-{letters[4:]}"
        return DeviceBegun(device_code, shown, self._limits.device, self._limits.device_interval)

    async def look(self, user_code: str, principal: Principal | None = None) -> DeviceSeen:
        """What asks to be signed in, for the person's eyes; raises as `approve` does."""
        row = await self._find(user_code, principal)
        return DeviceSeen(row.source, row.agent, row.begun_at)

    async def approve(self, user_code: str, principal: Principal) -> None:
        """Let the terminal in as `principal`, for as long as their own session has at the most.

        Else a chain of terminals, each let in by the one before, would need no password ever again.

        Raises:
            NotFound: no such code, or not any more. Conflict: answered already.
            Forbidden: a token, or somebody who must change their password; or too many wrong codes.
            Unauthenticated: the session ended meanwhile.
        """
        if not principal.may_sign or principal.must_change_password:
            raise Forbidden(
                "token-cannot-approve", "only a person who is signed in lets a terminal in", hint="sign in"
            )
        row = await self._find(user_code, principal)
        session = await self._sessions.find(principal.session)
        if session is None:
            raise Unauthenticated("session-ended", "this session has ended", hint="sign in again")
        answered = replace(
            row,
            state=DeviceState.APPROVED,
            user_id=principal.user_id,
            method=session.method,
            session_until=session.expires_at,
        )
        await self._answer(answered, principal, "access.device-approved")

    async def deny(self, user_code: str, principal: Principal) -> None:
        """Keep the terminal out; raises as `approve` does."""
        row = await self._find(user_code, principal)
        await self._answer(replace(row, state=DeviceState.DENIED), principal, "access.device-denied")

    async def poll(self, device_code: str, *, source: str) -> Opened:
        """The session, once a person approved; the codes of `Conflict` are those of RFC 8628, 3.5.

        Raises:
            Conflict: `authorization-pending`, `slow-down` (wait five seconds longer from now on),
                `access-denied`, `expired-token` (also: unknown, or opened already).
        """
        now = self._clock.now()
        row = await self._store.poll(hashed(device_code), now, _SLOWER_S)
        if row is None or min(row.expires_at, row.session_until or row.expires_at) <= now:
            raise _conflict("expired-token")
        if row.state is DeviceState.USED:
            raise _conflict("expired-token")
        if is_early(row, now):
            raise _conflict("slow-down")
        if row.state is not DeviceState.APPROVED:
            raise _conflict("authorization-pending" if row.state is DeviceState.PENDING else "access-denied")
        entry = Entry(TERMINAL, source, row.agent, row.method, row.session_until)
        fresh = await self._sessions.prepare(row.user_id, entry)
        is_first = await self._store.use(
            row.id, fresh.row, refresh_hash=hashed(fresh.refresh), told=fresh.told
        )
        if not is_first:
            raise _conflict("expired-token")
        return fresh.opened

    async def tick(self) -> None:
        """Remove those that ran out."""
        await self._store.remove_expired(self._clock.now() - timedelta(hours=1))

    async def _find(self, user_code: str, principal: Principal | None) -> DeviceRow:
        who = principal.user_id or principal.session if principal else origin.current().source
        guesses = {f"device:{hashed(who)}": _GUESSES}
        await self._attempts.begin(guesses)
        letters = "".join(each for each in user_code.upper() if each.isalnum())
        row = await self._store.find_by_code(hashed(letters)) if letters else None
        if row is None or row.expires_at <= self._clock.now() or row.state is DeviceState.USED:
            raise NotFound("no-such-code", "there is no such code, or it ran out", hint="andon login")
        await self._attempts.give_back(guesses)
        return row

    async def _answer(self, row: DeviceRow, principal: Principal, kind: str) -> None:
        now = self._clock.now()
        event = Event(
            kind,
            subject_of(principal.name),
            principal.name,
            f"terminal at {row.source or 'an unknown address'}",
            after={"source": row.source, "agent": row.agent},
        )
        if not await self._store.answer(row, now, event):
            raise Conflict("already-answered", "this code was answered already", hint="andon login")


_SENTENCES: Mapping[str, str] = {
    "authorization-pending": "nobody has answered yet",
    "slow-down": "asked too soon",
    "access-denied": "a person said no",
    "expired-token": "this sign-in ran out, was used, or never was",
}


def _conflict(code: str) -> Conflict:
    hint = "andon login" if code in ("access-denied", "expired-token") else "wait, and ask again"
    return Conflict(code, _SENTENCES[code], hint=hint)

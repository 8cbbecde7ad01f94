"""Tokens for programs: made, used, revoked. A personal one never gives more than its owner has by then."""

import hashlib
import secrets
from collections.abc import Callable, Collection, Mapping
from datetime import timedelta

from andon.access.model import Grant, Principal, PrincipalKind, User
from andon.access.people.authority import authority, checked_reason, name_of, subject_of
from andon.access.people.codec import grants_to_json
from andon.access.people.model import Actor
from andon.access.people.store import PeopleStore
from andon.access.tokens.model import (
    BASE62,
    LONGEST_LIFE,
    LONGEST_NAME,
    MACHINE,
    PERSONAL,
    RANDOM_LENGTH,
    TokenView,
    is_well_formed,
    written,
)
from andon.access.tokens.store import TokenStore
from andon.kernel.clock import Clock
from andon.kernel.errors import Conflict, Forbidden, InvalidInput, NotFound, Unauthenticated
from andon.kernel.ids import new_id
from andon.timeline.records import Event

_TOUCH = timedelta(seconds=60)
_MOST_PER_PERSON = 50


class Tokens:
    """Makes, recognises and revokes tokens. aged: as of `Sessions`."""

    def __init__(
        self,
        store: TokenStore,
        people: PeopleStore,
        clock: Clock,
        *,
        aged: Callable[[User], User] = lambda user: user,
    ) -> None:
        self._store = store
        self._people = people
        self._clock = clock
        self._aged = aged

    async def create(
        self,
        name: str,
        *,
        owner: User | None,
        grants: Collection[Grant],
        expires_in: timedelta,
        actor: Actor,
        reason: str,
    ) -> tuple[TokenView, str]:
        """A token and its text, which is shown this once. owner: None for a machine's.

        Raises:
            InvalidInput: name, grants, expiry (at most 366 days) or reason.
            Conflict: a machine token had this name before; or the owner has 50 already.
            Forbidden: a machine token would get more than the actor has; the owner is disabled.
        """
        name, reason, now = _checked_name(name), checked_reason(reason), self._clock.now()
        if not timedelta(0) < expires_in <= LONGEST_LIFE:
            raise InvalidInput(
                "bad-expiry", "a token lives for 1 to 366 days", hint=f"at most {LONGEST_LIFE.days} days"
            )
        if not grants:
            raise InvalidInput("no-grants", "a token without a role may do nothing", hint="give it a role")
        if owner is not None:
            await self._check_owner(owner)
        await self._check_grants(grants, owner, actor)
        token = TokenView(
            id=new_id("tk", now),
            name=name,
            owner_id="" if owner is None else owner.id,
            owner="" if owner is None else owner.login,
            grants=tuple(dict.fromkeys(grants)),
            created_at=now,
            created_by=name_of(actor),
            expires_at=now + expires_in,
        )
        random = "".join(secrets.choice(BASE62) for _ in range(RANDOM_LENGTH))
        text = written(MACHINE if owner is None else PERSONAL, random)
        after = {
            "name": name,
            "grants": grants_to_json(token.grants),
            "expires_at": token.expires_at.isoformat(),
        }
        await self._store.add(
            token, _hashed(text), _event("access.token-created", token, name_of(actor), reason, after=after)
        )
        return token, text

    async def principal(self, text: str, *, source: str) -> Principal:
        """Who has this token.

        Raises:
            Unauthenticated: no token, or it ran out, was revoked, or its owner is disabled or must change
                their password.
        """
        token = await self._store.find_by_hash(_hashed(text)) if is_well_formed(text) else None
        if token is None:
            raise Unauthenticated("bad-token", "this is no token of this Andon", hint="andon tokens list")
        now = self._clock.now()
        if token.revoked_at is not None or token.expires_at <= now:
            what = "was revoked" if token.revoked_at is not None else "ran out"
            raise Unauthenticated("token-ended", f"token {token.name} {what}", hint="make another")
        principal = await self._principal(token)
        is_news = token.last_used_at is None or now - token.last_used_at >= _TOUCH
        if is_news or token.last_used_source != source[:64]:
            await self._store.touch(token.id, now, source)
        return principal

    async def get(self, token_id: str) -> TokenView:
        """The token with this id; raises NotFound."""
        found = await self._store.find(token_id)
        if found is None:
            raise NotFound("no-such-token", f"there is no token {token_id}", hint="andon tokens list")
        return found

    async def list(self, owner_id: str | None = None) -> list[TokenView]:
        """A person's tokens, or with None the machines', the newest first; also those that ended."""
        return await self._store.list(owner_id)

    async def maker_of(self, name: str) -> str | None:
        """The login of who made machine token `name` (without `token:`), also of one that ended; else None.

        Where another machine made it, the person who made that one.
        """
        return await self._store.maker_of(name)

    async def revoke(self, token_id: str, *, actor: Actor, reason: str) -> None:
        """End a token: its next use is refused. One that was revoked stays so; raises NotFound."""
        reason, token = checked_reason(reason), await self.get(token_id)
        name = name_of(actor)
        event = _event("access.token-revoked", token, name, reason, before={"name": token.name})
        await self._store.revoke(token_id, self._clock.now(), name, event)

    async def _principal(self, token: TokenView) -> Principal:
        if token.is_machine:
            return Principal(
                kind=PrincipalKind.TOKEN,
                name=token.principal_name,
                display_name=token.name,
                grants=token.grants,
                session=token.id,
                roles=await self._people.roles(),
            )
        account, roles = await self._people.find_with_roles(token.owner_id)
        if account is None or account.user.is_disabled:
            raise Unauthenticated("token-ended", f"the owner of token {token.name} is disabled")
        # As in a session: until the person has a password that only they know, nothing acts for them.
        if self._aged(account.user).must_change_password:
            raise Unauthenticated(
                "token-owner-password",
                f"the owner of token {token.name} must change their password first",
                hint="andon login asks for a new one; then the token works again",
            )
        return Principal(
            kind=PrincipalKind.TOKEN,
            name=account.user.login,
            display_name=f"{account.user.display_name} ({token.name})",
            grants=account.user.grants,
            user_id=account.user.id,
            session=token.id,
            limits=token.grants,
            roles=roles,
        )

    async def _check_owner(self, owner: User) -> None:
        present = await self._people.get(owner.id)
        if present.user.is_disabled:
            raise Forbidden("account-disabled", f"{owner.login} is disabled")
        now = self._clock.now()
        standing = [
            each
            for each in await self._store.list(owner.id)
            if each.revoked_at is None and each.expires_at > now
        ]
        if len(standing) >= _MOST_PER_PERSON:
            raise Conflict(
                "too-many-tokens", f"{owner.login} has {len(standing)} tokens", hint="revoke those not in use"
            )

    async def _check_grants(self, grants: Collection[Grant], owner: User | None, actor: Actor) -> None:
        async with self._people.changing() as change:
            if owner is None:
                giver = await authority(change, actor)
                await giver.check(change, grants, "give a token these roles")
                return
            roles = await change.roles()
        unknown = [each.label for each in grants if each.role not in roles]
        if unknown:
            raise InvalidInput("no-such-role", f"grant {unknown[0]!r} names no role", hint="andon roles list")


def _checked_name(name: str) -> str:
    text = " ".join(name.split())
    if not text or len(text) > LONGEST_NAME or not text.isprintable():
        raise InvalidInput(
            "bad-token-name",
            f"token name {name[:LONGEST_NAME]!r} is empty, too long or not printable",
            hint=f"use 1 to {LONGEST_NAME} characters",
        )
    return text


def _event(
    kind: str,
    token: TokenView,
    actor: str,
    reason: str,
    *,
    before: Mapping[str, object] | None = None,
    after: Mapping[str, object] | None = None,
) -> Event:
    subject = f"token/{token.name}" if token.is_machine else subject_of(token.owner)
    return Event(kind, subject, actor, reason, before=dict(before or {}), after=dict(after or {}))


def _hashed(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()

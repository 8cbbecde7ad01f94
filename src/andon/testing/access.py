"""People who may sign in to a `FakePlant`, and all that access keeps, in memory and without a cost.

`client_as(plant, "engineer")` is an HTTP client of that person; `PEOPLE` names who there is. Rules of
passwords, lockout, seals and ages are not here: the real parts have them and their own tests.
"""

import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import httpx
from fastapi import FastAPI

from andon.access.model import (
    Grant,
    Permission,
    Principal,
    PrincipalKind,
    Role,
    Scope,
    Source,
    User,
    Where,
)
from andon.access.people.authority import name_of
from andon.access.people.confirming import check_confirmer, check_independent
from andon.access.people.model import Actor, Purpose
from andon.access.policies.model import Policy
from andon.access.rights import BUILTIN
from andon.access.signatures.model import Signature
from andon.api.callers import Caller
from andon.kernel.clock import Clock
from andon.kernel.errors import Conflict, Forbidden, NotFound, Unauthenticated
from andon.kernel.ids import new_id
from andon.timeline.origin import Origin

if TYPE_CHECKING:
    from andon.testing.services import FakePlant

PASSWORD = "open the gate slowly"  # noqa: S105  everybody's, in tests
# Everybody by login: one of each role, and `scoped`, a viewer of the unit mes in staging and nothing else.
PEOPLE = (*BUILTIN, "scoped")
_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class FakeSession:
    """A session; `secret` is the cookie's value, `csrf` the header's."""

    id: str
    user_id: str
    kind: str
    source: str
    agent: str
    method: str
    created_at: datetime
    seen_at: datetime
    expires_at: datetime
    secret: str
    csrf: str
    refresh: str = ""

    @property
    def ended_at(self) -> datetime | None:
        """One that ended is forgotten."""
        return None

    @property
    def session_id(self) -> str:
        """As a session just opened calls it."""
        return self.id


@dataclass(frozen=True, slots=True)
class FakeBearer:
    """What a terminal gets."""

    access_token: str
    refresh_token: str
    expires_in: timedelta = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class FakeToken:
    """A token without its text."""

    id: str
    name: str
    owner_id: str
    grants: tuple[Grant, ...]
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None


@dataclass(slots=True)
class FakeAccess:
    """All of it, as plain collections that a test fills and reads."""

    clock: Clock
    users: dict[str, User] = field(default_factory=dict)
    passwords: dict[str, str] = field(default_factory=dict)
    roles: dict[str, Role] = field(default_factory=lambda: dict(BUILTIN))
    sessions: dict[str, FakeSession] = field(default_factory=dict)
    bearers: dict[str, str] = field(default_factory=dict)
    tokens: dict[str, FakeToken] = field(default_factory=dict)
    signatures: list[Signature] = field(default_factory=list)
    policies: dict[str, Policy] = field(default_factory=dict)
    policy_history: dict[str, list[Any]] = field(default_factory=dict)
    devices: dict[str, "FakeDevice"] = field(default_factory=dict)
    device_answers: dict[str, User | None] = field(default_factory=dict)
    uses: int = 0  # requests by cookie or access token that counted as a person's

    def __post_init__(self) -> None:
        """Everybody of `PEOPLE` has an account from the start."""
        for role in BUILTIN:
            self.add(role, Grant(role))
        self.add("scoped", Grant("viewer", Scope(environment="staging", unit="mes")))

    def add(self, login: str, *grants: Grant, **changes: Any) -> User:
        """A further person, with everybody's password; `changes` replace fields of the account."""
        user = User(
            id=f"us-{login}",
            login=login,
            display_name=login.capitalize(),
            source=Source.LOCAL,
            grants=grants,
            created_at=self.clock.now(),
        )
        self.users[user.id] = replace(user, **changes)
        self.passwords[user.id] = PASSWORD
        return self.users[user.id]

    def sign_in(self, login: str, *, kind: str = "browser") -> FakeSession:
        """Open a session for somebody, without asking for the password."""
        user = next(each for each in self.users.values() if each.login == login)
        return self.open(user, kind=kind, source="127.0.0.1", agent="test", method="password")

    def open(self, user: User, *, kind: str, source: str, agent: str, method: str) -> FakeSession:
        """Open a session."""
        now = self.clock.now()
        opened = FakeSession(
            id=new_id("se", now),
            user_id=user.id,
            kind=kind,
            source=source,
            agent=agent,
            method=method,
            created_at=now,
            seen_at=now,
            expires_at=now + 12 * _HOUR,
            secret=secrets.token_urlsafe(16),
            csrf=secrets.token_urlsafe(16),
            refresh=secrets.token_urlsafe(16) if kind == "terminal" else "",
        )
        self.sessions[opened.secret] = opened
        return opened

    def token(self, name: str, *grants: Grant, owner: str = "", expires_in: timedelta = _HOUR) -> str:
        """Make a token; gives its text. owner: the login of the person, empty for a machine."""
        now = self.clock.now()
        text = f"andon_{'pat' if owner else 'mat'}_{secrets.token_urlsafe(16)}"
        own = f"us-{owner}" if owner else ""
        self.tokens[text] = FakeToken(new_id("tk", now), name, own, grants, now, now + expires_in)
        return text

    def principal(self, session: FakeSession) -> Principal:
        """Who a session is."""
        if self.clock.now() >= session.expires_at or session.secret not in self.sessions:
            raise Unauthenticated("session-ended", "the session is over", hint="andon login")
        user = self.users[session.user_id]
        if user.is_disabled:
            raise Unauthenticated("session-ended", "the account is disabled")
        return Principal(
            kind=PrincipalKind.PERSON,
            name=user.login,
            display_name=user.display_name,
            grants=user.grants,
            user_id=user.id,
            session=session.id,
            must_change_password=user.must_change_password,
            roles=dict(self.roles),
        )


def headers_as(plant: "FakePlant", who: str) -> dict[str, str]:
    """What the browser of `who`, one of `PEOPLE`, sends with each request: its cookie and the CSRF value."""
    session = plant.access.sign_in(who)
    return {"Cookie": f"andon_session={session.secret}", "X-Andon-CSRF": session.csrf}


def caller_as(plant: "FakePlant", who: str) -> Caller:
    """`who` as a route sees them; `again` says whether their session still holds, with the same rights."""
    session = plant.access.sign_in(who)
    principal = plant.access.principal(session)

    async def holds() -> bool:
        return session.secret in plant.access.sessions and plant.access.principal(session) == principal

    return Caller(principal, Origin(source="127.0.0.1"), plant.production(), holds)


def client_as(
    plant: "FakePlant",
    who: str | None = "admin",
    *,
    app: FastAPI | None = None,
    base_url: str = "http://127.0.0.1:8460",
) -> httpx.AsyncClient:
    """A client of the API (or of `app`, made over the same plant) that `who` has signed in with.

    who: one of `PEOPLE`, another login that the test added, or None for nobody. Use it as

        async with client_as(plant, "engineer") as client:
            await client.post("/api/v1/cord", json={"reason": "smoke"})
    """
    from andon.api.http import create

    served = app or create(plant.services())
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app=served, raise_app_exceptions=False),
        base_url=base_url,
        headers=headers_as(plant, who) if who else {},
    )


class Part:
    """Base of the fakes: the plant, and what access keeps in it."""

    def __init__(self, plant: "FakePlant") -> None:
        self._plant = plant
        self._access = plant.access


class FakePeople(Part):
    """Accounts and roles."""

    async def create(
        self,
        login: str,
        display_name: str,
        *,
        grants: Collection[Grant] = (),
        password: str | None = None,
        actor: Actor,
        reason: str,
    ) -> tuple[User, str]:
        """A new account, and its first password."""
        if await self.find(login) is not None:
            raise Conflict("login-taken", f"there is a {login} already")
        made = password or secrets.token_urlsafe(9)
        user = self._access.add(login, *grants, display_name=display_name, must_change_password=True)
        self._access.passwords[user.id] = made
        self._plant.note("user.created", f"user/{login}", name_of(actor), reason)
        return user, made

    async def get(self, user_id: str) -> User:
        """The account."""
        if user_id not in self._access.users:
            raise NotFound("no-such-user", f"there is no user {user_id}")
        return self._access.users[user_id]

    async def find(self, login: str) -> User | None:
        """The account of this login."""
        return next((u for u in self._access.users.values() if u.login == login.lower()), None)

    async def list(self) -> Sequence[User]:
        """All accounts."""
        return sorted(self._access.users.values(), key=lambda each: each.login)

    async def update(
        self,
        user_id: str,
        *,
        display_name: str | None = None,
        grants: Collection[Grant] | None = None,
        is_disabled: bool | None = None,
        actor: Actor,
        reason: str,
    ) -> User:
        """Change an account."""
        user = await self.get(user_id)
        changed = replace(
            user,
            display_name=display_name or user.display_name,
            grants=user.grants if grants is None else tuple(grants),
            is_disabled=user.is_disabled if is_disabled is None else is_disabled,
        )
        self._access.users[user_id] = changed
        self._plant.note("user.changed", f"user/{user.login}", name_of(actor), reason)
        return changed

    async def reset_password(self, user_id: str, *, actor: Actor, reason: str) -> str:
        """A one-time password."""
        user = await self.get(user_id)
        made = secrets.token_urlsafe(9)
        self._access.passwords[user_id] = made
        self._access.users[user_id] = replace(
            user, must_change_password=True, signing_suspended_by=name_of(actor)
        )
        self._plant.note("user.password-reset", f"user/{user.login}", name_of(actor), reason)
        return made

    async def change_password(self, user_id: str, *, old: str, new: str, keep_session: str = "") -> None:  # noqa: ARG002
        """By the person."""
        user = await self.get(user_id)
        if self._access.passwords[user_id] != old:
            raise Forbidden("bad-credentials", "that is not the password")
        self._access.passwords[user_id] = new
        self._access.users[user_id] = replace(user, must_change_password=False)
        self._plant.note("user.password-changed", f"user/{user.login}", user.login, "by the person")

    async def unlock(self, user_id: str, *, actor: Actor, reason: str) -> None:
        """Let somebody try again."""
        user = await self.get(user_id)
        self._plant.note("user.unlocked", f"user/{user.login}", name_of(actor), reason)

    async def confirm(self, user_id: str, *, actor: Principal, reason: str) -> User:
        """Let somebody sign again."""
        user = await self.get(user_id)
        check_confirmer(actor)
        check_independent(user, await self.get(actor.user_id))
        self._access.users[user_id] = replace(user, signing_suspended_by="")
        self._plant.note("user.confirmed", f"user/{user.login}", actor.name, reason)
        return self._access.users[user_id]

    async def roles(self) -> Mapping[str, Role]:
        """All roles by name."""
        return self._access.roles

    async def put_role(
        self,
        name: str,
        permissions: Mapping[str, str],
        *,
        description: str,
        actor: Actor,
        reason: str,
    ) -> Role:
        """Make or change a role."""
        if name in BUILTIN:
            raise Conflict("role-builtin", f"{name} is built in")
        given = {Permission(permission): Where(where) for permission, where in permissions.items()}
        self._access.roles[name] = Role(name, given, description=description)
        self._plant.note("role.changed", f"role/{name}", name_of(actor), reason)
        return self._access.roles[name]

    async def delete_role(self, name: str, *, actor: Actor, reason: str) -> None:
        """Forget a role."""
        if name in BUILTIN:
            raise Conflict("role-builtin", f"{name} is built in")
        if self._access.roles.pop(name, None) is None:
            raise NotFound("no-such-role", f"there is no role {name}")
        self._plant.note("role.deleted", f"role/{name}", name_of(actor), reason)


class FakeLogin(Part):
    """Checks passwords by comparing them."""

    async def check(
        self,
        login: str,
        password: str,
        *,
        source: str,
        purpose: Purpose = Purpose.SIGN_IN,  # noqa: ARG002
    ) -> tuple[User, str]:
        """The person."""
        user = next((u for u in self._access.users.values() if u.login == login.lower()), None)
        if user is None or self._access.passwords[user.id] != password:
            self._plant.note("login.failed", "login", "nobody", f"refused from {source}")
            raise Forbidden("bad-credentials", "login or password is wrong", hint="ask an administrator")
        if user.is_disabled:
            raise Forbidden("account-disabled", "this account is disabled", hint="ask an administrator")
        return user, "password"


class FakeSessions(Part):
    """Sessions by their secret."""

    async def open(self, user: User, *, kind: str, source: str, agent: str, method: str) -> FakeSession:
        """A session."""
        return self._access.open(user, kind=kind, source=source, agent=agent, method=method)

    async def principal(self, secret: str, *, source: str, is_use: bool = True) -> Principal:  # noqa: ARG002
        """Who it is."""
        self._access.uses += is_use
        if secret not in self._access.sessions:
            raise Unauthenticated("session-ended", "the session is over", hint="andon login")
        return self._access.principal(self._access.sessions[secret])

    async def csrf_of(self, secret: str) -> str:
        """The value that a page sends along."""
        return self._access.sessions[secret].csrf

    async def bearer(self, refresh: str) -> FakeBearer:
        """The next access token."""
        for secret, each in self._access.sessions.items():
            if each.refresh and each.refresh == refresh:
                fresh = replace(each, refresh=secrets.token_urlsafe(16))
                self._access.sessions[secret] = fresh
                access = f"jwt.{secrets.token_urlsafe(16)}"
                self._access.bearers[access] = secret
                return FakeBearer(access, fresh.refresh)
        raise Unauthenticated("session-ended", "the session is over", hint="andon login")

    async def principal_of_bearer(self, jwt: str, *, is_use: bool = True) -> Principal:
        """Who it is."""
        return await self.principal(self._access.bearers.get(jwt, ""), source="", is_use=is_use)

    async def list(self, user_id: str | None = None) -> Sequence[FakeSession]:
        """Open sessions."""
        return [each for each in self._access.sessions.values() if user_id in {None, each.user_id}]

    async def find(self, session_id: str) -> FakeSession | None:
        """One of them."""
        return next((each for each in self._access.sessions.values() if each.id == session_id), None)

    async def end(self, session_id: str, *, actor: Actor, reason: str) -> None:
        """End one."""
        found = [s for s, each in self._access.sessions.items() if each.id == session_id]
        if not found:
            raise NotFound("no-such-session", f"there is no session {session_id}")
        for secret in found:
            del self._access.sessions[secret]
        self._plant.note("session.ended", f"session/{session_id}", name_of(actor), reason)

    async def end_all_of(self, user_id: str, *, actor: Actor, reason: str) -> None:
        """End all of one person."""
        for each in await self.list(user_id):
            await self.end(each.id, actor=actor, reason=reason)


class FakeTokens(Part):
    """Tokens by their text."""

    async def create(
        self,
        name: str,
        *,
        owner: User | None,
        grants: Collection[Grant],
        expires_in: timedelta,
        actor: Actor,
        reason: str,
    ) -> tuple[FakeToken, str]:
        """A token and its text."""
        login = owner.login if owner else ""
        text = self._access.token(name, *grants, owner=login, expires_in=expires_in)
        self._plant.note("token.created", f"token/{name}", name_of(actor), reason)
        return self._access.tokens[text], text

    async def principal(self, text: str, *, source: str) -> Principal:  # noqa: ARG002
        """Whose it is."""
        found = self._access.tokens.get(text)
        if found is None or found.revoked_at or self._access.clock.now() >= found.expires_at:
            raise Unauthenticated("bad-token", "the token holds no longer", hint="make another")
        owner = self._access.users.get(found.owner_id)
        return Principal(
            kind=PrincipalKind.TOKEN,
            name=owner.login if owner else f"token:{found.name}",
            display_name=owner.display_name if owner else found.name,
            grants=owner.grants if owner else found.grants,
            user_id=found.owner_id,
            session=found.id,
            limits=found.grants if owner else None,
            roles=dict(self._access.roles),
        )

    async def get(self, token_id: str) -> FakeToken:
        """One of them."""
        found = next((each for each in self._access.tokens.values() if each.id == token_id), None)
        if found is None:
            raise NotFound("no-such-token", f"there is no token {token_id}")
        return found

    async def list(self, owner_id: str | None = None) -> Sequence[FakeToken]:
        """A person's tokens, or with None the machines'."""
        return [each for each in self._access.tokens.values() if each.owner_id == (owner_id or "")]

    async def revoke(self, token_id: str, *, actor: Actor, reason: str) -> None:
        """End one."""
        for text, each in self._access.tokens.items():
            if each.id == token_id:
                self._access.tokens[text] = replace(each, revoked_at=self._access.clock.now())
                self._plant.note("token.revoked", f"token/{token_id}", name_of(actor), reason)
                return
        raise NotFound("no-such-token", f"there is no token {token_id}")


@dataclass(frozen=True, slots=True)
class FakeDevice:
    """A terminal that waits."""

    device_code: str
    user_code: str
    source: str
    agent: str
    begun_at: datetime
    expires_in: timedelta = timedelta(minutes=10)
    interval: timedelta = timedelta(seconds=5)


class FakeDevices(Part):
    """Terminals that wait, and what people said of them."""

    async def begin(self, *, source: str, agent: str) -> FakeDevice:
        """A terminal asks."""
        number = len(self._access.devices)
        code = f"BCDF-GHJ{'KLMNPQRSTVWXZ'[number % 13]}"
        begun = FakeDevice(secrets.token_urlsafe(16), code, source, agent, self._access.clock.now())
        self._access.devices[code] = begun
        return begun

    async def look(self, user_code: str, principal: Principal | None = None) -> FakeDevice:  # noqa: ARG002
        """Which terminal it is."""
        found = self._access.devices.get(user_code.upper())
        if found is None:
            raise NotFound("no-such-code", "nothing waits for this code", hint="andon login")
        return found

    async def approve(self, user_code: str, principal: Principal) -> None:
        """Let it in as `principal`."""
        self._access.device_answers[(await self.look(user_code)).device_code] = self._access.users[
            principal.user_id
        ]

    async def deny(self, user_code: str, principal: Principal) -> None:  # noqa: ARG002
        """Keep it out."""
        self._access.device_answers[(await self.look(user_code)).device_code] = None

    async def poll(self, device_code: str, *, source: str) -> FakeSession:
        """What the terminal asks again and again."""
        if all(each.device_code != device_code for each in self._access.devices.values()):
            raise Conflict("expired-token", "the code is not known, or its time is over", hint="andon login")
        if device_code not in self._access.device_answers:
            raise Conflict("authorization-pending", "nobody has said yes yet")
        user = self._access.device_answers[device_code]
        if user is None:
            raise Conflict("access-denied", "the person said no")
        return self._access.open(user, kind="terminal", source=source, agent="terminal", method="password")

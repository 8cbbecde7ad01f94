"""People, roles, former passwords and counts of failed sign-ins in the database.

A person is never deleted and a login never given again (21 CFR 11.100): there is no method for either. A
change is a transaction that ends with the records of what it did (`PeopleStore.changing`).
"""

import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    Row,
    String,
    Table,
    Text,
    delete,
    exists,
    insert,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.ext.asyncio import AsyncConnection

from andon.access.model import Grant, Role, Source, User
from andon.access.people import names
from andon.access.people.codec import grants_from_json, grants_to_json, permissions_to_json, role_from_json
from andon.access.people.lockout import Count
from andon.access.people.model import Account, DisabledBy
from andon.access.rights import BUILTIN
from andon.access.sessions.store import end_sessions_of, sessions
from andon.access.tokens.store import machine_grants, maker_of, revoke_tokens_of, tokens
from andon.kernel.errors import NotFound
from andon.store.engine import Database
from andon.store.schema import UtcDateTime, metadata
from andon.timeline import store as timeline
from andon.timeline.records import Event

users = Table(
    "users",
    metadata,
    Column("id", String(60), primary_key=True),
    Column("login", String(256), nullable=False),
    Column("login_key", String(256), nullable=False, unique=True),  # NFKC, case folded
    Column("display_name", String(200), nullable=False),
    Column("source", String(20), nullable=False),
    Column("directory_id", String(64), nullable=True, unique=True),
    Column("grants", JSON, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("disabled_by", String(20), nullable=False),  # empty: enabled
    Column("is_break_glass", Boolean(create_constraint=False), nullable=False),
    Column("must_change_password", Boolean(create_constraint=False), nullable=False),
    Column("password_hash", String(300), nullable=False),  # empty: the directory keeps it
    Column("password_changed_at", UtcDateTime, nullable=True),
    Column("password_expires_at", UtcDateTime, nullable=True),
    Column("last_login_at", UtcDateTime, nullable=True),
    Column("signing_suspended_by", String(256), nullable=False),  # who reset the password; empty: signs
)
roles = Table(
    "roles",
    metadata,
    Column("name", String(40), primary_key=True),
    Column("permissions", JSON, nullable=False),
    Column("description", Text, nullable=False),
)
former_passwords = Table(
    "former_passwords",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("user_id", String(60), ForeignKey("users.id"), nullable=False),
    Column("hash", String(300), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Index("ix_former_passwords_user_id", "user_id", "number"),
)
login_failures = Table(
    "login_failures",
    metadata,
    Column("key", String(80), primary_key=True),  # a hash: what was typed as login may be a password
    Column("failures", Integer, nullable=False),
    Column("last_at", UtcDateTime, nullable=True),
    Column("blocked_until", UtcDateTime, nullable=True),
)


class Change:
    """What may be done within one transaction. Records told here are written as its last step."""

    def __init__(self, tx: AsyncConnection) -> None:
        self._tx = tx
        self._told: list[tuple[Event, datetime]] = []

    def tell(self, event: Event, at: datetime) -> None:
        """Write this on the timeline when all else is done."""
        self._told.append((event, at))

    async def get(self, user_id: str) -> Account:
        """The person, locked until the transaction ends; raises NotFound."""
        query = select(users).where(users.c.id == user_id).with_for_update()
        row = (await self._tx.execute(query)).one_or_none()
        if row is None:
            raise NotFound("no-such-user", f"there is no user {user_id}", hint="andon users list")
        return _account(row)

    async def find_by_key(self, key: str) -> Account | None:
        """The person with this login, without regard to its spelling."""
        row = (await self._tx.execute(select(users).where(users.c.login_key == key))).one_or_none()
        return None if row is None else _account(row)

    async def find_by_directory(self, directory_id: str) -> Account | None:
        """The person that the directory knows by this id, locked."""
        query = select(users).where(users.c.directory_id == directory_id).with_for_update()
        row = (await self._tx.execute(query)).one_or_none()
        return None if row is None else _account(row)

    async def local_enabled(self) -> list[User]:
        """All enabled local people, locked in a fixed order, so that two changes see each other."""
        query = (
            select(users)
            .where(users.c.source == Source.LOCAL.value, users.c.disabled_by == "")
            .order_by(users.c.id)
            .with_for_update()
        )
        return [_account(each).user for each in (await self._tx.execute(query)).all()]

    async def add(self, account: Account) -> None:
        """Keep a new person; raises Conflict where the login was ever given."""
        await self._tx.execute(insert(users).values(id=account.user.id, **_values(account)))

    async def save(self, account: Account) -> None:
        """Write the person as they are now."""
        await self._tx.execute(update(users).where(users.c.id == account.user.id).values(**_values(account)))

    async def end_sessions(self, user_id: str, at: datetime, why: str, *, keep: str = "") -> int:
        """End the sessions of a person but `keep`."""
        return await end_sessions_of(self._tx, user_id, at, why, keep=keep)

    async def revoke_tokens(self, user_id: str, at: datetime, actor: str) -> int:
        """Revoke the tokens of a person."""
        return await revoke_tokens_of(self._tx, user_id, at, actor)

    async def remember_password(self, user_id: str, kept: str, at: datetime) -> None:
        """Add a hash to a person's former passwords."""
        await self._tx.execute(insert(former_passwords).values(user_id=user_id, hash=kept, at=at))

    async def roles(self) -> dict[str, Role]:
        """Built-in and own roles."""
        return await _roles(self._tx)

    async def machines(self) -> Mapping[str, tuple[Grant, ...]]:
        """What the machine tokens may that are not revoked, by their names."""
        return dict(await machine_grants(self._tx))

    async def maker_of(self, machine: str) -> str | None:
        """The login of who made a machine token, revoked or not."""
        return await maker_of(self._tx, machine)

    async def put_role(self, role: Role) -> None:
        """Write a role, new or not."""
        values = {"permissions": permissions_to_json(role.permissions), "description": role.description}
        result = await self._tx.execute(update(roles).where(roles.c.name == role.name).values(values))
        if not result.rowcount:
            await self._tx.execute(insert(roles).values(name=role.name, **values))

    async def delete_role(self, name: str) -> None:
        """Remove a role."""
        await self._tx.execute(delete(roles).where(roles.c.name == name))

    async def holders(self, role: str) -> list[str]:
        """Who has the role: logins, and machine tokens as `token:<name>`."""
        rows = (await self._tx.execute(select(users.c.login, users.c.grants))).all()
        people = [row.login for row in rows if any(each["role"] == role for each in row.grants)]
        machines = (await self.machines()).items()
        return people + [f"token:{name}" for name, has in machines if any(each.role == role for each in has)]

    async def counts(self, keys: Sequence[str]) -> dict[str, Count]:
        """Failures by key, locked. Rows are made first: what is not there cannot be locked."""
        make = sqlite_insert if self._tx.dialect.name == "sqlite" else postgresql_insert
        for key in sorted(keys):
            await self._tx.execute(make(login_failures).values(key=key, failures=0).on_conflict_do_nothing())
        query = (
            select(login_failures)
            .where(login_failures.c.key.in_(keys))
            .order_by(login_failures.c.key)
            .with_for_update()
        )
        rows = (await self._tx.execute(query)).all()
        return {row.key: Count(row.failures, row.last_at, row.blocked_until) for row in rows}

    async def put_count(self, key: str, count: Count) -> None:
        """Write the failures of a key that `counts` gave."""
        await self._tx.execute(
            update(login_failures)
            .where(login_failures.c.key == key)
            .values(failures=count.failures, last_at=count.last_at, blocked_until=count.blocked_until)
        )

    async def remove_counts(self, before: datetime) -> None:
        """Forget failures that are older than `before` and block nobody since."""
        is_over = login_failures.c.blocked_until.is_(None) | (login_failures.c.blocked_until < before)
        is_old = login_failures.c.last_at.is_(None) | (login_failures.c.last_at < before)
        await self._tx.execute(delete(login_failures).where(is_old, is_over))

    async def write_told(self) -> None:
        """Append what was told; the last step of the transaction."""
        for event, at in self._told:
            await timeline.append(self._tx, event, at)


class PeopleStore:
    """Reads people, and opens changes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @contextlib.asynccontextmanager
    async def changing(self) -> AsyncIterator[Change]:
        """One transaction, whose records are written at its end; nothing is written when it raises."""
        async with self._database.transaction() as tx:
            change = Change(tx)
            yield change
            await change.write_told()

    async def get(self, user_id: str) -> Account:
        """The person; raises NotFound."""
        found = await self.find(user_id)
        if found is None:
            raise NotFound("no-such-user", f"there is no user {user_id}", hint="andon users list")
        return found

    async def find(self, user_id: str) -> Account | None:
        """The person with this id."""
        return await self._one(users.c.id == user_id)

    async def find_by_login(self, login: str) -> Account | None:
        """The person with this login, without regard to its spelling."""
        return await self._one(users.c.login_key == names.key_of(login))

    async def everybody(self) -> list[User]:
        """Everybody, by login."""
        async with self._database.reading() as connection:
            rows = (await connection.execute(select(users).order_by(users.c.login_key))).all()
        return [_account(each).user for each in rows]

    async def find_with_roles(self, user_id: str) -> tuple[Account | None, dict[str, Role]]:
        """A person and all roles, as of one moment."""
        async with self._database.reading() as connection:
            row = (await connection.execute(select(users).where(users.c.id == user_id))).one_or_none()
            return None if row is None else _account(row), await _roles(connection)

    async def roles(self) -> dict[str, Role]:
        """Built-in and own roles."""
        async with self._database.reading() as connection:
            return await _roles(connection)

    async def former_passwords(self, user_id: str, limit: int) -> list[str]:
        """Hashes of the last `limit` former passwords."""
        query = (
            select(former_passwords.c.hash)
            .where(former_passwords.c.user_id == user_id)
            .order_by(former_passwords.c.number.desc())
            .limit(limit)
        )
        async with self._database.reading() as connection:
            return list((await connection.execute(query)).scalars())

    async def directory_in_use(self, now: datetime) -> list[Account]:
        """Enabled people of the directory who have a session or a token that has not run out."""
        has_session = exists().where(
            sessions.c.user_id == users.c.id, sessions.c.ended_at.is_(None), sessions.c.expires_at > now
        )
        has_token = exists().where(
            tokens.c.owner_id == users.c.id, tokens.c.revoked_at.is_(None), tokens.c.expires_at > now
        )
        query = select(users).where(
            users.c.source == Source.DIRECTORY.value, users.c.disabled_by == "", has_session | has_token
        )
        async with self._database.reading() as connection:
            return [_account(each) for each in (await connection.execute(query.order_by(users.c.id))).all()]

    async def _one(self, condition: Any) -> Account | None:
        async with self._database.reading() as connection:
            row = (await connection.execute(select(users).where(condition))).one_or_none()
        return None if row is None else _account(row)


async def _roles(connection: AsyncConnection) -> dict[str, Role]:
    rows = (await connection.execute(select(roles).order_by(roles.c.name))).all()
    own = {row.name: role_from_json(row.name, row.permissions, row.description) for row in rows}
    return {**own, **BUILTIN}  # a row cannot change what a built-in role means


def _values(account: Account) -> dict[str, Any]:
    user = account.user
    return {
        "login": user.login,
        "login_key": names.key_of(user.login),
        "display_name": user.display_name,
        "source": user.source.value,
        "directory_id": user.directory_id or None,
        "grants": grants_to_json(user.grants),
        "created_at": user.created_at,
        "disabled_by": account.disabled_by.value,
        "is_break_glass": user.is_break_glass,
        "must_change_password": user.must_change_password,
        "password_hash": account.password_hash,
        "password_changed_at": user.password_changed_at,
        "password_expires_at": account.password_expires_at,
        "last_login_at": user.last_login_at,
        "signing_suspended_by": user.signing_suspended_by,
    }


def _account(row: Row[Any]) -> Account:
    user = User(
        id=row.id,
        login=row.login,
        display_name=row.display_name,
        source=Source(row.source),
        grants=grants_from_json(row.grants),
        created_at=row.created_at,
        directory_id=row.directory_id or "",
        is_disabled=bool(row.disabled_by),
        is_break_glass=row.is_break_glass,
        must_change_password=row.must_change_password,
        password_changed_at=row.password_changed_at,
        last_login_at=row.last_login_at,
        signing_suspended_by=row.signing_suspended_by,
    )
    return Account(user, row.password_hash, row.password_expires_at, DisabledBy(row.disabled_by))

"""The rows of users, and of what renews their sign-ins. Whoever changes a user takes the next version."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from andon_mes.access.model import Role, User
from andon_mes.access.people.decide import Lockout, check_change
from andon_mes.access.people.model import Account, Attempt, Kept, NewUser, Renewal, UserChange
from andon_mes.access.store import changed, user_of
from andon_mes.access.tokens import digest
from andon_mes.kernel.errors import Conflict, NotFound, Problem, Words
from andon_mes.store import counters
from andon_mes.store.schema import refresh_tokens, users

_BY_NAME = sa.select(users).where(users.c.username == sa.bindparam("username"))
_ALL = sa.select(users).order_by(users.c.username)
_UPDATE = sa.update(users).where(users.c.id == sa.bindparam("user_key"))
_ADMINS = sa.select(sa.func.count()).where(users.c.role == Role.ADMIN.value, users.c.is_active)
_TOKEN = sa.select(refresh_tokens).where(refresh_tokens.c.token_hash == sa.bindparam("token_hash"))
_BEGAN = sa.select(sa.func.min(refresh_tokens.c.issued_at)).where(
    refresh_tokens.c.family == sa.bindparam("family")
)
_END = (
    sa.update(refresh_tokens)
    .where(refresh_tokens.c.revoked_at.is_(None))
    .values(revoked_at=sa.bindparam("at"))
)
_UNKNOWN = "sign-ins of unknown names"


@dataclass(frozen=True, slots=True)
class Ages:
    """How long a refresh token waits to be used, and how long a sign-in can be renewed at all."""

    idle: timedelta
    most: timedelta


def add(connection: sa.Connection, new: NewUser, password_hash: str, at: datetime) -> Account:
    """Let a person in, who must change the password first. Raises: Conflict when the name is taken."""
    if connection.execute(_BY_NAME, {"username": new.username}).one_or_none() is not None:
        raise _taken(new.username)
    row = {
        "username": new.username,
        "password_hash": password_hash,
        "full_name": new.full_name,
        "role": new.role.value,
        "is_active": True,
        "failed_attempts": 0,
        "must_change_password": True,
        "created_at": at,
        "updated_at": at,
    }
    connection.execute(sa.insert(users), row)
    changed(connection)
    return get(connection, new.username)


def change(connection: sa.Connection, username: str, asked: UserChange, at: datetime) -> Account:
    """Change a person's name, role, or whether they are let in. Whoever is not has no sign-in any more.

    Raises: NotFound; Conflict (LAST_ADMIN) when no administrator would be left.
    """
    user = get(connection, username).user
    check_change(user, asked, connection.execute(_ADMINS).scalar_one())
    values: dict[str, Any] = {"updated_at": at}
    if asked.full_name is not None:
        values["full_name"] = asked.full_name
    if asked.role is not None:
        values["role"] = asked.role.value
    if asked.is_active is not None:
        values["is_active"] = asked.is_active
    if asked.unlock:
        values |= {"failed_attempts": 0, "locked_until": None}
    connection.execute(_UPDATE.values(**values), {"user_key": user.id})
    if asked.is_active is False:
        end_all(connection, user.id, at)
    changed(connection)
    return get(connection, username)


def set_password(
    connection: sa.Connection, username: str, password_hash: str, at: datetime, *, must_change: bool
) -> Account:
    """Give a person a password; every sign-in by the one before ends. Raises: NotFound."""
    user = get(connection, username).user
    values = {
        "password_hash": password_hash,
        "must_change_password": must_change,
        "failed_attempts": 0,
        "locked_until": None,
        "updated_at": at,
    }
    connection.execute(_UPDATE.values(**values), {"user_key": user.id})
    end_all(connection, user.id, at)
    changed(connection)
    return get(connection, username)


def get(connection: sa.Connection, username: str) -> Account:
    """The person of that name. Raises: NotFound."""
    row = connection.execute(_BY_NAME, {"username": username}).one_or_none()
    if row is None:
        raise _unknown(username)
    return _account(row)


def list_all(connection: sa.Connection) -> Sequence[Account]:
    """Everybody, by name, those who are not let in as well."""
    return [_account(row) for row in connection.execute(_ALL)]


def count_attempt(connection: sa.Connection, username: str, rule: Lockout, now: datetime) -> Attempt | None:
    """Count a try to sign in before the password is looked at, so that many at once do not slip through.

    An unknown name is counted too: the disk is asked as often, and the answer takes as long.
    """
    row = connection.execute(_BY_NAME, {"username": username}).one_or_none()
    if row is None:
        counters.next_value(connection, _UNKNOWN)
        return None
    is_locked = row.locked_until is not None and row.locked_until > now
    values: dict[str, Any] = {"failed_attempts": users.c.failed_attempts}  # a locked one is not counted on
    if not is_locked:
        failed = row.failed_attempts + 1
        values = {"failed_attempts": failed, "locked_until": rule.until(failed, now)}
    connection.execute(_UPDATE.values(**values), {"user_key": row.id})
    return Attempt(user_of(row), row.password_hash, is_locked)


def succeed(connection: sa.Connection, user: User, at: datetime) -> None:
    """The password was right: what was counted is forgotten."""
    values = {"failed_attempts": 0, "locked_until": None, "last_login_at": at}
    connection.execute(_UPDATE.values(**values), {"user_key": user.id})


def keep(connection: sa.Connection, kept: Kept, at: datetime, ages: Ages) -> None:
    """Keep what renews a sign-in."""
    row = {
        "token_hash": digest(kept.token),
        "family": kept.sign_in,
        "user_id": kept.user_id,
        "issued_at": at,
        "expires_at": at + ages.idle,
    }
    connection.execute(sa.insert(refresh_tokens), row)


def renew(
    connection: sa.Connection, token: str, new: str, at: datetime, ages: Ages
) -> tuple[Renewal, User | None, str]:
    """Use up `token` and keep `new` in its place; gives what became of it, whose it was, and the sign-in.

    One that was used before has been copied: the whole sign-in ends, whoever holds it.
    """
    row = connection.execute(_TOKEN, {"token_hash": digest(token)}).one_or_none()
    if row is None:
        return Renewal.UNKNOWN, None, ""
    owner = connection.execute(sa.select(users).where(users.c.id == row.user_id)).one()
    user = user_of(owner)
    if row.revoked_at is not None or not user.is_active:
        return Renewal.ENDED, user, row.family
    if row.used_at is not None:
        end(connection, row.family, at)
        return Renewal.USED_TWICE, user, row.family
    began = connection.execute(_BEGAN, {"family": row.family}).scalar_one()
    if row.expires_at <= at or began + ages.most <= at:
        return Renewal.EXPIRED, user, row.family
    connection.execute(sa.update(refresh_tokens).where(refresh_tokens.c.id == row.id).values(used_at=at))
    keep(connection, Kept(user.id, row.family, new), at, ages)
    return Renewal.RENEWED, user, row.family


def end(connection: sa.Connection, sign_in: str, at: datetime) -> None:
    """End a sign-in: its tokens hold no more, on any instance."""
    connection.execute(_END.where(refresh_tokens.c.family == sign_in), {"at": at})
    changed(connection)


def end_all(connection: sa.Connection, user_id: int, at: datetime) -> None:
    """End every sign-in of a person."""
    connection.execute(_END.where(refresh_tokens.c.user_id == user_id), {"at": at})
    changed(connection)


def _account(row: sa.Row[Any]) -> Account:
    return Account(
        user=user_of(row),
        failed_attempts=row.failed_attempts,
        locked_until=row.locked_until,
        last_login_at=row.last_login_at,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def _taken(username: str) -> Conflict:
    return Conflict(
        Problem(
            "USER_EXISTS",
            Words("There is a user of this name", "같은 이름의 사용자가 있습니다"),
            Words(f"{username!r} is taken", f"{username!r}은(는) 이미 사용 중입니다"),
            Words("Choose another name; names are never given again", "다른 이름을 사용하세요"),
        )
    )


def _unknown(username: str) -> NotFound:
    return NotFound(
        Problem(
            "USER_UNKNOWN",
            Words("There is no such user", "해당 사용자가 없습니다"),
            Words(f"No user is named {username!r}", f"이름이 {username!r}인 사용자가 없습니다"),
            Words("List them with andon-mes users list", "andon-mes users list로 확인하세요"),
        )
    )

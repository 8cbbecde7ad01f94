"""The rows of users, permissions and devices. Whoever changes them takes the next `version` (`changed`)."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from andon_mes.access.model import Device, Known, Permission, Role, User
from andon_mes.store import counters
from andon_mes.store.schema import devices, permissions, processes, refresh_tokens, users

_VERSION = "access"

DEVICES = sa.select(devices, processes.c.code.label("process")).select_from(
    devices.outerjoin(processes, processes.c.id == devices.c.process_id)
)
"""Devices with the code of their process, as `device_of` reads them."""

_LIVE_DEVICES = DEVICES.where(devices.c.revoked_at.is_(None))
_ENDED = (
    sa.select(refresh_tokens.c.family)
    .distinct()
    .where(refresh_tokens.c.revoked_at > sa.bindparam("since", type_=refresh_tokens.c.revoked_at.type))
)

_TABLE = sa.select(permissions).order_by(permissions.c.role, permissions.c.resource, permissions.c.action)
_CELL = sa.select(permissions.c.id).where(
    permissions.c.role == sa.bindparam("role"),
    permissions.c.resource == sa.bindparam("resource"),
    permissions.c.action == sa.bindparam("action"),
)


def version(connection: sa.Connection) -> int:
    """How often the rows were changed."""
    return counters.current_value(connection, _VERSION)


def has_users(connection: sa.Connection) -> bool:
    """Whether there is anybody who could sign in."""
    return connection.execute(sa.select(users.c.id).limit(1)).one_or_none() is not None


def changed(connection: sa.Connection) -> None:
    """Say that rows were changed, so that every instance reads them again."""
    counters.next_value(connection, _VERSION)


def load(connection: sa.Connection, now: datetime, token_age: timedelta) -> Known:
    """All that is needed to let callers in. token_age: how long a token of a sign-in that ended may live."""
    rights: dict[str, set[Permission]] = {}
    for row in connection.execute(sa.select(permissions)):
        rights.setdefault(row.role, set()).add(Permission(row.resource, row.action))
    return Known(
        version=version(connection),
        rights={role: frozenset(cells) for role, cells in rights.items()},
        users={row.username: user_of(row) for row in connection.execute(sa.select(users))},
        devices={row.token_hash: device_of(row) for row in connection.execute(_LIVE_DEVICES)},
        ended=frozenset(connection.scalars(_ENDED, {"since": now - token_age})),
    )


def list_permissions(connection: sa.Connection) -> Sequence[tuple[str, Permission]]:
    """The cells that are given, by role, resource and action."""
    return [(row.role, Permission(row.resource, row.action)) for row in connection.execute(_TABLE)]


def grant(connection: sa.Connection, role: Role, cell: Permission) -> None:
    """Let a role do something; again changes nothing."""
    row = {"role": role.value, "resource": str(cell.resource), "action": str(cell.action)}
    if connection.execute(_CELL, row).one_or_none() is None:
        connection.execute(sa.insert(permissions), row)
        changed(connection)


def revoke(connection: sa.Connection, role: Role, cell: Permission) -> None:
    """Let a role do something no more; again changes nothing. The audit keeps that it could."""
    row = {"role": role.value, "resource": str(cell.resource), "action": str(cell.action)}
    found = connection.execute(_CELL, row).one_or_none()
    if found is not None:
        connection.execute(sa.delete(permissions).where(permissions.c.id == found.id))
        changed(connection)


def user_of(row: sa.Row[Any]) -> User:
    """A row of `users`, without its secrets."""
    return User(row.id, row.username, row.full_name, row.role, row.is_active, row.must_change_password)


def device_of(row: sa.Row[Any]) -> Device:
    """A row of `devices` with the code of its process, without its secret."""
    return Device(
        id=row.id,
        name=row.name,
        role=row.role,
        process=row.process,
        created_by=row.created_by,
        created_at=row.created_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
        revoked_by=row.revoked_by,
        last_seen_at=row.last_seen_at,
    )

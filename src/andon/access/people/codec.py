"""Grants and roles as JSON values, as tables and records keep them. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any

from andon.access.model import Grant, Permission, Role, Scope, User, Where


def grants_to_json(grants: Iterable[Grant]) -> list[dict[str, str]]:
    """As a list of objects with role, environment, unit and line."""
    return [
        {
            "role": each.role,
            "environment": each.scope.environment,
            "unit": each.scope.unit,
            "line": each.scope.line,
        }
        for each in grants
    ]


def grants_from_json(values: Iterable[Mapping[str, str]]) -> tuple[Grant, ...]:
    """The other way."""
    return tuple(
        Grant(each["role"], Scope(each["environment"], each["unit"], each["line"])) for each in values
    )


def permissions_to_json(permissions: Mapping[Permission, Where]) -> dict[str, str]:
    """As an object of permission and where."""
    return {each.value: where.value for each, where in sorted(permissions.items())}


def role_from_json(name: str, permissions: Mapping[str, str], description: str) -> Role:
    """A role as a table keeps it. A permission that this version does not know gives nothing."""
    known = set(Permission)
    return Role(
        name,
        {Permission(each): Where(where) for each, where in permissions.items() if each in known},
        description=description,
    )


def told(user: User) -> dict[str, Any]:
    """A person as a record says them: all that people decide about, and no secret."""
    return {
        "login": user.login,
        "display_name": user.display_name,
        "source": user.source.value,
        "grants": [each.label for each in user.grants],
        "is_disabled": user.is_disabled,
        "is_break_glass": user.is_break_glass,
        "must_change_password": user.must_change_password,
    }

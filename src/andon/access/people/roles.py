"""Own roles: made, changed, removed. The built-in ones stand in `access/rights.py`."""

from collections.abc import Mapping

from andon.access.model import Grant, Permission, Role, Where
from andon.access.people.authority import authority, checked_reason
from andon.access.people.codec import permissions_to_json
from andon.access.people.model import Actor
from andon.access.people.store import PeopleStore
from andon.access.rights import BUILTIN
from andon.kernel import ids
from andon.kernel.clock import Clock
from andon.kernel.errors import Conflict, InvalidInput, NotFound
from andon.timeline.records import Event

_LONGEST_DESCRIPTION = 500


class Roles:
    """Changes the plant's own roles."""

    def __init__(self, store: PeopleStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def put(
        self, name: str, permissions: Mapping[str, str], *, description: str, actor: Actor, reason: str
    ) -> Role:
        """A role, made or changed. permissions: where each is given, as `anywhere` or `outside-production`.

        Raises:
            InvalidInput: a name, permission or place that is none.
            Conflict: a built-in role. Forbidden: the role has, or would get, rights that the actor lacks.
        """
        reason, now = checked_reason(reason), self._clock.now()
        _check_own(name)
        role = Role(ids.name(name, what="role"), _checked(permissions), description=description.strip())
        if not role.permissions or len(role.description) > _LONGEST_DESCRIPTION:
            raise InvalidInput(
                "bad-role",
                f"role {name} has no permission, or a description beyond {_LONGEST_DESCRIPTION} characters",
                hint="give at least one permission",
            )
        async with self._store.changing() as change:
            old = (await change.roles()).get(name)
            giver = await authority(change, actor)
            if old is not None:
                await giver.check(change, [Grant(name)], f"change role {name}")
            await giver.check_role(change, role, f"make role {name}")
            await change.put_role(role)
            before = {} if old is None else _told(old)
            event = Event(
                "access.role-changed", f"role/{name}", giver.name, reason, before=before, after=_told(role)
            )
            change.tell(event, now)
        return role

    async def delete(self, name: str, *, actor: Actor, reason: str) -> None:
        """Remove a role that nobody has.

        Raises:
            NotFound: no such role. Conflict: it is built in, or somebody has it.
            Forbidden: the role has rights that the actor lacks.
        """
        reason, now = checked_reason(reason), self._clock.now()
        _check_own(name)
        async with self._store.changing() as change:
            old = (await change.roles()).get(name)
            if old is None:
                raise NotFound("no-such-role", f"there is no role {name}", hint="andon roles list")
            giver = await authority(change, actor)
            await giver.check(change, [Grant(name)], f"remove role {name}")
            holders = await change.holders(name)
            if holders:
                raise Conflict(
                    "role-in-use",
                    f"role {name} is held by {', '.join(sorted(holders)[:5])}",
                    hint="take it from everybody first",
                )
            await change.delete_role(name)
            event = Event("access.role-deleted", f"role/{name}", giver.name, reason, before=_told(old))
            change.tell(event, now)


def _check_own(name: str) -> None:
    if name in BUILTIN:
        raise Conflict("builtin-role", f"role {name} is built in", hint="make a role with another name")


def _checked(permissions: Mapping[str, str]) -> dict[Permission, Where]:
    given = {}
    for name, where in permissions.items():
        try:
            given[Permission(name)] = Where(where)
        except ValueError as error:
            raise InvalidInput(
                "bad-permission", f"{name}: {where} is no permission and place", hint="andon roles list"
            ) from error
    return given


def _told(role: Role) -> dict[str, object]:
    return {"permissions": permissions_to_json(role.permissions), "description": role.description}

"""Who may do what: users, the permission table, the credentials of devices, and oneself."""

from datetime import datetime
from typing import Any

from andon_mes.access import store as table
from andon_mes.access.devices import store as devices
from andon_mes.access.model import Action as Does
from andon_mes.access.model import Device, Permission, Resource, Role
from andon_mes.access.people import store as people
from andon_mes.access.people.model import Account
from andon_mes.access.rights import check_revoke
from andon_mes.configuration import store as configuration
from andon_mes.dashboard.actions import Action, Field, choice, text
from andon_mes.dashboard.asked import Asked
from andon_mes.dashboard.viewer import Viewer
from andon_mes.kernel.errors import Words, invalid
from andon_mes.store.engine import Connection


def users(connection: Connection, viewer: Viewer, _asked: Asked) -> dict[str, Any]:
    """Everybody, those who are not let in as well."""
    return {
        "users": [(each, _user_verbs(viewer, each)) for each in people.list_all(connection)],
        "create": Action(
            "create",
            viewer.say("user.create"),
            "/api/v1/users",
            say=viewer.say("user.create.say"),
            fields=(
                text(viewer, "username", "login.name", required=True, most=50),
                text(viewer, "full_name", "user.full_name", required=True, most=100),
                choice(viewer, "role", "user.role", _roles(viewer, tuple(Role)), Role.OPERATOR.value),
            ),
            why=viewer.why_not("user", "create"),
            tone="main",
            more=_once(viewer, "one_time_password", "user.once"),
        ),
    }


def permissions(connection: Connection, viewer: Viewer, asked: Asked) -> dict[str, Any]:
    """The permission table of one role, each cell with what changes it."""
    role = asked.text("role")
    chosen = Role(role) if role in set(Role) else Role.OPERATOR
    held = {cell for name, cell in table.list_permissions(connection) if name == chosen}
    return {
        "role": chosen.value,
        "roles": _roles(viewer, tuple(Role)),
        "does": [each.value for each in Does],
        "rows": [
            (
                resource.value,
                [
                    _cell(viewer, chosen, Permission(resource, does), Permission(resource, does) in held)
                    for does in Does
                ],
            )
            for resource in Resource
        ],
    }


def list_devices(connection: Connection, viewer: Viewer, asked: Asked) -> dict[str, Any]:
    """Every device, those that were revoked as well."""
    now = asked.mes.clock.now()
    processes = [("", viewer.say("any"))]
    processes += [(each["code"], each["code"]) for each in configuration.list_processes(connection)]
    roles = _roles(viewer, tuple(each for each in Role if each is not Role.ADMIN))
    return {
        "devices": [
            (each, _is_over(each, now), _device_verbs(viewer, each)) for each in devices.list_all(connection)
        ],
        "create": Action(
            "create",
            viewer.say("device.create"),
            "/api/v1/devices",
            say=viewer.say("device.create.say"),
            fields=(
                text(viewer, "name", "device.name", required=True, most=100),
                choice(viewer, "role", "user.role", roles, Role.STATION.value),
                {**choice(viewer, "process", "device.process", processes), "required": False},
                text(viewer, "expires_at", "device.expires", type="instant", hint=viewer.say("device.never")),
            ),
            why=viewer.why_not("device", "create"),
            tone="main",
            more=_once(viewer, "credential", "device.once"),
        ),
    }


def own_password(viewer: Viewer) -> Action | None:
    """Give oneself a new password; None for a device, which has none."""
    if viewer.caller is None or viewer.caller.kind != "user":
        return None
    new: Field = {
        "name": "new_password",
        "label": viewer.say("login.new"),
        "type": "password",
        "required": True,
        "autocomplete": "new-password",
    }
    return Action(
        "own-password",
        viewer.say("me.password"),
        "/api/v1/auth/password",
        say=viewer.say("me.password.say"),
        fields=(
            {"name": "password", "label": viewer.say("login.password"), "type": "password", "required": True},
            new,
        ),
        more={"goto": "/login"},
    )


def _user_verbs(viewer: Viewer, account: Account) -> list[Action]:
    user, why = account.user, viewer.why_not("user", "update")
    address = f"/api/v1/users/{user.username}"
    edit = Action(
        f"edit-{user.username}",
        viewer.say("edit"),
        address,
        "PATCH",
        user.username,
        (
            text(viewer, "full_name", "user.full_name", required=True, most=100, value=user.full_name),
            choice(viewer, "role", "user.role", _roles(viewer, tuple(Role)), user.role),
            {
                "name": "is_active",
                "label": viewer.say("user.active"),
                "type": "checkbox",
                "value": user.is_active,
            },
        ),
        why=why,
        tone="quiet small",
        done=viewer.say("done"),
        more={"verb": viewer.say("save"), "onlyChanged": True},
    )
    reset = Action(
        f"reset-{user.username}",
        viewer.say("user.reset"),
        f"{address}/password",
        say=viewer.say("user.reset.say", name=user.full_name),
        why=why,
        tone="quiet small",
        more=_once(viewer, "one_time_password", "user.once"),
    )
    unlock = Action(
        f"unlock-{user.username}",
        viewer.say("user.unlock"),
        address,
        "PATCH",
        viewer.say("user.unlock.say", name=user.full_name),
        body={"unlock": True},
        why=why,
        tone="quiet small",
        done=viewer.say("done"),
    )
    return [edit, reset, *([unlock] if account.failed_attempts or account.locked_until else [])]


def _device_verbs(viewer: Viewer, device: Device) -> list[Action]:
    def over() -> None:
        if device.revoked_at is not None:
            detail = Words("The device was revoked", "폐기된 단말입니다")
            raise invalid("name", device.name, detail, Words("Issue another one", "새로 발급하세요"))

    rotate = Action(
        f"rotate-{device.name}",
        viewer.say("device.rotate"),
        f"/api/v1/devices/{device.name}/rotate",
        say=viewer.say("device.rotate.say", name=device.name),
        why=viewer.why_not("device", "update", over),
        tone="quiet small",
        more=_once(viewer, "credential", "device.once"),
    )
    revoke = Action(
        f"revoke-{device.name}",
        viewer.say("device.revoke"),
        f"/api/v1/devices/{device.name}/revoke",
        say=viewer.say("device.revoke.say", name=device.name),
        why=viewer.why_not("device", "delete", over),
        tone="danger small",
        done=viewer.say("done"),
    )
    return [rotate, revoke]


def _cell(viewer: Viewer, role: Role, cell: Permission, is_held: bool) -> tuple[bool, Action]:
    name = f"{role.value}-{cell.resource}-{cell.action}"
    said = {
        "role": viewer.say(f"role.{role.value}"),
        "resource": viewer.say(f"resource.{cell.resource}"),
        "action": viewer.say(f"do.{cell.action}"),
    }
    if is_held:
        return True, Action(
            name,
            viewer.say("permission.revoke"),
            f"/api/v1/permissions/{role.value}/{cell.resource}/{cell.action}",
            "DELETE",
            viewer.say("permission.revoke.say", **said),
            why=viewer.why_not("user", "update", lambda: check_revoke(role, cell)),
            done=viewer.say("done"),
        )
    return False, Action(
        name,
        viewer.say("permission.grant"),
        "/api/v1/permissions",
        say=viewer.say("permission.grant.say", **said),
        body={"role": role.value, "resource": cell.resource, "action": cell.action},
        why=viewer.why_not("user", "update"),
        done=viewer.say("done"),
    )


def _once(viewer: Viewer, secret: str, words: str) -> dict[str, str]:
    return {"show": secret, "shown": viewer.say(words)}


def _roles(viewer: Viewer, roles: tuple[Role, ...]) -> list[tuple[str, str]]:
    return [(each.value, viewer.say(f"role.{each.value}")) for each in roles]


def _is_over(device: Device, now: datetime) -> bool:
    return device.revoked_at is not None or (device.expires_at is not None and device.expires_at <= now)

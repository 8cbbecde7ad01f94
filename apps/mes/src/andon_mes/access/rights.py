"""Which role may do what: the table that a plant begins with. Afterwards the rows decide.

It holds at least what the requirement's table gives to OPERATOR, SUPERVISOR and ADMIN, and what that table
forgot: an operator could not read the serial that he scans.
"""

from collections.abc import Iterable, Iterator, Mapping

from andon_mes.access.model import Action, Permission, Resource, Role
from andon_mes.kernel.errors import Conflict, InvalidInput, Problem, Words, invalid

ALIASES: Mapping[str, Role] = {"SUPERVISOR": Role.LINE_LEAD}
"""The source's names that are not simply ours in capitals."""

_LETTERS = {"c": Action.CREATE, "r": Action.READ, "u": Action.UPDATE, "d": Action.DELETE}
_ALL = dict.fromkeys(Resource, "crud")
_READ = dict.fromkeys(Resource, "r")
_FLOOR = dict.fromkeys(
    (
        Resource.LOT, Resource.SERIAL, Resource.PROCESS, Resource.DEFECT, Resource.REWORK, Resource.COMPONENT,
        Resource.EQUIPMENT, Resource.CALL, Resource.LABEL, Resource.CONFIGURATION,
    ),
    "r",
)  # fmt: skip
"""What whoever works on the floor must be able to look up."""
_OFFICE = _FLOOR | {Resource.SPC: "r", Resource.REPORT: "r"}

_TABLE: Mapping[Role, Mapping[Resource, str]] = {
    Role.OPERATOR: _FLOOR | {
        Resource.PROCESS: "cr", Resource.REWORK: "cru", Resource.COMPONENT: "cr", Resource.CALL: "cru",
        Resource.LABEL: "cr", Resource.EQUIPMENT: "ru", Resource.SPC: "r",
    },
    Role.STATION: _FLOOR | {
        Resource.PROCESS: "cr", Resource.REWORK: "cru", Resource.COMPONENT: "cr", Resource.CALL: "cr",
        Resource.LABEL: "cr", Resource.EQUIPMENT: "ru",
    },
    Role.LINE_LEAD: _OFFICE | {
        Resource.LOT: "cru", Resource.SERIAL: "cru", Resource.PROCESS: "cru", Resource.DEFECT: "cr",
        Resource.REWORK: "cru", Resource.COMPONENT: "cr", Resource.CALL: "cru", Resource.LABEL: "cr",
        Resource.EQUIPMENT: "ru", Resource.DEVICE: "r", Resource.ERROR: "r",
    },
    Role.QUALITY: _OFFICE | {
        Resource.LOT: "ru", Resource.SERIAL: "ru", Resource.DEFECT: "cru", Resource.REWORK: "cru",
        Resource.COMPONENT: "ru", Resource.CALL: "cru", Resource.LABEL: "cr", Resource.EQUIPMENT: "ru",
        Resource.SPC: "cru", Resource.AUDIT: "r", Resource.ERROR: "r",
    },
    Role.ENGINEER: _OFFICE | {
        Resource.LOT: "cru", Resource.SERIAL: "cr", Resource.PROCESS: "ru", Resource.COMPONENT: "cru",
        Resource.CALL: "cru", Resource.LABEL: "crud", Resource.EQUIPMENT: "crud",
        Resource.CONFIGURATION: "crud", Resource.SPC: "cru", Resource.DEVICE: "r", Resource.AUDIT: "r",
        Resource.ERROR: "ru",
    },
    Role.ADMIN: _ALL,
    Role.AUDITOR: _READ,
}  # fmt: skip

KEPT = frozenset(Permission(Resource.USER, each) for each in Action)
"""What cannot be taken from the administrators: nobody could give it back."""


def rows() -> Iterator[tuple[Role, Permission]]:
    """The default rows, in a settled order."""
    for role, cells in _TABLE.items():
        for resource, letters in cells.items():
            for letter in letters:
                yield role, Permission(resource, _LETTERS[letter])


def find_role(said: str) -> Role | None:
    """The role that `said` names: ours, or one of the source's OPERATOR, SUPERVISOR and ADMIN."""
    name = ALIASES.get(said, said if said in set(Role) else said.lower() if said.isupper() else "")
    return Role(name) if name in set(Role) else None


def check(resource: str, action: str) -> Permission:
    """The cell of that name. Raises: ValueError when the table has no such cell."""
    return Permission(Resource(resource), Action(action))


def get_role(said: str) -> Role:
    """The role that `said` names. Raises: InvalidInput (ROLE_UNKNOWN)."""
    role = find_role(said)
    if role is None:
        raise _unusable("role", said, Role, "ROLE_UNKNOWN")
    return role


def device_role(role: Role) -> Role:
    """`role`, if a device may have it: a stolen device must not make others. Raises: InvalidInput."""
    if role is Role.ADMIN:
        raise _unusable("role", role.value, [each for each in Role if each is not Role.ADMIN], "ROLE_UNKNOWN")
    return role


def get_cell(resource: str, action: str) -> Permission:
    """The cell of that name. Raises: InvalidInput (PERMISSION_UNKNOWN)."""
    if resource not in set(Resource):
        raise _unusable("resource", resource, Resource, "PERMISSION_UNKNOWN")
    if action not in set(Action):
        raise _unusable("action", action, Action, "PERMISSION_UNKNOWN")
    return check(resource, action)


def check_revoke(role: Role, cell: Permission) -> None:
    """Raises: Conflict (ADMIN_KEEPS) when nobody could give the right back."""
    if role is Role.ADMIN and cell in KEPT:
        raise Conflict(
            Problem(
                "ADMIN_KEEPS",
                Words("Administrators keep this right", "관리자 권한은 회수할 수 없습니다"),
                Words(
                    f"Without {cell.resource}:{cell.action} nobody could give rights back",
                    f"{cell.resource}:{cell.action} 없이는 아무도 권한을 되돌릴 수 없습니다",
                ),
                Words("Take the role from the person instead", "대신 해당 사용자의 역할을 변경하세요"),
            )
        )


def _unusable(field: str, said: str, known: Iterable[str], code: str) -> InvalidInput:
    listed = ", ".join(known)
    return invalid(
        field,
        said,
        Words(f"There is no {field} {said!r} here", f"사용할 수 없는 값입니다: {said!r}"),
        Words(f"Use one of: {listed}", f"다음 중 하나를 사용하세요: {listed}"),
        code=code,
    )

"""May they? Deny by default: a permission is there only where a grant's role and scope give it."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from andon.access.model import (
    EVERYWHERE,
    PRODUCTION,
    SOME_LINE,
    Grant,
    Permission,
    Place,
    Principal,
    Role,
    Scope,
    Where,
)

ADMIN = "admin"
_P = Permission
_VIEW = (_P.FLOOR_VIEW, _P.TIMELINE_VIEW, _P.FLEET_VIEW)
_OPERATE = (*_VIEW, _P.LOGS_VIEW, _P.CORD_PULL)
_ENGINEER = (
    *_OPERATE, _P.SYSTEM_VIEW, _P.RUN_START, _P.RUN_CANCEL, _P.PROPOSE, _P.CONTROL, _P.ABORT, _P.ROLLBACK,
    _P.RETRY,
)  # fmt: skip
_NOT_IN_PRODUCTION = (_P.DEPLOY, _P.PROMOTE, _P.CORD_RELEASE, _P.FLEET_MANAGE, _P.FLEET_ENROL)
_APPROVE = (*_ENGINEER, *_NOT_IN_PRODUCTION, _P.APPROVE, _P.TIMELINE_EXPORT)


def _role(name: str, description: str, *anywhere: Permission, outside: Iterable[Permission] = ()) -> Role:
    given = dict.fromkeys(anywhere, Where.ANYWHERE) | dict.fromkeys(outside, Where.OUTSIDE_PRODUCTION)
    return Role(name, given, is_builtin=True, description=description)


BUILTIN: Mapping[str, Role] = {
    each.name: each
    for each in (
        _role("viewer", "sees the floor and the timeline", *_VIEW),
        _role("operator", "also sees logs, and may pull the cord", *_OPERATE),
        _role(
            "engineer",
            "also ships, deploys outside production and controls what runs; proposes for production",
            *_ENGINEER,
            outside=_NOT_IN_PRODUCTION,
        ),
        _role("approver", "also deploys to production, and signs", *_APPROVE),
        _role(
            "gatekeeper", "for a program: sees the floor, and answers at the gates of outside systems",
            _P.FLOOR_VIEW, _P.GATE_ANSWER,
        ),
        _role(
            "alarm", "for a program: sees the floor, and takes rollouts back for an alert rule",
            _P.FLOOR_VIEW, _P.ALERT,
        ),
        _role("updater", "for a simple client: asks whether there is something newer for it", _P.FLEET_CHECK),
        _role("admin", "also people, roles, policies and secrets", *Permission),
        _role(
            "auditor", "sees and exports everything that is recorded, and changes nothing",
            *_VIEW, _P.LOGS_VIEW, _P.SYSTEM_VIEW, _P.TIMELINE_EXPORT, _P.USERS_VIEW,
        ),
    )
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Answer:
    """Whether it is allowed. `grant`: the one that allows it; `reason`: a sentence where none does."""

    is_allowed: bool
    grant: Grant | None = None
    reason: str = ""


def permitted(
    principal: Principal,
    permission: Permission,
    place: Place,
    production: Collection[str] = (PRODUCTION,),
) -> Answer:
    """Whether `principal` may do `permission` at `place`. production: names of environments that are it."""
    found = find_grant(principal.grants, principal.roles, permission, place, production)
    if found is None:
        return Answer(False, reason=f"{principal.name} lacks {permission}{_at(place)}")
    limits = principal.limits
    if limits is not None and find_grant(limits, principal.roles, permission, place, production) is None:
        return Answer(False, reason=f"this token of {principal.name} does not cover {permission}{_at(place)}")
    return Answer(True, grant=found)


def anywhere(principal: Principal, permission: Permission) -> bool:
    """Whether there is some place where it is allowed: what a list or a menu asks before it looks closer.

    A grant for one line is not looked at: what asks this way knows no stations.
    """

    def is_in(grants: Iterable[Grant]) -> bool:
        return any(
            each.scope.line == EVERYWHERE and permission in _role_of(principal.roles, each).permissions
            for each in grants
        )

    return is_in(principal.grants) and (principal.limits is None or is_in(principal.limits))


def find_grant(
    grants: Iterable[Grant],
    roles: Mapping[str, Role],
    permission: Permission,
    place: Place,
    production: Collection[str],
) -> Grant | None:
    """The first grant that gives `permission` at `place`."""
    for grant in grants:
        where = _role_of(roles, grant).permissions.get(permission)
        if where is None or not covers(grant.scope, place):
            continue
        # Where the environment does not matter, it is one of those that the grant is for.
        there = grant.scope.environment if place.environment is None else place.environment
        # All environments at once include production.
        is_production = there in production or place.environment == EVERYWHERE
        if where is Where.ANYWHERE or not is_production:
            return grant
    return None


def covers(scope: Scope, place: Place) -> bool:
    """Whether `place` lies within `scope`.

    A scope with a line covers only what names this very line, as a station does: otherwise whoever was given
    one line would have the plant.
    """
    pairs = ((scope.environment, place.environment), (scope.unit, place.unit))
    is_line = scope.line in (EVERYWHERE, place.line) or place.line == SOME_LINE
    return is_line and all(allowed in (EVERYWHERE, there) or there is None for allowed, there in pairs)


def roles_at(principal: Principal, place: Place) -> frozenset[str]:
    """Names of the roles that `principal` holds at `place`, whatever they permit; one that is gone is none.

    Of a token only what its own grants name too.
    """

    def held(grants: Iterable[Grant]) -> frozenset[str]:
        here = {each.role for each in grants if covers(each.scope, place)}
        return frozenset(each for each in here if each in principal.roles or each in BUILTIN)

    own = held(principal.grants)
    return own if principal.limits is None else own & held(principal.limits)


def is_admin(grants: Iterable[Grant]) -> bool:
    """Whether the built-in `admin` is among them, without a limit to its scope."""
    return any(each.role == ADMIN and each.scope == Scope() for each in grants)


def is_within(wanted: Iterable[Grant], owned: Collection[Grant], roles: Mapping[str, Role]) -> bool:
    """Whether `wanted` gives nothing that `owned` does not: nobody hands on more than they have.

    Each permission of a wanted grant must be within one owned grant; two that only together cover it do not.
    """
    return all(
        any(_gives(roles, mine, permission, where, grant.scope) for mine in owned)
        for grant in wanted
        for permission, where in _role_of(roles, grant).permissions.items()
    )


def is_separated(approvers: Collection[str], involved: Collection[str]) -> bool:
    """Whether somebody approved who neither shipped nor proposed it (separation of duty)."""
    return bool(set(approvers) - set(involved))


def _gives(
    roles: Mapping[str, Role], mine: Grant, permission: Permission, where: Where, scope: Scope
) -> bool:
    given = _role_of(roles, mine).permissions.get(permission)
    if given is None or (given is Where.OUTSIDE_PRODUCTION and where is Where.ANYWHERE):
        return False
    pairs = (
        (mine.scope.environment, scope.environment),
        (mine.scope.unit, scope.unit),
        (mine.scope.line, scope.line),
    )
    return all(allowed in (EVERYWHERE, there) for allowed, there in pairs)


def _role_of(roles: Mapping[str, Role], grant: Grant) -> Role:
    """A role that is gone gives nothing."""
    return roles.get(grant.role) or BUILTIN.get(grant.role) or Role(grant.role, {})


def _at(place: Place) -> str:
    named = [
        "every environment" if place.environment == EVERYWHERE else place.environment,
        f"unit {place.unit}" if place.unit and place.unit != EVERYWHERE else None,
        f"line {place.line}" if place.line and place.line not in (EVERYWHERE, SOME_LINE) else None,
    ]
    said = ", ".join(each for each in named if each)
    return f" in {said}" if said else ""

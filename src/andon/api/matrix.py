"""Who may use which route: role by permission, and permission by route, from what the routes declare."""

from dataclasses import dataclass

from fastapi import FastAPI

from andon.access.model import Permission, Where
from andon.access.rights import BUILTIN
from andon.api import declared
from andon.api.declared import Needs, Open, SignedIn
from andon.api.stations import BySignature


@dataclass(frozen=True, slots=True)
class Row:
    """A route. who: the roles that may use it somewhere; `outside-production` where only there."""

    methods: tuple[str, ...]
    path: str
    permission: str
    place: str
    who: dict[str, str]


def permissions() -> dict[str, dict[str, str]]:
    """For each permission, the built-in roles that give it and where."""
    return {
        permission.value: {
            name: role.permissions[permission].value
            for name, role in BUILTIN.items()
            if permission in role.permissions
        }
        for permission in Permission
    }


def matrix(app: FastAPI) -> list[Row]:
    """Every route of `app`, by path.

    Raises:
        InvalidInput: a route declares nothing.
    """
    declared.check_declared(app)
    given = permissions()
    rows = []
    for route in declared.routes(app):
        declaration = route.declaration
        match declaration:
            case Needs(at=at, permissions=wanted):
                who = _widest([given[each.value] for each in wanted])
                rows.append(_row(route, " or ".join(wanted), at.__name__, who))
            case SignedIn(person=True):
                rows.append(_row(route, "signed in, a person", "", _everybody()))
            case SignedIn():
                rows.append(_row(route, "signed in", "", _everybody()))
            case BySignature():
                rows.append(Row(route.methods, route.path, "a station, by its own key", "", {}))
            case Open(why=why):
                rows.append(_row(route, f"open: {why}", "", _everybody()))
    return sorted(rows, key=lambda each: (each.path, each.methods))


def _row(route: declared.Declared, permission: str, place: str, who: dict[str, str]) -> Row:
    return Row(route.methods, route.path, permission, place.replace("_", " "), who)


def _widest(given: list[dict[str, str]]) -> dict[str, str]:
    """The roles that give one of some permissions, and where the widest of them holds."""
    names = [name for name in BUILTIN if any(name in each for each in given)]
    anywhere = Where.ANYWHERE.value
    return {
        name: anywhere
        if any(each.get(name) == anywhere for each in given)
        else Where.OUTSIDE_PRODUCTION.value
        for name in names
    }


def _everybody() -> dict[str, str]:
    return dict.fromkeys(BUILTIN, Where.ANYWHERE.value)

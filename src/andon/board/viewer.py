"""Who looks at a page, and what they may do there: buttons, menu and the key of what is cached for them.

A page only offers; the API decides. Pure.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from andon.access import rights
from andon.access.model import EVERYWHERE, NOWHERE, ON_LINES, Grant, Permission, Place, Principal
from andon.api.callers import Caller
from andon.board.words import Language, say, say_or

_ALL = Place(EVERYWHERE, EVERYWHERE)
_MENU = (
    ("/", "floor", Permission.FLOOR_VIEW, NOWHERE),
    ("/fleet", "nav.fleet", Permission.FLEET_VIEW, ON_LINES),
    ("/timeline", "nav.timeline", Permission.TIMELINE_VIEW, NOWHERE),
    ("/signatures", "nav.signatures", Permission.TIMELINE_VIEW, NOWHERE),
    ("/users", "nav.people", Permission.USERS_VIEW, _ALL),
    ("/policies", "nav.policies", Permission.FLOOR_VIEW, NOWHERE),
    ("/registry", "nav.registry", Permission.SYSTEM_VIEW, _ALL),
)


@dataclass(frozen=True, slots=True)
class Viewer:
    """The person before the page; `caller` is None where nobody is signed in."""

    caller: Caller | None = None

    @property
    def principal(self) -> Principal | None:
        """Who it is."""
        return self.caller.principal if self.caller else None

    @property
    def known(self) -> Caller:
        """The caller of a page that only a known caller reaches."""
        assert self.caller is not None
        return self.caller

    @property
    def name(self) -> str:
        """What the frame calls them."""
        return (self.principal.display_name or self.principal.name) if self.principal else ""

    @property
    def roles(self) -> Sequence[str]:
        """Their roles with where they hold, such as `engineer@staging`."""
        return [each.label for each in self.principal.grants] if self.principal else []

    def may(
        self,
        permission: str,
        environment: str | None = None,
        unit: str | None = None,
        line: str | None = None,
    ) -> bool:
        """Whether they may do it there; `*` is everywhere at once, and no place at all is anywhere."""
        place = Place(environment, unit, line)
        return self.caller is not None and self.caller.may(Permission(permission), place)

    def why_not(
        self,
        language: Language,
        permission: str,
        environment: str | None = None,
        unit: str | None = None,
        line: str | None = None,
    ) -> str:
        """The sentence for an action that they may not do there; empty where they may."""
        if self.may(permission, environment, unit, line):
            return ""
        right = say_or(language, f"perm.{permission}", permission)
        if environment is None:
            return say(language, "lacks.nowhere", right=right)
        place = say(language, "place.everywhere") if environment == EVERYWHERE else environment
        is_named = unit not in {None, EVERYWHERE}
        return say(language, "lacks", right=right, place=f"{unit} · {place}" if is_named else place)

    def menu(self) -> Sequence[tuple[str, str]]:
        """Addresses and words of the pages that they may see."""
        caller = self.caller
        return [
            (path, word) for path, word, wanted, at in _MENU if caller is not None and caller.may(wanted, at)
        ]

    def key(self, *, personal: bool) -> str:
        """Viewers with the same key get the same page: same rights; where it is personal, same session."""
        if self.principal is None:
            return "nobody"
        own = self.principal
        held = sorted(_held(own, own.grants))
        limits = None if own.limits is None else sorted(_held(own, own.limits))
        whole = repr((held, limits, sorted(self.known.production), own.must_change_password))
        digest = hashlib.sha256(whole.encode()).hexdigest()
        return f"{digest}/{own.user_id}/{own.session}" if personal else digest


def roles_with(principal: Principal | None, permission: str) -> list[str]:
    """Names of the roles that include `permission`."""
    known = {**rights.BUILTIN, **(principal.roles if principal else {})}
    return [name for name, role in known.items() if permission in role.permissions]


def _held(principal: Principal, grants: Sequence[Grant]) -> list[str]:
    found = []
    for grant in grants:
        role = principal.roles.get(grant.role) or rights.BUILTIN.get(grant.role)
        given = sorted(f"{each}:{where}" for each, where in role.permissions.items()) if role else []
        found.append(repr((grant.scope, given)))
    return found


def local(path: str | None) -> str:
    """`path` where it leads to a page of this host, else the floor: a sign-in never sends anyone elsewhere.

    A browser reads `//host`, `/\\host` and a tab within as another host's address.
    """
    wanted = path or "/"
    is_plain = wanted.isprintable() and "\\" not in wanted
    is_ours = wanted.startswith("/") and not wanted.startswith("//")
    is_page = not wanted.startswith(("/api/", "/login", "/static/"))
    return wanted if is_plain and is_ours and is_page and len(wanted) <= 500 else "/"

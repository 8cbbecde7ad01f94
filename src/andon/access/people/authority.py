"""How much whoever manages people may give: never more than they have themselves."""

from collections.abc import Collection
from dataclasses import dataclass, replace

from andon.access.model import Grant, Principal, Role
from andon.access.people.model import Actor
from andon.access.people.names import key_of
from andon.access.people.store import Change
from andon.access.rights import is_within
from andon.kernel.errors import Forbidden, InvalidInput

LONGEST_REASON = 2000
_WOULD_BE = "(would be)"  # no role can have this name


@dataclass(frozen=True, slots=True)
class Authority:
    """What an actor has to give. owned: each of these must cover it; none: a trusted part of Andon."""

    name: str
    owned: tuple[tuple[Grant, ...], ...] = ()

    async def check(self, change: Change, wanted: Collection[Grant], what: str) -> None:
        """Pass only where the actor has all of `wanted`.

        Raises:
            InvalidInput: a grant names a role that is not there.
            Forbidden: it is more than the actor has.
        """
        roles = await change.roles()
        for grant in wanted:
            if grant.role not in roles:
                raise InvalidInput(
                    "no-such-role", f"grant {grant.label!r} names no role", hint="andon roles list"
                )
        if not all(is_within(wanted, mine, roles) for mine in self.owned):
            raise _beyond(self.name, what)

    async def check_role(self, change: Change, role: Role, what: str) -> None:
        """Pass only where the actor has all that `role` would give, as their own roles are before it.

        Raises:
            Forbidden: it is more than the actor has.
        """
        roles = {**await change.roles(), _WOULD_BE: replace(role, name=_WOULD_BE)}
        if not all(is_within([Grant(_WOULD_BE)], mine, roles) for mine in self.owned):
            raise _beyond(self.name, what)


def _beyond(name: str, what: str) -> Forbidden:
    return Forbidden(
        "beyond-own-rights",
        f"{name} may not {what}: it takes rights that {name} lacks",
        hint="ask an administrator",
    )


async def authority(change: Change, actor: Actor) -> Authority:
    """What `actor` has to give. A name that is neither a person's nor a token's is a part of Andon."""
    if isinstance(actor, Principal):
        limits = () if actor.limits is None else (actor.limits,)
        return Authority(actor.name, (actor.grants, *limits))
    if actor.startswith("token:"):
        return Authority(actor, ((await change.machines()).get(actor.removeprefix("token:"), ()),))
    found = await change.find_by_key(key_of(actor))
    if found is None:
        return Authority(actor)
    return Authority(actor, (() if found.user.is_disabled else found.user.grants,))


def name_of(actor: Actor) -> str:
    """As the timeline names it."""
    return actor.name if isinstance(actor, Principal) else actor


def checked_reason(reason: str) -> str:
    """`reason` without spaces around.

    Raises:
        InvalidInput: it is empty or longer than 2,000 characters.
    """
    text = reason.strip()
    if not text or len(text) > LONGEST_REASON:
        raise InvalidInput(
            "bad-reason",
            f"the reason has {len(text)} characters",
            hint=f"say in 1 to {LONGEST_REASON} characters why",
        )
    return text


def subject_of(login: str) -> str:
    """What a record about a person is about."""
    return f"user/{login}"[:200]

"""Who may confirm that a person uses their account themself, after an administrator reset its password. Pure.

Whoever resets a password knows the next one. So that nobody signs as another without the help of a second
person (21 CFR 11.200(a)(3)), an account that was reset signs nothing until an independent person has spoken.
"""

from andon.access.model import EVERYWHERE, Permission, Place, Principal, User
from andon.access.people.names import key_of
from andon.access.rights import anywhere, permitted
from andon.kernel.errors import Conflict, Forbidden

_PLANT = Place(EVERYWHERE, EVERYWHERE)


def check_confirmer(actor: Principal) -> None:
    """Pass where `actor` is a person who manages people in the plant, or approves anywhere.

    Raises:
        Forbidden: `token-cannot-confirm`, `password-change-required`, `forbidden`.
    """
    if not actor.may_sign or not actor.user_id:
        raise Forbidden("token-cannot-confirm", "only a person confirms a person", hint="andon login")
    if actor.must_change_password:
        raise Forbidden(
            "password-change-required", "the password must be changed first", hint="give a new password"
        )
    manages = permitted(actor, Permission.USERS_MANAGE, _PLANT).is_allowed
    if not manages and not anywhere(actor, Permission.APPROVE):
        raise Forbidden(
            "forbidden",
            f"{actor.name} lacks {Permission.USERS_MANAGE} and {Permission.APPROVE}: it takes one of them",
            hint="ask an administrator or an approver",
        )


def check_independent(user: User, confirmer: User) -> None:
    """Pass where `confirmer` is neither the person nor who reset the password, nor can be a mask of theirs.

    Raises:
        Conflict: nobody reset it, or it is confirmed. Forbidden: `not-independent`, `signing-suspended`.
    """
    if not user.signing_suspended_by:
        raise Conflict("nothing-to-confirm", f"{user.login} may sign", hint=f"andon users show {user.login}")
    if confirmer.id == user.id or key_of(confirmer.login) == key_of(user.signing_suspended_by):
        raise Forbidden(
            "not-independent",
            f"neither {user.login} nor {user.signing_suspended_by}, who reset the password, confirms this",
            hint="ask another administrator or approver",
        )
    # Else whoever reset two passwords could confirm the one account by the other.
    if confirmer.signing_suspended_by:
        raise signing_suspended(confirmer)


def signing_suspended(user: User) -> Forbidden:
    """The password was reset, and nobody independent has confirmed the person since."""
    return Forbidden(
        "signing-suspended",
        f"the password of {user.login} was reset by {user.signing_suspended_by}: "
        "it signs nothing until somebody else has confirmed who uses the account",
        hint=f"somebody else who manages people or approves: andon users confirm {user.login}",
        needs={"confirmation_of": user.login},
    )

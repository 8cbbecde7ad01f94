"""From people, sessions, tokens and grants to what the API answers. Pure but for `me`, which asks."""

from collections.abc import Collection, Sequence
from datetime import datetime

from andon.access import rights
from andon.access.model import Grant, Permission, Principal, PrincipalKind, Role, Scope, User, Where
from andon.access.policies import calendar
from andon.access.policies.model import Bounds, Policy
from andon.access.signatures.model import Signature, Standing
from andon.api import account_model as model
from andon.api import views
from andon.api.people import SessionSeen, StoredPolicySeen, TokenSeen
from andon.api.services import Services
from andon.timeline.checks import Verification


def grant(given: Grant) -> model.GrantView:
    """A grant."""
    scope = given.scope
    return model.GrantView(role=given.role, environment=scope.environment, unit=scope.unit, line=scope.line)


def grants(given: Sequence[Grant]) -> list[model.GrantView]:
    """Several."""
    return [grant(each) for each in given]


async def me(services: Services, principal: Principal) -> model.Me:
    """Who calls, with what they may do where."""
    user = await services.people.get(principal.user_id) if principal.user_id else None
    return model.Me(
        id=principal.user_id,
        login=principal.name,
        display_name=principal.display_name,
        kind="person" if principal.kind is PrincipalKind.PERSON else "token",
        source=user.source.value if user else "",
        grants=grants(principal.grants),
        permissions=permissions(principal),
        session=principal.session,
        expires_at=await _expires_at(services, principal),
        signing=model.SigningView(needs_login=services.signing.needs_login(principal)),
    )


async def _expires_at(services: Services, principal: Principal) -> datetime | None:
    kept = (
        await services.sessions.list(principal.user_id)
        if principal.kind is PrincipalKind.PERSON
        else await services.tokens.list(principal.user_id or None)
    )
    return next((each.expires_at for each in kept if each.id == principal.session), None)


def permissions(principal: Principal) -> dict[str, list[model.PermissionView]]:
    """Each permission with where it holds; a personal token has only what both it and its person have."""
    found: dict[str, list[model.PermissionView]] = {}
    for permission in Permission:
        own = _places(principal.grants, principal, permission)
        if principal.limits is not None:
            limits = _places(principal.limits, principal, permission)
            own = [met for one in own for other in limits if (met := _both(one, other)) is not None]
        if own:
            found[permission.value] = [_shown(each) for each in dict.fromkeys(own)]
    return found


_Place = tuple[Scope, Where]


def _places(given: Collection[Grant], principal: Principal, permission: Permission) -> list[_Place]:
    known = {**rights.BUILTIN, **principal.roles}
    nothing = Role("", {})
    return [
        (each.scope, where)
        for each in given
        if (where := known.get(each.role, nothing).permissions.get(permission)) is not None
    ]


def _both(one: _Place, other: _Place) -> _Place | None:
    met = [
        _narrower(getattr(one[0], name), getattr(other[0], name)) for name in ("environment", "unit", "line")
    ]
    if None in met:
        return None
    where = Where.ANYWHERE if one[1] == other[1] == Where.ANYWHERE else Where.OUTSIDE_PRODUCTION
    return Scope(*(each or "" for each in met)), where


def _narrower(one: str, other: str) -> str | None:
    if one in {"*", other}:
        return other
    return one if other == "*" else None


def _shown(place: _Place) -> model.PermissionView:
    scope, where = place
    return model.PermissionView(
        environment=scope.environment,
        unit=scope.unit,
        line=scope.line,
        outside_production=where is Where.OUTSIDE_PRODUCTION,
    )


def session(seen: SessionSeen, own: str) -> model.SessionView:
    """A session; `own` is the id of the one that asks."""
    return model.SessionView(
        id=seen.id,
        user_id=seen.user_id,
        kind=seen.kind,
        source=seen.source,
        agent=seen.agent,
        created_at=seen.created_at,
        seen_at=seen.seen_at,
        expires_at=seen.expires_at,
        is_this=seen.id == own,
    )


def token(seen: TokenSeen) -> model.TokenView:
    """A token."""
    return model.TokenView(
        id=seen.id,
        name=seen.name,
        owner_id=seen.owner_id,
        grants=grants(seen.grants),
        created_at=seen.created_at,
        expires_at=seen.expires_at,
        last_used_at=seen.last_used_at,
        revoked_at=seen.revoked_at,
    )


def user(seen: User) -> model.UserView:
    """A person."""
    return model.UserView(
        id=seen.id,
        login=seen.login,
        display_name=seen.display_name,
        source=seen.source.value,
        grants=grants(seen.grants),
        created_at=seen.created_at,
        is_disabled=seen.is_disabled,
        is_break_glass=seen.is_break_glass,
        must_change_password=seen.must_change_password,
        signing_suspended=bool(seen.signing_suspended_by),
        last_login_at=seen.last_login_at,
    )


def role(seen: Role) -> model.RoleView:
    """A role."""
    given = {permission.value: where.value for permission, where in seen.permissions.items()}
    return model.RoleView.model_validate(
        {
            "name": seen.name,
            "description": seen.description,
            "is_builtin": seen.is_builtin,
            "permissions": given,
        }
    )


def whole_signature(made: Signature, standing: Standing) -> model.WholeSignature:
    """A signature with what was signed."""
    return model.WholeSignature(**views.signature_values(made, standing), document=dict(made.document.values))


def policy(seen: Policy) -> model.PolicyView:
    """A policy."""
    return model.PolicyView(
        environment=seen.environment,
        version=seen.version,
        is_production=seen.is_production,
        approvals=seen.approvals,
        approver_role=seen.approver_role,
        signed=sorted(each.value for each in seen.signed),
        calendar=None if seen.calendar is None else model.CalendarView(**calendar.to_values(seen.calendar)),
        bounds=bounds(seen.bounds),
    )


def bounds(seen: Bounds) -> model.BoundsView:
    """What a policy asks of rollouts."""
    return model.BoundsView(
        promotes_from=seen.promotes_from,
        min_age_s=seen.min_age.total_seconds(),
        is_auto=seen.is_auto,
        strategies=sorted(seen.strategies),
        alpha_at_most=seen.alpha_at_most,
        margin_at_most=seen.margin_at_most,
        requires_evidence=seen.requires_evidence,
        judge=seen.judge,
    )


def stored_policy(seen: StoredPolicySeen) -> model.StoredPolicyView:
    """A version of a policy."""
    return model.StoredPolicyView(
        policy=policy(seen.policy), signature=seen.signature, at=seen.at, actor=seen.actor
    )


def verification(found: Verification) -> model.VerificationView:
    """What checking the timeline found."""
    return model.VerificationView(
        is_intact=found.is_intact,
        sentence=found.sentence,
        first_bad=found.first_bad,
        findings=[
            model.AuditFinding(code=each.what, problem=each.sentence, number=each.record)
            for each in found.findings
        ],
        notes=list(found.notes),
        silent=list(found.silent),
        records=found.records,
        checkpoints=found.checkpoints,
        signatures=found.signatures,
        cosignatures=found.cosignatures,
        witnesses=list(found.witnesses),
        signed_to=found.signed_to,
        witnessed_to=found.witnessed_to,
        seconds=found.seconds,
    )

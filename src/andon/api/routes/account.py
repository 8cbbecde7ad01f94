"""One's own account: who one is, password, sessions and personal tokens."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Body, Response

from andon.api import account_inputs as inputs
from andon.api import account_model as model
from andon.api import accounts
from andon.api.callers import Current
from andon.api.declared import signed_in
from andon.api.inputs import V1, IdPath
from andon.api.problems import documented
from andon.api.services import Services
from andon.kernel.errors import NotFound

_ME, _PERSON = [signed_in()], [signed_in(person=True)]
Said = Annotated[inputs.MaybeBecause | None, Body()]


def router(services: Services) -> APIRouter:
    """Endpoints of `/me`."""
    api = APIRouter(prefix=V1, tags=["me"])

    @api.get("/me", summary="Who calls, and what they may do where", dependencies=_ME)
    async def me(caller: Current) -> model.Me:
        return await accounts.me(services, caller.principal)

    @api.post(
        "/me/password",
        status_code=204,
        summary="Change one's own password",
        responses=documented(403, 409, 422),
        dependencies=_PERSON,
    )
    async def password(body: inputs.NewPassword, caller: Current) -> Response:
        await services.people.change_password(
            caller.principal.user_id,
            old=body.old.get_secret_value(),
            new=body.new.get_secret_value(),
            keep_session=caller.principal.session,
        )
        return Response(status_code=204)

    _sessions(api, services)
    _tokens(api, services)
    return api


def _sessions(api: APIRouter, services: Services) -> None:
    @api.get("/me/sessions", summary="One's own open sessions", dependencies=_PERSON)
    async def sessions(caller: Current) -> list[model.SessionView]:
        found = await services.sessions.list(caller.principal.user_id)
        return [accounts.session(each, caller.principal.session) for each in found]

    @api.delete(
        "/me/sessions/{session}",
        status_code=204,
        summary="End one of one's own sessions",
        responses=documented(403, 404, 422),
        dependencies=_PERSON,
    )
    async def end(session: IdPath, caller: Current, said: Said = None) -> Response:
        own = await services.sessions.list(caller.principal.user_id)
        _must_be_own(session, [each.id for each in own], "session")
        reason = (said.reason if said else "") or "ended by its person"
        await services.sessions.end(session, actor=caller.name, reason=reason)
        return Response(status_code=204)


def _tokens(api: APIRouter, services: Services) -> None:
    @api.get("/me/tokens", summary="One's own tokens", dependencies=_PERSON)
    async def tokens(caller: Current) -> list[model.TokenView]:
        return [accounts.token(each) for each in await services.tokens.list(caller.principal.user_id)]

    @api.post(
        "/me/tokens",
        status_code=201,
        summary="Make a personal token; its text is shown this once",
        responses=documented(403, 409, 422),
        dependencies=_PERSON,
    )
    async def make(body: inputs.NewToken, caller: Current) -> model.TokenMade:
        token, text = await services.tokens.create(
            body.name,
            owner=await services.people.get(caller.principal.user_id),
            grants=inputs.grants(body.grants),
            expires_in=timedelta(days=body.expires_in_days),
            actor=caller.name,
            reason=body.reason,
        )
        return model.TokenMade(token=accounts.token(token), text=text)

    @api.delete(
        "/me/tokens/{token}",
        status_code=204,
        summary="End one of one's own tokens",
        responses=documented(403, 404, 422),
        dependencies=_PERSON,
    )
    async def revoke(token: IdPath, caller: Current, said: Said = None) -> Response:
        own = await services.tokens.list(caller.principal.user_id)
        _must_be_own(token, [each.id for each in own], "token")
        reason = (said.reason if said else "") or "ended by its person"
        await services.tokens.revoke(token, actor=caller.name, reason=reason)
        return Response(status_code=204)


def _must_be_own(wanted: str, own: list[str], what: str) -> None:
    """Somebody else's is as if there were none."""
    if wanted not in own:
        raise NotFound(f"no-such-{what}", f"you have no {what} {wanted}")

"""What administrators keep for programs: machine tokens, and secrets of other systems."""

from datetime import timedelta

from fastapi import APIRouter, Response

from andon.access.model import Permission
from andon.api import account_inputs as inputs
from andon.api import account_model as model
from andon.api import accounts
from andon.api.callers import Current
from andon.api.declared import everywhere, needs
from andon.api.inputs import V1, Because, IdPath
from andon.api.problems import documented
from andon.api.services import Services

_MANAGE = [needs(Permission.USERS_MANAGE, everywhere)]
_SECRETS = [needs(Permission.SECRETS_MANAGE, everywhere)]


def tokens(services: Services) -> APIRouter:
    """Endpoints of machine tokens."""
    api = APIRouter(prefix=V1, tags=["tokens"])

    @api.get("/tokens", summary="Tokens of machines", dependencies=_MANAGE)
    async def some() -> list[model.TokenView]:
        return [accounts.token(each) for each in await services.tokens.list()]

    @api.post(
        "/tokens",
        status_code=201,
        summary="Make a machine's token; its text is shown this once",
        responses=documented(409, 422),
        dependencies=_MANAGE,
    )
    async def make(body: inputs.NewToken, caller: Current) -> model.TokenMade:
        token, text = await services.tokens.create(
            body.name,
            owner=None,
            grants=inputs.grants(body.grants),
            expires_in=timedelta(days=body.expires_in_days),
            actor=caller.principal,
            reason=body.reason,
        )
        return model.TokenMade(token=accounts.token(token), text=text)

    @api.delete(
        "/tokens/{token}",
        status_code=204,
        summary="End any token at once, a person's too",
        responses=documented(404, 409, 422),
        dependencies=_MANAGE,
    )
    async def revoke(token: IdPath, body: Because, caller: Current) -> Response:
        ended = await services.tokens.get(token)
        owner = await services.people.get(ended.owner_id) if ended.owner_id else None
        caller.require_over(owner.grants if owner else ended.grants, f"end token {ended.name}")
        await services.tokens.revoke(token, actor=caller.principal, reason=body.reason)
        return Response(status_code=204)

    return api


def secrets(services: Services) -> APIRouter:
    """Endpoints of secrets; a value goes in and never comes out."""
    api = APIRouter(prefix=V1, tags=["secrets"])

    @api.get("/secrets", summary="Names and ages", dependencies=_SECRETS)
    async def some() -> list[model.SecretView]:
        found = await services.secrets.list()
        return [
            model.SecretView(name=each.name, updated_at=each.updated_at, actor=each.updated_by)
            for each in found
        ]

    @api.put(
        "/secrets/{name}",
        status_code=204,
        summary="Keep a secret",
        responses=documented(409, 422),
        dependencies=_SECRETS,
    )
    async def put(name: inputs.NamePath, body: inputs.PutSecret, caller: Current) -> Response:
        value = body.value.get_secret_value()
        await services.secrets.put(name, value, actor=caller.name, reason=body.reason)
        return Response(status_code=204)

    @api.delete(
        "/secrets/{name}",
        status_code=204,
        summary="Forget a secret",
        responses=documented(404, 422),
        dependencies=_SECRETS,
    )
    async def delete(name: inputs.NamePath, body: Because, caller: Current) -> Response:
        await services.secrets.delete(name, actor=caller.name, reason=body.reason)
        return Response(status_code=204)

    @api.post(
        "/secrets/rotate",
        summary="Encrypt everything under a new key, while Andon goes on",
        responses=documented(404, 409, 422),
        dependencies=_SECRETS,
    )
    async def rotate(body: Because, caller: Current) -> model.RotationView:
        done = await services.secrets.rotate(actor=caller.name, reason=body.reason)
        return model.RotationView(key_id=done.key_id, encrypted=done.encrypted)

    return api

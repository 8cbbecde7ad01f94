"""People and roles, as administrators see and change them."""

from fastapi import APIRouter, Response

from andon.access.model import Permission, User
from andon.api import account_inputs as inputs
from andon.api import account_model as model
from andon.api import accounts
from andon.api.callers import Current
from andon.api.declared import everywhere, needs, signed_in
from andon.api.inputs import V1, Because
from andon.api.problems import documented
from andon.api.services import Services
from andon.kernel.errors import NotFound

_VIEW = [needs(Permission.USERS_VIEW, everywhere)]
_MANAGE = [needs(Permission.USERS_MANAGE, everywhere)]


def router(services: Services) -> APIRouter:
    """Endpoints of people and roles."""
    api = APIRouter(prefix=V1, tags=["people"])
    _people(api, services)
    _changes(api, services)
    _confirmation(api, services)
    _sessions(api, services)
    _roles(api, services)
    return api


def _people(api: APIRouter, services: Services) -> None:
    @api.get("/users", summary="Everybody, by login", dependencies=_VIEW)
    async def users() -> list[model.UserView]:
        return [accounts.user(each) for each in await services.people.list()]

    @api.post(
        "/users",
        status_code=201,
        summary="Make an account; its one-time password is shown this once",
        responses=documented(409, 422),
        dependencies=_MANAGE,
    )
    async def create(body: inputs.NewUser, caller: Current) -> model.UserMade:
        user, password = await services.people.create(
            body.login,
            body.display_name,
            grants=inputs.grants(body.grants),
            password=body.password.get_secret_value() if body.password else None,
            actor=caller.principal,
            reason=body.reason,
        )
        return model.UserMade(user=accounts.user(user), one_time_password=password)

    @api.get("/users/{user}", summary="One person", responses=documented(404, 422), dependencies=_VIEW)
    async def one(user: inputs.UserPath) -> model.UserView:
        return accounts.user(await _found(services, user))


def _changes(api: APIRouter, services: Services) -> None:
    @api.patch(
        "/users/{user}",
        summary="Change name or grants, or close the account",
        responses=documented(404, 409, 422),
        dependencies=_MANAGE,
    )
    async def change(user: inputs.UserPath, body: inputs.ChangeUser, caller: Current) -> model.UserView:
        changed = await services.people.update(
            (await _found(services, user)).id,
            display_name=body.display_name,
            grants=None if body.grants is None else inputs.grants(body.grants),
            is_disabled=body.is_disabled,
            actor=caller.principal,
            reason=body.reason,
        )
        return accounts.user(changed)

    @api.post(
        "/users/{user}/password",
        summary="A new one-time password, shown this once",
        responses=documented(404, 409, 422),
        dependencies=_MANAGE,
    )
    async def reset(user: inputs.UserPath, body: Because, caller: Current) -> model.OneTimePassword:
        own = (await _found(services, user)).id
        made = await services.people.reset_password(own, actor=caller.principal, reason=body.reason)
        return model.OneTimePassword(one_time_password=made)

    @api.post(
        "/users/{user}/unlock",
        status_code=204,
        summary="End the waiting time after wrong passwords",
        responses=documented(404, 409, 422),
        dependencies=_MANAGE,
    )
    async def unlock(user: inputs.UserPath, body: Because, caller: Current) -> Response:
        own = (await _found(services, user)).id
        await services.people.unlock(own, actor=caller.principal, reason=body.reason)
        return Response(status_code=204)


def _confirmation(api: APIRouter, services: Services) -> None:
    @api.post(
        "/users/{user}/confirm",
        summary="Say that the person themself uses an account that was reset, so that it may sign again",
        responses=documented(403, 404, 409, 422),
        dependencies=[needs(Permission.USERS_MANAGE, others=(Permission.APPROVE,))],
    )
    async def confirm(user: inputs.UserPath, body: Because, caller: Current) -> model.UserView:
        own = (await _found(services, user)).id
        return accounts.user(await services.people.confirm(own, actor=caller.principal, reason=body.reason))


def _sessions(api: APIRouter, services: Services) -> None:
    @api.get(
        "/users/{user}/sessions",
        summary="Where a person is signed in",
        responses=documented(404, 422),
        dependencies=_MANAGE,
    )
    async def sessions(user: inputs.UserPath, caller: Current) -> list[model.SessionView]:
        found = await services.sessions.list((await _found(services, user)).id)
        return [accounts.session(each, caller.principal.session) for each in found]

    @api.delete(
        "/users/{user}/sessions",
        status_code=204,
        summary="Sign a person out everywhere",
        responses=documented(403, 404, 422),
        dependencies=_MANAGE,
    )
    async def end(user: inputs.UserPath, body: Because, caller: Current) -> Response:
        own = await _found(services, user)
        caller.require_over(own.grants, f"sign out {own.login}")
        await services.sessions.end_all_of(own.id, actor=caller.name, reason=body.reason)
        return Response(status_code=204)


def _roles(api: APIRouter, services: Services) -> None:
    @api.get("/roles", summary="Each role with its permissions", dependencies=[signed_in()])
    async def roles() -> list[model.RoleView]:
        return [accounts.role(each) for each in (await services.people.roles()).values()]

    @api.put(
        "/roles/{name}",
        summary="Make a role of one's own, or change it",
        responses=documented(409, 422),
        dependencies=_MANAGE,
    )
    async def put(name: inputs.NamePath, body: inputs.PutRole, caller: Current) -> model.RoleView:
        given = {permission.value: where.value for permission, where in body.permissions.items()}
        made = await services.people.put_role(
            name, given, description=body.description, actor=caller.principal, reason=body.reason
        )
        return accounts.role(made)

    @api.delete(
        "/roles/{name}",
        status_code=204,
        summary="Remove a role of one's own",
        responses=documented(404, 409, 422),
        dependencies=_MANAGE,
    )
    async def delete(name: inputs.NamePath, body: Because, caller: Current) -> Response:
        await services.people.delete_role(name, actor=caller.principal, reason=body.reason)
        return Response(status_code=204)


async def _found(services: Services, wanted: str) -> User:
    """By login or id; raises NotFound."""
    found = await services.people.find(wanted)
    if found is not None:
        return found
    try:
        return await services.people.get(wanted)
    except NotFound:
        raise NotFound("no-such-user", f"there is no user {wanted}", hint="andon users list") from None

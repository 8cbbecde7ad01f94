"""Rollouts: begin one, watch it, act on it; and go back."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import APIRouter, Response

from andon.access import rights
from andon.access.model import Permission, Place
from andon.access.signatures.model import Action, Document, Signature
from andon.api import inputs, model, places, signing, views
from andon.api.callers import Caller, Current
from andon.api.declared import needs
from andon.api.foreseen import foreseen
from andon.api.gather import Gather
from andon.api.inputs import V1
from andon.api.problems import documented
from andon.api.services import Services
from andon.kernel.errors import Forbidden, InvalidInput
from andon.kernel.ids import EnvironmentName, RolloutId, UnitName, Version
from andon.rollouts.history import entries
from andon.rollouts.model import RequestKind

_P = Permission
_PERMISSIONS = {
    RequestKind.PROMOTE: _P.PROMOTE,
    RequestKind.PAUSE: _P.CONTROL,
    RequestKind.RESUME: _P.CONTROL,
    RequestKind.ABORT: _P.ABORT,
    RequestKind.ALERT: _P.ALERT,
}
_SIGNED = {RequestKind.PROMOTE: Action.PROMOTE, RequestKind.ABORT: Action.ABORT}
_Act = Callable[..., Coroutine[Any, Any, model.RolloutView | Response]]


def router(gather: Gather) -> APIRouter:
    """All endpoints of rollouts."""
    api = APIRouter(prefix=V1, tags=["rollouts"])
    _begin(api, gather)
    _look(api, gather)
    for verb, permission in _PERMISSIONS.items():
        api.add_api_route(
            f"/rollouts/{{rollout}}/{verb.value}",
            _act(gather, verb),
            methods=["POST"],
            status_code=202,
            name=f"{verb.value}_rollout",
            summary=f"{verb.value.capitalize()}; the next tick takes it up",
            response_model=model.RolloutView,
            responses=_CLOSED | documented(404, 409, 422)
            if verb is RequestKind.ABORT
            else documented(404, 409, 422),
            dependencies=[needs(permission, places.rollout)],
        )
    _answer(api, gather)
    return api


_CLOSED: dict[int | str, dict[str, Any]] = {
    204: {"description": "Its record is damaged: the abort closed it and changed nothing else"}
}


def _begin(api: APIRouter, gather: Gather) -> None:
    services = gather.services

    @api.post(
        "/rollouts",
        status_code=201,
        summary="Move a release into an environment, or show the plan (dry_run)",
        responses={
            200: {"model": model.PlanView, "description": "The plan (dry_run)"},
            **documented(404, 409, 422, 503),
        },
        dependencies=[needs(_P.PROPOSE, places.body)],
    )
    async def deploy(
        body: inputs.Deploy, caller: Current, response: Response
    ) -> model.RolloutView | model.PlanView:
        unit, environment = inputs.unit(body.unit), inputs.environment(body.environment)
        version = await _version_of(services, body, unit)
        only_proposes = not caller.may(_P.DEPLOY, Place(environment=environment, unit=unit))
        if body.dry_run:
            response.status_code = 200
            shown = await services.commands.preview(
                unit,
                environment,
                version,
                strategy=body.strategy,
                changes=body.changes.wanted(),
                needs_approval=only_proposes,
            )
            manifest = await gather.manifest(unit, version)
            what = (unit, environment, version)
            now = await foreseen(services, what, shown, manifest)
            return views.plan(shown, manifest).model_copy(update={"foreseen": now})
        reason = body.reason.strip() or f"{caller.name} deploys {version}"
        begun = await services.commands.deploy(
            unit,
            environment,
            version,
            strategy=body.strategy,
            actor=caller.name,
            reason=reason,
            override=await _override(services, caller, body, (unit, environment, version)),
            needs_approval=only_proposes,
            proposer_id=caller.principal.user_id,
            changes=body.changes.wanted(),
            shown=body.plan,
        )
        return await gather.rollout(begun.id, caller)

    @api.post(
        "/units/{unit}/environments/{environment}/rollback",
        status_code=201,
        summary="Go back to the last stable release, or to the one named",
        responses=documented(404, 409, 422, 503),
        dependencies=[needs(_P.ROLLBACK, places.path)],
    )
    async def rollback(
        unit: inputs.UnitPath, environment: inputs.EnvironmentPath, body: inputs.RollBack, caller: Current
    ) -> model.RolloutView:
        own, place = inputs.unit(unit), inputs.environment(environment)
        to = inputs.version(body.to) if body.to else None
        wanted = signing.Wanted(Action.ROLLBACK, place, body.reason, body.signature)

        async def document() -> Document:
            return await services.commands.document_of_rollback(own, place, to)

        signature = await signing.sign(services, caller, wanted, document)
        try:
            begun = await services.commands.rollback(
                own,
                place,
                to=to,
                actor=caller.name,
                reason=body.reason,
                proposer_id=caller.principal.user_id,
                needs_approval=not caller.may(_P.DEPLOY, Place(environment=place, unit=own)),
                signature=signature,
            )
        except Forbidden as error:
            if error.code != "signature-required":
                raise
            # It would end a rollout, and the policy wants aborts signed: only the command knew.
            raise signing.required(services, caller, wanted, await document()) from error
        return await gather.rollout(begun.id, caller)


async def _version_of(services: Services, body: inputs.Deploy, unit: UnitName) -> Version:
    """The version that is named, or what is stable in the environment that is."""
    if body.version is None and body.source is None:
        raise InvalidInput("which-release", "name a version, or the environment that it comes from")
    if body.version is not None and body.source is not None:
        raise InvalidInput("which-release", "name a version or an environment that it comes from, not both")
    if body.version is not None:
        return inputs.version(body.version)
    return await services.commands.stable_in(unit, inputs.environment(body.source or ""))


async def _override(
    services: Services, caller: Caller, body: inputs.Deploy, what: tuple[UnitName, EnvironmentName, Version]
) -> Signature | None:
    """The signature of who lets it come past the environment before; None where nobody asks for that."""
    if not body.override:
        return None
    unit, environment, _version = what
    if not caller.may(_P.PROMOTE, Place(environment=environment, unit=unit)):
        raise Forbidden(
            "not-permitted",
            f"{caller.name} lacks {_P.PROMOTE.value} in {environment}",
            hint="ask somebody who may promote there",
            needs={"permission": _P.PROMOTE.value, "environment": environment, "unit": unit},
        )
    if not body.reason.strip():
        raise InvalidInput("no-reason", "an override needs a reason", hint="--reason TEXT")
    document = await services.commands.document_of_override(*what)
    wanted = signing.Wanted(Action.OVERRIDE, environment, body.reason, body.signature)
    return await signing.must_sign(services, caller, wanted, document)


def _look(api: APIRouter, gather: Gather) -> None:
    services = gather.services
    own = [needs(_P.FLOOR_VIEW, places.rollout)]

    @api.get(
        "/rollouts",
        summary="Rollouts, newest first",
        responses=documented(422),
        dependencies=[needs(_P.FLOOR_VIEW)],
    )
    async def rollouts(
        caller: Current,
        unit: inputs.NameQuery = None,
        environment: inputs.NameQuery = None,
        limit: inputs.LimitQuery = 50,
    ) -> list[model.RolloutSummary]:
        found = await gather.rollouts(
            caller, inputs.maybe_unit(unit), inputs.maybe_environment(environment), limit
        )
        return [views.summary(each) for each in found]

    @api.get(
        "/units/{unit}/environments/{environment}/history",
        summary="What ran there from when to when, and why it came and went; newest first",
        responses=documented(422),
        dependencies=[needs(_P.FLOOR_VIEW, places.path)],
    )
    async def history(
        unit: inputs.UnitPath, environment: inputs.EnvironmentPath, limit: inputs.LimitQuery = 50
    ) -> list[model.HistoryView]:
        place = inputs.unit(unit), inputs.environment(environment)
        found = await services.rollouts.list(*place, limit)
        stables = await services.rollouts.stables(*place)
        return [views.history(each) for each in entries(found, stables)]

    @api.get(
        "/rollouts/{rollout}",
        summary="Plan, findings, instances",
        responses=documented(404, 422),
        dependencies=own,
    )
    async def one(rollout: inputs.IdPath, caller: Current) -> model.RolloutView:
        return await gather.rollout(RolloutId(rollout), caller)

    @api.get(
        "/rollouts/{rollout}/looks",
        summary="The judge's looks",
        responses=documented(404, 422),
        dependencies=own,
    )
    async def looks(rollout: inputs.IdPath, after: inputs.NumberQuery = 0) -> list[model.LookView]:
        await services.rollouts.get(RolloutId(rollout))
        return [views.look(each) for each in await services.rollouts.looks(RolloutId(rollout), after)]


def _act(gather: Gather, verb: RequestKind) -> _Act:
    services = gather.services

    async def act(
        rollout: inputs.IdPath, body: inputs.Signed, caller: Current
    ) -> model.RolloutView | Response:
        own = RolloutId(rollout)
        signature = None
        if verb is RequestKind.ALERT and caller.principal.may_sign:
            # It is not signed, so it must not stand in for an abort, which may have to be.
            raise Forbidden("not-a-program", "an alert comes from a program with a token", hint="abort it")
        if verb in _SIGNED:
            environment = (await places.of_rollout(services, rollout)).environment
            signature = await signing.sign(
                services,
                caller,
                signing.Wanted(_SIGNED[verb], environment, body.reason, body.signature),
                lambda: services.commands.document_of_request(own, verb),
            )
        commands = services.commands
        # One that cannot be read can neither be asked nor shown, but it must not block its place.
        if verb is RequestKind.ABORT and await commands.close_damaged(
            own, caller.name, body.reason, signature=signature
        ):
            return Response(status_code=204)
        await commands.request(own, verb, caller.name, body.reason, signature=signature)
        return await gather.rollout(own, caller)

    return act


def _answer(api: APIRouter, gather: Gather) -> None:
    services = gather.services

    def answered(*, is_yes: bool) -> _Act:
        async def answer(
            rollout: inputs.IdPath, body: inputs.Signed, caller: Current
        ) -> model.RolloutView | Response:
            own = RolloutId(rollout)
            place = await places.of_rollout(services, rollout)
            roles = rights.roles_at(caller.principal, place)
            # Before anything is sealed: a signature in a role that the person lacks must not exist.
            if caller.principal.may_sign:
                await services.commands.check_role(own, caller.name, roles)
            wanted = signing.Wanted(Action.APPROVE, place.environment, body.reason, body.signature)
            # An answer is a signature, whatever else the policy wants signed.
            document = await services.commands.document_of_answer(own, is_yes=is_yes)
            signature = await signing.must_sign(services, caller, wanted, document)
            commands = services.commands
            await (commands.approve if is_yes else commands.reject)(own, signature, roles)
            return await gather.rollout(own, caller)

        return answer

    for word, is_yes in (("approve", True), ("reject", False)):
        api.add_api_route(
            f"/rollouts/{{rollout}}/{word}",
            answered(is_yes=is_yes),
            methods=["POST"],
            status_code=202,
            name=f"{word}_rollout",
            summary=f"Say {'yes' if is_yes else 'no'} at its gate, with a signature",
            response_model=model.RolloutView,
            responses=documented(404, 409, 422),
            dependencies=[needs(_P.APPROVE, places.rollout)],
        )

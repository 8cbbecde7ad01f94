"""What environments demand, and the signatures that people made."""

from typing import Annotated

from fastapi import APIRouter, Query

from andon.access.model import Permission, Place
from andon.access.signatures.model import Action
from andon.api import account_inputs as inputs
from andon.api import account_model as model
from andon.api import accounts, places, signing, views
from andon.api import inputs as common
from andon.api.callers import Current
from andon.api.declared import needs
from andon.api.model import SignatureView
from andon.api.problems import documented
from andon.api.services import Services
from andon.kernel.errors import NotFound

_P = Permission


def router(services: Services) -> APIRouter:
    """Endpoints of policies."""
    api = APIRouter(tags=["policies"])

    @api.get("/policies", summary="What environments demand", dependencies=[needs(_P.FLOOR_VIEW)])
    async def some(caller: Current) -> list[model.PolicyView]:
        known = {each.environment for each in await services.desired.list()}
        return [
            accounts.policy(each)
            for each in await services.policies.list(sorted(known))
            if caller.may(_P.FLOOR_VIEW, Place(environment=each.environment))
        ]

    @api.get(
        "/policies/{environment}",
        summary="What one environment demands, and its signed versions",
        responses=documented(409, 422),
        dependencies=[needs(_P.FLOOR_VIEW, places.path)],
    )
    async def one(environment: common.EnvironmentPath) -> model.PolicyWithHistory:
        history = await services.policies.history(environment)
        return model.PolicyWithHistory(
            policy=accounts.policy(await services.policies.get(environment)),
            history=[accounts.stored_policy(each) for each in history],
        )

    @api.put(
        "/policies/{environment}",
        summary="Change what an environment demands, with a signature",
        responses=documented(409, 422),
        dependencies=[needs(_P.POLICY_EDIT, places.whole_environment)],
    )
    async def put(
        environment: common.EnvironmentPath, body: inputs.PutPolicy, caller: Current
    ) -> model.PolicyView:
        drafted = await services.policies.draft(
            common.environment(environment),
            is_production=body.is_production,
            approvals=body.approvals,
            approver_role=body.approver_role,
            signed=body.signed,
        )
        signature = await signing.must_sign(
            services,
            caller,
            signing.Wanted(Action.EDIT_POLICY, environment, body.reason, body.signature),
            services.policies.document(drafted),
        )
        return accounts.policy(await services.policies.put(drafted, signature))

    return api


def signatures(services: Services) -> APIRouter:
    """Endpoints of signatures; making one is part of what it signs."""
    api = APIRouter(tags=["signatures"])

    @api.get(
        "/signatures",
        summary="Signatures, newest first, with what each is worth today",
        responses=documented(422),
        dependencies=[needs(_P.TIMELINE_VIEW)],
    )
    async def some(
        caller: Current,
        subject: Annotated[common.Plain, Query(max_length=200)] = "",
        limit: common.LimitQuery = 100,
    ) -> list[SignatureView]:
        found = await services.signing.list(subject or None, limit)
        return [
            views.signature(*each)
            for each in found
            if caller.may(_P.TIMELINE_VIEW, places.of_document(each[0].document))
        ]

    @api.get(
        "/signatures/{signature}",
        summary="One signature, with exactly what was signed",
        responses=documented(404, 422),
        dependencies=[needs(_P.TIMELINE_VIEW)],
    )
    async def one(signature: common.IdPath, caller: Current) -> model.WholeSignature:
        made, standing = await services.signing.get(signature)
        if not caller.may(_P.TIMELINE_VIEW, places.of_document(made.document)):
            raise NotFound("no-such-signature", f"there is no signature {signature}")
        return accounts.whole_signature(made, standing)

    return api

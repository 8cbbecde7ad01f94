"""What environments demand, and the signatures that people made."""

from typing import Annotated

from fastapi import APIRouter, Query

from andon.access.model import Permission
from andon.access.policies import calendar
from andon.access.signatures.model import Action
from andon.api import account_inputs as inputs
from andon.api import account_model as model
from andon.api import accounts, places, signing, views
from andon.api import inputs as common
from andon.api.callers import Current
from andon.api.declared import needs
from andon.api.gather import Gather
from andon.api.inputs import V1
from andon.api.model import SignatureView
from andon.api.problems import documented

_P = Permission


def router(gather: Gather) -> APIRouter:
    """Endpoints of policies."""
    api = APIRouter(prefix=V1, tags=["policies"])
    services = gather.services

    @api.get("/policies", summary="What environments demand", dependencies=[needs(_P.FLOOR_VIEW)])
    async def some(caller: Current) -> list[model.PolicyView]:
        return [accounts.policy(each) for each in await gather.policies(caller)]

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
            calendar=None if body.calendar is None else calendar.from_values(body.calendar.model_dump()),
            keeps_calendar=body.calendar is None and not body.drops_calendar,
            bounds=None if body.bounds is None else body.bounds.bounds(),
        )
        signature = await signing.must_sign(
            services,
            caller,
            signing.Wanted(Action.EDIT_POLICY, environment, body.reason, body.signature),
            services.policies.document(drafted),
        )
        return accounts.policy(await services.policies.put(drafted, signature))

    return api


def signatures(gather: Gather) -> APIRouter:
    """Endpoints of signatures; making one is part of what it signs."""
    api = APIRouter(prefix=V1, tags=["signatures"])

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
        found = await gather.signatures(caller, subject or None, limit)
        return [views.signature(*each) for each in found]

    @api.get(
        "/signatures/{signature}",
        summary="One signature, with exactly what was signed",
        responses=documented(404, 422),
        dependencies=[needs(_P.TIMELINE_VIEW)],
    )
    async def one(signature: common.IdPath, caller: Current) -> model.WholeSignature:
        return accounts.whole_signature(*await gather.signature(caller, signature))

    return api

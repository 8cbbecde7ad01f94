"""Whether Andon itself works: health, ready, metrics, doctor."""

from fastapi import APIRouter, Request, Response

from andon.access.model import Permission
from andon.api import callers, model, views
from andon.api.declared import needs, open_to_all
from andon.api.guard import Protection
from andon.api.inputs import V1
from andon.api.metrics import Metrics
from andon.api.problems import documented
from andon.api.services import Probe, Services

_LOOP_FAILURES = 3


def probes(services: Services) -> APIRouter:
    """`/health` and `/ready`."""
    router = APIRouter(tags=["system"])

    @router.get(
        "/health",
        summary="Is the process alive?",
        dependencies=[open_to_all("a load balancer asks; it says alive and nothing else")],
    )
    async def health() -> model.Health:
        return model.Health()

    @router.get(
        "/ready",
        summary="Can it do its work? Each part for itself",
        responses={503: {"model": model.Checks, "description": "A part does not work"}},
        dependencies=[open_to_all("a load balancer asks; details only with system.view")],
    )
    async def ready(request: Request, response: Response) -> model.Checks:
        checks = views.checks([*await services.probes(), *_loops(services)])
        response.status_code = 200 if checks.is_good else 503
        caller = callers.find(request)
        if caller is not None and caller.may(Permission.SYSTEM_VIEW):
            return checks
        named = [each.model_copy(update={"detail": "", "hint": ""}) for each in checks.checks]
        return model.Checks(is_good=checks.is_good, checks=named)

    return router


def metrics(page: Metrics) -> APIRouter:
    """`/metrics`."""
    router = APIRouter(tags=["system"])

    @router.get(
        "/metrics",
        summary="Andon's own metrics, for Prometheus",
        response_class=Response,
        dependencies=[needs(Permission.SYSTEM_VIEW, unless=_may_scrape)],
    )
    async def read() -> Response:
        return Response(page.text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    return router


def doctor(services: Services) -> APIRouter:
    """`/api/v1/doctor`."""
    router = APIRouter(prefix=V1, tags=["system"])

    @router.get(
        "/doctor",
        summary="Each part for itself, with what helps",
        responses=documented(503),
        dependencies=[needs(Permission.SYSTEM_VIEW)],
    )
    async def read() -> model.Checks:
        return views.checks([*await services.probes(), *_loops(services)])

    return router


def _may_scrape(request: Request) -> bool:
    """Whether the settings let this machine read the metrics without credentials."""
    protection: Protection = request.app.state.protection
    return protection.open_metrics and callers.identity(request).is_loopback


def _loops(services: Services) -> list[Probe]:
    """A loop is ill after three failures in a row; one that has not ticked yet is starting, not ill."""
    return [
        Probe(
            name=f"loop {loop.name}",
            problem=loop.last_error if loop.failures_in_a_row >= _LOOP_FAILURES else "",
            detail="runs" if loop.last_finished_at else "starts",
            hint="the log of andon has the details",
        )
        for loop in services.loops()
    ]

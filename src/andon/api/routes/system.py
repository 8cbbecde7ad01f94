"""Whether Andon itself works: health, ready, metrics, doctor."""

from fastapi import APIRouter, Response

from andon.api import model, views
from andon.api.metrics import Metrics
from andon.api.problems import documented
from andon.api.services import Probe, Services

_LOOP_FAILURES = 3


def probes(services: Services) -> APIRouter:
    """`/health` and `/ready`."""
    router = APIRouter(tags=["system"])

    @router.get("/health", summary="Is the process alive?")
    async def health() -> model.Health:
        return model.Health(version=services.version)

    @router.get(
        "/ready",
        summary="Can it do its work? Each part for itself",
        responses={503: {"model": model.Checks, "description": "A part does not work"}},
    )
    async def ready(response: Response) -> model.Checks:
        checks = views.checks([*await services.probes(), *_loops(services)])
        response.status_code = 200 if checks.is_good else 503
        return checks

    return router


def metrics(page: Metrics) -> APIRouter:
    """`/metrics`."""
    router = APIRouter(tags=["system"])

    @router.get("/metrics", summary="Andon's own metrics, for Prometheus", response_class=Response)
    async def read() -> Response:
        return Response(page.text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    return router


def doctor(services: Services) -> APIRouter:
    """`/api/v1/doctor`."""
    router = APIRouter(tags=["system"])

    @router.get("/doctor", summary="Each part for itself, with what helps", responses=documented(503))
    async def read() -> model.Checks:
        return views.checks([*await services.probes(), *_loops(services)])

    return router


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

"""The rest of the API: the configured rows, and what a supervisor asks of the instance."""

from typing import Annotated, Any

from fastapi import APIRouter, FastAPI, Query
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute

from andon_mes.api import (
    aborts,
    administration,
    audit,
    auth,
    batches,
    calls,
    certificates,
    components,
    configuration,
    contested,
    defects,
    equipment,
    exchange,
    exports,
    labels,
    line,
    logs,
    lots,
    plant,
    recalls,
    reports,
    reworks,
    scans,
    spc,
)
from andon_mes.api.access import Caller, needs
from andon_mes.api.context import Mes, ThisMes
from andon_mes.api.documents import READS, WATCHED, Alive, Data, Ready
from andon_mes.api.problems import answer
from andon_mes.evidence import metrics
from andon_mes.kernel.errors import Unavailable
from andon_mes.store.migrate import find_revision, is_sufficient, not_migrated
from andon_mes.vendor import store as vendor
from andon_mes.vendor.documents import as_document

ModelCode = Annotated[str | None, Query(min_length=1, max_length=50)]
_PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"


def install(app: FastAPI, mes: Mes) -> None:
    """Put every endpoint on `app`."""
    app.state.mes = mes
    app.router.routes.extend(endpoints())


def endpoints() -> list[BaseRoute]:
    """Every endpoint. They are the same for all instances, so they are made once, on import."""
    return [
        each
        for router in (
            scans.router,
            aborts.router,
            batches.router,
            lots.router,
            components.router,
            defects.router,
            reworks.router,
            contested.router,
            calls.router,
            spc.router,
            recalls.router,
            certificates.router,
            exports.router,
            labels.router,
            reports.router,
            audit.router,
            line.router,
            exchange.router,
            configuration.router,
            equipment.router,
            plant.router,
            auth.router,
            administration.router,
            logs.router,
            _configured,
            _watched,
        )
        for each in router.routes
    ]


_configured = APIRouter(prefix="/api/v1", tags=["configuration"])


@_configured.get("/vendor-contract", response_model=Data[dict[str, Any]], responses=READS)
async def get_vendor_contract(
    mes: ThisMes, _caller: Annotated[Caller, needs("process", "read")], product_model: ModelCode = None
) -> Response:
    """What vendors' files must hold, as JSON Schemas by process: a file to take home for `vendor-check`."""
    known = await mes.database.read(lambda each: vendor.contract(each, product_model))
    return JSONResponse({"data": as_document(known)})


_watched = APIRouter(tags=["operation"])


@_watched.get("/health", response_model=Alive)
async def health(mes: ThisMes) -> Response:
    """Alive: the process answers. It asks nobody else."""
    return JSONResponse({"status": "ok", "release": mes.release})


@_watched.get("/ready", response_model=Ready, responses=WATCHED)
async def ready(mes: ThisMes) -> Response:
    """Ready: the database answers and its schema is one this release can work on."""
    try:
        revision = await mes.database.read(find_revision)
    except Unavailable as error:
        return answer(error.problem, error.status)
    if not is_sufficient(revision):
        return answer(not_migrated(revision), 503)
    return JSONResponse({"status": "ready", "release": mes.release, "schema": revision})


@_watched.get("/metrics", response_class=PlainTextResponse, responses=WATCHED)
async def prometheus(mes: ThisMes) -> Response:
    """Prometheus text: evidence of all releases in the database, counts of this instance."""
    totals = await mes.evidence.totals()
    text = metrics.render(totals, mes.served, mes.database.queue_depth())
    return Response(text, media_type=_PROMETHEUS)

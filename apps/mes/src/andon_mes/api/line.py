"""What others ask before they disturb the line: what is under way, and whether a place may be restarted.

Open to everybody who reaches the port, as it tells counts and places, and no person.
"""

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse, Response

from andon_mes.api.bodies import ProductionQuery, SafePointQuery
from andon_mes.api.context import ThisMes
from andon_mes.api.documents import OPEN_READS, Data, ProductionShown, SafePointShown
from andon_mes.api.views import production_view, safe_point_view
from andon_mes.lots import store as lots
from andon_mes.processes import store as attempts
from andon_mes.processes.model import Place

router = APIRouter(prefix="/api/v1", tags=["line"])


@router.get("/production", response_model=Data[ProductionShown], responses=OPEN_READS)
async def get_production(mes: ThisMes, asked: Annotated[ProductionQuery, Query()]) -> Response:
    """What is under way, by product model."""
    models = await mes.database.read(lambda each: lots.production(each, asked.product_model))
    return JSONResponse({"data": production_view(models)})


@router.get("/safe-point", response_model=Data[SafePointShown], responses=OPEN_READS)
async def get_safe_point(mes: ThisMes, asked: Annotated[SafePointQuery, Query()]) -> Response:
    """Whether a place may be restarted: no serial is open there. Without a place, anywhere in the plant."""
    place = Place(asked.process, asked.station, asked.equipment)
    found = await mes.database.read(lambda each: attempts.list_open(each, place))
    return JSONResponse({"data": safe_point_view(found)})

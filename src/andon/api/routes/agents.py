"""What agents ask and tell (`andon_wire/protocol.py`). From memory; durable before it is answered."""

from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import PlainTextResponse
from pydantic import ValidationError

from andon.api import callers, stations
from andon.api.declared import open_to_all
from andon.api.gather import Gather
from andon.api.inputs import LARGEST, V1
from andon.api.problems import documented
from andon.kernel.errors import InvalidInput, Unauthenticated
from andon_wire import identity
from andon_wire.protocol import Document, Enrol, Enrolled, Report, Reported

_D = TypeVar("_D", bound=Document)
_LONGEST_WAIT_S = 60.0
_JOSE = "application/jose"
_WANTED: dict[int | str, dict[str, Any]] = {
    200: {"content": {_JOSE: {"schema": {"type": "string"}}}, "description": "A signed document (JWS)"},
    304: {"description": "Nothing new"},
}


def _body(of: type[Document]) -> dict[str, Any]:
    """The body of a route that reads it itself, for its description."""
    schema = of.model_json_schema()
    parts = schema.pop("$defs", {})
    whole = _whole(schema, parts)
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": whole}}}}


def _whole(part: Any, parts: Mapping[str, Any]) -> Any:
    """A schema with its parts where they are used; none of these documents holds itself."""
    if isinstance(part, dict):
        name = str(part.get("$ref", "")).removeprefix("#/$defs/")
        if name:
            return _whole(parts[name], parts)
        return {key: _whole(value, parts) for key, value in part.items()}
    return [_whole(each, parts) for each in part] if isinstance(part, list) else part


def router(gather: Gather) -> APIRouter:
    """Endpoints of agents."""
    api = APIRouter(prefix=f"{V1}/agents", tags=["agents"])
    services = gather.services

    @api.post(
        "/enrol",
        status_code=201,
        summary="A machine becomes a station, once for each token",
        responses=documented(401, 409, 422),
        openapi_extra=_body(Enrol),
        dependencies=[open_to_all("a machine brings a one-time token, and signs with the key it enrols")],
    )
    async def enrol(request: Request) -> Enrolled:
        asked = _read(Enrol, await request.body())
        token = identity.token_of(request.headers.get("authorization"))
        if token is None:
            raise Unauthenticated("no-credentials", "an agent signs its requests", hint="andon-agent enrol")
        signed = await stations.signed_part(request, identity.FOR_ENROLMENT)
        source = callers.identity(request).origin.source
        return await services.fleet.enrolling.enrol(asked, signed, token, source=source)

    @api.get(
        "/wanted",
        summary="What a station should run; waits for news where `wait` says so",
        response_class=PlainTextResponse,
        responses=_WANTED | documented(401, 403, 422),
        dependencies=[stations.by_signature()],
    )
    async def wanted(
        request: Request,
        have: Annotated[int, Query(ge=0, le=LARGEST)] = 0,
        wait: Annotated[float, Query(ge=0, le=3600)] = 0,
    ) -> Response:
        station, roster = stations.station_of(request), services.fleet.roster
        roster.polled(station.name, have)
        told = await roster.wait(station.name, have, min(wait, _LONGEST_WAIT_S))
        tag = f'"{station.name}-{roster.revision_of(station.name)}"'
        if told is None or request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers={"ETag": tag})
        return Response(told.text, media_type=_JOSE, headers={"ETag": tag})

    @api.post(
        "/reports",
        summary="What a station runs, did and measured; each event is taken once",
        responses=documented(401, 403, 422),
        openapi_extra=_body(Report),
        dependencies=[stations.by_signature()],
    )
    async def reports(request: Request) -> Reported:
        station = stations.station_of(request)
        report = _read(Report, await request.body())
        source = callers.identity(request).origin.source
        seen = await services.fleet.inbox.take(station.name, report, address=source)
        revision = services.fleet.roster.revision_of(station.name)
        return Reported(seq=seen.seq, revision=revision, now=services.clock.now())

    return api


def _read(of: type[_D], body: bytes) -> _D:
    try:
        return of.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        where = ".".join(str(each) for each in first["loc"]) or "the body"
        raise InvalidInput("bad-field", f"{where}: {first['msg']}", hint="andon_wire/protocol.py") from error

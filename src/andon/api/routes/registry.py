"""The registry: how it stands, its collection, and `/registry/`, its static files for stations and mirrors.

Of the files nothing is listed.
Only what the registry's own rules name is given: metadata and targets, never a temporary file or a key. A
plant with many stations puts a web server before a copy of the folder (docs/operations/registry.md).
"""

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator, Iterator

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse

from andon.access.model import Permission
from andon.api import inputs, ranges
from andon.api import registry_model as model
from andon.api import registry_views as views
from andon.api.callers import Current
from andon.api.declared import everywhere, needs, open_to_all
from andon.api.inputs import V1
from andon.api.problems import documented
from andon.api.ranges import Part
from andon.api.services import RegistryFiles, Services
from andon.kernel.errors import NotFound

_TIMESTAMP = "metadata/timestamp.json"
_VERSIONED = re.compile(
    r"metadata/[0-9]+\.[a-z][a-z0-9-]*\.json"
    r"|targets/[a-z][a-z0-9-]*/[0-9][0-9a-z.+-]*/[0-9a-f]{64}\.[A-Za-z0-9][A-Za-z0-9._-]*"
)
_WHY = (
    "each byte is signed, and a station verifies it by the root that it pinned; what a release holds is no "
    "secret of the plant, its keys are elsewhere"
)


def router(services: Services) -> APIRouter:
    """The files."""
    api = APIRouter(tags=["registry"])

    @api.api_route(
        "/registry/{path:path}",
        methods=["GET", "HEAD"],
        summary="A file of the registry, or one range of it",
        response_class=Response,
        responses=documented(404),
        include_in_schema=False,
        dependencies=[open_to_all(_WHY)],
    )
    async def read(path: str, request: Request) -> Response:
        registry = services.registry
        if path == _TIMESTAMP:
            return await _timestamp(registry, request)
        size = await asyncio.to_thread(registry.size, path) if _VERSIONED.fullmatch(path) else None
        if size is None:
            raise NotFound("no-such-file", "the registry has no such file")
        return _file(registry, path, size, request)

    return api


def upkeep(services: Services) -> APIRouter:
    """How it stands, and its garbage collection: of all units at once, as one file of metadata names them."""
    api = APIRouter(prefix=V1, tags=["registry"])

    @api.get(
        "/registry",
        summary="What is stored, what a collection would take, who may sign, and until when it holds",
        responses=documented(404, 409, 503),
        dependencies=[needs(Permission.SYSTEM_VIEW, everywhere)],
    )
    async def look() -> model.RegistryView:
        return views.registry(await services.upkeep.look())

    @api.post(
        "/registry/collections",
        summary="Take out of it what nobody needs, by the rules of the settings. It cannot be taken back",
        responses=documented(404, 409, 422, 503),
        dependencies=[needs(Permission.REGISTRY_COLLECT, everywhere)],
    )
    async def collect(body: inputs.Because, caller: Current) -> model.CollectedView:
        return views.collected(await services.upkeep.collect(actor=caller.name, reason=body.reason))

    return api


async def _timestamp(registry: RegistryFiles, request: Request) -> Response:
    """The one file whose content changes: small, read at once, and asked for again each time."""
    content = await asyncio.to_thread(lambda: b"".join(registry.pieces(_TIMESTAMP)))
    tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    headers = {"Cache-Control": "no-cache", "ETag": tag}
    if _has(request, tag):
        return Response(status_code=304, headers=headers)
    return Response(content, media_type="application/json", headers=headers)


def _file(registry: RegistryFiles, path: str, size: int, request: Request) -> Response:
    tag = f'"{path.rpartition("/")[2]}"'  # version or hash is in its name: the same name is the same bytes
    headers = {
        "Cache-Control": "public, max-age=31536000, immutable",
        "ETag": tag,
        "Accept-Ranges": "bytes",
    }
    if _has(request, tag):
        return Response(status_code=304, headers=headers)
    try:
        part = ranges.asked_for(_wanted_range(request, tag), size)
    except ranges.Unsatisfiable:
        return Response(status_code=416, headers=headers | {"Content-Range": f"bytes */{size}"})
    status, whole = (200, Part(0, size)) if part is None else (206, part)
    if part is not None:
        headers["Content-Range"] = f"bytes {part.begin}-{part.end - 1}/{size}"
    headers["Content-Length"] = str(whole.size)
    kind = "application/json" if path.endswith(".json") else "application/octet-stream"
    if request.method == "HEAD":
        return Response(status_code=status, media_type=kind, headers=headers)
    return StreamingResponse(
        _given(registry, path, whole), status_code=status, media_type=kind, headers=headers
    )


def _has(request: Request, tag: str) -> bool:
    """Whether the reader has it already."""
    named = [each.strip().removeprefix("W/") for each in request.headers.get("if-none-match", "").split(",")]
    return tag in named or "*" in named


def _wanted_range(request: Request, tag: str) -> str:
    """The range, unless it is of another file."""
    return request.headers.get("range", "") if request.headers.get("if-range", tag) == tag else ""


async def _given(registry: RegistryFiles, path: str, part: Part) -> AsyncIterator[bytes]:
    """The bytes of the part, a piece at a time in a thread, so that a slow disk holds up nobody else."""
    pieces, left = registry.pieces(path, offset=part.begin), part.size
    while left and (piece := await asyncio.to_thread(_next, pieces)):
        yield piece[:left]
        left -= min(left, len(piece))


def _next(pieces: Iterator[bytes]) -> bytes:
    return next(pieces, b"")

"""From source to release: runs with their logs, and the releases that came of them."""

import contextlib
import json
from collections.abc import AsyncGenerator, AsyncIterator
from datetime import timedelta
from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import StreamingResponse

from andon.access.model import EVERYWHERE, Permission, Place
from andon.api import inputs, model, places, views
from andon.api.callers import Caller, Current
from andon.api.declared import needs
from andon.api.gather import Gather
from andon.api.inputs import V1
from andon.api.problems import documented
from andon.api.services import Services
from andon.api.streams import Streams
from andon.kernel.errors import Forbidden, InvalidInput
from andon.kernel.ids import RunId
from andon.pipelines.model import Run, RunState, StageName

_LOOK = timedelta(milliseconds=300)
_STILL = timedelta(seconds=10)


def releases(services: Services) -> APIRouter:
    """Endpoints of releases."""
    api = APIRouter(prefix=V1, tags=["releases"])

    @api.get(
        "/releases",
        summary="Published releases, newest first",
        responses=documented(422),
        dependencies=[needs(Permission.FLOOR_VIEW)],
    )
    async def some(caller: Current, unit: inputs.NameQuery = None) -> list[model.ReleaseView]:
        found = [
            each
            for each in await services.releases.list(inputs.maybe_unit(unit))
            if caller.may(Permission.FLOOR_VIEW, Place(unit=each.unit))
        ]
        revoked = await services.releases.revoked()
        ordered = sorted(found, key=lambda each: each.created_at, reverse=True)
        return [views.release(each, revoked) for each in ordered]

    @api.get(
        "/releases/{unit}/{version}",
        summary="One release with its notes",
        responses=documented(404, 422),
        dependencies=[needs(Permission.FLOOR_VIEW, places.path)],
    )
    async def one(unit: inputs.UnitPath, version: inputs.VersionPath) -> model.ReleaseDetail:
        found = await services.releases.get(inputs.unit(unit), inputs.version(version))
        notes = await services.releases.notes(found.unit, found.version)
        return views.release_detail(found, await services.releases.revoked(), notes)

    return api


def runs(gather: Gather, streams: Streams) -> APIRouter:
    """Endpoints of runs."""
    api = APIRouter(prefix=V1, tags=["runs"])
    services = gather.services
    own, logs = [needs(Permission.FLOOR_VIEW, places.run)], [needs(Permission.LOGS_VIEW, places.run)]

    @api.post(
        "/runs",
        status_code=201,
        summary="Ship a source tree",
        responses=documented(403, 404, 409, 422),
        dependencies=[needs(Permission.RUN_START)],
    )
    async def start(body: inputs.StartRun, caller: Current) -> model.RunView:
        await _require_start(services, caller, Path(body.path))
        return views.run(await services.ship.start(Path(body.path), caller.name))

    @api.get(
        "/runs",
        summary="Runs, newest first",
        responses=documented(422),
        dependencies=[needs(Permission.FLOOR_VIEW)],
    )
    async def some(
        caller: Current, unit: inputs.NameQuery = None, limit: inputs.LimitQuery = 50
    ) -> list[model.RunView]:
        return [views.run(each) for each in await gather.runs(caller, inputs.maybe_unit(unit), limit)]

    @api.get(
        "/runs/{run}",
        summary="One run with its stages",
        responses=documented(404, 422),
        dependencies=own,
    )
    async def one(run: inputs.IdPath) -> model.RunView:
        return views.run(await services.runs.get(RunId(run)))

    @api.get(
        "/runs/{run}/log/{stage}",
        summary="A stage's log",
        responses=documented(404, 422),
        dependencies=logs,
    )
    async def log(run: inputs.IdPath, stage: StageName, offset: inputs.NumberQuery = 0) -> model.LogPiece:
        walk = await services.runs.get(RunId(run))
        text, following = await services.run_log(RunId(run), stage, offset)
        return model.LogPiece(text=text, next_offset=following, is_over=walk.state is not RunState.RUNNING)

    @api.get(
        "/runs/{run}/events",
        summary="A run as it goes: `stage`, `log` and, at its end, `end`",
        response_class=StreamingResponse,
        responses={200: {"content": {"text/event-stream": {}}}, **documented(404, 422, 429, 503)},
        dependencies=logs,
    )
    async def events(run: inputs.IdPath, caller: Current) -> StreamingResponse:
        await services.runs.get(RunId(run))
        return StreamingResponse(
            follow(services, RunId(run), caller, streams), media_type="text/event-stream"
        )

    @api.post(
        "/runs/{run}/cancel",
        status_code=202,
        summary="End a run",
        responses=documented(404, 409, 422),
        dependencies=[needs(Permission.RUN_CANCEL, places.run)],
    )
    async def cancel(run: inputs.IdPath, body: inputs.Because, caller: Current) -> model.RunView:
        return views.run(await services.ship.cancel(RunId(run), actor=caller.name, reason=body.reason))

    return api


async def _require_start(services: Services, caller: Caller, path: Path) -> None:
    """Go on only where the caller may ship the unit of this tree, which stands in the tree itself.

    Who may not ship every unit is told the same of a tree of another unit, of one that cannot be shipped,
    and of a path where nothing is: files of this machine cannot be tried out.
    """
    if not caller.may(Permission.RUN_START, Place(unit=EVERYWHERE)):
        unit = None
        with contextlib.suppress(InvalidInput, Forbidden):
            unit = await services.ship.unit_of(path)
        if unit is None or not caller.may(Permission.RUN_START, Place(unit=unit)):
            raise Forbidden(
                "not-permitted",
                f"{path} holds no unit that {caller.name} may ship",
                hint="who may ship every unit is told what is wrong with a tree",
                needs={"permission": Permission.RUN_START.value, "environment": None, "unit": None},
            )
    caller.require(Permission.RUN_START, Place(unit=await services.ship.unit_of(path)))


def follow(services: Services, run: RunId, caller: Caller, streams: Streams) -> AsyncGenerator[str, None]:
    """A run as server-sent events until it is over: what changed in its stages, and their output.

    It also ends when the caller's credentials hold no longer, or give other rights than at its beginning.

    Raises:
        Throttled, Unavailable: as `Streams.check`.
    """
    streams.check(caller)
    return _held(services, run, caller, streams)


async def _held(
    services: Services, run: RunId, caller: Caller, streams: Streams
) -> AsyncGenerator[str, None]:
    with streams.held(caller) as is_free:
        if not is_free:
            return
        async with contextlib.aclosing(_followed(services, run, caller, streams)) as told:
            async for each in told:
                yield each


async def _followed(
    services: Services, run: RunId, caller: Caller, streams: Streams
) -> AsyncGenerator[str, None]:
    monotonic = services.clock.monotonic
    asked = monotonic()
    told: dict[StageName, model.StageView] = {}
    offsets: dict[StageName, int] = {}
    while not streams.is_ending:
        walk = await services.runs.get(run)
        for status in walk.stages:
            view = views.stage(status)
            if told.get(status.name) != view:
                told[status.name] = view
                yield _event("stage", view.model_dump_json())
        async for piece in _output(services, walk, offsets):
            yield piece
        if walk.state is not RunState.RUNNING:
            yield _event("end", views.run(walk).model_dump_json())
            return
        if caller.again is not None and monotonic() - asked >= _STILL.total_seconds():
            if not await caller.again():
                return
            asked = monotonic()
        await services.clock.sleep(_LOOK)


async def _output(services: Services, walk: Run, offsets: dict[StageName, int]) -> AsyncIterator[str]:
    for status in walk.stages:
        if status.started_at is None:
            continue
        text, offsets[status.name] = await services.run_log(walk.id, status.name, offsets.get(status.name, 0))
        if text:
            yield _event("log", json.dumps({"stage": status.name.value, "text": text}))


def _event(name: str, data: str) -> str:
    return f"event: {name}\ndata: {data}\n\n"

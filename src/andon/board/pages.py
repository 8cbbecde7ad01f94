"""The pages: which page shows what, in which language. The rules of what to show are in `story.py`.

`install` puts them into the API's application. Nothing here changes anything: buttons speak to the API.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, FastAPI, Query, Request, Response
from fastapi.responses import HTMLResponse

from andon.api import model, views
from andon.api.gather import Gather
from andon.api.inputs import EnvironmentPath, IdPath, UnitPath, environment, unit
from andon.api.services import Services
from andon.board import charts, story
from andon.board.frame import Frame, Seen
from andon.kernel.ids import RolloutId, RunId
from andon.timeline.store import Filter

_RECENT_RUNS = 6
_RECENT_RECORDS = 20
Fragment = Annotated[bool, Query(description="Only the part that lives, for the page's script")]


def install(app: FastAPI, services: Services) -> None:
    """Serve the board from `app`, which `andon.api.http.create` made over the same `services`."""
    gather: Gather = app.state.gather
    frame = Frame(services, app.state.feed)
    app.include_router(_router(gather, frame), include_in_schema=False)
    frame.install(app)


def _router(gather: Gather, frame: Frame) -> APIRouter:
    router = APIRouter(default_response_class=HTMLResponse)

    @router.get("/")
    async def floor(request: Request, fragment: Fragment = False) -> Response:
        return await _show(request, fragment, "floor.html", "timeline cord traffic runs", _floor(gather))

    @router.get("/rollouts/{rollout}")
    async def one_rollout(request: Request, rollout: IdPath, fragment: Fragment = False) -> Response:
        topics = f"rollout/{rollout} cord"
        return await _show(request, fragment, "rollout.html", topics, _rollout(gather, RolloutId(rollout)))

    @router.get("/units/{name}/{place}")
    async def one_unit(
        request: Request, name: UnitPath, place: EnvironmentPath, fragment: Fragment = False
    ) -> Response:
        build = _unit(gather, name, place)
        return await _show(request, fragment, "unit.html", f"unit/{name} cord traffic", build)

    @router.get("/runs/{run}")
    async def one_run(request: Request, run: IdPath, fragment: Fragment = False) -> Response:
        return await _show(request, fragment, "run.html", f"run/{run} cord", _run(gather, RunId(run)))

    @router.get("/static/{name}")
    async def static(name: str) -> Response:
        return frame.static(name)

    @router.get("/favicon.ico")
    async def icon() -> Response:
        return frame.static("icon.svg")

    async def _show(
        request: Request,
        fragment: bool,
        template: str,
        topics: str,
        build: Callable[[Seen], Awaitable[dict[str, Any]]],
    ) -> Response:
        return await frame.show(request, template, topics, build, only_live=fragment)

    return router


def _floor(gather: Gather) -> Callable[[Seen], Awaitable[dict[str, Any]]]:
    async def build(_seen: Seen) -> dict[str, Any]:
        status = await gather.status()
        runs = [views.run(each) for each in await gather.services.runs.list(limit=_RECENT_RUNS)]
        return {
            "status": status,
            "places": sorted({each.environment for each in status.units}, key=_production_first),
            "incidents": [each for each in status.units if each.light.colour == "red"],
            "moving": [each for each in status.units if each.light.colour == "amber"],
            "records": await gather.timeline(Filter(), _RECENT_RECORDS),
            "runs": runs,
        }

    return build


def _rollout(gather: Gather, rollout: RolloutId) -> Callable[[Seen], Awaitable[dict[str, Any]]]:
    async def build(seen: Seen) -> dict[str, Any]:
        view = await gather.rollout(rollout)
        looks = await gather.looks(rollout)
        findings = {each.metric: each for each in (view.verdict.findings if view.verdict else ())}
        is_corded = any(each.environment in {None, view.environment} for each in seen.cords)
        tiles = (await gather.status()).units
        place = (view.unit, view.environment)
        return {
            "view": view,
            "tile": next((each for each in tiles if (each.unit, each.environment) == place), None),
            "banner": story.banner(view),
            "next": story.following(view, now=seen.now, is_corded=is_corded),
            "verbs": story.verbs(view),
            "charts": {
                each.name: charts.chart(each, looks, findings.get(each.name)) for each in view.plan.metrics
            },
            "findings": findings,
            "effect": story.effect,
            "needs": story.needs,
            "looks": looks[-1].seq if looks else 0,
            "records": await gather.timeline(Filter(subject=f"rollout/{rollout}"), 200),
        }

    return build


def _unit(gather: Gather, name: str, place: str) -> Callable[[Seen], Awaitable[dict[str, Any]]]:
    async def build(_seen: Seen) -> dict[str, Any]:
        own, there = unit(name), environment(place)
        tiles = (await gather.status()).units
        rollouts = await gather.services.rollouts.list(own, there, 50)
        releases = await gather.services.releases.list(own)
        return {
            "unit": name,
            "environment": place,
            "tile": next((each for each in tiles if (each.unit, each.environment) == (name, place)), None),
            "rollouts": [views.summary(each) for each in rollouts],
            "releases": sorted(
                (views.release(each) for each in releases), key=lambda each: each.created_at, reverse=True
            ),
            "instances": [views.instance(each) for each in await gather.instances(own, there)],
            "records": await gather.timeline(Filter(unit=name, environment=place), _RECENT_RECORDS),
        }

    return build


def _run(gather: Gather, run: RunId) -> Callable[[Seen], Awaitable[dict[str, Any]]]:
    async def build(_seen: Seen) -> dict[str, Any]:
        view = views.run(await gather.services.runs.get(run))
        return {"view": view, "columns": columns(view.stages)}

    return build


def columns(stages: Sequence[model.StageView]) -> list[list[model.StageView]]:
    """The stages by how many must be done before them, so that those side by side stand in one column."""
    depth: dict[str, int] = {}
    for each in stages:  # an order that respects the needs
        depth[each.name] = 1 + max((depth.get(name, 0) for name in each.needs), default=0)
    return [[each for each in stages if depth[each.name] == level] for level in sorted(set(depth.values()))]


def _production_first(name: str) -> tuple[int, str]:
    order = {"production": 0, "staging": 1, "development": 2}
    return order.get(name, 3), name

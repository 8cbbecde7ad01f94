"""The pages of the floor: which page shows what, who may see it. The rules of what to show are in `story.py`.

`install` puts all pages into the API's application. Nothing here changes anything: buttons speak to the API.
"""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, FastAPI, Query, Request, Response
from fastapi.responses import HTMLResponse

from andon.access.model import Permission
from andon.api import before, model, places, views
from andon.api.declared import needs, open_to_all
from andon.api.gather import Gather
from andon.api.http import add
from andon.api.inputs import EnvironmentPath, IdPath, UnitPath, environment
from andon.api.inputs import unit as unit_name
from andon.api.services import Services
from andon.board import (
    access_pages,
    account_pages,
    charts,
    compare_pages,
    deploy_pages,
    fleet_pages,
    fleet_settings_pages,
    gate,
    registry_pages,
    set_pages,
    signed,
    standing,
    story,
    timeline_pages,
)
from andon.board.frame import Build, Frame, Page, Seen
from andon.kernel.ids import RolloutId, RunId, UnitName, Version
from andon.timeline.store import Filter

_RECENT_RUNS = 6
_RECENT_RECORDS = 20
_ROLLOUTS = 50
_RIGHTS_OF = {
    "promote": Permission.PROMOTE,
    "pause": Permission.CONTROL,
    "resume": Permission.CONTROL,
    "abort": Permission.ABORT,
}
Fragment = Annotated[bool, Query(description="Only the part that lives, for the page's script")]


def install(app: FastAPI, services: Services) -> None:
    """Serve the board from `app`, which `andon.api.http.create` made over the same `services`."""
    gather: Gather = app.state.gather
    frame = Frame(services, gather, app.state.feed)
    for router in (
        _floor_pages(gather, frame),
        _files(frame),
        account_pages.router(services, frame),
        access_pages.router(services, gather, frame),
        deploy_pages.router(gather, frame),
        set_pages.router(gather, frame),
        compare_pages.router(gather, frame),
        timeline_pages.router(gather, frame),
        fleet_pages.router(gather, frame),
        fleet_settings_pages.router(gather, frame),
        registry_pages.router(services, frame),
    ):
        add(app, router)
    frame.install(app)


def _floor_pages(gather: Gather, frame: Frame) -> APIRouter:
    router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
    view = Permission.FLOOR_VIEW

    @router.get("/", dependencies=[needs(view)])
    async def floor(request: Request, fragment: Fragment = False) -> Response:
        page = Page("floor.html", "timeline cord traffic runs")
        return await frame.show(request, page, _floor(gather), only_live=fragment)

    @router.get("/rollouts/{rollout}", dependencies=[needs(view, places.rollout)])
    async def one_rollout(request: Request, rollout: IdPath, fragment: Fragment = False) -> Response:
        own = RolloutId(rollout)
        is_gated = (await gather.services.rollouts.get(own)).is_gated  # who may approve depends on the person
        page = Page("rollout.html", f"rollout/{rollout} cord", personal=is_gated)
        return await frame.show(request, page, _rollout(gather, own), only_live=fragment)

    @router.get("/units/{unit}/{environment}", dependencies=[needs(view, places.path)])
    async def one_unit(
        request: Request, unit: UnitPath, environment: EnvironmentPath, fragment: Fragment = False
    ) -> Response:
        page = Page("unit.html", f"unit/{unit} cord traffic")
        return await frame.show(request, page, _unit(gather, unit, environment), only_live=fragment)

    @router.get("/runs/{run}", dependencies=[needs(view, places.run)])
    async def one_run(request: Request, run: IdPath, fragment: Fragment = False) -> Response:
        page = Page("run.html", f"run/{run} cord")
        return await frame.show(request, page, _run(gather, RunId(run)), only_live=fragment)

    return router


def _files(frame: Frame) -> APIRouter:
    router = APIRouter(
        include_in_schema=False, dependencies=[open_to_all("style and script, the same for everybody")]
    )

    @router.get("/static/{name}")
    async def static(name: str) -> Response:
        return frame.static(name)

    @router.get("/favicon.ico")
    async def icon() -> Response:
        return frame.static("icon.svg")

    return router


def _floor(gather: Gather) -> Build:
    async def build(seen: Seen) -> dict[str, Any]:
        caller = seen.viewer.known
        status = await gather.status(caller)
        runs = await gather.runs(caller, None, _RECENT_RUNS)
        return {
            "status": status,
            "places": sorted({each.environment for each in status.units}, key=_production_first),
            "incidents": [each for each in status.units if each.light.colour == "red"],
            "moving": [each for each in status.units if each.light.colour == "amber"],
            "records": await gather.timeline(caller, Filter(), _RECENT_RECORDS),
            "runs": [views.run(each) for each in runs],
        }

    return build


def _rollout(gather: Gather, rollout: RolloutId) -> Build:
    async def build(seen: Seen) -> dict[str, Any]:
        caller = seen.viewer.known
        view = await gather.rollout(rollout, caller)
        looks = await gather.looks(rollout)
        findings = {each.metric: each for each in (view.verdict.findings if view.verdict else ())}
        is_corded = any(each.environment in {None, view.environment} for each in seen.cords)
        status = await gather.status(caller)
        tiles = status.units
        place = (view.unit, view.environment)
        subject = f"rollout/{rollout}"
        signatures = await signed.of_subject(gather, caller, subject)
        return {
            "view": view,
            "gate": gate.look(view, seen.viewer, await signed.of_gate(gather, view)),
            "signatures": signatures,
            "notes": await gather.services.releases.notes(UnitName(view.unit), Version(view.candidate)),
            "of_set": next(
                (each for each in status.sets if any(part.rollout == view.id for part in each.parts)), None
            ),
            "before": await _before(gather, rollout),
            "tile": next((each for each in tiles if (each.unit, each.environment) == place), None),
            "banner": story.banner(view),
            "next": story.following(view, now=seen.now, is_corded=is_corded),
            "is_of_stations": story.is_of_stations(view),
            "stations": story.stations(view.fleet) if view.fleet else [],
            "verbs": story.verbs(view),
            "rights_of": _RIGHTS_OF,
            "charts": {
                each.name: charts.chart(each, looks, findings.get(each.name)) for each in view.plan.metrics
            },
            "findings": findings,
            "effect": story.effect,
            "counted": story.counted,
            "needs": story.needs,
            "percentiles": story.percentiles,
            "turning": story.turning,
            "looks": looks[-1].seq if looks else 0,
            "records": await gather.timeline(caller, Filter(subject=subject), 200),
        }

    return build


async def _before(gather: Gather, rollout: RolloutId) -> list[standing.Row]:
    services = gather.services
    found = await services.rollouts.get(rollout)
    if not (found.plan.gates or found.plan.tasks):
        return []
    answered = await services.commands.gate(rollout) if found.is_gated else None
    gates = before.gate_lines(found, await services.before.seen(found), answered)
    return standing.rows(gates, before.task_lines(found, await services.before.tries(rollout)))


def _unit(gather: Gather, name: str, place: str) -> Build:
    async def build(seen: Seen) -> dict[str, Any]:
        own, there, caller = unit_name(name), environment(place), seen.viewer.known
        tiles = (await gather.status(caller)).units
        rollouts = await gather.rollouts(caller, own, there, _ROLLOUTS)
        releases, revoked = await gather.services.releases.list(own), await gather.services.releases.revoked()
        return {
            "unit": name,
            "environment": place,
            "tile": next((each for each in tiles if (each.unit, each.environment) == (name, place)), None),
            "rollouts": [views.summary(each) for each in rollouts],
            "releases": sorted(
                (views.release(each, revoked) for each in releases),
                key=lambda each: each.created_at,
                reverse=True,
            ),
            "instances": [views.instance(each) for each in await gather.instances(own, there)],
            "records": await gather.timeline(caller, Filter(unit=name, environment=place), _RECENT_RECORDS),
        }

    return build


def _run(gather: Gather, run: RunId) -> Build:
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

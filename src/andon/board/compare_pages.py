"""Former rollouts of a unit side by side: what they were, and what the judge saw of each."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse

from andon.access.model import Permission
from andon.api import places
from andon.api.declared import needs
from andon.api.gather import Gather
from andon.api.inputs import EnvironmentPath, UnitPath
from andon.api.model import RolloutView
from andon.board import charts, story
from andon.board.frame import Build, Frame, Page, Seen
from andon.kernel.errors import NotFound
from andon.kernel.ids import RolloutId

_MOST = 4
_Chosen = Annotated[
    list[Annotated[str, Query(pattern=r"^[a-z0-9][a-z0-9-]{0,79}$")]], Query(max_length=_MOST)
]


def router(gather: Gather, frame: Frame) -> APIRouter:
    """The page; it changes nothing."""
    own = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

    @own.get("/units/{unit}/{environment}/compare", dependencies=[needs(Permission.FLOOR_VIEW, places.path)])
    async def compare(
        request: Request,
        unit: UnitPath,
        environment: EnvironmentPath,
        rollout: _Chosen = [],  # noqa: B006  it is never changed
        fragment: bool = False,
    ) -> Response:
        build = _compare(gather, (unit, environment), rollout)
        page = Page("compare.html", f"unit/{unit} cord")
        return await frame.show(request, page, build, only_live=fragment)

    return own


def _compare(gather: Gather, where: tuple[str, str], chosen: list[str]) -> Build:
    async def build(seen: Seen) -> dict[str, Any]:
        views = [await gather.rollout(RolloutId(each), seen.viewer.known) for each in dict.fromkeys(chosen)]
        for view in views:
            if (view.unit, view.environment) != where:
                raise NotFound(
                    "no-such-rollout",
                    f"rollout {view.id} is not one of {where[0]} in {where[1]}",
                    hint="choose among the rollouts of one unit and environment",
                )
        views.sort(key=lambda each: each.created_at)
        findings = {each.id: _findings(each) for each in views}
        metrics = {metric.name: metric for each in views for metric in each.plan.metrics}
        return {
            "unit": where[0],
            "environment": where[1],
            "views": views,
            "metrics": [metrics[name] for name in sorted(metrics)],
            "findings": findings,
            "charts": {each.id: await _charts(gather, each, findings[each.id]) for each in views},
            "effect": story.effect,
            "counted": story.counted,
            "took": took,
        }

    return build


def took(view: RolloutView) -> float | None:
    """Seconds from beginning to end; None while it is under way."""
    return None if view.finished_at is None else (view.finished_at - view.created_at).total_seconds()


def _findings(view: RolloutView) -> dict[str, Any]:
    return {each.metric: each for each in (view.verdict.findings if view.verdict else ())}


async def _charts(gather: Gather, view: RolloutView, findings: dict[str, Any]) -> dict[str, Any]:
    looks = await gather.looks(RolloutId(view.id))
    return {each.name: charts.chart(each, looks, findings.get(each.name)) for each in view.plan.metrics}

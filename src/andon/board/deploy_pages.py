"""The page on which a person changes a plan, sees it, and begins it. What may be changed: `changing.py`."""

import itertools
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse

from andon.access.model import Permission, Place
from andon.api import inputs, places, views
from andon.api.declared import needs
from andon.api.gather import Gather
from andon.api.inputs import EnvironmentPath, UnitPath, environment
from andon.api.inputs import unit as unit_name
from andon.api.model import PlanView
from andon.board import standing
from andon.board.frame import Build, Frame, Page, Seen
from andon.kernel.errors import AndonError, InvalidInput
from andon.kernel.ids import EnvironmentName, UnitName
from andon.rollouts.changing import read
from andon.rollouts.plan import environment_of
from andon.units.model import StrategyName

_Text = Annotated[str, Query(max_length=200)]


@dataclass(frozen=True, slots=True)
class Chosen:
    """What stands in the form, as it was typed."""

    version: str = ""
    strategy: str = ""
    shares: str = ""
    soak: str = ""
    max_wait: str = ""
    warm: str = ""


def router(gather: Gather, frame: Frame) -> APIRouter:
    """The page; it changes nothing itself."""
    own = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

    @own.get("/units/{unit}/{environment}/deploy", dependencies=[needs(Permission.PROPOSE, places.path)])
    async def deploy(  # noqa: PLR0913, PLR0917  each is a field of the form
        request: Request,
        unit: UnitPath,
        environment: EnvironmentPath,
        version: _Text = "",
        strategy: _Text = "",
        shares: _Text = "",
        soak: _Text = "",
        max_wait: _Text = "",
        warm: _Text = "",
        fragment: bool = False,
    ) -> Response:
        chosen = Chosen(version, strategy, shares, soak, max_wait, warm)
        page = Page("deploy.html", f"unit/{unit} cord", personal=True)
        build = _deploy(gather, (unit, environment), chosen)
        return await frame.show(request, page, build, only_live=fragment)

    return own


def _deploy(gather: Gather, where: tuple[str, str], chosen: Chosen) -> Build:
    async def build(seen: Seen) -> dict[str, Any]:
        unit, there = unit_name(where[0]), environment(where[1])
        services = gather.services
        found = await services.releases.list(unit)
        revoked = await services.releases.revoked()
        offered = [each for each in found if (each.unit, each.version) not in revoked]
        releases = sorted(offered, key=lambda each: each.created_at, reverse=True)
        runs = [
            each for each in await services.desired.list() if (each.unit, each.environment) == (unit, there)
        ]
        stable = runs[0].stable if runs else None
        version = chosen.version or next((each.version for each in releases if each.version != stable), "")
        filled = replace(chosen, version=version or (releases[0].version if releases else ""))
        values: dict[str, Any] = {
            "unit": unit,
            "environment": there,
            "releases": releases,
            "stable": stable,
            "strategies": [each.value for each in StrategyName],
            "chosen": filled,
            "usual": Chosen(),
            "plan": None,
            "problem": None,
            "obstacle": "",
        }
        if not releases:
            return values
        try:
            return values | await _previewed(gather, seen, (unit, there), filled)
        except AndonError as error:
            return values | {"problem": error}

    return build


async def _previewed(
    gather: Gather, seen: Seen, where: tuple[UnitName, EnvironmentName], chosen: Chosen
) -> dict[str, Any]:
    unit, there = where
    version = inputs.version(chosen.version)
    changes = read(chosen.shares, chosen.soak, chosen.max_wait, chosen.warm)
    strategy = strategy_of(chosen.strategy)
    made = await gather.services.commands.preview(
        unit,
        there,
        version,
        strategy=strategy,
        changes=changes,
        needs_approval=not seen.viewer.known.may(Permission.DEPLOY, Place(environment=there, unit=unit)),
    )
    manifest = await gather.manifest(unit, version)
    shown = views.plan(made, manifest)
    body = {"unit": unit, "environment": there, "version": version, "plan": made.hash}
    if strategy is not None:
        body["strategy"] = strategy.value
    return {
        "plan": shown,
        "times": starts(shown),
        "before": standing.planned(made),
        "usual": _usual(manifest, there),
        "body": body | {"changes": inputs.PlanChanges.of(changes).said()},
        "obstacle": await gather.services.commands.obstacle(unit, there, version),
    }


def strategy_of(text: str) -> StrategyName | None:
    """The strategy; None where nothing was chosen. Raises InvalidInput."""
    if not text:
        return None
    try:
        return StrategyName(text)
    except ValueError as error:
        known = ", ".join(StrategyName)
        raise InvalidInput(
            "no-such-strategy", f"strategy {text!r} is not known", hint=f"use one of: {known}"
        ) from error


def starts(plan: PlanView) -> list[float]:
    """Seconds after the beginning at which each step may begin at the earliest, and the last may end."""
    return [0.0, *itertools.accumulate(each.soak_s for each in plan.steps)]


def _usual(manifest: Any, there: EnvironmentName) -> Chosen:
    policy = environment_of(manifest, there).policy
    shares = ", ".join(f"{100 * each.share:g}" for each in policy.steps if each.share is not None)
    times = (_short(each) for each in (policy.soak, policy.max_wait, policy.warm))
    return Chosen("", "", shares, *times)


def _short(value: timedelta) -> str:
    seconds = value.total_seconds()
    if seconds and seconds % 60 == 0:
        return f"{seconds / 60:g}m"
    return f"{seconds:g}s"

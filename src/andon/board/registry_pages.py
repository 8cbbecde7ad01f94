"""The page of the registry: what is stored, what a collection would take, who may sign and until when."""

from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse

from andon.access.model import Permission
from andon.api import registry_views
from andon.api.declared import everywhere, needs
from andon.api.registry_model import CollectionView, KeysView, RegistryView, Worry
from andon.api.services import Services
from andon.board.frame import Build, Frame, Page, Seen

_TONES: dict[Worry, str] = {"none": "green", "soon": "amber", "late": "red", "over": "red", "keys": "red"}


def router(services: Services, frame: Frame) -> APIRouter:
    """The page."""
    own = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

    @own.get("/registry", dependencies=[needs(Permission.SYSTEM_VIEW, everywhere)])
    async def registry(request: Request, fragment: bool = False) -> Response:
        page = Page("registry.html", "timeline cord")
        return await frame.show(request, page, _registry(services), only_live=fragment)

    return own


def _registry(services: Services) -> Build:
    async def build(_seen: Seen) -> dict[str, Any]:
        view = registry_views.registry(await services.upkeep.look())
        return {
            "view": view,
            "tones": _TONES,
            "custody": custody(view),
            "takes": takes(view),
            "is_signed_offline": view.keys is not None and _is_offline(view.keys, "targets"),
            "units": kept_by_unit(view.collection),
        }

    return build


def custody(view: RegistryView) -> str:
    """Where the keys are, as the key of a word: the root's say it, and whether it is signed here at all."""
    if view.is_following or view.keys is None:
        return "elsewhere"
    if view.keys.is_development:
        return "development"
    return "offline" if _is_offline(view.keys, "root") else "here"


def _is_offline(keys: KeysView, role: str) -> bool:
    return any(each.role == role and each.is_offline for each in keys.roles)


def takes(view: RegistryView) -> bool:
    """Whether a collection may find something to do now."""
    plan = view.collection
    return plan.refusal is None and bool(plan.releases or plan.deltas or view.stray_files)


def kept_by_unit(plan: CollectionView) -> dict[str, list[tuple[str, str]]]:
    """Versions that stay, each with why, by unit."""
    found: dict[str, list[tuple[str, str]]] = {}
    for each in plan.kept:
        found.setdefault(each.unit, []).append((each.version, each.why))
    return found

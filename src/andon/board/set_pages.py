"""The page of a set on its way: every unit with its plan and its bytes, and one signature for all of them."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import HTMLResponse

from andon.access.model import Permission
from andon.api import places, set_approval
from andon.api.declared import needs
from andon.api.gather import Gather
from andon.api.inputs import EnvironmentPath, environment
from andon.board import gate
from andon.board.frame import Build, Frame, Page, Seen
from andon.kernel import ids


def router(gather: Gather, frame: Frame) -> APIRouter:
    """The page; it changes nothing itself. Who sees it sees every unit there."""
    own = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

    @own.get(
        "/sets/{name}/{environment}", dependencies=[needs(Permission.FLOOR_VIEW, places.whole_environment)]
    )
    async def one_set(
        request: Request,
        name: Annotated[str, Path(max_length=40)],
        environment: EnvironmentPath,
        fragment: bool = False,
    ) -> Response:
        page = Page("set.html", "timeline cord", personal=True)  # whether one may sign depends on the person
        return await frame.show(request, page, _set(gather, name, environment), only_live=fragment)

    return own


def _set(gather: Gather, name: str, place: str) -> Build:
    async def build(seen: Seen) -> dict[str, Any]:
        own, there = ids.name(name, what="set"), environment(place)
        view = await set_approval.look(gather, seen.viewer.known, own, there)
        return {
            "view": view,
            "yes": gate.yes(view.document or {}, view.document_hash),
            "counted": len({each.signer for each in view.approvals if each.standing == "valid"}),
        }

    return build

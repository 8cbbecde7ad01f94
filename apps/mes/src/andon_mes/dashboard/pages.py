"""Which page stands at which address, and who may see it. What a page shows is in the `*_pages.py` beside it.

Nothing here changes anything: buttons speak to the API.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, FastAPI, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response, StreamingResponse

from andon_mes.api.access import Caller, find_caller, needs
from andon_mes.api.configuration import RESOURCES, path_of
from andon_mes.api.context import Mes, ThisMes
from andon_mes.configuration.model import Kind
from andon_mes.dashboard import (
    admin_pages,
    configuration_pages,
    equipment_pages,
    floor_pages,
    lot_pages,
    people_pages,
    quality_pages,
    recall_pages,
    record_pages,
    report_pages,
    serial_pages,
    spc_pages,
    store,
)
from andon_mes.dashboard.asked import Asked
from andon_mes.dashboard.feed import Feed
from andon_mes.dashboard.frame import HEADERS, Frame, Page, local, static
from andon_mes.dashboard.viewer import Viewer
from andon_mes.kernel.errors import Problem, Unavailable, Words
from andon_mes.store.engine import Connection

Build = Callable[[Connection, Viewer, Asked], dict[str, Any]]
Number = Annotated[str, Query(max_length=200)]


@dataclass(frozen=True, slots=True)
class At:
    """A page: its address, its template, what one must be allowed to read, and when it is refreshed."""

    address: str
    template: str
    resource: str
    build: Build
    topics: str = ""


def _kind(kind: Kind) -> At:
    def build(connection: Connection, viewer: Viewer, asked: Asked) -> dict[str, Any]:
        return configuration_pages.list_kind(connection, viewer, asked, kind)

    address, resource = f"/admin{path_of(kind)}", RESOURCES.get(kind, "configuration")
    return At(address, "admin_kind.html", resource, build, "configuration")


PAGES = (
    At("/", "floor.html", "process", floor_pages.floor, "production calls equipment signals"),
    At("/lots", "lots.html", "lot", lot_pages.list_page, "production"),
    At("/lots/{number}", "lot.html", "lot", lot_pages.one, "production"),
    At("/serials/{number}", "serial.html", "serial", serial_pages.one, "production"),
    At("/defects", "defects.html", "defect", quality_pages.overview, "defects production"),
    At("/defects/{defect}", "defect.html", "defect", quality_pages.one, "defects production"),
    At("/spc", "spc.html", "spc", spc_pages.overview, "signals configuration"),
    At("/spc/{process}", "spc_process.html", "spc", spc_pages.of_process, "signals"),
    At("/spc/{process}/{name}", "spc_one.html", "spc", spc_pages.one, "signals production"),
    At("/oee", "oee.html", "report", equipment_pages.overview, "equipment production"),
    At("/reports", "reports.html", "report", report_pages.overview),
    At("/recall", "recall.html", "serial", recall_pages.overview, "production"),
    At("/recall/{number}", "recall_one.html", "serial", recall_pages.one, "production"),
    At("/admin", "admin.html", "configuration", admin_pages.entrance),
    At("/admin/users", "admin_users.html", "user", people_pages.users),
    At("/admin/permissions", "admin_permissions.html", "user", people_pages.permissions),
    At("/admin/devices", "admin_devices.html", "device", people_pages.list_devices),
    At(
        "/admin/settings",
        "admin_settings.html",
        "configuration",
        configuration_pages.settings,
        "configuration",
    ),
    At("/admin/exchange", "admin_exchange.html", "configuration", configuration_pages.exchange),
    At("/admin/audit", "admin_audit.html", "audit", record_pages.audit),
    At("/admin/errors", "admin_errors.html", "error", record_pages.errors),
    At("/admin/requests", "admin_requests.html", "audit", record_pages.requests),
    *(_kind(kind) for kind in Kind),
)


def install(app: FastAPI, mes: Mes) -> Feed:
    """Serve the pages from `app`, which has the API already. The feed is to be ended with the instance."""
    feed = Feed(mes.database, mes.clock, store.marks)
    frame = Frame(mes, feed)
    app.state.frame = frame
    app.router.routes.extend(_router.routes)
    frame.install(app)
    return feed


_router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
"""Every page. They are the same for all instances, so they are made once, on import."""


def _frame_of(request: Request) -> Frame:
    frame: Frame = request.app.state.frame
    return frame


@_router.get("/static/{name}")
async def file(request: Request, name: str) -> Response:
    """A style sheet, the script, or a picture."""
    return static(request, name)


@_router.get("/login")
async def login(request: Request, next: str | None = None) -> Response:  # noqa: A002  the address says so
    """Where one signs in, and goes on to `next`."""
    return _frame_of(request).plain(request, "login.html", {"next": local(next)})


@_router.get("/find")
async def find(mes: ThisMes, number: Number, _caller: Annotated[Caller, needs("serial", "read")]) -> Response:
    """The page of what was scanned or typed."""
    found = await mes.database.read(lambda each: serial_pages.find(each, number.strip()))
    return RedirectResponse(found, 303, HEADERS)


@_router.get("/events")
async def events(
    request: Request, mes: ThisMes, _caller: Annotated[Caller, needs("process", "read")]
) -> Response:
    """What changed, as it changes: server-sent events, until the sign-in or the instance ends."""
    feed = _frame_of(request).feed
    if feed.is_full:
        raise Unavailable(_TOO_MANY)

    async def is_still_known() -> bool:
        return await find_caller(request) is not None

    stream = feed.stream(mes.release, is_still_known)
    return StreamingResponse(stream, media_type="text/event-stream", headers=HEADERS)


def _add(page: At) -> None:
    @_router.get(page.address)
    async def show(
        request: Request, mes: ThisMes, caller: Annotated[Caller, needs(page.resource, "read")]
    ) -> Response:
        query = request.query_params
        asked = Asked(mes, request.path_params, dict(query), tuple(query.getlist("by")))

        def build(connection: Connection, viewer: Viewer) -> dict[str, Any]:
            return page.build(connection, viewer, asked)

        return await _frame_of(request).show(request, caller, Page(page.template, page.topics), build)


for _page in PAGES:
    _add(_page)


_TOO_MANY = Problem(
    "TOO_MANY_VIEWERS",
    Words("Too many pages are open", "열린 페이지가 너무 많습니다"),
    Words("This instance serves no more live pages", "이 인스턴스의 실시간 페이지 수를 초과했습니다"),
    Words("Close some of them", "일부 페이지를 닫으세요"),
)

"""Which page stands at which address, and who may see it. What a page shows is in the `*_pages.py` beside it.

Nothing here changes anything: buttons speak to the API.
"""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, FastAPI, Path, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response, StreamingResponse
from pydantic import Field

from andon_mes.api.access import Caller, find_caller, needs
from andon_mes.api.configuration import RESOURCES, path_of
from andon_mes.api.context import Mes
from andon_mes.api.report_bodies import OeeQuery, PeriodQuery
from andon_mes.api.spc_documents import ChartQuery, RuleSet
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
from andon_mes.dashboard.feed import Feed
from andon_mes.dashboard.frame import HEADERS, Build, Frame, Page, local, static
from andon_mes.dashboard.viewer import Viewer
from andon_mes.kernel.errors import Problem, Unavailable, Words
from andon_mes.store.engine import Connection


class _OeeAsked(OeeQuery):
    """The address of the page: what the API takes, and what the frame reads."""

    fragment: str | None = None
    lang: str | None = None


class _ChartAsked(ChartQuery):
    """The address of the page of a chart."""

    rules: RuleSet | Literal[""] | None = None  # type: ignore[assignment]  # a form sends what is not chosen
    fragment: str | None = None
    lang: str | None = None


class _ReportAsked(PeriodQuery):
    """The address of the page of reports."""

    report: str = ""
    by: list[str] = Field(default=[])
    fragment: str | None = None
    lang: str | None = None


Id = Annotated[int, Path(gt=0, lt=2**31)]
Role = Annotated[str, Query(max_length=20)]
Number = Annotated[str, Query(max_length=200)]


def install(app: FastAPI, mes: Mes) -> Feed:
    """Serve the pages from `app`, which has the API already. The feed is to be ended with the instance."""
    frame, feed = Frame(mes), Feed(mes.database, mes.clock, store.marks)
    for router in (
        _files(feed, mes),
        _entrance(frame),
        _production(frame, mes),
        _quality(frame, mes),
        _administration(frame, mes),
    ):
        app.router.routes.extend(router.routes)
    frame.install(app)
    return feed


def _router() -> APIRouter:
    return APIRouter(include_in_schema=False, default_response_class=HTMLResponse)


def _files(feed: Feed, mes: Mes) -> APIRouter:
    router = _router()

    @router.get("/static/{name}")
    async def file(request: Request, name: str) -> Response:
        return static(request, name)

    @router.get("/events")
    async def events(request: Request, _caller: Annotated[Caller, needs("process", "read")]) -> Response:
        if feed.is_full:
            raise Unavailable(_too_many())

        async def is_still_known() -> bool:
            return await find_caller(request) is not None

        stream = feed.stream(mes.release, is_still_known)
        return StreamingResponse(stream, media_type="text/event-stream", headers=HEADERS)

    return router


def _entrance(frame: Frame) -> APIRouter:
    router = _router()

    @router.get("/login")
    async def login(request: Request, next: str | None = None) -> Response:  # noqa: A002  the address says so
        return frame.plain(request, "login.html", {"next": local(next)})

    return router


def _production(frame: Frame, mes: Mes) -> APIRouter:
    router = _router()

    @router.get("/")
    async def floor(request: Request, caller: Annotated[Caller, needs("process", "read")]) -> Response:
        page = Page("floor.html", "production calls equipment signals")
        build: Build = lambda each, viewer: floor_pages.floor(each, viewer, mes)  # noqa: E731
        return await frame.show(request, caller, page, build)

    @router.get("/lots")
    async def lots(request: Request, caller: Annotated[Caller, needs("lot", "read")]) -> Response:
        asked = lot_pages.asked(dict(request.query_params))
        build: Build = lambda each, viewer: lot_pages.list_page(each, viewer, asked)  # noqa: E731
        return await frame.show(request, caller, Page("lots.html", "production"), build)

    @router.get("/lots/{number}")
    async def lot(request: Request, number: str, caller: Annotated[Caller, needs("lot", "read")]) -> Response:
        build: Build = lambda each, viewer: lot_pages.one(each, viewer, number)  # noqa: E731
        return await frame.show(request, caller, Page("lot.html", "production"), build)

    @router.get("/find")
    async def find(number: Number, _caller: Annotated[Caller, needs("serial", "read")]) -> Response:
        found = await mes.database.read(lambda each: serial_pages.find(each, number.strip()))
        return RedirectResponse(found, 303, HEADERS)

    @router.get("/serials/{number}")
    async def serial(
        request: Request, number: str, caller: Annotated[Caller, needs("serial", "read")]
    ) -> Response:
        build: Build = lambda each, viewer: serial_pages.one(each, viewer, number, mes)  # noqa: E731
        return await frame.show(request, caller, Page("serial.html", "production"), build)

    return router


def _quality(frame: Frame, mes: Mes) -> APIRouter:
    router = _router()
    see = needs("defect", "read")

    @router.get("/defects")
    async def defects(request: Request, caller: Annotated[Caller, see]) -> Response:
        query = dict(request.query_params)
        build: Build = lambda each, viewer: quality_pages.overview(each, viewer, query)  # noqa: E731
        return await frame.show(request, caller, Page("defects.html", "defects production"), build)

    @router.get("/defects/{defect_id}")
    async def defect(request: Request, defect_id: Id, caller: Annotated[Caller, see]) -> Response:
        build: Build = lambda each, viewer: quality_pages.one(each, viewer, defect_id)  # noqa: E731
        return await frame.show(request, caller, Page("defect.html", "defects production"), build)

    @router.get("/spc")
    async def spc(request: Request, caller: Annotated[Caller, needs("spc", "read")]) -> Response:
        return await frame.show(request, caller, Page("spc.html", "signals"), spc_pages.overview)

    @router.get("/spc/{process}")
    async def spc_process(
        request: Request, process: str, caller: Annotated[Caller, needs("spc", "read")]
    ) -> Response:
        build: Build = lambda each, viewer: spc_pages.of_process(each, viewer, process, mes)  # noqa: E731
        return await frame.show(request, caller, Page("spc_process.html", "signals"), build)

    @router.get("/spc/{process}/{name}")
    async def spc_one(
        request: Request,
        process: str,
        name: str,
        caller: Annotated[Caller, needs("spc", "read")],
        *,
        asked: Annotated[_ChartAsked, Query()],
    ) -> Response:
        build: Build = lambda each, viewer: spc_pages.one(each, viewer, process, name, asked)  # noqa: E731
        return await frame.show(request, caller, Page("spc_one.html", "signals production"), build)

    @router.get("/recall")
    async def recalls(request: Request, caller: Annotated[Caller, needs("serial", "read")]) -> Response:
        query = dict(request.query_params)
        build: Build = lambda each, viewer: recall_pages.overview(each, viewer, query)  # noqa: E731
        return await frame.show(request, caller, Page("recall.html", "production"), build)

    @router.get("/recall/{number}")
    async def recall(
        request: Request, number: str, caller: Annotated[Caller, needs("serial", "read")]
    ) -> Response:
        build: Build = lambda each, viewer: recall_pages.one(each, viewer, number)  # noqa: E731
        return await frame.show(request, caller, Page("recall_one.html", "production"), build)

    @router.get("/oee")
    async def oee(
        request: Request,
        caller: Annotated[Caller, needs("report", "read")],
        asked: Annotated[_OeeAsked, Query()],
    ) -> Response:
        build: Build = lambda each, viewer: equipment_pages.overview(each, viewer, mes, asked)  # noqa: E731
        return await frame.show(request, caller, Page("oee.html", "equipment production"), build)

    @router.get("/reports")
    async def reports(
        request: Request,
        caller: Annotated[Caller, needs("report", "read")],
        asked: Annotated[_ReportAsked, Query()],
    ) -> Response:
        wanted = (asked.report, asked.by)
        build: Build = lambda each, viewer: report_pages.overview(each, viewer, mes, asked, wanted)  # noqa: E731
        return await frame.show(request, caller, Page("reports.html"), build)

    return router


def _administration(frame: Frame, mes: Mes) -> APIRouter:
    router = _router()

    @router.get("/admin")
    async def entrance(
        request: Request, caller: Annotated[Caller, needs("configuration", "read")]
    ) -> Response:
        return await frame.show(request, caller, Page("admin.html"), admin_pages.entrance)

    @router.get("/admin/settings")
    async def settings(
        request: Request, caller: Annotated[Caller, needs("configuration", "read")]
    ) -> Response:
        page = Page("admin_settings.html", "configuration")
        return await frame.show(request, caller, page, configuration_pages.settings)

    @router.get("/admin/exchange")
    async def exchange(
        request: Request, caller: Annotated[Caller, needs("configuration", "read")]
    ) -> Response:
        return await frame.show(request, caller, Page("admin_exchange.html"), configuration_pages.exchange)

    @router.get("/admin/users")
    async def users(request: Request, caller: Annotated[Caller, needs("user", "read")]) -> Response:
        return await frame.show(request, caller, Page("admin_users.html"), people_pages.users)

    @router.get("/admin/permissions")
    async def permissions(
        request: Request, caller: Annotated[Caller, needs("user", "read")], role: Role = ""
    ) -> Response:
        build: Build = lambda each, viewer: people_pages.permissions(each, viewer, role)  # noqa: E731
        return await frame.show(request, caller, Page("admin_permissions.html"), build)

    @router.get("/admin/devices")
    async def devices(request: Request, caller: Annotated[Caller, needs("device", "read")]) -> Response:
        def build(connection: Connection, viewer: Viewer) -> dict[str, Any]:
            return people_pages.list_devices(connection, viewer, mes.clock.now())

        return await frame.show(request, caller, Page("admin_devices.html"), build)

    @router.get("/admin/audit")
    async def audit(request: Request, caller: Annotated[Caller, needs("audit", "read")]) -> Response:
        query = dict(request.query_params)
        build: Build = lambda each, viewer: record_pages.audit(each, viewer, query)  # noqa: E731
        return await frame.show(request, caller, Page("admin_audit.html"), build)

    for kind in Kind:
        _add_kind(router, frame, mes, kind)
    return router


def _add_kind(router: APIRouter, frame: Frame, mes: Mes, kind: Kind) -> None:
    resource = RESOURCES.get(kind, "configuration")

    @router.get(f"/admin{path_of(kind)}")
    async def rows(request: Request, caller: Annotated[Caller, needs(resource, "read")]) -> Response:
        def build(connection: Connection, viewer: Viewer) -> dict[str, Any]:
            zone = mes.calendar_in(connection).zone
            return configuration_pages.list_kind(connection, viewer, kind, zone)

        return await frame.show(request, caller, Page("admin_kind.html", "configuration"), build)


def _too_many() -> Problem:
    return Problem(
        "TOO_MANY_VIEWERS",
        Words("Too many pages are open", "열린 페이지가 너무 많습니다"),
        Words("This instance serves no more live pages", "이 인스턴스의 실시간 페이지 수를 초과했습니다"),
        Words("Close some of them", "일부 페이지를 닫으세요"),
    )

"""Control charts, their signals and the holds of processes, over HTTP."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import JSONResponse, Response

from andon_mes.api.access import Caller, needs
from andon_mes.api.context import ThisMes, question_of, reply
from andon_mes.api.documents import READS, WRITES, Data
from andon_mes.api.once import write_once
from andon_mes.api.spc_documents import (
    BaselineBody,
    BaselineShown,
    CauseBody,
    ChartQuery,
    ChartShown,
    ChartsShown,
    HeldShown,
    HoldBody,
    ShiftChartQuery,
    ShiftChartShown,
    SignalPage,
    SignalQuery,
    SignalShown,
)
from andon_mes.api.spc_views import chart_view, held_view, shift_chart_view, signal_view
from andon_mes.idempotency.store import Answer, success
from andon_mes.signals import controller as signals
from andon_mes.signals import store as signal_rows
from andon_mes.signals.store import SignalFilter
from andon_mes.spc import controller
from andon_mes.spc.model import RULE_SETS
from andon_mes.spc.reading import Asked
from andon_mes.spc.shifts import count_shifts, ended_shifts, study_shifts
from andon_mes.store.engine import Connection
from andon_mes.store.history import Change

MayRead = Annotated[Caller, needs("spc", "read")]
MayChange = Annotated[Caller, needs("spc", "update")]
ProcessCode = Annotated[str, Path(max_length=20)]
Name = Annotated[str, Path(max_length=50)]
SignalId = Annotated[int, Path(gt=0, lt=2**31)]

router = APIRouter(prefix="/api/v1/spc", tags=["spc"])


@router.get("", response_model=Data[ChartsShown], responses=READS)
async def list_charts(mes: ThisMes, _caller: MayRead) -> Response:
    """Every characteristic that is charted, with its open signals, and which processes are held."""

    def work(connection: Connection) -> dict[str, Any]:
        held = signal_rows.list_held(connection)
        listed = controller.list_charts(connection)
        return {"characteristics": listed, "processes": [held_view(each) for each in held]}

    return JSONResponse({"data": await mes.database.read(work)})


@router.get("/signals", response_model=Data[SignalPage], responses=READS)
async def list_signals(mes: ThisMes, _caller: MayRead, asked: Annotated[SignalQuery, Query()]) -> Response:
    """One page of signals, newest first."""
    chosen = SignalFilter(asked.open, asked.process, asked.characteristic, asked.since, asked.until)

    def work(connection: Connection) -> Answer:
        found, total = signal_rows.list_page(connection, chosen, page=asked.page, page_size=asked.page_size)
        page = {"page": asked.page, "page_size": asked.page_size, "total": total}
        return success(200, {"signals": [signal_view(each) for each in found], **page})

    return reply(await mes.database.read(work))


@router.patch("/signals/{signal_id}", response_model=Data[SignalShown], responses=WRITES)
async def acknowledge(
    mes: ThisMes, caller: MayChange, signal_id: SignalId, body: CauseBody, request: Request
) -> Response:
    """Say what caused a signal. A hold that it made is released by itself."""
    asked, _ = await question_of(request, mes, f"change spc/signals/{signal_id}")
    change = Change(caller.actor.name, asked.asked_at, body.cause)

    def work(connection: Connection) -> Answer:
        return success(200, signal_view(signals.acknowledge(connection, signal_id, change)))

    return await write_once(mes, caller, request, asked, work)


@router.patch("/holds/{process}", response_model=Data[HeldShown], responses=WRITES)
async def change_hold(
    mes: ThisMes, caller: MayChange, process: ProcessCode, body: HoldBody, request: Request
) -> Response:
    """Hold a process, so that nothing starts there, or let it start again."""
    asked, _ = await question_of(request, mes, f"change spc/holds/{process}")
    change = Change(caller.actor.name, asked.asked_at, body.reason)

    def work(connection: Connection) -> Answer:
        held = controller.get_held(connection, process)
        return success(200, held_view(signals.change_hold(connection, held, body.action, change)))

    return await write_once(mes, caller, request, asked, work)


@router.get("/{process}", response_model=Data[ShiftChartShown], responses=READS)
async def get_shift_chart(
    mes: ThisMes, _caller: MayRead, process: ProcessCode, asked: Annotated[ShiftChartQuery, Query()]
) -> Response:
    """The p chart of a process: first attempts that failed, by shift, of the shifts that have ended."""
    now = mes.clock.now()

    def work(connection: Connection) -> dict[str, Any]:
        held = controller.get_held(connection, process)
        shifts = ended_shifts(mes.calendar_in(connection), now, asked.last)
        judged = study_shifts(count_shifts(connection, held.id, shifts), RULE_SETS[asked.rules])
        return shift_chart_view(process, judged)

    return JSONResponse({"data": await mes.database.read(work)})


@router.get("/{process}/{characteristic}", response_model=Data[ChartShown], responses=READS)
async def get_chart(
    mes: ThisMes,
    _caller: MayRead,
    process: ProcessCode,
    characteristic: Name,
    *,
    asked: Annotated[ChartQuery, Query()],
) -> Response:
    """A control chart: points, limits, violations, capability. One product model at a time, the youngest."""
    part = Asked(
        last=asked.last,
        since=asked.since,
        until=asked.until,
        rules=RULE_SETS[asked.rules] if asked.rules else None,
        own_limits=asked.limits_from == "shown",
        excludes=asked.exclude_signalled,
    )

    def work(connection: Connection) -> dict[str, Any]:
        charted = controller.get_charted(connection, process, characteristic)
        known, models = controller.get_stream(connection, charted, asked.product_model)
        shown = None if known is None else controller.show(known, part)
        model = models.get(known.model_id) if known else asked.product_model
        return chart_view(charted, list(models.values()), model, shown)

    return JSONResponse({"data": await mes.database.read(work)})


@router.post(
    "/{process}/{characteristic}/baseline",
    status_code=201,
    response_model=Data[BaselineShown],
    responses=WRITES,
)
async def set_baseline(
    mes: ThisMes,
    caller: MayChange,
    process: ProcessCode,
    characteristic: Name,
    *,
    body: BaselineBody,
    request: Request,
) -> Response:
    """Say which subgroups the limits come from, from the next point on. Those before stay on record."""
    asked, _ = await question_of(request, mes, f"spc/{process}/{characteristic}/baseline")
    change = Change(caller.actor.name, asked.asked_at, body.reason)
    span = (body.first_subgroup, body.last_subgroup)

    def work(connection: Connection) -> Answer:
        charted = controller.get_charted(connection, process, characteristic)
        known, _ = controller.get_stream(connection, charted, body.product_model)
        excluded = controller.set_baseline(
            connection, known, span, excludes=body.exclude_signalled, change=change
        )
        shown = {
            "first_subgroup": span[0],
            "last_subgroup": span[1],
            "exclude_signalled": body.exclude_signalled,
            "excluded": list(excluded),
            "reason": body.reason,
            "set_by": change.by,
            "set_at": change.at.isoformat(),
        }
        return success(201, shown)

    return await write_once(mes, caller, request, asked, work)

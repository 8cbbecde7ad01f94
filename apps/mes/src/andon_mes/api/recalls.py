"""Recalls over HTTP: which units contain a component, and holding them."""

import csv
import io
from collections import Counter
from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from andon_mes.api.access import Caller, needs
from andon_mes.api.context import ThisMes, question_of, reply
from andon_mes.api.documents import READS, WRITES, Data
from andon_mes.api.fields import LINE, Body, Name, Text
from andon_mes.api.once import require_reason, write_once
from andon_mes.api.recall_documents import RecallPage, RecallShown, RecallWithUnits
from andon_mes.idempotency.store import Answer, success
from andon_mes.recalls import store
from andon_mes.recalls.model import END_RECALL, Outcome, Recall, Target, Unit, require_open
from andon_mes.recalls.store import Opened
from andon_mes.store.engine import Connection

_COLUMNS = ("serial_number", "lot_number", "found_status", "status", "outcome", "shipped_at")
_COUNTED = {
    "to_hold": Outcome.WOULD_BE_HELD,
    "held": Outcome.HELD,
    "already_held": Outcome.ALREADY_HELD,
    "shipped": Outcome.SHIPPED,
    "scrapped": Outcome.SCRAPPED,
}

router = APIRouter(prefix="/api/v1/recalls", tags=["genealogy"])


class TargetBody(Body):
    """What is recalled: `component_serial` or `component_lot`, exact; of one `component` if it is named."""

    component_serial: Name | None = None
    component_lot: Name | None = None
    component: Annotated[str, Field(min_length=1, max_length=50, pattern=LINE)] | None = None

    @model_validator(mode="after")
    def _one_of_them(self) -> "TargetBody":
        if (self.component_serial is None) == (self.component_lot is None):
            raise PydanticCustomError("one_of", "Send either component_serial or component_lot")
        return self

    def target(self) -> Target:
        """What is looked for."""
        return Target(self.component_serial, self.component_lot, self.component)


class RecallBody(TargetBody):
    """POST recalls. Without `hold` it only looks; with it, it holds, and needs its reason."""

    hold: bool = Field(default=False, strict=True)
    reason: Text | None = None


class EndBody(Body):
    """POST recalls/{number}/end: parts of it may be built in again."""

    reason: Text


class RecallQuery(Body):
    """GET recalls: which page."""

    page: int = Field(default=1, ge=1, le=1_000_000)
    page_size: int = Field(default=20, ge=1, le=100)


_OPENED: dict[int | str, dict[str, Any]] = {
    201: {"model": Data[RecallWithUnits], "description": "With `hold`: opened, every unit held"}
}


@router.post("", response_model=Data[RecallWithUnits], responses=WRITES | _OPENED)
async def recall(
    mes: ThisMes, caller: Annotated[Caller, needs("serial", "update")], body: RecallBody, request: Request
) -> Response:
    """Which units contain a component, through subassemblies too; with `hold`, hold them all or none.

    Without it nothing is held yet: `to_hold` and WOULD_BE_HELD say what would be.
    """
    require_reason(body.hold, body.reason)
    target = body.target()
    if not body.hold:
        return reply(
            await mes.database.read(lambda each: success(200, _found_view(store.list_affected(each, target))))
        )
    asked, _ = await question_of(request, mes, "recalls")
    opened = Opened(caller.actor.name, asked.asked_at, body.reason or "")

    def work(connection: Connection) -> Answer:
        made = store.open_recall(connection, target, opened)
        return success(201, _recall_view(made) | _found_view(store.list_units(connection, made)))

    return await write_once(mes, caller, request, asked, work)


@router.get("", response_model=Data[RecallPage], responses=READS)
async def list_recalls(
    mes: ThisMes, _caller: Annotated[Caller, needs("serial", "read")], asked: Annotated[RecallQuery, Query()]
) -> Response:
    """One page of recalls, newest first."""

    def work(connection: Connection) -> Answer:
        found, total = store.list_page(connection, page=asked.page, page_size=asked.page_size)
        return success(
            200,
            {
                "recalls": [_recall_view(each) for each in found],
                "page": asked.page,
                "page_size": asked.page_size,
                "total": total,
            },
        )

    return reply(await mes.database.read(work))


@router.get("/units.csv", response_class=Response, responses=READS)
async def affected_csv(
    mes: ThisMes, _caller: Annotated[Caller, needs("serial", "read")], asked: Annotated[TargetBody, Query()]
) -> Response:
    """The units that contain a component now, as CSV; nothing is held."""
    return _csv(await mes.database.read(lambda each: store.list_affected(each, asked.target())), "affected")


@router.get("/{number}", response_model=Data[RecallWithUnits], responses=READS)
async def get_recall(
    mes: ThisMes, _caller: Annotated[Caller, needs("serial", "read")], number: str
) -> Response:
    """A recall with the units that it found, where they were then and are now."""

    def work(connection: Connection) -> Answer:
        found = store.get(connection, number)
        return success(200, _recall_view(found) | _found_view(store.list_units(connection, found)))

    return reply(await mes.database.read(work))


@router.get("/{number}/units.csv", response_class=Response, responses=READS)
async def recall_csv(
    mes: ThisMes, _caller: Annotated[Caller, needs("serial", "read")], number: str
) -> Response:
    """The units that a recall found, as CSV."""
    units = await mes.database.read(lambda each: store.list_units(each, store.get(each, number)))
    return _csv(units, number)


@router.post("/{number}/end", response_model=Data[RecallShown], responses=WRITES)
async def end_recall(
    mes: ThisMes,
    caller: Annotated[Caller, needs(*END_RECALL)],
    number: str,
    body: EndBody,
    request: Request,
) -> Response:
    """End a recall: its component may be built in again. What is held stays held until it is released."""
    require_reason(is_required=True, reason=body.reason)
    asked, _ = await question_of(request, mes, f"end recalls/{number}")
    ended = Opened(caller.actor.name, asked.asked_at, body.reason)

    def work(connection: Connection) -> Answer:
        found = store.get(connection, number)
        require_open(found)
        return success(200, _recall_view(store.end(connection, found, ended)))

    return await write_once(mes, caller, request, asked, work)


def _found_view(units: Sequence[Unit]) -> dict[str, Any]:
    counted = Counter(each.outcome for each in units)
    return {
        "affected": len(units),
        **{name: counted[outcome] for name, outcome in _COUNTED.items()},
        "units": [_unit_view(each) for each in units],
    }


def _recall_view(found: Recall) -> dict[str, Any]:
    return {
        "number": found.number,
        "component": found.target.component,
        "component_serial": found.target.component_serial,
        "component_lot": found.target.component_lot,
        "reason": found.reason,
        "opened_by": found.opened_by,
        "opened_at": found.opened_at.isoformat(),
        "ended_by": found.ended_by,
        "ended_at": found.ended_at.isoformat() if found.ended_at else None,
        "end_reason": found.end_reason,
    }


def _unit_view(unit: Unit) -> dict[str, str | None]:
    number, lot_number, found_status, status, outcome, shipped_at = unit
    return {
        "serial_number": number,
        "lot_number": lot_number,
        "found_status": found_status,
        "status": status,
        "outcome": outcome,
        "shipped_at": shipped_at.isoformat() if shipped_at else None,
    }


def _csv(units: Sequence[Unit], name: str) -> Response:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(_COLUMNS)
    writer.writerows([cell or "" for cell in _unit_view(each).values()] for each in units)
    headers = {"Content-Disposition": f'attachment; filename="{name}.csv"'}
    return Response(text.getvalue(), media_type="text/csv; charset=utf-8", headers=headers)

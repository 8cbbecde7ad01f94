"""What the endpoints share: the database, the clock, the counts of what was served."""

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.responses import Response

from andon_mes.access.controller import Directory
from andon_mes.access.logs.controller import Journal
from andon_mes.access.people.controller import SignIns
from andon_mes.access.tokens import Tokens
from andon_mes.api.origin import Proxies
from andon_mes.configuration.store import get_calendar
from andon_mes.evidence.metrics import Served
from andon_mes.evidence.store import ProductionEvidence
from andon_mes.idempotency.store import Answer, Question, question
from andon_mes.kernel.clock import Clock
from andon_mes.numbers.calendar import Calendar
from andon_mes.processes.model import CLOCK_TOLERANCE, Serving
from andon_mes.store.engine import Connection, Database


@dataclass(frozen=True, slots=True)
class Mes:
    """One instance of the MES, as the endpoints see it."""

    database: Database
    clock: Clock
    default_calendar: Calendar
    plant_code: str
    release: str
    served: Served
    evidence: ProductionEvidence
    directory: Directory
    tokens: Tokens
    sign_ins: SignIns
    proxies: Proxies
    journal: Journal
    signing_key_file: Path | None = None
    clock_tolerance: timedelta = CLOCK_TOLERANCE
    # One report at a time: it keeps a reader and a processor busy for seconds, and stations wait for nobody.
    report_turn: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(1))

    def calendar_in(self, connection: Connection) -> Calendar:
        """The plant's calendar as `connection` sees it: never an older one than what it commits beside."""
        return get_calendar(connection, self.default_calendar)

    def serving(self) -> Serving:
        """This release, now."""
        return Serving(self.release, self.clock.now(), self.clock_tolerance)


async def _of(request: Request) -> Mes:
    mes: Mes = request.app.state.mes
    return mes


ThisMes = Annotated[Mes, Depends(_of)]


async def question_of(request: Request, mes: Mes, operation: str) -> tuple[Question, dict[str, Any]]:
    """The request as a question to be answered once, and its content as it arrived.

    The fingerprint is taken of what arrived, not of what this release understood of it, so that a retry
    may meet another release.
    """
    content = await request.json()
    asked = question(operation, content, request.headers.get("Idempotency-Key"), mes.clock.now())
    return asked, content


def reply(answer: Answer) -> Response:
    """The stored bytes as an HTTP answer."""
    media_type = "application/json" if answer.status_code < 400 else "application/problem+json"
    headers = {"Idempotent-Replayed": "true"} if answer.is_replayed else None
    return Response(answer.body, answer.status_code, headers, media_type)

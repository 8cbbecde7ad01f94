"""Contested reports in the database: `processes/` keeps them, a person resolves them here."""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from andon_mes.kernel.errors import Conflict, NotFound, Problem, Words
from andon_mes.store.history import Change
from andon_mes.store.schema import contested_events


@dataclass(frozen=True, slots=True)
class ContestedFilter:
    """Which reports a page shows; None means any."""

    resolved: bool
    serial_number: str | None = None
    process: str | None = None


def list_page(
    connection: sa.Connection, chosen: ContestedFilter, *, page: int, page_size: int
) -> tuple[list[dict[str, Any]], int]:
    """One page of reports as their rows, oldest first, pages from 1, and how many there are in all."""
    conditions: list[sa.ColumnElement[bool]] = [contested_events.c.resolved.is_(chosen.resolved)]
    if chosen.serial_number is not None:
        conditions.append(contested_events.c.serial_number == chosen.serial_number)
    if chosen.process is not None:
        conditions.append(contested_events.c.process_code == chosen.process)
    total = connection.execute(
        sa.select(sa.func.count()).select_from(contested_events).where(*conditions)
    ).scalar_one()
    query = (
        sa.select(contested_events)
        .where(*conditions)
        .order_by(contested_events.c.id)
        .limit(page_size)
        .offset((page - 1) * page_size)
    )
    return [dict(row) for row in connection.execute(query).mappings()], total


def resolve(connection: sa.Connection, event_id: int, change: Change) -> dict[str, Any]:
    """Write who looked at the report and why it is settled; gives its row.

    Raises: NotFound (CONTESTED_UNKNOWN); Conflict (CONTESTED_RESOLVED) when somebody has done so.
    """
    row = _get(connection, event_id)
    if row["resolved"]:
        raise Conflict(
            Problem(
                "CONTESTED_RESOLVED",
                Words("The report is settled already", "이미 처리된 보고입니다"),
                Words(f"{row['resolved_by']} settled it", f"처리자: {row['resolved_by']}"),
                Words("Read its resolution", "처리 내용을 확인하세요"),
            )
        )
    connection.execute(
        sa.update(contested_events)
        .where(contested_events.c.id == event_id)
        .values(resolved=True, resolved_by=change.by, resolved_at=change.at, resolution=change.reason)
    )
    return _get(connection, event_id)


def _get(connection: sa.Connection, event_id: int) -> dict[str, Any]:
    found = (
        connection.execute(sa.select(contested_events).where(contested_events.c.id == event_id))
        .mappings()
        .one_or_none()
    )
    if found is None:
        raise NotFound(
            Problem(
                "CONTESTED_UNKNOWN",
                Words("There is no such report", "해당 보고가 없습니다"),
                Words(
                    f"No contested report has the id {event_id}",
                    f"보고 번호 {event_id}을(를) 찾을 수 없습니다",
                ),
                Words("Look it up under GET contested-events", "GET contested-events에서 확인하세요"),
            )
        )
    return dict(found)

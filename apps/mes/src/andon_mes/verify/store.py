"""The rules that the rows must keep, each as a query for what breaks it. Nothing here is used to serve.

Where a figure is recounted, it is from other rows than those that the MES counts it from.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import sqlalchemy as sa

from andon_mes.evidence.store import count_all
from andon_mes.kernel.errors import Words
from andon_mes.lots import store as lots_store
from andon_mes.lots.model import LotStatus
from andon_mes.processes.model import AttemptStatus
from andon_mes.serials.model import DONE, SerialStatus
from andon_mes.store.guarded import SECRETS
from andon_mes.store.schema import (
    audit_log,
    component_uses,
    defects,
    lots,
    process_data,
    processes,
    reworks,
    serials,
    status_history,
)
from andon_mes.verify.model import Check

Wrong = Callable[[sa.Connection], Iterable[str]]
_history = status_history
_before = (
    sa.func.lag(_history.c.new_status)
    .over(partition_by=(_history.c.entity_type, _history.c.entity_id), order_by=_history.c.id)
    .label("before")
)
_newest_first = (
    sa.func.row_number()
    .over(partition_by=(_history.c.entity_type, _history.c.entity_id), order_by=_history.c.id.desc())
    .label("place")
)
_FINISHED = (SerialStatus.COMPLETED, SerialStatus.SHIPPED)
_COMPLETED = (AttemptStatus.PASS, AttemptStatus.FAIL)


def _texts(query: sa.Select[Any]) -> Wrong:
    return lambda connection: connection.scalars(query)


def _gaps() -> sa.Select[Any]:
    steps = sa.select(_history, _before).subquery()
    is_gap = sa.and_(steps.c.before.is_not(None), sa.func.coalesce(steps.c.old_status, "") != steps.c.before)
    name = steps.c.entity_type + " " + sa.cast(steps.c.entity_id, sa.String)
    return sa.select(name + " (history " + sa.cast(steps.c.id, sa.String) + ")").where(is_gap)


def _last(entity: str) -> sa.Subquery:
    steps = sa.select(_history, _newest_first).where(_history.c.entity_type == entity).subquery()
    return sa.select(steps.c.entity_id, steps.c.new_status).where(steps.c.place == 1).subquery()


def _states(entity: str, table: sa.Table, name: sa.ColumnElement[str]) -> sa.Select[Any]:
    last = _last(entity)
    disagrees = sa.or_(last.c.new_status.is_(None), last.c.new_status != table.c.status)
    return sa.select(name).outerjoin_from(table, last, last.c.entity_id == table.c.id).where(disagrees)


def _numbering() -> sa.Select[Any]:
    wrong = sa.or_(
        sa.func.count() != sa.func.max(process_data.c.attempt), sa.func.min(process_data.c.attempt) != 1
    )
    return (
        sa.select(serials.c.serial_number + " at " + processes.c.code)
        .select_from(process_data.join(serials).join(processes))
        .group_by(serials.c.serial_number, processes.c.code)
        .having(wrong)
    )


def _open() -> sa.Select[Any]:
    count = sa.func.count(process_data.c.id)
    is_open = sa.and_(
        process_data.c.serial_id == serials.c.id, process_data.c.status == AttemptStatus.IN_PROGRESS
    )
    mind = sa.or_(
        count > 1,
        sa.and_(serials.c.status == SerialStatus.IN_PROCESS, count == 0),
        sa.and_(serials.c.status.not_in((SerialStatus.IN_PROCESS, SerialStatus.HOLD)), count > 0),
    )
    return (
        sa.select(serials.c.serial_number)
        .outerjoin_from(serials, process_data, is_open)
        .group_by(serials.c.id, serials.c.serial_number, serials.c.status)
        .having(mind)
    )


def _results() -> sa.Select[Any]:
    row = process_data.c
    is_done = row.status.in_(_COMPLETED)
    # A fail names its defect, unless it was made offline and named none that could be used.
    is_set_aside = sa.and_(row.is_offline, row.violation.is_not(None))
    wrong = sa.or_(
        sa.and_(row.status == AttemptStatus.PASS, row.is_pass.is_not(True)),
        sa.and_(row.status == AttemptStatus.FAIL, row.is_pass.is_not(False)),
        sa.and_(row.status == AttemptStatus.FAIL, row.defect_code.is_(None), ~is_set_aside),
        sa.and_(is_done, sa.or_(row.completed_at.is_(None), row.completion_seq.is_(None))),
        sa.and_(~is_done, sa.or_(row.is_pass.is_not(None), row.completion_seq.is_not(None))),
    )
    return (
        sa.select(serials.c.serial_number + " attempt " + sa.cast(row.id, sa.String))
        .select_from(process_data.join(serials))
        .where(wrong)
    )


def _unfinished_of_closed() -> sa.Select[Any]:
    was = sa.case((serials.c.status == SerialStatus.HOLD, serials.c.held_from), else_=serials.c.status)
    return (
        sa.select(lots.c.lot_number + ": " + serials.c.serial_number)
        .join_from(serials, lots)
        .where(lots.c.status == LotStatus.CLOSED, was.not_in([*DONE, SerialStatus.CREATED]))
    )


def _not_closed() -> sa.Select[Any]:
    made = sa.func.count(serials.c.id)
    under_way = sa.func.count(sa.case((serials.c.status.not_in(list(DONE)), 1)))
    return (
        sa.select(lots.c.lot_number)
        .join_from(lots, serials)
        .where(lots.c.status.in_((LotStatus.RELEASED, LotStatus.IN_PROGRESS)))
        .group_by(lots.c.id, lots.c.lot_number, lots.c.target_quantity)
        .having(sa.and_(made >= lots.c.target_quantity, under_way == 0))
    )


def _quantities(connection: sa.Connection) -> Iterator[str]:
    """The finished ones of each lot as its serials' histories say, beside what the MES counts and shows."""
    steps = (
        sa.select(_history, _newest_first)
        .where(_history.c.entity_type == "serial", _history.c.new_status != SerialStatus.HOLD)
        .subquery()
    )
    # What ended while it was held has no step of its own for it; it stands in where its release would put it.
    stands = sa.case((serials.c.status == SerialStatus.HOLD, serials.c.held_from), else_=steps.c.new_status)
    finished = sa.func.count(sa.case((stands.in_(_FINISHED), 1)))
    query = (
        sa.select(lots.c.id, lots.c.lot_number, lots.c.target_quantity, finished)
        .select_from(lots.join(serials).join(steps, steps.c.entity_id == serials.c.id))
        .where(steps.c.place == 1)
        .group_by(lots.c.id, lots.c.lot_number, lots.c.target_quantity)
    )
    for lot_id, number, target, recounted in connection.execute(query).all():
        shown = lots_store.quantities(connection, lot_id)
        if shown.actual != recounted:
            yield f"{number}: {shown.actual} ≠ {recounted}"
        if shown.actual + shown.defect > min(target, shown.generated):
            yield f"{number}: {shown.actual} + {shown.defect} > {min(target, shown.generated)}"


def _first_pass(connection: sa.Connection) -> Iterator[str]:
    """First attempts by release and process, counted plainly, beside what the evidence counts."""
    passed = sa.func.count(sa.case((process_data.c.is_pass.is_(True), 1)))
    query = (
        sa.select(process_data.c.release, processes.c.code, passed, sa.func.count() - passed)
        .join_from(process_data, processes)
        .where(process_data.c.attempt == 1, process_data.c.status.in_(_COMPLETED))
        .group_by(process_data.c.release, processes.c.code)
    )
    plain = {(row[0], row[1]): (row[2], row[3]) for row in connection.execute(query)}
    counted = {key: (each.first_passed, each.first_failed) for key, each in count_all(connection).items()}
    for key in sorted(plain.keys() | counted.keys()):
        if counted.get(key, (0, 0)) != plain.get(key, (0, 0)):
            yield f"{key[0]} {key[1]}: {counted.get(key, (0, 0))} ≠ {plain.get(key, (0, 0))}"


def _dispositions() -> sa.Select[Any]:
    row = defects.c
    wrong = sa.or_(
        sa.and_(row.status.in_(("DISPOSITIONED", "VERIFIED")), row.disposition.is_(None)),
        sa.and_(row.disposition.is_not(None), row.dispositioned_by.is_(None)),
        sa.and_(row.disposition == "USE_AS_IS", sa.cast(row.signature, sa.Text).in_(("null", ""))),
        sa.and_(row.disposition == "USE_AS_IS", row.signature.is_(sa.null())),
        sa.and_(row.disposition == "SCRAP", serials.c.status != SerialStatus.SCRAPPED),
        sa.and_(row.status == "CLOSED", row.closed_at.is_(None)),
    )
    return (
        sa.select(serials.c.serial_number + " defect " + sa.cast(row.id, sa.String))
        .join_from(defects, serials)
        .where(wrong)
    )


def _reworks() -> sa.Select[Any]:
    row = reworks.c
    wrong = sa.or_(
        sa.and_(row.is_completed, row.completed_at.is_(None)),
        sa.and_(~row.is_completed, sa.or_(row.completed_at.is_not(None), row.final_result.is_not(None))),
    )
    return (
        sa.select(serials.c.serial_number + " rework " + sa.cast(row.id, sa.String))
        .join_from(reworks, serials)
        .where(wrong)
    )


def _unaudited(connection: sa.Connection) -> Iterator[str]:
    """Rows that are not what their newest audit record says they are.

    On SQLite a release before this one may share the file and write without an audit, so it is not asked.
    """
    if connection.dialect.name != "postgresql":
        return
    for table in (lots, serials, process_data, component_uses, reworks, defects):
        without = "".join(f" - '{each}'" for each in SECRETS)
        query = sa.text(
            f"SELECT t.id FROM {table.name} t LEFT JOIN LATERAL (SELECT new_data FROM {audit_log.name} a "  # noqa: S608
            f"WHERE a.table_name = '{table.name}' AND a.record_id = t.id::text ORDER BY a.id DESC LIMIT 1) a "
            f"ON true WHERE a.new_data IS NULL OR NOT (to_jsonb(t){without}) @> a.new_data"
        )
        yield from (f"{table.name} {row[0]}" for row in connection.execute(query))


def _check(code: str, title: tuple[str, str], wrong: tuple[str, str]) -> Check:
    return Check(code, Words(*title), Words(*wrong))


_serial_name = serials.c.serial_number
_defect_name = sa.literal("defect ") + sa.cast(defects.c.id, sa.String)
CHECKS: tuple[tuple[Check, Wrong], ...] = (
    (
        _check(
            "HISTORY_GAP",
            ("histories without a gap", "상태 이력의 연속성"),
            ("The history of {} does not begin where it had ended", "{}의 상태 이력이 이어지지 않습니다"),
        ),
        _texts(_gaps()),
    ),
    (
        _check(
            "LOT_STATE",
            ("lots as their histories say", "로트 상태와 이력의 일치"),
            ("The lot {} is not in the state that its history ends with", "로트 {}의 상태가 이력과 다릅니다"),
        ),
        _texts(_states("lot", lots, lots.c.lot_number)),
    ),
    (
        _check(
            "SERIAL_STATE",
            ("serials as their histories say", "시리얼 상태와 이력의 일치"),
            (
                "The serial {} is not in the state that its history ends with",
                "시리얼 {}의 상태가 이력과 다릅니다",
            ),
        ),
        _texts(_states("serial", serials, _serial_name)),
    ),
    (
        _check(
            "ATTEMPT_NUMBERS",
            ("attempts numbered from 1", "작업 차수의 연속성"),
            ("The attempts of {} are not numbered from 1 on", "{}의 작업 차수가 1부터 이어지지 않습니다"),
        ),
        _texts(_numbering()),
    ),
    (
        _check(
            "ATTEMPT_OPEN",
            ("one open attempt, where work goes on", "진행 중 작업의 유일성"),
            (
                "The open attempts of {} do not fit its state",
                "{}의 진행 중 작업이 시리얼 상태와 맞지 않습니다",
            ),
        ),
        _texts(_open()),
    ),
    (
        _check(
            "ATTEMPT_RESULT",
            ("results that fit their states", "작업 결과의 일관성"),
            ("The result of {} does not fit its state", "{}의 결과가 상태와 맞지 않습니다"),
        ),
        _texts(_results()),
    ),
    (
        _check(
            "LOT_CLOSED_EARLY",
            ("closed lots are done", "마감 로트의 완료"),
            ("A closed lot has a serial under way: {}", "마감된 로트에 진행 중인 시리얼이 있습니다: {}"),
        ),
        _texts(_unfinished_of_closed()),
    ),
    (
        _check(
            "LOT_NOT_CLOSED",
            ("lots that are done are closed", "완료 로트의 마감"),
            (
                "Every serial of {} is done, and it is not closed",
                "{}의 모든 시리얼이 끝났으나 마감되지 않았습니다",
            ),
        ),
        _texts(_not_closed()),
    ),
    (
        _check(
            "LOT_QUANTITIES",
            ("quantities of lots, recounted", "로트 수량 재계산"),
            ("The quantities of a lot are wrong: {}", "로트 수량이 맞지 않습니다: {}"),
        ),
        _quantities,
    ),
    (
        _check(
            "FIRST_PASS",
            ("first-pass counts, recounted", "직행 수 재계산"),
            ("First-pass counts are wrong: {}", "직행 수가 맞지 않습니다: {}"),
        ),
        _first_pass,
    ),
    (
        _check(
            "DISPOSITIONS",
            ("defects and what was decided of them", "불량과 처리 판정의 일치"),
            ("What was decided does not fit: {}", "불량 판정이 맞지 않습니다: {}"),
        ),
        _texts(_dispositions()),
    ),
    (
        _check(
            "DEFECT_STATE",
            ("defects as their histories say", "불량 상태와 이력의 일치"),
            ("The {} is not in the state that its history ends with", "{}의 상태가 이력과 다릅니다"),
        ),
        _texts(_states("defect", defects, _defect_name)),
    ),
    (
        _check(
            "REWORKS",
            ("reworks that fit their ends", "재작업의 일관성"),
            ("The end of a rework does not fit: {}", "재작업의 종료가 맞지 않습니다: {}"),
        ),
        _texts(_reworks()),
    ),
    (
        _check(
            "UNAUDITED",
            ("rows as their newest audit record says", "최신 감사 기록과 행의 일치"),
            (
                "{} is not what its newest audit record says: it was changed beside the audit",
                "{}이(가) 최신 감사 기록과 다릅니다. 감사를 거치지 않고 변경되었습니다",
            ),
        ),
        _unaudited,
    ),
)

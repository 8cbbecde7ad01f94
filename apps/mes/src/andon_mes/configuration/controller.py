"""Change the configuration: read the plant, check what it would become, write. One transaction each."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from andon_mes.configuration import plan as plans
from andon_mes.configuration import store
from andon_mes.configuration.model import Etag, Finding, Key, Kind, Plant, Row, key_text
from andon_mes.configuration.plan import Action, Step, etag
from andon_mes.configuration.reading import is_plain, read_change, read_row
from andon_mes.configuration.rules import new_findings
from andon_mes.configuration.shapes import SHAPES
from andon_mes.configuration.store import By
from andon_mes.kernel.errors import (
    ChangedMeanwhile,
    Conflict,
    InvalidInput,
    MesError,
    NotFound,
    PreconditionMissing,
    Problem,
    Words,
    invalid,
    shown,
)
from andon_mes.store.engine import Connection

_PEOPLE = (Kind.OPERATORS, Kind.QUALIFICATIONS)
_BESIDE = {Kind.OPERATORS: (Kind.OPERATORS,), Kind.QUALIFICATIONS: (Kind.PROCESSES, *_PEOPLE)}
_OTHERS = tuple(kind for kind in Kind if kind not in _PEOPLE)
"""What a change of a kind must be seen beside. Of people there are many, and no other kind asks for them."""


def get(connection: Connection, kind: Kind, key: Key) -> Row:
    """The row of `key`. Raises: NotFound."""
    for row in store.list_rows(connection, kind):
        if SHAPES[kind].key_of(row) == key:
            return row
    raise _unknown(kind, key)


def create(connection: Connection, kind: Kind, raw: Mapping[str, Any], by: By) -> Row:
    """Make a row.

    Raises: InvalidInput that names field, value and fix; Conflict when there is one of its key.
    """
    shape = SHAPES[kind]
    row, found = read_row(shape, raw)
    _refuse(found)
    store.lock(connection)
    before = store.load(connection, _BESIDE.get(kind, _OTHERS))
    key = shape.key_of(row)
    if key in before.of(kind):
        raise _taken(kind, key)
    _refuse(new_findings(before, before.with_row(kind, key, row)))
    store.insert(connection, kind, row, by)
    return get(connection, kind, key)


def amend(
    connection: Connection, kind: Kind, key: Key, raw: Mapping[str, Any], by: By, *, expected: str | None
) -> Row:
    """Change the fields of a row that `raw` says, if the row is still the one that `expected` names.

    Raises: InvalidInput; NotFound; PreconditionMissing; ChangedMeanwhile when another was faster.
    """
    shape = SHAPES[kind]
    change, found = read_change(shape, raw)
    _refuse(found)
    store.lock(connection)
    before = store.load(connection, _BESIDE.get(kind, _OTHERS))
    had = before.of(kind).get(key)
    if had is None:
        raise _unknown(kind, key)
    require_unchanged(etag(had), expected)
    row = {each.name: had[each.name] for each in shape.fields} | change
    if shape.key_of(row) != key:
        raise _key_changes(shape.key)
    _refuse(new_findings(before, before.with_row(kind, key, row)))
    store.update(connection, kind, key, row, by)
    if kind is Kind.QUALIFICATIONS and _is_longer(had["valid_until"], row["valid_until"]):
        store.grant_anew(connection, key, by)
    return get(connection, kind, key)


def revoke(connection: Connection, key: Key, by: By) -> Row:
    """End the qualification of `key` now; one that is over already stays as it ended. Raises: NotFound."""
    store.lock(connection)
    row = get(connection, Kind.QUALIFICATIONS, key)
    now = by.at.replace(microsecond=0)
    if row["valid_until"] is None or row["valid_until"] > now:
        store.update(connection, Kind.QUALIFICATIONS, key, {"valid_until": now}, by)
    return get(connection, Kind.QUALIFICATIONS, key)


def _is_longer(had: datetime | None, wants: datetime | None) -> bool:
    return had is not None and (wants is None or wants > had)


def put_setting(connection: Connection, name: str, document: Any, expected: str | None, by: By) -> Any:
    """Set the plant's document `name`, if it is still the one that `expected` names. A new one needs none.

    Raises: InvalidInput; PreconditionMissing; ChangedMeanwhile.
    """
    store.lock(connection)
    before = store.load(connection, ())
    had = before.settings.get(name)
    if had is not None or expected is not None:
        require_unchanged(etag(had), expected)
    if not is_plain(document, may_be_null=True):
        raise _no_document(name)
    _refuse(new_findings(before, Plant(before.rows, {**before.settings, name: document}, before.logins)))
    store.put_setting(connection, name, document, by)
    return document


def take(
    connection: Connection, wanted: Plant, by: By, *, is_dry: bool, where: Callable[[Finding], str]
) -> list[Step]:
    """Make the plant what `wanted` says, all of it or nothing; `is_dry`: only say what that would do.

    `where` says in which place of its file something is wrong.
    Raises: InvalidInput with every finding beside the first in its `problem.others`.
    """
    store.lock(connection)
    before = store.load(connection)
    steps = plans.plan(before, wanted, by.at.replace(microsecond=0))
    found = new_findings(before, plans.outcome(before, steps))
    if found:
        raise refusal([(each, where(each)) for each in found])
    if not is_dry:
        for step in steps:
            _do(connection, step, by)
    return steps


def _do(connection: Connection, step: Step, by: By) -> None:
    if step.kind is None:
        store.put_setting(connection, step.key[0] or "", step.row, by)
    elif step.action is Action.ADD:
        store.insert(connection, step.kind, step.row, by)
    else:
        store.update(connection, step.kind, step.key, step.row, by)
        if step.kind is Kind.QUALIFICATIONS and step.action is not Action.DEACTIVATE:
            store.grant_anew(connection, step.key, by)


def require_unchanged(current: Etag, expected: str | None) -> None:
    """Whether the caller has seen what it changes. "*" stands for having seen anything.

    Raises: PreconditionMissing without `expected`; ChangedMeanwhile when it is not `current`.
    """
    if expected is None:
        raise PreconditionMissing(
            Problem(
                "IF_MATCH_REQUIRED",
                Words("A change must say what it changes", "무엇을 변경하는지 알려야 합니다"),
                Words("The header If-Match is missing", "If-Match 헤더가 없습니다"),
                Words(
                    "Read it, and send its ETag as If-Match, so that nobody's change is overwritten unseen",
                    "조회할 때 받은 ETag를 If-Match로 보내세요. 다른 사람의 변경을 덮어쓰지 않습니다",
                ),
            )
        )
    seen = {each.strip().removeprefix("W/").strip('"') for each in expected.split(",")}
    if not seen & {current, "*"}:
        raise ChangedMeanwhile(
            Problem(
                "CHANGED_MEANWHILE",
                Words("Somebody else has changed it", "다른 사람이 먼저 변경했습니다"),
                Words("It is no longer what you have read", "조회한 내용과 다릅니다"),
                Words("Read it again, and make your change there", "다시 조회한 뒤 변경하세요"),
                field="If-Match",
                value=expected,
            )
        )


def problem_of(finding: Finding, *, where: str = "") -> Problem:
    """`finding` as a problem; `where` is its place in a file."""
    at = f"{where}: " if where else ""
    return Problem(
        finding.code,
        Words(f"The field {finding.field} cannot be used", f"{finding.field} 항목을 사용할 수 없습니다"),
        Words(at + finding.detail.en, at + finding.detail.ko),
        finding.fix,
        field=finding.field,
        value=shown(finding.value),
    )


def _refuse(found: list[Finding]) -> None:
    if found:
        raise refusal([(each, "") for each in found])


def refusal(found: list[tuple[Finding, str]]) -> InvalidInput:
    """The findings, of which there is one at least, each with its place in a file, as one error."""
    first, *others = (problem_of(each, where=where) for each, where in found)
    return InvalidInput(replace(first, others=tuple(others)))


def _no_document(name: str) -> MesError:
    return invalid(
        name,
        None,
        Words("It holds what a file could not", "파일로 저장할 수 없는 값이 있습니다"),
        Words(
            "Send texts, finite numbers, true and false, not too deep",
            "문자열, 유한한 숫자, true/false만 보내세요",
        ),
    )


def _key_changes(key: tuple[str, ...]) -> MesError:
    return invalid(
        key[0],
        None,
        Words("What others refer to keeps its name", "다른 항목이 참조하는 이름은 바꿀 수 없습니다"),
        Words("Make a new one, and deactivate this", "새로 만들고 이것은 비활성화하세요"),
        code="KEY_CHANGES",
    )


def _taken(kind: Kind, key: Key) -> Conflict:
    return Conflict(
        Problem(
            "ALREADY_THERE",
            Words("There is one already", "이미 있습니다"),
            Words(f"{kind} has {key_text(key)}", f"{kind}에 {key_text(key)}이(가) 있습니다"),
            Words(
                "Change that one (PATCH), or choose another code", "기존 항목을 변경하거나 다른 코드를 쓰세요"
            ),
        )
    )


def _unknown(kind: Kind, key: Key) -> NotFound:
    return NotFound(
        Problem(
            "ROW_UNKNOWN",
            Words("There is no such thing", "해당 항목이 없습니다"),
            Words(f"{kind} has no {key_text(key)!r}", f"{kind}에 {key_text(key)!r}이(가) 없습니다"),
            Words(
                f"See what there is: GET /api/v1/{kind.replace('_', '-')}",
                f"목록을 확인하세요: GET /api/v1/{kind.replace('_', '-')}",
            ),
        )
    )

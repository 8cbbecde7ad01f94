"""Print labels: render what the rows say, then write who printed it and which copy it is."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo

from andon_mes.kernel.errors import Conflict, Problem, Words, invalid
from andon_mes.labels import store
from andon_mes.labels.model import LabelKind, Subject, Template, values_of
from andon_mes.labels.template import lay_out, render_zpl
from andon_mes.processes.refusals import Refusal, problem_of
from andon_mes.serials.model import SerialStatus
from andon_mes.store.engine import Connection

_ZPL, _PDF = "text/plain; charset=utf-8", "application/pdf"


@dataclass(frozen=True, slots=True)
class Sheet:
    """Labels as they go to the printer."""

    media_type: str
    content: bytes

    @property
    def digest(self) -> str:
        """The SHA-256 of the content."""
        return hashlib.sha256(self.content).hexdigest()


@dataclass(frozen=True, slots=True)
class Printing:
    """Who prints, when and, if it is not the first time, why."""

    by: str
    at: datetime
    reason: str | None


def render(template: Template, subjects: Sequence[Subject], at: datetime, zone: tzinfo) -> Sheet:
    """The labels of `subjects`, one after the other. Slow for many: not in the writer's thread.

    Raises: InvalidInput when the template cannot be used, or a value does not fit into its Data Matrix;
    Conflict when it is the template of another model.
    """
    _require_model(template, subjects)
    values = [values_of(each, at, zone) for each in subjects]
    if template.kind is LabelKind.ZPL:
        return Sheet(_ZPL, "\n".join(render_zpl(template.body, each) for each in values).encode())
    from andon_mes.labels.paper import render_pdf

    layouts = [lay_out(template.body, each) for each in values]
    try:
        return Sheet(_PDF, render_pdf(layouts, template.code))
    except ValueError as error:
        raise _bad_symbol(template, error) from error


def preview_svg(template: Template, subject: Subject, at: datetime, zone: tzinfo) -> str:
    """The label of a PDF template for a screen. Raises: as `render`; InvalidInput for one in ZPL."""
    from andon_mes.labels.paper import render_svg

    if template.kind is LabelKind.ZPL:
        raise invalid(
            "format",
            "svg",
            Words("A ZPL template is drawn by its printer", "ZPL 서식은 프린터가 그립니다"),
            Words("Ask for format=text", "format=text로 요청하세요"),
            code="LABEL_NOT_DRAWN",
        )
    try:
        return render_svg(lay_out(template.body, values_of(subject, at, zone)))
    except ValueError as error:
        raise _bad_symbol(template, error) from error


def book(
    connection: Connection, template: Template, subjects: Sequence[Subject], printing: Printing, sheet: Sheet
) -> int:
    """Write a print of each of `subjects`, and give the highest number of copy among them.

    Raises: Conflict (SERIAL_SCRAPPED); InvalidInput when one was printed before and there is no reason.
    """
    for each in subjects:
        if each.status == SerialStatus.SCRAPPED:
            raise Conflict(problem_of(Refusal.SERIAL_SCRAPPED, {"serial": each.serial_number}))
        if each.copies and not printing.reason:
            raise _reprint(each)
    rows = [
        {
            "serial_id": each.serial_id,
            "template_code": template.code,
            "copy_number": each.copies + 1,
            "printed_by": printing.by,
            "printed_at": printing.at,
            "reason": printing.reason,
            "digest": sheet.digest,
        }
        for each in subjects
    ]
    store.insert_prints(connection, rows)
    return max(each.copies for each in subjects) + 1


def _require_model(template: Template, subjects: Sequence[Subject]) -> None:
    for each in subjects:
        if template.product_model not in {None, each.product_model}:
            raise Conflict(
                Problem(
                    "LABEL_OTHER_MODEL",
                    Words("The label is one of another product", "다른 제품의 라벨 서식입니다"),
                    Words(
                        f"{template.code} is for {template.product_model}, {each.serial_number} is a "
                        f"{each.product_model}",
                        f"{template.code}은(는) {template.product_model}용이며 {each.serial_number}은(는) "
                        f"{each.product_model}입니다",
                    ),
                    Words("Choose a template of its model", "해당 모델의 서식을 선택하세요"),
                )
            )


def _reprint(subject: Subject) -> Exception:
    return invalid(
        "reason",
        None,
        Words(
            f"The label of {subject.serial_number} was printed {subject.copies} times before",
            f"{subject.serial_number} 라벨은 이미 {subject.copies}회 인쇄되었습니다",
        ),
        Words(
            "Say why it is printed again, and destroy the one before",
            "재인쇄 사유를 적고 기존 라벨은 폐기하세요",
        ),
        code="REPRINT_REASON",
    )


def _bad_symbol(template: Template, error: ValueError) -> Exception:
    return invalid(
        "body",
        template.code,
        Words(f"A Data Matrix cannot be drawn: {error}", "Data Matrix를 그릴 수 없습니다"),
        Words("Put serial and check characters into it alone", "시리얼과 검사 문자만 넣으세요"),
        code="LABEL_SYMBOL",
    )

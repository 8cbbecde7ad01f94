"""`andon-mes verify`: whether the record holds, in numbers and sentences."""

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from andon_mes.commands.running import settings, shown

if TYPE_CHECKING:
    from andon_mes.verify.model import Report

_PATIENCE = timedelta(minutes=30)
_UNAVAILABLE = 3


def verify(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
    head: Annotated[str | None, typer.Option(help="A digest noted before: the chain must hold it.")] = None,
    lang: Annotated[str, typer.Option(help="Language of the sentences: en or ko.")] = "en",
) -> None:
    """Check the audit's chain and recount every figure. 0: all holds; 1: something does not; 3: no answer.

    Progress goes to standard error. Note the digest that is printed at the end elsewhere: given to --head the
    next time, it shows that nothing was cut off.
    """
    if lang not in {"en", "ko"}:
        typer.echo("--lang is en or ko", err=True)
        raise typer.Exit(2)
    report = _report(head)
    shown(_document(report), _text(report, "ko" if lang == "ko" else "en"), as_json=as_json)
    if not report.is_whole:
        raise typer.Exit(1)


def _report(head: str | None) -> "Report":
    from andon_mes.kernel.errors import Unavailable
    from andon_mes.store.engine import Connection, open_database
    from andon_mes.store.migrate import require_sufficient
    from andon_mes.verify.controller import verify as run

    def progress(said: str) -> None:
        typer.echo(said, err=True)

    def work(connection: Connection) -> "Report":
        require_sufficient(connection)
        return run(connection, head=head, progress=progress)

    database = open_database(settings().database, busy_timeout=_PATIENCE)
    try:
        return asyncio.run(database.read(work))
    except Unavailable as error:
        typer.echo(f"{error.problem.detail.en}. {error.problem.fix.en}.", err=True)
        raise typer.Exit(_UNAVAILABLE) from error
    finally:
        database.close()


def _document(report: "Report") -> dict[str, Any]:
    return {
        "is_whole": report.is_whole,
        "records": report.records,
        "seals": report.seals,
        "head": report.head,
        "checked": [each.code for each in report.checked],
        "found": report.found,
        "findings": [
            {
                "code": each.check.code,
                "subject": each.subject,
                "detail": each.words().en,
                "detail_ko": each.words().ko,
            }
            for each in report.named
        ],
    }


def _text(report: "Report", lang: Literal["en", "ko"]) -> str:
    lines = [getattr(each.words(), lang) for each in report.named]
    for code, count in report.found.items():
        more = count - sum(each.check.code == code for each in report.named)
        if more:
            lines.append({"en": f"{code}: {more} more", "ko": f"{code}: 외 {more}건"}[lang])
    broken = sum(report.found.values())
    lines.append(
        {
            "en": f"{report.records:,} records in {report.seals:,} seals; {len(report.checked)} checks; "
            + (f"{broken} found" if broken else "everything holds"),
            "ko": f"감사 기록 {report.records:,}건, 봉인 {report.seals:,}개, 검사 {len(report.checked)}종: "
            + (f"이상 {broken}건" if broken else "모두 정상"),
        }[lang]
    )
    lines.append(f"head {report.head}")
    return "\n".join(lines)

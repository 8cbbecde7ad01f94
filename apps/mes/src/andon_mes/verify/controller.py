"""One look at everything: the chain of the audit, then each rule of the rows."""

from collections.abc import Callable

from andon_mes.audit import store as audit
from andon_mes.audit.chain import GENESIS, Links, Seal, Tampering, compare
from andon_mes.store.engine import Connection
from andon_mes.verify.model import CHAIN, HEAD, Finding, Report, of_chain
from andon_mes.verify.store import CHECKS

Progress = Callable[[str], None]


def verify(connection: Connection, *, head: str | None, progress: Progress) -> Report:
    """Check everything on one consistent view. `head` is a digest that was noted: it must be in the chain."""
    report = Report()
    _chain(connection, report, head, progress)
    for check, wrong in CHECKS:
        progress(check.title.en)
        report.checked.append(check)
        for subject in wrong(connection):
            report.add(Finding(check, subject))
    return report


def _chain(connection: Connection, report: Report, head: str | None, progress: Progress) -> None:
    links, before, report.head = Links(), None, GENESIS
    has_head = head is None
    for seal in audit.list_seals(connection):
        linked = list(links.follow(seal))
        for found in linked:
            report.add(of_chain(found))
        report.seals += 1
        report.head = seal.digest
        has_head = has_head or seal.digest == head
        _records(connection, report, before, seal)
        before = seal
        if report.seals % 100 == 0:
            progress(f"{report.seals:,} seals, {report.records:,} records")
    for found in links.end():
        report.add(of_chain(found))
    report.checked.append(CHAIN[Tampering.ALTERED])
    if not has_head and head is not None:
        report.add(Finding(HEAD, head))


def _records(connection: Connection, report: Report, before: Seal | None, seal: Seal) -> None:
    """The records of a seal. Where the seal before it is gone, its records are not called inserted."""
    found = audit.list_records(connection, before, seal)
    report.records += len(found)
    is_linked = seal.previous == (before.digest if before is not None else GENESIS)
    for tampered in compare(seal.named(), found):
        if is_linked or tampered.tampering is not Tampering.INSERTED:
            report.add(of_chain(tampered))

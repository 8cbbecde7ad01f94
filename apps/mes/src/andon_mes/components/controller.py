"""Book what was put into a serial, and take it out again: read, decide, write; in the caller's transaction.

A completion that carries components asks `prepare` before it writes anything, and `book` once its attempt is
open, so that a refusal leaves nothing behind.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from andon_mes.components import store
from andon_mes.components.decide import decide_removal, decide_use, taken_as
from andon_mes.components.model import Missing, Scan, Take, missing
from andon_mes.components.refusals import Reason, Refuse, problem_of_component
from andon_mes.components.store import Booked, Taker
from andon_mes.kernel.errors import Conflict
from andon_mes.store.engine import Connection


@dataclass(frozen=True, slots=True)
class Prepared:
    """What may be booked, and what of the process is missing once it is."""

    taker: Taker
    takes: tuple[Take, ...]
    missing: tuple[Missing, ...]

    def refusal_of_missing(self) -> Refuse | None:
        """COMPONENT_MISSING that names the first that is missing; None when nothing is."""
        if not self.missing:
            return None
        first = self.missing[0]
        about: dict[str, object] = {
            "component": first.item.component,
            "process": first.item.process,
            "found": first.found,
            "quantity": first.item.quantity,
        }
        return Refuse(Reason.COMPONENT_MISSING, about)


def prepare(
    connection: Connection, number: str, process: str, scans: Sequence[Scan], at: datetime
) -> Prepared | Refuse:
    """Whether `scans` may be booked at `process`, each after those before it. Writes nothing.

    Raises: NotFound when there is no such serial.
    """
    taker = store.get_taker(connection, number)
    uses = list(taker.uses)
    takes: list[Take] = []
    for scan in scans:
        decision = decide_use(
            taker.bom,
            uses,
            scan,
            process,
            holder=taker.holder,
            elsewhere=store.look_elsewhere(connection, taker, scan),
        )
        if isinstance(decision, Refuse):
            return decision
        if _is_twice(takes, scan):
            return Refuse(Reason.COMPONENT_IN_USE, {"number": scan.component_serial, "where": number})
        takes.append(decision)
        uses = taken_as(uses, decision, at)
    return Prepared(taker, tuple(takes), missing(taker.bom, uses, process))


def book(connection: Connection, prepared: Prepared, booked: Booked) -> list[int]:
    """Write what was prepared and give the ids of the uses.

    Raises: Conflict (COMPONENT_IN_USE) when another serial took one of them in this very moment.
    """
    made = []
    for take in prepared.takes:
        if take.removes is not None:
            reason = take.scan.reason or ""
            store.remove_use(connection, take.removes, by=booked.by, at=booked.at, reason=reason)
        use_id = store.insert_use(connection, prepared.taker.serial_id, take, booked)
        if use_id is None:
            raise _taken_meanwhile(take)
        made.append(use_id)
    return made


def scan(
    connection: Connection, number: str, process: str, scans: Sequence[Scan], *, by: str, at: datetime
) -> Refuse | Prepared:
    """Book `scans` at the process's open attempt, or say why not; all of them or none."""
    prepared = prepare(connection, number, process, scans, at)
    if isinstance(prepared, Prepared):
        attempt_id = store.find_open_attempt(connection, prepared.taker.serial_id, process)
        book(connection, prepared, Booked(by, at, attempt_id))
    return prepared


def remove(
    connection: Connection, number: str, use_id: int, *, by: str, at: datetime, reason: str
) -> Refuse | Taker:
    """Take a component out of the serial with a reason; its row stays, and it may go into another one.

    Raises: NotFound when the serial or the use is not there.
    """
    taker = store.get_taker(connection, number)
    refused = decide_removal(taker.holder, store.get_use(taker, use_id))
    if refused is not None:
        return refused
    store.remove_use(connection, use_id, by=by, at=at, reason=reason)
    return taker


def _is_twice(takes: Sequence[Take], scan: Scan) -> bool:
    return scan.component_serial is not None and any(
        (each.scan.component, each.scan.component_serial) == (scan.component, scan.component_serial)
        for each in takes
    )


def _taken_meanwhile(take: Take) -> Conflict:
    about: dict[str, object] = {"number": take.scan.component_serial}
    return Conflict(problem_of_component(Refuse(Reason.COMPONENT_IN_USE, about)))

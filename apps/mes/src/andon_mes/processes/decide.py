"""The interlock: may this start, what does this completion close, what follows.

docs/design/mes.md, rules 2 to 4. Pure: the same situation gives the same decision on the server and in a
station's cache.
"""

from datetime import datetime

from andon_mes.lots.model import LotStatus
from andon_mes.processes.model import (
    MOST_ATTEMPTS,
    MOST_REWORKS,
    Attempt,
    AttemptStatus,
    Begin,
    BeginAndClose,
    Close,
    CompletionDecision,
    Outcome,
    Refuse,
    Report,
    Same,
    Situation,
    StartDecision,
)
from andon_mes.processes.refusals import Refusal
from andon_mes.serials.model import SerialStatus

_OPEN_LOTS = frozenset({LotStatus.RELEASED, LotStatus.IN_PROGRESS})
_CLOSED = frozenset({AttemptStatus.PASS, AttemptStatus.FAIL})


def decide_start(seen: Situation, process: str) -> StartDecision:
    """Whether a serial may start `process`, and as which attempt."""
    refused = _refused_by_state(seen, process) or _refused_by_route(seen, process)
    if refused is not None:
        return refused
    return Begin(_count(seen, process) + 1)


def decide_completion(seen: Situation, report: Report, *, infers_start: bool) -> CompletionDecision:
    """Which attempt `report` closes.

    A report that is not younger than the attempt it would follow is about that attempt, and contradicts it.
    """
    process = report.process
    here = [each for each in seen.attempts if each.process == process]
    meant = [each for each in here if _is_meant(each, report)]
    is_open = next((each for each in here if each.status is AttemptStatus.IN_PROGRESS), None)
    if not meant and (report.attempt_id is not None or is_open is not None):
        return _disagrees(report)
    for each in here:
        if each.status in _CLOSED and each.digest == report.digest:
            return Same(each)
    if is_open is not None and is_open in meant:
        return _refused_off_route(seen, process) or _refused_by_hold(seen, process) or Close(is_open)
    is_named = report.attempt_id is not None or report.number is not None
    if (is_named and meant) or _contradicts(here, report.at):
        return Refuse(Refusal.ATTEMPT_CLOSED_DIFFERENTLY, {"process": process})
    return _decide_unstarted(seen, report, infers_start=infers_start)


def _decide_unstarted(seen: Situation, report: Report, *, infers_start: bool) -> CompletionDecision:
    begun = decide_start(seen, report.process)
    if isinstance(begun, Refuse):
        return begun
    if report.number not in {None, begun.number}:
        return _disagrees(report)
    if not infers_start:
        return Refuse(Refusal.START_MISSING, {"process": report.process})
    return BeginAndClose(begun.number)


def decide_outcome(seen: Situation, process: str, *, number: int, passed: bool) -> Outcome:
    """What closing attempt `number` of `process` makes of the serial."""
    if passed:
        at = seen.route.index(process) + 1
        if at == len(seen.route):
            return Outcome(SerialStatus.COMPLETED, None, opens_rework=False)
        return Outcome(SerialStatus.WAITING, seen.route[at], opens_rework=False)
    if number >= MOST_ATTEMPTS or seen.reworks >= MOST_REWORKS:
        return Outcome(SerialStatus.HOLD, process, opens_rework=False)
    return Outcome(SerialStatus.REWORK, process, opens_rework=True)


def _refused_by_state(seen: Situation, process: str) -> Refuse | None:
    if (refused := _refused_off_route(seen, process)) is not None:
        return refused
    if seen.serial is SerialStatus.SCRAPPED:
        return Refuse(Refusal.SERIAL_SCRAPPED, {})
    if seen.serial in {SerialStatus.COMPLETED, SerialStatus.SHIPPED}:
        return Refuse(Refusal.SERIAL_COMPLETED, {})
    return _refused_by_hold(seen, process)


def _refused_off_route(seen: Situation, process: str) -> Refuse | None:
    """Also what is open may be off the route: its process was taken out of use meanwhile."""
    if process in seen.route:
        return None
    return Refuse(Refusal.STATION_WRONG_PROCESS, {"process": process})


def _refused_by_hold(seen: Situation, process: str) -> Refuse | None:
    if seen.lot is LotStatus.HOLD:
        return Refuse(Refusal.LOT_HOLD, {})
    if seen.lot not in _OPEN_LOTS:
        return Refuse(Refusal.LOT_NOT_RELEASED, {"lot_status": seen.lot})
    if seen.serial is SerialStatus.HOLD:
        if seen.held_from is SerialStatus.DEFECTIVE:
            return _limit(seen, process)
        return Refuse(Refusal.SERIAL_HOLD, {})
    return None


def _refused_by_route(seen: Situation, process: str) -> Refuse | None:
    for each in seen.attempts:
        if each.status is AttemptStatus.IN_PROGRESS:
            where = f"{each.process} ({each.equipment_id})" if each.equipment_id else each.process
            return Refuse(Refusal.ATTEMPT_OPEN_ELSEWHERE, {"where": where})
    passed = {each.process for each in seen.attempts if each.status is AttemptStatus.PASS}
    if process in passed:
        return Refuse(Refusal.ROUTE_ALREADY_PASSED, {"process": process})
    for earlier in seen.route[: seen.route.index(process)]:
        if earlier not in passed:
            return Refuse(Refusal.ROUTE_PREVIOUS_NOT_PASSED, {"process": process, "missing": earlier})
    if _count(seen, process) >= MOST_ATTEMPTS:
        return _limit(seen, process)
    if seen.serial is SerialStatus.DEFECTIVE:
        return _limit(seen, process) if seen.reworks >= MOST_REWORKS else Refuse(Refusal.REWORK_REQUIRED, {})
    return None


def _is_meant(attempt: Attempt, report: Report) -> bool:
    return report.attempt_id in {None, attempt.id} and report.number in {None, attempt.number}


def _disagrees(report: Report) -> Refuse:
    said = report.attempt_id if report.attempt_id is not None else report.number
    return Refuse(Refusal.ATTEMPT_DISAGREES, {"process": report.process, "attempt": said})


def _contradicts(here: list[Attempt], at: datetime) -> bool:
    last = here[-1] if here else None
    if last is None or last.completed_at is None:
        return False
    return last.status is AttemptStatus.PASS or at <= last.completed_at


def _count(seen: Situation, process: str) -> int:
    return sum(each.process == process for each in seen.attempts)


def _limit(seen: Situation, process: str) -> Refuse:
    about: dict[str, object] = {
        "process": process,
        "attempts": _count(seen, process),
        "reworks": seen.reworks,
    }
    return Refuse(Refusal.REWORK_LIMIT, about)

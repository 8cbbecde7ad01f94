"""The interlock: may this start, what does this completion close, what follows.

docs/design/mes.md, rules 2 to 4. Pure: the same situation gives the same decision on the server and in a
station's cache.
"""

from datetime import datetime

from andon_mes.kernel.errors import Words
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
    Report,
    Same,
    Situation,
    StartDecision,
    Validation,
)
from andon_mes.processes.refusals import KEPT, Refusal, Refuse
from andon_mes.processes.workplace import refused_here, refused_station
from andon_mes.serials.model import SerialStatus

_OPEN_LOTS = frozenset({LotStatus.RELEASED, LotStatus.IN_PROGRESS, LotStatus.CLOSING})
_CLOSED = frozenset({AttemptStatus.PASS, AttemptStatus.FAIL})


def decide_start(seen: Situation, process: str) -> StartDecision:
    """Whether a serial may start `process`, and as which attempt."""
    refused = (
        _refused_by_status(seen, process)
        or _refused_by_route(seen, process)
        or _refused_by_trace(seen, process)
        or _refused_by_station(seen, process)
    )
    return refused or Begin(next_number(seen, process))


def validate(seen: Situation, process: str) -> Validation:
    """The same, but every part is asked and answers for itself."""
    return Validation(
        status=_refused_by_status(seen, process),
        route=_refused_by_route(seen, process),
        trace=_refused_by_trace(seen, process),
        station=_refused_by_station(seen, process),
    )


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
    is_named = report.attempt_id is not None or report.number is not None
    if is_open is not None and not is_named and _is_of_an_earlier(here, is_open, report.at):
        return Refuse(Refusal.ATTEMPT_CLOSED_DIFFERENTLY, {"process": process})
    if is_open is not None and is_open in meant:
        refused = _refused_off_route(seen, process) or _refused_by_hold(seen, process)
        return refused or _refused_by_binding(seen, process) or Close(is_open)
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


def is_to_be_kept(seen: Situation, process: str, refused: Refuse) -> bool:
    """Whether a completion that is refused is kept for a person: it contradicts what is known, or its attempt
    was open when its serial was scrapped or its lot cancelled, and nobody else knows how the work ended."""
    if refused.code in KEPT:
        return True
    is_over = seen.serial is SerialStatus.SCRAPPED or seen.lot is LotStatus.CANCELLED
    here = [each for each in seen.attempts if each.process == process]
    return is_over and bool(here) and here[-1].status is AttemptStatus.ABORTED


def decide_outcome(seen: Situation, process: str, *, tries: int, passed: bool) -> Outcome:
    """What closing an attempt at `process` makes of the serial; `tries` of them count, with this one."""
    if passed:
        return next_place(seen, passed_processes(seen) | {process})
    if tries >= MOST_ATTEMPTS or seen.reworks >= MOST_REWORKS:
        return Outcome(SerialStatus.HOLD, process, opens_rework=False)
    return Outcome(SerialStatus.REWORK, process, opens_rework=True)


def next_place(seen: Situation, passed: frozenset[str]) -> Outcome:
    """Where a serial belongs that has `passed` these: it waits for the next, or it is finished.

    It is finished when no process is left that must be: what is optional at the end of a route may be left.
    """
    furthest = _furthest(seen, passed)
    left = [
        each
        for place, each in enumerate(seen.route)
        if each not in passed and (each not in seen.optional or place > furthest)
    ]
    if all(each in seen.optional for each in left):
        return Outcome(SerialStatus.COMPLETED, None, opens_rework=False)
    return Outcome(SerialStatus.WAITING, left[0], opens_rework=False)


def passed_processes(seen: Situation) -> frozenset[str]:
    """What the serial has behind it: passed, or accepted by quality as it is."""
    return seen.accepted | {each.process for each in seen.attempts if each.status is AttemptStatus.PASS}


def count(seen: Situation, process: str) -> int:
    """Attempts at `process` so far that count towards its limit: all but the aborted."""
    return sum(each.process == process and _is_counted(each) for each in seen.attempts)


def tries_with(seen: Situation, attempt: Attempt) -> int:
    """Attempts at the process of `attempt` that count, with it, whatever is known of it in `seen`."""
    others = (each for each in seen.attempts if each.id != attempt.id)
    return 1 + sum(each.process == attempt.process and _is_counted(each) for each in others)


def next_number(seen: Situation, process: str) -> int:
    """The number of the next attempt at `process`; those that were aborted keep theirs."""
    return 1 + max((each.number for each in seen.attempts if each.process == process), default=0)


def _is_counted(attempt: Attempt) -> bool:
    return attempt.status is not AttemptStatus.ABORTED


def _refused_by_status(seen: Situation, process: str) -> Refuse | None:
    if seen.serial is SerialStatus.SCRAPPED:
        return Refuse(Refusal.SERIAL_SCRAPPED, {})
    if seen.serial in {SerialStatus.COMPLETED, SerialStatus.SHIPPED}:
        return Refuse(Refusal.SERIAL_COMPLETED, {})
    if (refused := _refused_by_hold(seen, process)) is not None:
        return refused
    if seen.serial is SerialStatus.DEFECTIVE:
        is_over = count(seen, process) >= MOST_ATTEMPTS or seen.reworks >= MOST_REWORKS
        return _limit(seen, process) if is_over else Refuse(Refusal.REWORK_REQUIRED, {})
    return None


def _refused_off_route(seen: Situation, process: str) -> Refuse | None:
    """Also what is open may be off the route: its process was taken out of use meanwhile."""
    if process in seen.route:
        return None
    why = Words(
        f"The route of this product has no process {process}",
        f"이 제품의 공정 순서에 {process} 공정이 없습니다",
    )
    return Refuse(Refusal.STATION_WRONG_PROCESS, {"process": process, "why": why})


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
    if (refused := _refused_off_route(seen, process)) is not None:
        return refused
    for each in seen.attempts:
        if each.status is AttemptStatus.IN_PROGRESS:
            where = f"{each.process} ({each.equipment_id})" if each.equipment_id else each.process
            return Refuse(Refusal.ATTEMPT_OPEN_ELSEWHERE, {"where": where})
    if (refused := _refused_by_order(seen, process)) is not None:
        return refused
    is_over = count(seen, process) >= MOST_ATTEMPTS and process not in seen.granted
    return _limit(seen, process) if is_over else None


def _refused_by_order(seen: Situation, process: str) -> Refuse | None:
    passed, place = passed_processes(seen), seen.route.index(process)
    if process in passed:
        return Refuse(Refusal.ROUTE_ALREADY_PASSED, {"process": process, "passed": process})
    furthest = _furthest(seen, passed)
    if process in seen.optional and place < furthest:
        return Refuse(Refusal.ROUTE_ALREADY_PASSED, {"process": process, "passed": seen.route[furthest]})
    for earlier in seen.route[:place]:
        if earlier not in passed and not _may_be_left_out(seen, earlier):
            return Refuse(Refusal.ROUTE_PREVIOUS_NOT_PASSED, {"process": process, "missing": earlier})
    return None


def _may_be_left_out(seen: Situation, process: str) -> bool:
    """What is optional may be left out, but not after it has failed."""
    has_failed = any(e.process == process and e.status is AttemptStatus.FAIL for e in seen.attempts)
    return process in seen.optional and not has_failed


def _furthest(seen: Situation, passed: frozenset[str]) -> int:
    return max((place for place, each in enumerate(seen.route) if each in passed), default=-1)


def _refused_by_trace(seen: Situation, process: str) -> Refuse | None:
    """Earlier processes have their components; those of this one may come with its completion."""
    place = seen.route.index(process) if process in seen.route else 0
    behind = passed_processes(seen) & set(seen.route[:place])
    for each in seen.missing:
        if each.item.process in behind:
            about: dict[str, object] = {
                "component": each.item.component,
                "process": each.item.process,
                "found": f"{each.found:g}",
                "quantity": f"{each.item.quantity:g}",
            }
            return Refuse(Refusal.COMPONENT_MISSING, about)
    return None


def _refused_by_station(seen: Situation, process: str) -> Refuse | None:
    if process in seen.held:
        return Refuse(Refusal.PROCESS_HOLD, {"process": process, "reason": seen.held[process]})
    return None if seen.workplace is None else refused_here(seen.workplace, process)


def _refused_by_binding(seen: Situation, process: str) -> Refuse | None:
    """A station of one process ends no other, whoever began it."""
    return None if seen.workplace is None else refused_station(seen.workplace, process)


def _is_meant(attempt: Attempt, report: Report) -> bool:
    return report.attempt_id in {None, attempt.id} and report.number in {None, attempt.number}


def _is_of_an_earlier(here: list[Attempt], is_open: Attempt, at: datetime) -> bool:
    """Whether what ended at `at` is of an attempt that was closed before the open one began: told again."""
    return at < is_open.started_at and any(
        each.completed_at is not None and at <= each.completed_at <= is_open.started_at for each in here
    )


def _disagrees(report: Report) -> Refuse:
    said = report.attempt_id if report.attempt_id is not None else report.number
    return Refuse(Refusal.ATTEMPT_DISAGREES, {"process": report.process, "attempt": said})


def _contradicts(here: list[Attempt], at: datetime) -> bool:
    last = here[-1] if here else None
    if last is None or last.completed_at is None:
        return False
    return last.status is AttemptStatus.PASS or at <= last.completed_at


def _limit(seen: Situation, process: str) -> Refuse:
    about: dict[str, object] = {
        "process": process,
        "attempts": count(seen, process),
        "reworks": seen.reworks,
    }
    return Refuse(Refusal.REWORK_LIMIT, about)

"""What becomes of a serial whose open attempt is ended without a result. Pure.

See docs/design/mes.md, rule 4.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from andon_mes.offline.decide import place_of
from andon_mes.processes.model import Attempt, AttemptStatus, Situation
from andon_mes.processes.refusals import Refusal, Refuse
from andon_mes.processes.workplace import refused_station
from andon_mes.serials.model import SerialStatus


@dataclass(frozen=True, slots=True)
class Abort:
    """End `attempt`; the serial is `serial` then, and belongs at `at_process`."""

    attempt: Attempt
    serial: SerialStatus
    held_from: SerialStatus | None
    at_process: str | None


def decide_abort(seen: Situation, process: str, at: datetime, *, attempt_id: int | None) -> Abort | Refuse:
    """Which attempt ends at `at`, and where the serial is then: where its other attempts put it.

    What is held stays held; what is past its limits is held for quality.
    """
    here = [each for each in seen.attempts if each.process == process]
    if attempt_id is not None and all(each.id != attempt_id for each in here):
        return Refuse(Refusal.ATTEMPT_DISAGREES, {"process": process, "attempt": attempt_id})
    is_open = next((each for each in here if each.status is AttemptStatus.IN_PROGRESS), None)
    if is_open is None or attempt_id not in {None, is_open.id}:
        return Refuse(Refusal.ATTEMPT_NOT_OPEN, {"process": process})
    if seen.workplace is not None and (refused := refused_station(seen.workplace, process)) is not None:
        return refused
    ended = replace(is_open, status=AttemptStatus.ABORTED, completed_at=at)
    left = tuple(ended if each.id == ended.id else each for each in seen.attempts)
    base, at_process = place_of(replace(seen, attempts=left))
    if seen.serial is SerialStatus.HOLD or base is SerialStatus.DEFECTIVE:
        return Abort(is_open, SerialStatus.HOLD, base, at_process)
    return Abort(is_open, base, None, at_process)

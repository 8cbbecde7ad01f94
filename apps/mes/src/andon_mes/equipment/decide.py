"""Where a report of a state goes in the history of equipment, and what a calibration moves. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from andon_mes.equipment.model import Calibration, CalibrationResult, StateReport, StateSpan
from andon_mes.kernel.errors import Words, invalid

MOST_AHEAD = timedelta(minutes=5)
"""How far a station's clock may be ahead of ours."""


@dataclass(frozen=True, slots=True)
class Nothing:
    """It was in this state already."""


@dataclass(frozen=True, slots=True)
class Begin:
    """Begin a span; `ends` is the one that it cuts off, `until` where the next begins: None is now."""

    ends: StateSpan | None
    until: datetime | None


StateDecision = Nothing | Begin


def decide_state(spans: Sequence[StateSpan], report: StateReport, now: datetime) -> StateDecision:
    """What `report` does to `spans`, which are those around it, oldest first.

    One that arrives late lands at its own time, within what is known already (docs/design/mes.md, rule 5).
    Raises: InvalidInput when it is of a time that has not come.
    """
    _require_past("at", report.at, now)
    before = [each for each in spans if each.started_at <= report.at]
    after = [each for each in spans if each.started_at > report.at]
    current = before[-1] if before else None
    until = after[0].started_at if after else None
    if current is not None and current.state is report.state and _covers(current, report.at):
        return Nothing()
    return Begin(current if current is not None and _covers(current, report.at) else None, until)


def check_calibration(made: Calibration, now: datetime) -> None:
    """Raises: InvalidInput when the calibration is of the future, or due before it was made."""
    _require_past("calibrated_at", made.calibrated_at, now)
    if made.result is CalibrationResult.PASS and made.due_at <= made.calibrated_at:
        raise invalid(
            "due_at",
            made.due_at.isoformat(),
            Words("The next is due before this one was made", "다음 교정 기한이 이번 교정보다 빠릅니다"),
            Words("Give the date of the next calibration", "다음 교정 날짜를 입력하세요"),
        )


def due_after(calibrations: Sequence[Calibration]) -> datetime | None:
    """When the next is due: what the latest says, whichever was recorded last; at once when it failed."""
    if not calibrations:
        return None
    latest = max(calibrations, key=lambda each: each.calibrated_at)
    return latest.due_at if latest.result is CalibrationResult.PASS else latest.calibrated_at


def _covers(span: StateSpan, at: datetime) -> bool:
    return span.ended_at is None or span.ended_at > at


def _require_past(field: str, at: datetime, now: datetime) -> None:
    if at <= now + MOST_AHEAD:
        return
    raise invalid(
        field,
        at.isoformat(),
        Words(f"It is later than now, {now.isoformat()}", f"현재 시각 {now.isoformat()}보다 늦습니다"),
        Words("Set the clock of the station", "설비의 시계를 맞추세요"),
    )

"""What a report changes: the state, the tallies, and what of it the timeline is told. Pure.

An event counts once, by its number, however often it is sent. The agent tells of each attempt that failed
GAVE_UP or REFUSED once, and of each way back RETURNED once, whose `former` is what was left
(`andon_agent/engine/transitions.py`).
"""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from andon.fleet.model import Seen, Station
from andon.fleet.reports.model import NO_TALLY, Taken, Tally, TallyKey
from andon.kernel.ids import UnitName, Version
from andon.timeline.records import Event, Severity
from andon_wire.protocol import EventKind, Report, Sample, StationEvent, UnitState

KEPT = timedelta(days=7)  # samples
MOST_TOLD = 20  # events of one report that stand on the timeline one by one
_AHEAD = timedelta(hours=1)  # a sample may be of a clock that is so far ahead
_LONGEST_GAP = timedelta(minutes=15)  # between two reports that a release was running all the while
_LARGEST = 2**53 - 1  # what all that reads it holds exactly
_MOST_TRIES = 1_000_000
_ACTOR = "agent:"

WasGiven = Callable[[str, str], bool]  # unit, version: whether the station was ever told to run it

_COUNTED: Mapping[EventKind, Tally] = {
    EventKind.CONFIRMED: Tally(installs_ok=1),
    EventKind.GAVE_UP: Tally(installs_failed=1),
    EventKind.REFUSED: Tally(installs_failed=1, refusals=1),
    EventKind.RETURNED: Tally(returns=1),
    EventKind.SWITCHED: Tally(starts=1),
    EventKind.CRASHED: Tally(crashes=1),
}
_TOLD: Mapping[EventKind, tuple[str, Severity]] = {
    EventKind.CONFIRMED: ("station.installed", Severity.INFO),
    EventKind.RETURNED: ("station.returned", Severity.WARNING),
    EventKind.GAVE_UP: ("station.gave-up", Severity.WARNING),
    EventKind.REFUSED: ("station.refused", Severity.ALERT),
    EventKind.ALERT: ("station.alert", Severity.WARNING),
    EventKind.ALERT_OVER: ("station.alert-over", Severity.INFO),
    EventKind.DRIFT: ("station.drift", Severity.WARNING),
    EventKind.RESTORED: ("station.restored", Severity.INFO),
    EventKind.SPLIT_VIEW: ("station.split-view", Severity.ALERT),
}
_LEVELS = {
    "info": Severity.INFO,
    "warning": Severity.WARNING,
    "error": Severity.ALERT,
    "critical": Severity.ALERT,
}


def taken(
    station: Station, before: Seen, report: Report, now: datetime, *, address: str, was_given: WasGiven
) -> Taken:
    """What `report` changes, after what `before` was the last of this station."""
    news = sorted(
        (each for each in report.events if before.seq < each.seq <= _LARGEST), key=lambda each: each.seq
    )
    seen = Seen(
        at=now,
        boot=plain(report.boot),
        revision=min(max(report.revision, 0), _LARGEST),
        seq=news[-1].seq if news else before.seq,
        units={name: _sane(state) for name, state in report.units.items()},
        checkpoint=plain(report.checkpoint, lines=True),
        address=address,
    )
    return Taken(
        station=station.name,
        seen=seen,
        machine=report.machine if report.machine != station.machine else None,
        samples=[each for each in report.samples if _is_of_now(each, now) and _can_be_kept(each)],
        tallies=_tallies(station, before, seen, news, was_given),
        told=_told(station, news),
    )


def plain(text: str, *, lines: bool = False) -> str:
    """`text` without what no database and no page takes; with its line ends where `lines`."""
    return "".join(each if each.isprintable() or (lines and each == "\n") else " " for each in text)


def _is_of_now(sample: Sample, now: datetime) -> bool:
    return now - KEPT <= sample.at <= now + _AHEAD


def _can_be_kept(sample: Sample) -> bool:
    """Whether a column holds its numbers: one station's nonsense must not hold up the others."""
    parts = (sample.cpu, sample.memory, sample.disk, sample.uptime_s, sample.response_s or 0.0)
    counts = (sample.sent, sample.received, sample.processes)
    return (
        all(map(math.isfinite, parts))
        and all(each <= _LARGEST for each in counts)
        and (sample.processes < 1 << 31)
    )


def _sane(state: UnitState) -> UnitState:
    if state.attempt <= _MOST_TRIES and state.progress is None:
        return state
    progress = state.progress if state.progress is not None and math.isfinite(state.progress) else None
    return state.model_copy(update={"attempt": min(state.attempt, _MOST_TRIES), "progress": progress})


def _tallies(
    station: Station, before: Seen, seen: Seen, news: Iterable[StationEvent], was_given: WasGiven
) -> Mapping[TallyKey, Tally]:
    found: dict[TallyKey, Tally] = defaultdict(lambda: NO_TALLY)

    def add(unit: str, version: str, tally: Tally) -> None:
        # A station cannot make rows of releases that nobody gave it, nor one that nobody has let in.
        if station.is_active and was_given(unit, version):
            found[(UnitName(unit), station.environment, Version(version))] += tally

    for each in news:
        if each.kind in _COUNTED:
            version = each.former if each.kind is EventKind.RETURNED else each.version
            add(each.unit, version, _COUNTED[each.kind])
    for unit, seconds in _ran(before, seen).items():
        add(unit, seen.units[unit].running or "", Tally(run_s=seconds))
    return dict(found)


def _ran(before: Seen, seen: Seen) -> Mapping[str, float]:
    """Seconds that each unit's running version is known to have run since the report before."""
    if before.at is None or seen.at is None or not timedelta() < seen.at - before.at <= _LONGEST_GAP:
        return {}
    seconds = (seen.at - before.at).total_seconds()
    return {
        unit: seconds
        for unit, state in seen.units.items()
        if state.running is not None and unit in before.units and before.units[unit].running == state.running
    }


def _told(station: Station, news: Sequence[StationEvent]) -> Sequence[Event]:
    matter = [each for each in news if each.kind in _TOLD]
    told = [_event(station, each) for each in matter[:MOST_TOLD]]
    left = len(matter) - MOST_TOLD
    if left > 0:
        reason = f"{left} more events of one report are not told one by one"
        told.append(
            Event("station.many-events", _subject(station), _ACTOR + station.name, reason,
                  environment=station.environment, severity=Severity.WARNING)
        )  # fmt: skip
    return told


def _event(station: Station, each: StationEvent) -> Event:
    kind, severity = _TOLD[each.kind]
    if each.kind is EventKind.ALERT:
        severity = _LEVELS.get(str(each.facts.get("level")), severity)
    return Event(
        kind=kind,
        subject=_subject(station),
        actor=_ACTOR + station.name,
        reason=plain(each.reason),
        unit=plain(each.unit),
        environment=station.environment,
        severity=severity,
        after=_facts(station, each),
        correlation=plain(each.rollout),
    )


def _facts(station: Station, each: StationEvent) -> dict[str, Any]:
    """What is known beside the reason; of the agent's own facts the short ones."""
    own = {
        plain(str(name))[:60]: plain(value)[:200] if isinstance(value, str) else value
        for name, value in list(each.facts.items())[:20]
        if isinstance(value, bool | int | str) or (isinstance(value, float) and abs(value) < 1e300)
    }
    words = {
        "version": plain(each.version), "former": plain(each.former), "attempt": each.attempt,
        "line": station.line, "ring": station.ring, "at": each.at.isoformat(), "seq": each.seq,
    }  # fmt: skip
    return own | {name: value for name, value in words.items() if value not in ("", 0)}


def _subject(station: Station) -> str:
    return f"station/{station.name}"

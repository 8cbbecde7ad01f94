"""What one report changes: each event once, tallies that only rise, and what the timeline is told."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.fleet.model import Seen, Standing
from andon.fleet.reports import rules
from andon.fleet.reports.inbox import Inbox
from andon.fleet.reports.model import Taken, Tally
from andon.fleet.roster import Roster
from andon.fleet.tests.worlds import HERE, NEW, NOW, OLD, UNIT, a_station, runs
from andon.kernel.clock import ManualClock
from andon.kernel.errors import InvalidInput
from andon.kernel.ids import StationName
from andon.testing.fleet import FakeReports, Rows
from andon.timeline.records import Severity
from andon_wire.protocol import EventKind, Report, Sample, StationEvent

BEFORE = Seen(at=NOW - timedelta(seconds=30), boot="b1", revision=3, seq=10, units={"screen": runs(OLD)})


def an_event(seq: int, kind: EventKind = EventKind.CONFIRMED, **others: Any) -> StationEvent:
    values: dict[str, Any] = {"unit": "screen", "version": NEW}
    return StationEvent(seq=seq, at=NOW, kind=kind, **(values | others))


def a_report(*events: StationEvent, **others: Any) -> Report:
    values: dict[str, Any] = {"boot": "b1", "units": {"screen": runs(OLD)}}
    return Report(at=NOW, events=list(events), **(values | others))


def taken(report: Report, before: Seen = BEFORE, given_: bool = True) -> Taken:
    return rules.taken(
        a_station(), before, report, NOW, address="10.0.0.4", was_given=lambda _unit, _version: given_
    )


def test_only_events_above_the_last_one_count() -> None:
    found = taken(a_report(an_event(9), an_event(10), an_event(11), an_event(12)))
    assert found.tallies[UNIT, HERE, NEW] == Tally(installs_ok=2)
    assert found.seen.seq == 12
    assert taken(a_report(an_event(3))).seen.seq == 10


@pytest.mark.parametrize(
    ("kind", "tally"),
    [
        (EventKind.CONFIRMED, Tally(installs_ok=1)),
        (EventKind.GAVE_UP, Tally(installs_failed=1)),
        (EventKind.REFUSED, Tally(installs_failed=1, refusals=1)),
        (EventKind.SWITCHED, Tally(starts=1)),
        (EventKind.CRASHED, Tally(crashes=1)),
    ],
)
def test_events_are_counted_for_the_release_that_they_are_of(kind: EventKind, tally: Tally) -> None:
    assert taken(a_report(an_event(11, kind))).tallies[UNIT, HERE, NEW] == tally


def test_a_way_back_counts_for_the_release_that_was_left() -> None:
    back = an_event(11, EventKind.RETURNED, version=OLD, former=NEW)
    assert taken(a_report(back)).tallies[UNIT, HERE, NEW] == Tally(returns=1)


def test_a_release_that_nobody_gave_a_station_is_not_counted() -> None:
    assert taken(a_report(an_event(11)), given_=False).tallies == {}


def test_a_machine_that_nobody_has_let_in_counts_for_no_release() -> None:
    stranger = replace(a_station(), standing=Standing.WAITING)
    report = a_report(an_event(11, EventKind.GAVE_UP))
    found = rules.taken(stranger, BEFORE, report, NOW, address="", was_given=lambda _unit, _version: True)
    assert found.tallies == {}


def test_time_counts_while_the_same_release_ran_and_reports_came() -> None:
    assert taken(a_report()).tallies == {(UNIT, HERE, OLD): Tally(run_s=30.0)}
    assert taken(a_report(units={"screen": runs(NEW)})).tallies == {}
    assert taken(a_report(), replace(BEFORE, at=NOW - timedelta(hours=1))).tallies == {}
    assert taken(a_report(), Seen()).tallies == {}


def test_what_matters_stands_on_the_timeline_and_samples_do_not() -> None:
    quiet = [
        an_event(11, EventKind.STARTED),
        an_event(12, EventKind.DOWNLOADED),
        an_event(13, EventKind.CRASHED),
    ]
    sample = Sample(at=NOW, cpu=0.1, memory=0.2, disk=0.3)
    assert taken(a_report(*quiet, samples=[sample])).told == []
    told = taken(a_report(an_event(14, EventKind.REFUSED, reason="hash"), an_event(15))).told
    assert [(each.kind, each.severity) for each in told] == [
        ("station.refused", Severity.ALERT),
        ("station.installed", Severity.INFO),
    ]
    assert (told[0].subject, told[0].actor, told[0].reason) == ("station/press-1", "agent:press-1", "hash")


@pytest.mark.parametrize(
    ("level", "severity"),
    [
        ("info", Severity.INFO),
        ("warning", Severity.WARNING),
        ("error", Severity.ALERT),
        (None, Severity.WARNING),
    ],
)
def test_an_alert_has_the_severity_of_its_level(level: str | None, severity: Severity) -> None:
    (told,) = taken(a_report(an_event(11, EventKind.ALERT, facts={"level": level, "value": 0.91}))).told
    assert told.severity is severity
    assert told.after["value"] == 0.91


def test_a_station_that_tells_much_does_not_fill_the_timeline() -> None:
    many = [an_event(11 + each) for each in range(100)]
    told = taken(a_report(*many)).told
    assert len(told) == rules.MOST_TOLD + 1
    assert told[-1].kind == "station.many-events"
    assert told[-1].reason.startswith("80 more")
    assert taken(a_report(*many)).tallies[UNIT, HERE, NEW].installs_ok == 100


def test_samples_of_another_week_are_left_out() -> None:
    times = [NOW - timedelta(days=8), NOW - timedelta(days=6), NOW, NOW + timedelta(days=1)]
    samples = [Sample(at=each, cpu=0, memory=0, disk=0) for each in times]
    assert [each.at for each in taken(a_report(samples=samples)).samples] == times[1:3]


def test_numbers_that_no_column_holds_are_left_out() -> None:
    good = Sample(at=NOW, cpu=0.1, memory=0.2, disk=0.3)
    bad = [{"sent": 1 << 70}, {"cpu": float("inf")}, {"uptime_s": float("nan")}, {"processes": 1 << 40}]
    samples = [good, *(good.model_copy(update=each) for each in bad)]
    assert taken(a_report(samples=samples)).samples == [good]
    found = taken(a_report(an_event(1 << 60), an_event(11), revision=1 << 60))
    assert (found.seen.seq, found.seen.revision) == (11, 2**53 - 1)
    tried = taken(a_report(units={"screen": runs(OLD, attempt=1 << 40)}))
    assert tried.seen.units["screen"].attempt == 1_000_000


async def test_a_report_that_cannot_be_kept_holds_up_no_other() -> None:
    class Picky(FakeReports):
        async def take(self, reports: Sequence[Taken], at: datetime) -> None:
            if any(each.seen.boot == "poison" for each in reports):
                raise OverflowError("too large")
            await super().take(reports, at)

    rows, roster = Rows(), Roster()
    for name in ("a", "b", "c"):
        roster.put(a_station(name))
    inbox = Inbox(Picky(rows), roster, ManualClock(NOW))
    waiting = [
        asyncio.ensure_future(inbox.take(StationName(name), a_report(boot=boot), address=""))
        for name, boot in (("a", "b1"), ("b", "poison"), ("c", "b1"))
    ]
    await asyncio.sleep(0)
    await inbox.tick()
    first, bad, last = await asyncio.gather(*waiting, return_exceptions=True)
    assert isinstance(bad, InvalidInput)
    assert isinstance(first, Seen)
    assert isinstance(last, Seen)
    assert set(rows.seen) == {"a", "c"}


@given(
    st.lists(
        st.builds(
            StationEvent,
            seq=st.integers(1, 50),
            at=st.just(NOW),
            kind=st.sampled_from(EventKind),
            unit=st.text(max_size=60),
            version=st.text(max_size=60),
            former=st.text(max_size=60),
            reason=st.text(max_size=200),
            facts=st.dictionaries(
                st.text(max_size=20), st.one_of(st.none(), st.text(max_size=20), st.integers(), st.floats())
            ),
        ),
        max_size=30,
    ),
    st.text(max_size=60),
)
def test_whatever_a_station_says_can_be_kept_and_counts_once(events: list[StationEvent], boot: str) -> None:
    from andon.timeline import chain

    first = taken(a_report(*events, boot=boot))
    for each in first.told:
        chain.link(1, chain.GENESIS.hex(), NOW, each)
    assert first.seen.boot.isprintable()
    again = taken(a_report(*events, boot=boot), first.seen)
    assert again.told == []
    assert sum(each.installs_ok + each.crashes for each in again.tallies.values()) == 0

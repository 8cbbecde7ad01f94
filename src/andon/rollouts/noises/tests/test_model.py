"""Readings to whole minutes, and minutes to the runs that noise is measured on."""

from datetime import UTC, datetime, timedelta

import pytest

from andon.evidence.model import Reading, Tally
from andon.judge.model import Counts, Look
from andon.kernel.ids import Version
from andon.rollouts.noises.model import Minute, alone, beside, collect

OLD, NEW = Version("1.0.0"), Version("1.1.0")
AT = datetime(2026, 3, 1, 12, 0, 2, tzinfo=UTC)
FIRST = int(AT.timestamp()) // 60


def reading(seconds, old=(0, 0), new=None, *, problem="", epoch="e1"):
    tallies = {OLD: Tally(*old)} if new is None else {OLD: Tally(*old), NEW: Tally(*new)}
    return Reading("errors", AT + timedelta(seconds=seconds), {} if problem else tallies, problem, epoch)


def collected(*readings, serving=(OLD,)):
    state, ended = None, []
    for each in readings:
        state, minutes = collect(state, each, serving)
        ended += minutes
    return ended


def steady(until, every=5, per_reading=10):
    return [reading(i * every, (i * per_reading, i)) for i in range(until // every + 1)]


def test_the_minute_in_which_it_begins_is_not_whole_and_left_out():
    assert collected(*steady(59)) == []
    assert [each.number for each in collected(*steady(130))] == [FIRST + 1]


def test_a_whole_minute_has_what_came_from_its_first_reading_to_that_of_the_next():
    assert collected(*steady(200)) == [
        Minute(OLD, FIRST + 1, Counts(120, 12)),
        Minute(OLD, FIRST + 2, Counts(120, 12)),
    ]


def test_a_minute_in_which_nothing_came_is_one_for_whoever_serves():
    quiet = [reading(i * 5, (10, 1)) for i in range(40)]
    assert collected(*quiet) == [Minute(OLD, FIRST + 1, Counts()), Minute(OLD, FIRST + 2, Counts())]
    assert collected(*quiet, serving=()) == []


def test_each_release_has_its_own_minute():
    both = [reading(i * 5, (i * 10, i), (i, 0)) for i in range(40)]
    assert collected(*both, serving=(OLD, NEW))[:2] == [
        Minute(OLD, FIRST + 1, Counts(120, 12)),
        Minute(NEW, FIRST + 1, Counts(12, 0)),
    ]
    assert {each.version for each in collected(*both, serving=(OLD,))} == {OLD, NEW}


def test_a_minute_with_a_pause_is_left_out_and_those_after_it_are_not():
    readings = [each for each in steady(300) if not 65 < (each.at - AT).total_seconds() < 100]
    assert [each.number - FIRST for each in collected(*readings)] == [2, 3, 4]


def test_a_pause_over_the_end_of_a_minute_leaves_out_both():
    readings = [each for each in steady(300) if not 100 < (each.at - AT).total_seconds() < 130]
    assert [each.number - FIRST for each in collected(*readings)] == [3, 4]


def test_a_source_that_does_not_answer_adds_nothing_and_makes_a_pause():
    readings = [
        reading((each.at - AT).total_seconds(), problem="down")
        if 65 < (each.at - AT).total_seconds() < 100
        else each
        for each in steady(300)
    ]
    assert [each.number - FIRST for each in collected(*readings)] == [2, 3, 4]
    assert collected(reading(0, problem="down"), *steady(50)) == []


def test_an_older_reading_changes_nothing():
    readings = steady(200)
    assert collected(*readings[:20], readings[3], *readings[20:]) == collected(*readings)


def test_more_bad_events_than_exposure_are_cut():
    readings = [reading(i * 5, (0, i)) for i in range(40)]
    assert collected(*readings)[0].counts == Counts(0, 0)


def minute(version, number, exposure=10, bad=1):
    return Minute(version, number, Counts(exposure, bad))


def test_runs_of_one_release_end_at_a_gap_and_only_good_ones_count():
    minutes = [minute(OLD, n, 10, n) for n in (1, 2, 4, 5, 6)] + [minute(NEW, 5)]
    runs = alone(minutes, {OLD})
    assert [[each.bad for each in run] for run in runs] == [[1, 2], [4, 5, 6]]
    assert len(alone(minutes, {OLD, NEW})) == 3
    assert alone([], {OLD}) == []


def test_pairs_are_minutes_in_which_two_good_releases_both_had_something():
    minutes = [
        minute(OLD, 1),
        minute(OLD, 2),
        minute(NEW, 2, 5, 2),
        minute(OLD, 3),
        minute(NEW, 3, 5, 3),
        minute(OLD, 4),
        minute(NEW, 4, 0, 0),
        minute(OLD, 5),
        minute(NEW, 5, 5, 5),
    ]
    runs = beside(minutes, {OLD, NEW})
    assert [[look.candidate.bad for look in run] for run in runs] == [[2, 3], [5]]
    assert runs[0][0] == Look(Counts(10, 1), Counts(5, 2))
    assert beside(minutes, {OLD}) == []


@pytest.mark.parametrize("count", [1, 3])
def test_one_or_three_at_once_are_no_pair(count):
    versions = [OLD, NEW, Version("1.2.0")][:count]
    assert beside([minute(each, 7) for each in versions], set(versions)) == []


def test_another_epoch_counts_from_zero():
    begun_anew = [reading(95 + i * 5, (i * 10, 0), epoch="e2") for i in range(20)]
    assert collected(*steady(90), *begun_anew)[0].counts == Counts(60 + 50, 6)

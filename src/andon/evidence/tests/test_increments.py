from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from andon.evidence.increments import add, advance, begin
from andon.evidence.model import ONE_SERIES, Reading, Tally, measured
from andon.kernel.ids import Version

AT = datetime(2026, 1, 1, tzinfo=UTC)
A, B = Version("1.0.0"), Version("1.1.0")


def a_reading(second: int = 0, *, problem: str = "", epoch: str = "", **tallies) -> Reading:
    named = {Version(name): Tally(*pair) for name, pair in tallies.items()}
    return Reading("errors", AT + timedelta(seconds=second), named, problem, epoch)


def of(version: Version, pair: tuple[int, int]) -> dict[str, tuple[int, int]]:
    return {version: pair}


def run(readings: list[Reading]) -> dict[Version, Tally]:
    baseline, total = None, {}
    for reading in readings:
        baseline, gained = advance(baseline, reading)
        for version, tally in gained.items():
            assert tally.exposure >= 0
            assert tally.bad >= 0
            total[version] = add(total.get(version, Tally(0, 0)), tally)
    return total


def test_the_first_reading_only_begins():
    baseline, gained = advance(None, a_reading(**of(A, (100, 5))))
    assert gained == {}
    assert advance(baseline, a_reading(1, **of(A, (110, 6))))[1] == {A: Tally(10, 1)}


def test_a_release_that_appears_later_had_nothing_before():
    baseline = begin(a_reading(**of(A, (100, 5))))
    assert advance(baseline, a_reading(1, **{A: (100, 5), B: (3, 1)}))[1] == {A: Tally(0, 0), B: Tally(3, 1)}


def test_a_decrease_is_a_new_beginning():
    baseline = begin(a_reading(**of(A, (100, 5))))
    assert advance(baseline, a_reading(1, **of(A, (7, 1))))[1] == {A: Tally(7, 1)}


def test_a_decrease_of_bad_events_alone_is_a_new_beginning_too():
    baseline = begin(a_reading(**of(A, (100, 5))))
    assert advance(baseline, a_reading(1, **of(A, (120, 1))))[1] == {A: Tally(120, 1)}


def test_within_an_epoch_a_decrease_gains_nothing_and_counting_goes_on_from_there():
    baseline = begin(a_reading(epoch="one", **of(A, (1000, 10))))
    baseline, gained = advance(baseline, a_reading(1, epoch="one", **of(A, (200, 3))))
    assert gained == {A: Tally(0, 0)}
    assert advance(baseline, a_reading(2, epoch="one", **of(A, (260, 4))))[1] == {A: Tally(60, 1)}


def test_another_epoch_is_a_new_beginning_even_when_the_numbers_rose():
    baseline = begin(a_reading(epoch="one", **of(A, (100, 5))))
    assert advance(baseline, a_reading(1, epoch="two", **of(A, (130, 6))))[1] == {A: Tally(130, 6)}


def test_an_older_view_of_one_series_gains_nothing_and_the_newer_one_counts_once():
    baseline = begin(a_reading(epoch=ONE_SERIES, **of(A, (100, 5))))
    gains = []
    for second, counts in enumerate([(90, 4), (100, 5), (95, 5), (110, 6)], 1):
        baseline, gained = advance(baseline, a_reading(second, epoch=ONE_SERIES, **of(A, counts)))
        gains.append(gained[A])
    assert gains == [Tally(0, 0), Tally(0, 0), Tally(0, 0), Tally(10, 1)]


def test_counts_of_one_series_that_were_taken_back_do_not_stop_those_that_go_on():
    baseline = begin(a_reading(epoch=ONE_SERIES, **of(A, (100, 5))))
    assert advance(baseline, a_reading(1, epoch=ONE_SERIES, **of(A, (120, 4))))[1] == {A: Tally(20, 0)}


def test_the_history_of_one_series_is_no_gain_where_another_source_was_read_before():
    baseline = begin(a_reading(epoch="one", **of(A, (3, 0))))
    baseline, gained = advance(baseline, a_reading(1, epoch=ONE_SERIES, **of(A, (1000, 50))))
    assert gained == {}
    assert advance(baseline, a_reading(2, epoch=ONE_SERIES, **of(A, (1001, 50))))[1] == {A: Tally(1, 0)}


def test_a_problem_changes_nothing():
    baseline = begin(a_reading(**of(A, (100, 5))))
    assert advance(baseline, a_reading(1, problem="it did not answer")) == (baseline, {})
    assert begin(a_reading(problem="it did not answer")) is None


def test_an_older_reading_changes_nothing():
    baseline = begin(a_reading(5, **of(A, (100, 5))))
    assert advance(baseline, a_reading(4, **of(A, (90, 5)))) == (baseline, {})


def test_a_release_that_is_missing_for_a_while_is_not_counted_again():
    readings = [a_reading(0, **of(A, (100, 5))), a_reading(1), a_reading(2, **of(A, (101, 5)))]
    assert run(readings) == {A: Tally(1, 0)}


steps = st.lists(st.tuples(st.integers(0, 50), st.integers(0, 5), st.booleans()), min_size=2, max_size=40)


@given(steps)
def test_any_cut_of_the_same_series_sums_to_the_same_total(series):
    exposure = bad = 0
    readings = [a_reading(0, **of(A, (0, 0)))]
    for second, (more, worse, _) in enumerate(series, 1):
        exposure, bad = exposure + more, bad + worse
        readings.append(a_reading(second, **of(A, (exposure, bad))))
    kept = [each for each, (_, _, keep) in zip(readings[1:], series, strict=True) if keep]
    assert run([readings[0], *kept, readings[-1]])[A] == Tally(exposure, bad)


@given(
    st.lists(st.tuples(st.integers(0, 50), st.integers(0, 5)), min_size=1, max_size=20),
    st.lists(st.tuples(st.booleans(), st.integers(0, 5)), min_size=1, max_size=60),
)
def test_two_views_of_one_series_never_sum_to_more_than_it_grew(growth, asked):
    """`asked`: which of two views answers, and how many steps it has seen since it answered last."""
    series = [(0, 0)]
    for more, worse in growth:
        series.append((series[-1][0] + more, series[-1][1] + worse))
    seen, readings = [0, 0], [a_reading(0, epoch=ONE_SERIES, **of(A, series[0]))]
    for second, (view, steps) in enumerate(asked, 1):
        seen[view] = min(seen[view] + steps, len(series) - 1)
        readings.append(a_reading(second, epoch=ONE_SERIES, **of(A, series[seen[view]])))
    assert run(readings)[A] == Tally(*series[max(seen)]), "all that was seen, once"


@given(
    st.lists(
        st.tuples(st.integers(0, 100), st.integers(0, 100), st.sampled_from(["", "one", ONE_SERIES])),
        max_size=30,
    )
)
def test_gains_are_never_negative_whatever_a_source_says(series):
    run([a_reading(n, epoch=epoch, **of(A, (x, y))) for n, (x, y, epoch) in enumerate(series)])


def timed(second: int = 0, *, epoch: str = "", edges=(1.0, 2.0, float("inf")), **buckets) -> Reading:
    named = {Version(name): measured(each) for name, each in buckets.items()}
    return Reading("latency", AT + timedelta(seconds=second), named, epoch=epoch, edges=edges)


def test_buckets_gain_what_came_on_top_of_each():
    baseline = begin(timed(**{A: (10, 5, 1)}))
    gained = advance(baseline, timed(1, **{A: (12, 5, 2), B: (1, 0, 0)}))[1]
    assert gained == {A: Tally(3, 0, (2, 0, 1)), B: Tally(1, 0, (1, 0, 0))}


def test_a_histogram_that_began_anew_is_gained_whole_though_it_is_larger_in_all():
    baseline = begin(timed(**{A: (10, 5, 1)}))
    assert advance(baseline, timed(1, **{A: (30, 2, 0)}))[1] == {A: Tally(32, 0, (30, 2, 0))}


def test_within_an_epoch_one_bucket_that_fell_gains_nothing_and_counting_goes_on_from_there():
    baseline = begin(timed(epoch="one", **{A: (10, 5, 1)}))
    baseline, gained = advance(baseline, timed(1, epoch="one", **{A: (30, 2, 0)}))
    assert gained == {A: Tally(0, 0)}
    assert advance(baseline, timed(2, epoch="one", **{A: (31, 2, 1)}))[1] == {A: Tally(2, 0, (1, 0, 1))}


def test_an_older_view_of_one_series_gains_nothing_in_any_bucket():
    baseline = begin(timed(epoch=ONE_SERIES, **{A: (10, 5, 1)}))
    baseline, gained = advance(baseline, timed(1, epoch=ONE_SERIES, **{A: (9, 5, 1)}))
    assert gained == {A: Tally(0, 0, (0, 0, 0))}
    assert advance(baseline, timed(2, epoch=ONE_SERIES, **{A: (12, 5, 1)}))[1] == {A: Tally(2, 0, (2, 0, 0))}


def test_other_edges_begin_anew_and_gain_nothing():
    baseline = begin(timed(**{A: (10, 5, 1)}))
    moved, gained = advance(baseline, timed(1, edges=(1.0, 3.0, float("inf")), **{A: (20, 5, 1)}))
    assert gained == {}
    assert moved is not None
    assert moved.edges == (1.0, 3.0, float("inf"))


def test_buckets_are_added_and_a_sum_with_nothing_is_the_same():
    assert add(measured((1, 2)), measured((3, 4))) == Tally(10, 0, (4, 6))
    assert add(Tally(0, 0), measured((3, 4))) == measured((3, 4))


@given(st.lists(st.lists(st.integers(0, 5), min_size=3, max_size=3), min_size=2, max_size=12), st.data())
def test_a_histogram_that_restarts_anywhere_never_gains_more_than_it_counted(steps, data):
    total, now, baseline, gained = [0, 0, 0], [0, 0, 0], begin(timed(**{A: (0, 0, 0)})), [0, 0, 0]
    for second, step in enumerate(steps, start=1):
        if data.draw(st.booleans()):
            now = [0, 0, 0]
        now = [one + more for one, more in zip(now, step, strict=True)]
        total = [one + more for one, more in zip(total, step, strict=True)]
        baseline, found = advance(baseline, timed(second, **{A: tuple(now)}))
        tally = found[A]
        assert tally.exposure == sum(tally.buckets)
        gained = [one + more for one, more in zip(gained, tally.buckets, strict=True)]
    assert all(one <= most for one, most in zip(gained, total, strict=True))

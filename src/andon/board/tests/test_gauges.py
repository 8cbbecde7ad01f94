"""Lines of what a station measured: within the picture, broken where nothing was measured, bounded."""

import re
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from andon.api.fleet_model import SampleView
from andon.board.gauges import HEIGHT, MEASURES, WIDTH, gauges

AT = datetime(2026, 3, 1, tzinfo=UTC)


def a_sample(seconds: float, cpu: float = 0.5) -> SampleView:
    return SampleView(
        at=AT + timedelta(seconds=seconds), cpu=cpu, memory=0.25, disk=1.0, sent=0, received=0, processes=1,
        uptime_s=seconds, response_s=None,
    )  # fmt: skip


def points(path: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in re.findall(r"[ML]([\d.]+) ([\d.]+)", path)]


def test_nothing_measured_draws_nothing():
    assert gauges([]) == []


def test_the_last_and_the_most_are_those_of_all_samples():
    cpu, memory, disk = gauges([a_sample(0, 0.9), a_sample(30, 0.1)])
    assert (cpu.name, cpu.last, cpu.most) == ("cpu", 0.1, 0.9)
    assert memory.last == 0.25
    assert points(disk.path) == [(0.0, 0.0), (WIDTH, 0.0)]


def test_a_gap_without_samples_is_not_drawn_over():
    samples = [a_sample(30 * number) for number in range(10)] + [a_sample(86_400 + 30 * n) for n in range(10)]
    assert gauges(samples)[0].path.count("M") == 2


@given(st.lists(st.tuples(st.floats(0, 1e6), st.floats(0, 3)), min_size=1, max_size=700))
def test_every_line_stays_in_the_picture_and_is_bounded(drawn):
    samples = [a_sample(seconds, cpu) for seconds, cpu in sorted(drawn)]
    for each in gauges(samples):
        found = points(each.path)
        assert each.name in MEASURES
        assert 0 < len(found) <= 500
        assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in found)

import contextlib
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, generate_latest

from andon.evidence.model import Tally, measured
from andon.evidence.page import Selector, read, read_histogram, selector
from andon.kernel.errors import InvalidInput, Unavailable

PAGE = """\
# HELP parts_total Parts
# TYPE parts_total counter
parts_total{release="1.0.0",process="10",result="pass"} 90
parts_total{release="1.0.0",process="10",result="fail"} 10
parts_total{release="1.0.0",process="20",result="fail"} 1
parts_total{release="1.1.0",process="10",result="pass"} 5
parts_total{process="10",result="fail"} 7
# TYPE depth gauge
depth 3
"""
FAILED = 'parts_total{result="fail"}'


def read_parts(text: str = PAGE, exposure: str = "parts_total", bad: str = FAILED):
    return read(text, exposure=exposure, bad=bad, release_label="release")


def test_samples_are_summed_by_release_and_those_without_one_are_left_out():
    assert read_parts() == {"1.0.0": Tally(101, 11), "1.1.0": Tally(5, 0)}


def test_every_label_of_a_selector_must_match():
    assert read_parts(bad='parts_total{result="fail",process="20"}')["1.0.0"] == Tally(101, 1)


def test_a_counter_may_be_declared_with_or_without_its_suffix():
    text = '# TYPE parts counter\nparts_total{release="1.0.0",result="fail"} 2\n'
    assert read_parts(text) == {"1.0.0": Tally(2, 2)}
    text = '# TYPE parts counter\nparts{release="1.0.0",result="fail"} 2\n'
    assert read_parts(text, "parts", 'parts{result="fail"}') == {"1.0.0": Tally(2, 2)}


def test_a_series_that_is_declared_but_has_no_sample_is_empty_and_no_problem():
    assert read_parts("# HELP parts_total Parts\n# TYPE parts_total counter\n") == {}


@pytest.mark.parametrize(
    "text",
    ["", "# TYPE depth gauge\ndepth 3\n", "<html>busy</html>", 'parts_total{release="1.0.0"} much'],
)
def test_a_page_without_the_series_is_a_problem_and_no_zero(text):
    with pytest.raises(Unavailable):
        read_parts(text)


@pytest.mark.parametrize("value", ["NaN", "+Inf", "-1", "1.5"])
def test_what_is_no_count_is_a_problem(value):
    with pytest.raises(Unavailable, match="no count"):
        read_parts(f'parts_total{{release="1.0.0",result="fail"}} {value}\n')


def test_a_page_that_names_releases_without_end_is_a_problem():
    text = "".join(f'parts_total{{release="{n}",result="fail"}} 1\n' for n in range(101))
    with pytest.raises(Unavailable, match="more than 100"):
        read_parts(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1x",
        "x{}",
        "x{a}",
        'x{a="1"',
        'x{a="1",}',
        'x{a="1"}y',
        'x{a=~"1"}',
        'x{a!="1"}',
        "x{a='1'}",
        'x{a="1" b="2"}',
        'x{a="1",a="2"}',
        'x{a="\\q"}',
        'x{a="1"}}',
        "sum(x)",
        'x {a="1"}',
        "x[5m]",
    ],
)
def test_a_selector_of_another_form_is_refused(text):
    with pytest.raises(InvalidInput):
        selector(text)


names = st.from_regex(r"[a-zA-Z_:][a-zA-Z0-9_:]{0,20}", fullmatch=True)
label_names = st.from_regex(r"[a-z][a-z0-9_]{0,10}", fullmatch=True)
values = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], include_characters=['"', "\\", "\n", "}", ","])
)


def escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


@given(names, st.dictionaries(label_names, values, min_size=1, max_size=4))
def test_what_is_written_as_a_selector_is_read_back(name, labels):
    inner = ",".join(f'{label}="{escaped(value)}"' for label, value in labels.items())
    assert selector(f"{name}{{{inner}}}") == Selector(name, labels)


@given(st.text(max_size=40))
def test_any_text_is_a_selector_or_a_clear_refusal(text):
    with contextlib.suppress(InvalidInput):
        selector(text)


@given(st.text(max_size=200))
def test_any_page_is_read_or_a_problem(text):
    with contextlib.suppress(Unavailable):
        read_parts(text)


counts = st.dictionaries(
    st.tuples(st.sampled_from(["1.0.0", "1.1.0"]), st.sampled_from(["pass", "fail"])),
    st.integers(0, 10**9),
    min_size=1,
)


@given(counts)
def test_what_the_usual_library_writes_is_read_exactly(counted):
    registry = CollectorRegistry()
    counter = Counter("parts", "Parts", ["release", "result"], registry=registry)
    for (release, result), count in counted.items():
        counter.labels(release, result).inc(count)
    found = read_parts(generate_latest(registry).decode())
    for release in {each for each, _ in counted}:
        fails = counted.get((release, "fail"), 0)
        assert found[release] == Tally(counted.get((release, "pass"), 0) + fails, fails)


TIMES = """\
# TYPE cycle_seconds histogram
cycle_seconds_bucket{release="1.0.0",process="10",le="15.0"} 4
cycle_seconds_bucket{release="1.0.0",process="10",le="30.0"} 9
cycle_seconds_bucket{release="1.0.0",process="10",le="60.0"} 10
cycle_seconds_bucket{release="1.0.0",process="10",le="+Inf"} 12
cycle_seconds_sum{release="1.0.0",process="10"} 240
cycle_seconds_count{release="1.0.0",process="10"} 12
cycle_seconds_bucket{release="1.0.0",process="20",le="15.0"} 1
cycle_seconds_bucket{release="1.0.0",process="20",le="30.0"} 1
cycle_seconds_bucket{release="1.0.0",process="20",le="60.0"} 1
cycle_seconds_bucket{release="1.0.0",process="20",le="+Inf"} 1
cycle_seconds_bucket{le="+Inf"} 7
"""


def read_times(text: str = TIMES, histogram: str = "cycle_seconds", edges=(15.0, 60.0, math.inf)):
    return read_histogram(text, histogram, edges, "release")


def test_a_histogram_is_summed_by_release_in_the_buckets_that_are_asked_for():
    assert read_times() == {"1.0.0": measured((5, 6, 2))}
    assert read_times(histogram='cycle_seconds{process="20"}') == {"1.0.0": measured((1, 0, 0))}


def test_a_histogram_without_a_sample_is_empty_and_no_problem():
    assert read_times("# TYPE cycle_seconds histogram\n") == {}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("# TYPE other histogram\n", "has no histogram cycle_seconds"),
        (TIMES.replace("60.0", "70.0"), "no bucket of cycle_seconds up to 60"),
        (TIMES.replace("} 10\n", "} 100\n"), "do not rise"),
        (TIMES.replace('le="15.0"', 'at="15.0"'), "has no edge"),
        (
            "".join(f'cycle_seconds_bucket{{release="{i}",le="+Inf"}} 1\n' for i in range(101)),
            "more than 100 releases",
        ),
    ],
)
def test_a_histogram_that_is_not_as_it_should_be_is_a_problem(text, says):
    with pytest.raises(Unavailable, match=says):
        read_times(text)

"""JUnit XML becomes a report, and anything else the caller's mistake."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.kernel.errors import InvalidInput
from andon.pipelines.junit import Failure, TestReport, parse

SUITE = b"""<?xml version="1.0" encoding="utf-8"?>
<testsuites><testsuite name="pytest" tests="5">
  <testcase classname="tests.test_a" name="test_one" time="0.5"/>
  <testcase classname="tests.test_a" name="test_two" time="1.25">
    <failure message="one is not two&#10;more">x</failure>
  </testcase>
  <testcase name="test_three" time="nonsense"><error>
    it broke
    at line 3</error></testcase>
  <testcase classname="t" name="s" time="0.1"><skipped message="not here"/></testcase>
  <testsuite><testcase classname="t" name="inner" time="-4"/></testsuite>
</testsuite></testsuites>"""


def test_a_report_counts_what_ran_and_names_what_failed() -> None:
    report = parse(SUITE)
    assert (report.passed, report.failed, report.skipped, report.executed) == (2, 2, 1, 4)
    assert report.duration_seconds == pytest.approx(1.85)
    assert report.failures == (
        Failure("tests.test_a::test_two", "one is not two"),
        Failure("test_three", "it broke"),
    )
    assert report.to_dict()["failures"][0] == {"name": "tests.test_a::test_two", "message": "one is not two"}


@pytest.mark.asvs("1.5.1")
@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<html/>",
        b"<testsuites>",
        b'<?xml version="1.0" encoding="nonsense"?><testsuites/>',
        b'<!DOCTYPE a [<!ENTITY b "c">]><testsuites>&b;</testsuites>',
        b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><testsuites/>',
    ],
)
def test_what_is_no_report_is_refused(content: bytes) -> None:
    if b"SYSTEM" in content:
        assert parse(content).executed == 0  # nothing is fetched for it
        return
    with pytest.raises(InvalidInput, match="test report"):
        parse(content)


PIECES = st.sampled_from(
    [
        *(
            b"<testsuites>",
            b"</testsuites>",
            b"<testsuite>",
            b"</testsuite>",
            b"<testcase name='a'/>",
            b"<testcase>",
        ),
        *(
            b"</testcase>",
            b"<failure/>",
            b"<error message=''>",
            b"</error>",
            b"<skipped/>",
            b"text",
            b"&amp;",
        ),
        *(
            b"<testcase time='inf'/>",
            b"<testcase time='1e400'/>",
            b"\xff",
            b"\x00",
            b"<!--",
            b"-->",
            b"<![CDATA[",
        ),
    ]
)


@given(st.one_of(st.binary(), st.lists(PIECES, max_size=20).map(b"".join)))
def test_any_bytes_are_a_report_or_refused(content: bytes) -> None:
    with contextlib.suppress(InvalidInput):
        assert isinstance(parse(content), TestReport)


def test_an_infinite_time_does_not_spoil_the_sum() -> None:
    assert parse(b"<testsuite><testcase time='inf'/><testcase time='nan'/></testsuite>").duration_seconds == 0

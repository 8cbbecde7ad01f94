"""Reads JUnit XML into a test report. Pure: bytes in, report or InvalidInput out."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from andon.kernel.errors import InvalidInput

_LONGEST_MESSAGE = 500
_LONGEST_TIME = 1e9


@dataclass(frozen=True, slots=True)
class Failure:
    """A test that failed or could not run, with the first line of why."""

    name: str
    message: str


@dataclass(frozen=True, slots=True)
class TestReport:
    """What a suite came to; `duration_seconds` is the sum over its tests."""

    __test__ = False  # a value, which pytest must not collect

    passed: int
    failed: int
    skipped: int
    duration_seconds: float
    failures: tuple[Failure, ...]

    @property
    def executed(self) -> int:
        """Tests that really ran."""
        return self.passed + self.failed

    def to_dict(self) -> dict[str, Any]:
        """As the release's test report."""
        return {
            "passed": self.passed,
            "failed": self.failed,
            "skipped": self.skipped,
            "duration_seconds": round(self.duration_seconds, 3),
            "failures": [{"name": each.name, "message": each.message} for each in self.failures],
        }


def parse(content: bytes) -> TestReport:
    """The report in `content`, whose root is `testsuites` or `testsuite`.

    Raises:
        InvalidInput: it is not JUnit XML.
    """
    try:
        root = fromstring(content)
    except (ParseError, DefusedXmlException, ValueError, LookupError, RecursionError) as error:
        raise InvalidInput("bad-junit", f"the test report is not JUnit XML: {error}") from error
    if root.tag not in ("testsuites", "testsuite"):
        raise InvalidInput("bad-junit", f"the test report's root is {root.tag}, not testsuites")
    passed = skipped = 0
    duration = 0.0
    failures: list[Failure] = []
    for case in root.iter("testcase"):
        duration += _seconds(case.get("time"))
        broken = next(_children(case, "failure", "error"), None)
        if broken is not None:
            failures.append(Failure(_name(case), _message(broken)))
        elif next(_children(case, "skipped"), None) is not None:
            skipped += 1
        else:
            passed += 1
    return TestReport(passed, len(failures), skipped, duration, tuple(failures))


def _children(case: Element, *tags: str) -> Iterator[Element]:
    return (each for each in case if each.tag in tags)


def _name(case: Element) -> str:
    return "::".join(each for each in (case.get("classname"), case.get("name")) if each) or "a test"


def _message(broken: Element) -> str:
    text = broken.get("message") or (broken.text or "").strip() or broken.get("type") or broken.tag
    return text.strip().split("\n", 1)[0][:_LONGEST_MESSAGE]


def _seconds(value: str | None) -> float:
    try:
        seconds = float(value or 0)
    except ValueError:
        return 0.0
    return seconds if 0 <= seconds < _LONGEST_TIME else 0.0

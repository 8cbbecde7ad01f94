"""Of all that an application printed, the line that says why it does not work."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon_agent.engine.said import MOST, heading, last_words

pytestmark = pytest.mark.unit
MARK = "screen/7"

PYTHON = """loading
Traceback (most recent call last):
  File "start.py", line 3, in <module>
    raise ConfigError("no error here")
app.ConfigError: the camera's address is missing
[PYI-4711:ERROR] Failed to execute script 'start' due to unhandled exception!
"""
JAVA = """Exception in thread "main" java.lang.IllegalStateException: port 8080 is taken
\tat com.plant.ErrorHandler.open(ErrorHandler.java:12)
"""


@pytest.mark.parametrize(
    ("printed", "line"),
    [
        (PYTHON, "app.ConfigError: the camera's address is missing"),
        (JAVA, 'Exception in thread "main" java.lang.IllegalStateException: port 8080 is taken'),
        ("could not find the Qt platform plugin\nbye\n", "could not find the Qt platform plugin"),
        ("starting\nwaiting for the printer\n", "waiting for the printer"),
        ("\x1b[31mFATAL\x1b[0m \x1b]0;title\x07no\tlicence\x00\n\n", "FATAL no licence"),
        ("설정을 읽는 중\n설정 파일 오류\n끝\n", "설정 파일 오류"),
        ("old error\rnew error", "new error"),
        ("    raise ValueError\n", "raise ValueError"),
        ("", ""),
        (" \n\t\n", ""),
    ],
)
def test_the_likeliest_line_is_the_last_that_looks_like_an_error(printed: str, line: str) -> None:
    assert last_words(heading(MARK) + printed.encode(), MARK) == line


def test_what_another_start_printed_is_not_this_ones() -> None:
    former = heading("screen/6") + b"error of the former version\n"
    assert last_words(former + heading(MARK) + b"all is well\n", MARK) == "all is well"
    assert last_words(former + heading(MARK), MARK) == ""
    assert last_words(former, MARK) == ""


def test_of_one_that_printed_much_the_end_is_looked_at() -> None:
    assert last_words(b"half a line\nerror 5\nmore\n", MARK) == "error 5"


def test_a_long_line_is_cut() -> None:
    found = last_words(heading(MARK) + b"error " + b"x" * 5000, MARK)
    assert (len(found), found[-1]) == (MOST, "…")


@given(st.binary(max_size=300) | st.text(max_size=300).map(lambda text: text.encode("utf-8", "replace")))
def test_any_bytes_give_one_plain_line(printed: bytes) -> None:
    found = last_words(heading(MARK) + printed, MARK)
    assert len(found) <= MOST
    assert found == "" or found.isprintable()

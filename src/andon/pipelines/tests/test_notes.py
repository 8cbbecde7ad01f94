"""Notes: which part of a file they are, and what is refused before it is signed."""

import pytest

from andon.kernel.errors import InvalidInput
from andon.kernel.ids import Version
from andon.pipelines.notes import LARGEST_FILE_BYTES, check_size, notes_of
from andon.releases.notes import LARGEST_BYTES, Notes, shown

NEW = Version("1.2.0")
CHANGELOG = """\
# Changelog

## Unreleased
- not yet

## [1.2.0] - 2026-03-01
- a lot says where its serials are

### How
```
# 1.1.0 stands here in code, and ends nothing
## 9.9.9
```
Since 1.1.0 it did not.

## 1.1.0
- older
"""


def made(text: str, version: Version = NEW) -> str:
    return notes_of(text.encode(), version, file="CHANGES.md").decode()


def test_a_file_without_versions_is_taken_whole() -> None:
    assert made("\n# What is new\n\n- 작업자 화면이 빨라졌습니다 ✓\n\n") == (
        "# What is new\n\n- 작업자 화면이 빨라졌습니다 ✓\n"
    )
    assert made("## 2026 plans\n## Since 1.1.0 it is faster\n").count("\n") == 2


def test_of_a_changelog_the_section_of_the_version_is_taken() -> None:
    notes = made(CHANGELOG)
    assert notes.startswith("- a lot says where its serials are\n\n### How\n")
    assert notes.endswith("Since 1.1.0 it did not.\n")
    assert made(CHANGELOG, Version("1.1.0")) == "- older\n"


@pytest.mark.parametrize(
    "heading",
    [
        "## 1.2.0",
        "# v1.2.0 (2026-03-01)",
        "### Version 1.2.0:",
        "## [1.2.0](https://example.org/1.2.0)",
        "## release 1.2.0 – spring",
        "## 1.2",
    ],
)
def test_a_heading_names_a_version_in_the_usual_ways(heading: str) -> None:
    assert made(f"# 1.1.0\n- old\n\n{heading}\n- new\n\n# 1.0.0\n- first\n") == "- new\n"


def test_a_heading_of_numbers_without_end_names_no_version() -> None:
    assert made(f"## 1.{'9' * 5000}\n- new\n").endswith("\n- new\n")


def test_lines_end_alike_wherever_the_file_was_written() -> None:
    assert notes_of(b"\xef\xbb\xbfone\r\ntwo\r\n", NEW, file="CHANGES.md") == b"one\ntwo\n"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"## 1.1.0\n- old\n", "CHANGES.md has no section of 1.2.0"),
        (b"## 1.2.0.1\n- other\n", "CHANGES.md has no section of 1.2.0"),
        (b" \n\n", "CHANGES.md says nothing of 1.2.0"),
        (b"## 1.2.0\n\n## 1.1.0\n- old\n", "CHANGES.md says nothing of 1.2.0"),
        (b"one\n\xff\xfe", "CHANGES.md line 2: this is not UTF-8"),
        ("문서".encode("utf-16"), "CHANGES.md line 1: this is not UTF-8"),
        (b"one\n\x1b]0;owned\x07", "CHANGES.md line 2: U\\+001B is a character that is not shown"),
        (b"# 1.2.0\none\rtwo", "CHANGES.md line 2: U\\+000D is a character that is not shown"),
        (b"a\0b", "CHANGES.md line 1: U\\+0000 is"),
        ("yes \u202eon".encode(), "CHANGES.md line 1: U\\+202E is"),
        ("a\x85b".encode(), "CHANGES.md line 1: U\\+0085 is"),
        ("a\u2028b".encode(), "CHANGES.md line 1: U\\+2028 is"),
        (b"x" * LARGEST_BYTES, f"the notes of 1.2.0 in CHANGES.md have {LARGEST_BYTES + 1} bytes"),
    ],
)
def test_what_could_deceive_or_is_no_text_is_refused(content: bytes, sentence: str) -> None:
    with pytest.raises(InvalidInput, match=sentence) as caught:
        notes_of(content, NEW, file="CHANGES.md")
    assert (caught.value.code, bool(caught.value.hint)) == ("bad-notes", True)


def test_the_largest_notes_are_taken_and_shown() -> None:
    notes = notes_of(b"x" * (LARGEST_BYTES - 1), NEW, file="CHANGES.md")
    assert len(notes) == LARGEST_BYTES
    assert shown(notes) == Notes("x" * (LARGEST_BYTES - 1))


def test_a_bad_character_in_the_section_of_another_version_stops_nothing() -> None:
    assert made("## 1.2.0\n- new\n## 1.1.0\n- \x1b[31mred\n") == "- new\n"


def test_a_file_that_is_no_list_of_changes_is_not_read() -> None:
    check_size(LARGEST_FILE_BYTES, file="CHANGES.md")
    with pytest.raises(InvalidInput, match=f"CHANGES.md has {LARGEST_FILE_BYTES + 1} bytes"):
        check_size(LARGEST_FILE_BYTES + 1, file="CHANGES.md")

"""Locks are compared by what they pin."""

from andon.pipelines.builders.lock import Entry, beyond, entries

BASE = """\
# made by a tool
Some_Package==1.0 \\
    --hash=sha256:aa \\
    --hash=sha256:bb
    # via mes
other[extra]==2.0 ; python_version < "3.12" \\
    --hash=sha256:cc
"""


def test_comments_and_continued_lines_belong_to_no_other_requirement() -> None:
    first, second = entries(BASE)
    assert (first.project, first.version) == ("some-package", "1.0")
    assert first.text.endswith("--hash=sha256:bb")
    assert (second.project, second.version) == ("other", "2.0")


def test_only_what_the_base_does_not_pin_is_left() -> None:
    more = beyond(BASE.replace("2.0", "2.1") + "new==3 --hash=sha256:dd\n", BASE)
    assert [(each.project, each.version) for each in entries(more)] == [("other", "2.1"), ("new", "3")]
    assert beyond(BASE, BASE) == ""


def test_what_is_not_plainly_pinned_is_never_dropped() -> None:
    odd = "./local --hash=sha256:aa\n"
    assert list(entries(odd)) == [Entry("./local --hash=sha256:aa")]
    assert beyond(odd, odd) == odd

"""Clock, ids, errors."""

import re
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.kernel import errors, ids
from andon.kernel.clock import ManualClock, SystemClock


def families() -> list[type[errors.AndonError]]:
    return errors.AndonError.__subclasses__()


async def test_a_manual_clock_moves_only_when_told() -> None:
    clock = ManualClock()
    before, since = clock.now(), clock.monotonic()
    assert clock.now() == before
    await clock.sleep(timedelta(seconds=5))
    assert clock.now() - before == timedelta(seconds=5)
    assert clock.monotonic() - since == 5.0


async def test_the_system_clock_is_aware_and_sleeps() -> None:
    clock = SystemClock()
    since = clock.monotonic()
    await clock.sleep(timedelta(milliseconds=1))
    assert clock.monotonic() > since
    assert clock.now().tzinfo is not None


def test_every_family_says_who_must_act() -> None:
    assert {each.__name__: (each.status, each.exit_code) for each in families()} == {
        "InvalidInput": (422, 2),
        "NotFound": (404, 1),
        "Conflict": (409, 1),
        "Unauthenticated": (401, 1),
        "Forbidden": (403, 1),
        "Throttled": (429, 1),
        "Untrusted": (409, 1),
        "Unavailable": (503, 1),
        "Damaged": (500, 1),
    }


def test_an_error_carries_code_and_hint() -> None:
    error = errors.Unavailable("busy", "try later", hint="wait", retry_after=timedelta(seconds=3))
    assert (error.code, str(error), error.hint, error.retry_after) == (
        "busy",
        "try later",
        "wait",
        timedelta(seconds=3),
    )


def test_ids_sort_by_the_time_they_were_made() -> None:
    clock = ManualClock()
    made = []
    for _ in range(50):
        made.append(ids.new_id("ro", clock.now()))
        clock.advance(timedelta(milliseconds=1))
    assert made == sorted(made)
    assert len(set(made)) == 50


@pytest.mark.asvs("1.3.3")
@given(st.text(max_size=60) | st.from_regex(r"[a-z][a-z0-9-]*[./A-Z]?", fullmatch=True))
def test_a_name_is_safe_everywhere_or_refused(text: str) -> None:
    is_safe = re.fullmatch(r"[a-z](?:[a-z0-9-]{0,38}[a-z0-9])?", text) is not None
    if is_safe:
        assert ids.name(text, what="unit") == text
    else:
        with pytest.raises(errors.InvalidInput, match="is not a name"):
            ids.name(text, what="unit")


@pytest.mark.parametrize("text", ["1.2.0", "0.0.1", "10.20.30-rc1", "1.0.0+local"])
def test_versions_have_three_numbers(text: str) -> None:
    assert ids.version(text) == text


@pytest.mark.parametrize("text", ["", "1.2", "v1.2.0", "1.2.0/../..", "1.2.0\n", "1.2.0-" + "x" * 41])
def test_what_is_no_version_is_refused(text: str) -> None:
    with pytest.raises(errors.InvalidInput, match=r"not of the form 1\.2\.3"):
        ids.version(text)


def test_a_version_is_as_long_as_the_tables_keep_it_at_most() -> None:
    longest = "1." + "2" * 56 + ".3"
    assert ids.version(longest) == longest
    with pytest.raises(errors.InvalidInput, match="has 61 characters") as refused:
        ids.version(longest + "4")
    assert refused.value.hint == "write at most 60"

"""The timeline's filter, from an address to what is read and exported."""

from datetime import UTC, datetime

import pytest

from andon.access.people.profiles import PROFILES
from andon.board import account_pages
from andon.board.timeline_pages import Asked, asked
from andon.timeline.records import Severity
from andon.timeline.store import Filter


def test_an_empty_filter_asks_for_everything():
    assert asked({}).wanted == Filter()
    assert (asked({}).query, asked({}).exported) == ("", "")


def test_a_filter_reads_every_field_and_takes_times_as_utc():
    given = {
        "since": "2026-01-01T09:30", "until": "2026-01-02T00:00:00+09:00",
        "actor": " minseo ", "kind": "cord.pulled",
        "environment": "production", "unit": "mes", "severity": "alert",
        "subject": "cord", "text": "연기", "before": "40",
    }  # fmt: skip
    found = asked(given)
    assert found.wanted == Filter(
        subject="cord", unit="mes", environment="production", kind="cord.pulled", severity=Severity.ALERT,
        before=40, actor="minseo", text="연기", since=datetime(2026, 1, 1, 9, 30, tzinfo=UTC),
        until=datetime.fromisoformat("2026-01-02T00:00:00+09:00"),
    )  # fmt: skip
    assert "before" not in found.query
    assert "since=2026-01-01T09%3A30%3A00%2B00%3A00" in found.exported


@pytest.mark.parametrize(
    "given",
    [{"since": "yesterday"}, {"severity": "awful"}, {"before": "-1"}, {"before": "9" * 30}, {"other": "x"}],
)
def test_what_cannot_be_read_is_left_out(given):
    assert asked(given).wanted == Filter()


def test_a_filter_is_cut_to_what_the_columns_hold():
    assert len(asked({"text": "x" * 5000}).text) == 200
    assert Asked().exported == ""


@pytest.mark.parametrize(("profile", "least"), [("nist", 15), ("part11", 12), ("annex11-draft", 15)])
def test_the_rules_of_each_profile_are_said(profile, least):
    found = account_pages.rules(PROFILES[profile])
    assert found.least == least
    keys = [each.key for each in found.sentences]
    assert ("password.rule.kinds" in keys) == (profile != "nist")
    assert ("password.rule.history" in keys) == (profile == "part11")


@pytest.mark.parametrize("settings", [{}, {"passwords": {"profile": "other"}}, {"passwords": "?"}])
def test_an_unknown_profile_is_shown_as_the_default(settings):
    assert account_pages.rules_in_force(settings).least == PROFILES["nist"].shortest

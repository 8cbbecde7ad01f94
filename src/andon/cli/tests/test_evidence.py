"""Where marks stand in a drawn interval, and what is said of what comes next."""

from datetime import UTC, datetime, timedelta

import pytest
from rich.console import Console

from andon.api import views
from andon.api.model import Count, FindingView, MetricPolicyView, OutlookView
from andon.cli import evidence
from andon.rollouts.model import Phase, Stage
from andon.testing.shelves import a_rollout

NOW = datetime(2026, 1, 1, tzinfo=UTC)
COUNT = Count(exposure=100, bad=3)
POLICY = MetricPolicyView(
    name="yield", title="Yield", title_ko="직행률", alpha=0.01, beta=0.01, margin=1.5,
    acceptable=None, guardrail=None, required=True,
)  # fmt: skip


def found(**changes) -> FindingView:
    values = {
        "metric": "yield", "outcome": "inconclusive", "reason": "more", "stable": COUNT, "candidate": COUNT,
        "ratio": 1.0, "low": 0.5, "high": 2.0, "log_e_harm": 0.0, "log_e_safe": 2.3,
        "log_harm_boundary": 4.6, "log_safe_boundary": 4.6, "events_needed": 3, "exposure_needed": 100,
        "by_guardrail": False,
    }  # fmt: skip
    return FindingView(**(values | changes))


def plain(markup: str) -> str:
    console = Console(width=200, highlight=False, no_color=True)
    with console.capture() as captured:
        console.print(markup)
    return captured.get()


def test_the_ratio_stands_in_the_middle_of_its_interval_when_it_is_equal():
    drawn = plain(evidence.interval(found(), POLICY)).strip()
    assert len(drawn) == 41
    assert drawn.index("●") == 20
    assert drawn == "─────────────━━━━━━━●━━━╎━━━─────────────"


def test_an_open_interval_reaches_the_edge_and_what_is_beyond_stands_at_it():
    drawn = plain(evidence.interval(found(ratio=None, low=0.0, high=None), None)).strip()
    assert drawn.count("━") == 39
    assert drawn[0] == "●", "no ratio is no more than none"
    assert plain(evidence.interval(found(ratio=99.0, low=12.0, high=999.0), POLICY)).strip()[-1] == "●"


@pytest.mark.parametrize(
    ("low", "high", "tone"), [(1.1, 3.0, "red"), (0.4, 1.2, "green"), (0.4, 3.0, "cyan"), (0.4, None, "cyan")]
)
def test_the_colour_is_what_the_interval_says(low, high, tone):
    assert f"[{tone} bold]●" in evidence.interval(found(low=low, high=high), POLICY)


@pytest.mark.parametrize(
    ("log_e", "boundary", "drawn"),
    [
        (2.3, 4.6, "██████░░░░░░  50%"),
        (9.0, 4.6, "████████████ 100%"),
        (-1.0, 4.6, "░░░░░░░░░░░░   0%"),
        (1, 0, "░░░░░░░░░░░░   0%"),
    ],
)
def test_a_weight_is_a_part_of_what_it_must_reach(log_e, boundary, drawn):
    assert plain(evidence.weight(log_e, boundary, "red")).strip() == drawn


def test_a_metric_says_its_ratio_both_weights_and_what_would_turn_it():
    turning = OutlookView(metric="yield", bad_to_fail=7, good_to_pass=1240)
    shown = plain(evidence.finding(found(), POLICY, turning))
    assert "1.00 times the stable (0.50 to 2.00)" in shown
    assert "7 bad in a row would take it back; 1,240 good in a row would let it go on" in shown
    none = OutlookView(metric="yield", bad_to_fail=None, good_to_pass=None)
    assert len(plain(evidence.finding(found(ratio=None), POLICY, none)).splitlines()) == 2


def test_what_comes_next_has_its_clock():
    view = views.rollout(a_rollout(NOW, deadline_at=NOW + timedelta(seconds=90)), [])
    assert (
        evidence.following(view, NOW)
        == "Soaks at 10%; then it goes on if the judge says so; soak ends in 1:00; then 50% goes to 1.1.0"
    )
    assert evidence.following(view, NOW + timedelta(seconds=70)).startswith(
        "Waits for evidence at 10%; gives up in 0:20"
    )
    over = views.rollout(a_rollout(NOW, phase=Phase.PROMOTED, stage=Stage.WARM), [])
    assert evidence.following(over, NOW) == ""

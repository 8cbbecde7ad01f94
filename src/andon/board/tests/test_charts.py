"""The geometry of the evidence: where the interval, the margin and the boundary lie."""

from datetime import UTC, datetime, timedelta

import pytest

from andon.api.model import Count, FindingView, LookMetric, LookView, MetricPolicyView
from andon.board import charts

NOW = datetime(2026, 1, 1, tzinfo=UTC)
POLICY = MetricPolicyView(
    name="yield", title="Yield", title_ko="직행률", alpha=0.01, beta=0.01, margin=1.5,
    acceptable=None, guardrail=None, required=True,
)  # fmt: skip


def a_look(
    seq: int, ratio: float | None = 1.0, low: float = 0.5, high: float | None = 2.0, harm=0.0, share=0.1
):
    count = Count(exposure=100, bad=3)
    metric = LookMetric(
        ratio=ratio, low=low, high=high, log_e_harm=harm, log_e_safe=0.0, stable=count, candidate=count
    )
    return LookView(seq=seq, at=NOW + timedelta(seconds=seq), share=share, metrics={"yield": metric})


def test_no_look_is_no_chart():
    assert charts.chart(POLICY, []) is None


def test_equal_lies_in_the_middle_and_the_margin_above_it():
    chart = charts.chart(POLICY, [a_look(1), a_look(2)])
    assert chart.equal == pytest.approx((charts.TOP + charts.HEIGHT - charts.BOTTOM) / 2)
    assert chart.margin < chart.equal
    assert chart.last == (charts.WIDTH - charts.RIGHT, chart.equal)


def test_an_unbounded_interval_ends_at_the_edge():
    chart = charts.chart(POLICY, [a_look(1, ratio=None, low=0.0, high=None), a_look(2)])
    assert f"{charts.LEFT} {charts.TOP}" in chart.band
    assert f"{charts.LEFT} {charts.HEIGHT - charts.BOTTOM}" in chart.band


@pytest.mark.parametrize(
    ("low", "high", "tone"),
    [(1.01, 4.0, "fail"), (0.5, 1.4, "pass"), (0.5, 2.0, "open"), (0.5, None, "open"), (1.1, 1.4, "fail")],
)
def test_the_tone_is_what_the_interval_says(low, high, tone):
    assert charts.chart(POLICY, [a_look(1, low=low, high=high)]).tone == tone


def test_evidence_at_its_boundary_meets_the_line():
    chart = charts.chart(POLICY, [a_look(1), a_look(2, harm=4.6051702)])
    assert chart.harm.endswith(f"{charts.WIDTH - charts.RIGHT} {chart.boundary:g}")


def test_the_boundary_in_force_is_the_judges_own():
    count = Count(exposure=100, bad=3)
    said = FindingView(
        metric="yield", outcome="fail", reason="", stable=count, candidate=count, ratio=2.0, low=1.1,
        high=4.0, log_e_harm=6.0, log_e_safe=0.0, log_harm_boundary=6.0, log_safe_boundary=4.0,
        events_needed=None,
        exposure_needed=None, by_guardrail=False,
    )  # fmt: skip
    chart = charts.chart(POLICY, [a_look(1), a_look(2, harm=6.0)], said)
    assert chart.harm.endswith(f"{charts.WIDTH - charts.RIGHT} {chart.boundary:g}")


def test_each_change_of_share_is_marked_once():
    looks = [a_look(seq, share=0.1 if seq < 5 else 0.5) for seq in range(1, 9)]
    assert [each.share for each in charts.chart(POLICY, looks).steps] == [0.1, 0.5]


def test_a_long_history_is_thinned_but_keeps_its_ends():
    looks = [a_look(seq) for seq in range(1, 2001)]
    thin = charts.thinned(looks)
    assert len(thin) == 160
    assert (thin[0], thin[-1]) == (looks[0], looks[-1])
    assert len(charts.chart(POLICY, looks).band) < 6000


def test_looks_of_another_metric_do_not_count():
    assert charts.chart(POLICY.model_copy(update={"name": "errors"}), [a_look(1)]) is None


def test_the_exposure_rises_to_the_height_of_what_there_is_now():
    first, last = a_look(1), a_look(2)
    half = last.metrics["yield"].model_copy(update={"candidate": Count(exposure=50, bad=1)})
    first = first.model_copy(update={"metrics": {"yield": half}})
    chart = charts.chart(POLICY, [first, last])
    floor = charts.EXPOSURE_HEIGHT - 2
    middle = (floor + 6) / 2
    right = charts.WIDTH - charts.RIGHT
    assert chart.exposure == f"M{charts.LEFT} {middle:g}L{right} 6L{right} {floor}L{charts.LEFT} {floor}Z"
    assert chart.most_exposure == 100


def test_without_exposure_nothing_is_drawn():
    empty = a_look(1).metrics["yield"].model_copy(update={"candidate": Count(exposure=0, bad=0)})
    look = a_look(1).model_copy(update={"metrics": {"yield": empty}})
    assert charts.chart(POLICY, [look]).exposure == ""

"""Envoy's statistics become counts per release."""

from andon.gateway.model import Beside, Count, ReleaseTraffic
from andon.gateway.names import ClusterName, Role
from andon.gateway.stats import (
    EDGES_MS,
    Numbers,
    Steady,
    carry,
    cumulative,
    diverted,
    numbers_of,
    steady,
    traffic_of,
)

STABLE, CANDIDATE, SLOT = "shop~production~1_0_0", "shop~production~1_1_0", "shop~production~1_1_0~slot"
OLD, NEW = ("shop", "production", "1.0.0"), ("shop", "production", "1.1.0")
OF_SLOT = ClusterName("shop", "production", "1.1.0", Role.SLOT)


def counter(cluster, name, value):
    return {"name": f"cluster.{cluster}.{name}", "value": value}


def histogram(cluster, *totals):
    bins = [{"lower_bound": low, "width": width, "count": count} for low, width, count in totals]
    return {"histograms": {"details": [{"name": f"cluster.{cluster}.upstream_rq_time", "totals": bins}]}}


def test_a_request_is_counted_on_the_release_it_was_meant_for():
    listed = [
        counter(STABLE, "upstream_rq_completed", 900),
        counter(STABLE, "upstream_rq_5xx", 3),
        counter(STABLE, "upstream_rq_total", 907),  # seven of them saved the candidate
        counter(STABLE, "upstream_rq_active", 2),
        counter(SLOT, "upstream_rq_completed", 100),
        counter(SLOT, "upstream_rq_5xx", 1),
        counter(SLOT, "upstream_rq_retry_success", 7),
        counter(CANDIDATE, "upstream_rq_total", 100),
        counter(CANDIDATE, "upstream_rq_active", 1),
        counter(CANDIDATE, "upstream_rq_pending_active", 1),
        {"name": f"andon.cut.cluster.{SLOT}", "value": 2},
        counter("andon~idle", "upstream_rq_completed", 5),
        histogram(SLOT, (0, 0, 60), (5, 1, 39)),
    ]
    traffic = traffic_of(numbers_of(listed), {OF_SLOT: 4})
    assert set(traffic) == {OLD, NEW}
    assert (traffic[OLD].requests, traffic[OLD].errors, traffic[OLD].active) == (900, 3, 2)
    assert (traffic[NEW].requests, traffic[NEW].errors, traffic[NEW].active) == (100, 1 + 7 + 2 + 4, 2)
    assert dict(traffic[NEW].latency_ms)[5] == 60
    assert dict(traffic[NEW].latency_ms)[6] == 99


def test_errors_never_exceed_requests():
    listed = [counter(SLOT, "upstream_rq_completed", 3), counter(SLOT, "upstream_rq_5xx", 3)]
    assert traffic_of(numbers_of(listed), {OF_SLOT: 2})[NEW].errors == 3


def test_requests_that_never_reached_an_unhealthy_candidate_are_found():
    first = numbers_of([counter(SLOT, "upstream_rq_completed", 100)])
    second = numbers_of(
        [
            counter(CANDIDATE, "upstream_rq_total", 60),
            counter(CANDIDATE, "upstream_rq_pending_failure_eject", 10),
        ]
    )
    assert diverted(first, second) == {OF_SLOT: 30}
    assert diverted(numbers_of([counter(STABLE, "upstream_rq_completed", 9)]), second) == {}


def test_requests_in_flight_are_never_taken_for_diverted_ones():
    first = numbers_of([counter(SLOT, "upstream_rq_completed", 100)])
    assert diverted(first, numbers_of([counter(CANDIDATE, "upstream_rq_total", 108)])) == {OF_SLOT: 0}


def test_every_edge_is_an_edge_of_envoys_bins():
    for edge in EDGES_MS[:-1]:
        digits = f"{edge:.0e}" if edge < 10 else f"{edge:.1e}"
        assert float(digits) == edge


def test_bins_become_cumulative_counts_without_loss():
    made = cumulative([(0.0, 5), (1.1, 2), (10.000001, 1), (250.0, 3), (70000.0, 1)])
    counts = dict(made)
    assert (counts[1], counts[2], counts[9], counts[10]) == (5, 7, 7, 8)
    assert (counts[200], counts[250], counts[60000], made[-1]) == (8, 11, 11, (float("inf"), 12))


def seen(requests, *bins):
    numbers = Numbers(bins=list(bins))
    numbers.values["upstream_rq_completed"] = requests
    return numbers


def test_bins_go_on_when_a_cluster_gets_other_endpoints_and_begin_again_with_its_counters():
    first = carry(None, seen(100, (1.0, 100)))
    assert first.all == [(1.0, 100)]
    changed = carry(first, seen(120, (2.0, 15)))
    assert changed.all == [(1.0, 100), (2.0, 15)]
    again = carry(carry(changed, seen(140, (2.0, 30))), seen(145, (2.0, 3)))
    assert sorted(again.all) == [(1.0, 100), (2.0, 3), (2.0, 30)]
    assert carry(again, seen(4, (1.0, 4))).all == [(1.0, 4)]


def counted(requests: int, errors: int = 0) -> ReleaseTraffic:
    return ReleaseTraffic(requests, errors, 1, cumulative([(5.0, requests)]), {})


def test_the_removal_of_a_cluster_takes_no_request_back() -> None:
    at_first = steady(None, counted(1000, 10))
    promoted = steady(at_first, counted(200, 3))  # its slot is gone, with 800 requests
    assert (promoted.total.requests, promoted.total.errors) == (1000, 10)
    later = steady(promoted, counted(260, 4))
    assert (later.total.requests, later.total.errors, later.total.active) == (1060, 11, 1)
    assert later.total.latency_ms[-1] == (float("inf"), 1060)


def test_counts_that_rise_are_left_alone() -> None:
    assert steady(Steady(counted(5)), counted(7, 1)) == Steady(counted(7, 1))


def test_what_nobody_drew_is_counted_apart_and_only_what_is_in_flight_counts_for_a_drain():
    matched, mirrored, previewed = (f"{CANDIDATE}~{each}" for each in ("matched", "mirrored", "previewed"))
    listed = [
        counter(SLOT, "upstream_rq_completed", 100),
        counter(f"{matched}-slot", "upstream_rq_completed", 10),
        counter(f"{matched}-slot", "upstream_rq_retry_success", 2),
        counter(matched, "upstream_rq_active", 3),
        counter(mirrored, "upstream_rq_completed", 20),
        counter(mirrored, "upstream_rq_5xx", 20),
        counter(mirrored, "upstream_rq_active", 4),
        counter(previewed, "upstream_rq_completed", 5),
        histogram(mirrored, (5, 1, 20)),
    ]
    numbers = numbers_of(listed)
    traffic = traffic_of(numbers, {})[NEW]
    assert (traffic.requests, traffic.errors, traffic.active) == (100, 0, 7)
    assert traffic.latency_ms[-1] == (float("inf"), 0)
    assert traffic.aside == {
        Beside.MATCHED: Count(10, 2),
        Beside.MIRRORED: Count(20, 20),
        Beside.PREVIEWED: Count(5, 0),
    }
    matches = ClusterName("shop", "production", "1.1.0", Role.MATCHED_SLOT)
    assert diverted(numbers, numbers_of([counter(matched, "upstream_rq_total", 4)])) == {
        OF_SLOT: 100,
        matches: 6,
    }

import contextlib
import json
from datetime import timedelta

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.evidence.model import Tally, measured
from andon.evidence.prometheus import PrometheusEvidence, Server, vector
from andon.kernel.clock import ManualClock
from andon.kernel.errors import Unavailable
from andon.kernel.fetching import Fetcher
from andon.kernel.ids import EnvironmentName, UnitName
from andon.units.evidence import Evidence

WHERE = UnitName("mes"), EnvironmentName("production")
PARTS = Evidence(source="prometheus", exposure="parts_total", bad="fails_total")
TIMES = Evidence(source="prometheus", kind="latency", histogram="cycle_bucket", edges=[15.0])


def sample(value: object, **labels: str) -> dict[str, object]:
    return {"metric": labels, "value": [1_700_000_000.1, str(value)]}


class Asked:
    """A Prometheus that answers what a test says, by query."""

    def __init__(self, patience: timedelta = timedelta(seconds=1)) -> None:
        self.clock = ManualClock()
        self.answers: dict[str, list[dict[str, object]]] = {"parts_total": [], "fails_total": []}
        fetcher = Fetcher(
            code="no-prometheus", most_bytes=4_000_000, transport=httpx.MockTransport(self._answer)
        )
        self.source = PrometheusEvidence(
            Server("http://prometheus:9090"), self.clock, patience=patience, fetcher=fetcher
        )

    def _answer(self, request: httpx.Request) -> httpx.Response:
        query = httpx.QueryParams(request.content.decode())["query"]
        data = {"resultType": "vector", "result": self.answers[query]}
        return httpx.Response(200, json={"status": "success", "data": data})

    async def ask(self, wanted: Evidence = PARTS, seconds: float = 1):
        self.clock.advance(timedelta(seconds=seconds))
        return await self.source.read(*WHERE, "yield", wanted)


async def test_what_was_there_before_counts_nothing_and_what_comes_on_top_does():
    asked = Asked()
    asked.answers["parts_total"] = [sample(100, release="1.0.0", instance="a")]
    assert (await asked.ask()).tallies == {"1.0.0": Tally(0, 0)}
    asked.answers["parts_total"] = [sample(130, release="1.0.0", instance="a")]
    asked.answers["fails_total"] = [sample(2, release="1.0.0", instance="a")]
    assert (await asked.ask()).tallies == {"1.0.0": Tally(30, 2)}, "a series that is new is gained whole"


async def test_a_restart_of_one_instance_is_seen_in_its_own_series():
    asked = Asked()
    both = [sample(100, release="1.0.0", instance="a"), sample(50, release="1.0.0", instance="b")]
    asked.answers["parts_total"] = both
    await asked.ask()
    asked.answers["parts_total"] = [sample(3, release="1.0.0", instance="a"), both[1] | {"value": [1, "60"]}]
    assert (await asked.ask()).tallies == {"1.0.0": Tally(13, 0)}


async def test_a_series_that_is_away_for_a_scrape_loses_nothing_and_one_long_gone_is_forgotten():
    asked = Asked()
    a, b = sample(10, release="1.0.0", instance="a"), sample(5, release="1.1.0", instance="b")
    asked.answers["parts_total"] = [a, b]
    await asked.ask()
    asked.answers["parts_total"] = [a]
    await asked.ask()
    asked.answers["parts_total"] = [a, sample(9, release="1.1.0", instance="b")]
    assert (await asked.ask()).tallies["1.1.0"] == Tally(4, 0)
    asked.answers["parts_total"] = [a]
    await asked.ask(seconds=3600)
    counted = asked.source._counted[(*WHERE, "yield")]
    assert len(counted.seen_at) == len(counted.baseline.tallies) == 1
    assert (await asked.ask()).tallies["1.1.0"] == Tally(4, 0), "its gains stay"


async def test_buckets_come_from_the_histograms_own_series():
    asked = Asked()
    series = {"release": "1.0.0", "instance": "a"}
    asked.answers["cycle_bucket"] = [sample(4, **series, le="15.0"), sample(9, **series, le="+Inf")]
    await asked.ask(TIMES)
    asked.answers["cycle_bucket"] = [sample(6, **series, le="15.0"), sample(12, **series, le="+Inf")]
    reading = await asked.ask(TIMES)
    assert reading.tallies == {"1.0.0": measured((2, 1))}
    assert reading.edges == TIMES.upper_edges


@pytest.mark.parametrize(
    ("result", "why"),
    [
        ([], "no series for parts_total"),
        ([sample(1, instance="a")], "no series for parts_total"),
        ([sample(0.5, release="1.0.0")], "cumulative counters, not rates"),
        ([sample("NaN", release="1.0.0")], "cumulative counters, not rates"),
        ([sample("x", release="1.0.0")], "cumulative counters, not rates"),
    ],
)
async def test_what_is_no_count_is_a_problem_and_no_zero(result, why):
    asked = Asked()
    asked.answers["parts_total"] = result
    reading = await asked.ask()
    assert why in reading.problem
    assert reading.tallies == {}


async def test_without_a_server_it_says_which_setting_names_one():
    source = PrometheusEvidence(Server(), ManualClock())
    assert "ANDON_EVIDENCE__PROMETHEUS" in (await source.read(*WHERE, "yield", PARTS)).problem


async def test_a_histogram_without_its_series_or_edge_is_a_problem():
    asked = Asked()
    asked.answers["cycle_bucket"] = [sample(4, instance="a", le="15.0")]
    assert "no series" in (await asked.ask(TIMES)).problem
    asked.answers["cycle_bucket"] = [sample(4, release="1.0.0")]
    assert "no edge `le`" in (await asked.ask(TIMES)).problem


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("busy", "no JSON"),
        ("[]", "no JSON"),
        ("[" * 100_000, "no JSON"),
        (json.dumps({"status": "error", "error": "parse error"}), "refused up: parse error"),
        (json.dumps({"status": "nonsense"}), "refused up: status 500"),
        (json.dumps({"status": "success", "data": {"resultType": "matrix"}}), "no instant vector"),
        (json.dumps({"status": "success", "data": {"resultType": "vector"}}), "cannot be read"),
        (
            json.dumps({"status": "success", "data": {"resultType": "vector", "result": [{"metric": {}}]}}),
            "cannot be read",
        ),
        (
            json.dumps(
                {"status": "success", "data": {"resultType": "vector", "result": [{"value": [1, "1"]}]}}
            ),
            "cannot be read",
        ),
    ],
)
def test_an_answer_that_is_no_instant_vector_is_a_problem(text, why):
    with pytest.raises(Unavailable, match=why):
        vector(500, text, "up")


@given(
    st.text() | st.recursive(st.none() | st.text(), lambda x: st.dictionaries(st.text(), x)).map(json.dumps)
)
def test_any_answer_is_samples_or_a_problem(text):
    with contextlib.suppress(Unavailable):
        assert isinstance(vector(200, text, "up"), list)

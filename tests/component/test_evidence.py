"""Evidence over real HTTP: what a source says, and what it cannot say."""

import asyncio
import math
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from andon.evidence.gateway import GatewayEvidence, RequestCounts
from andon.evidence.http import HttpEvidence, Place
from andon.evidence.increments import advance
from andon.evidence.model import ONE_SERIES, Reading, Tally, measured
from andon.evidence.prometheus import PrometheusEvidence, Server
from andon.evidence.sources import Adapters, Sources
from andon.evidence.sql import SqlEvidence
from andon.kernel.clock import ManualClock
from andon.kernel.errors import Unavailable
from andon.kernel.ids import EnvironmentName, UnitName, Version
from andon.units.evidence import Evidence

MES, PRODUCTION = UnitName("mes"), EnvironmentName("production")
ONE, TWO = Version("1.0.0"), Version("1.1.0")
BY_UNIT = Evidence(source="http", scope="unit", exposure="parts_total", bad='parts_total{result="fail"}')
ERRORS = Evidence(source="gateway")
TIMES = Evidence(source="http", kind="latency", scope="unit", histogram="cycle_seconds", edges=[15.0, 60.0])
BY_INSTANCE = BY_UNIT.model_copy(update={"scope": "instance"})


@dataclass
class Page:
    """One instance's metrics page, as a test wants it."""

    counts: dict[str, tuple[int, int]] = field(default_factory=dict)
    times: dict[str, tuple[int, int, int]] = field(default_factory=dict)
    status: int = 200
    padding: int = 0
    hangs: threading.Event | None = None
    asked: int = 0
    url: str = ""

    def text(self) -> bytes:
        lines = ["# TYPE parts_total counter"]
        for release, (good, bad) in self.counts.items():
            lines += [
                f'parts_total{{release="{release}",result="pass"}} {good}',
                f'parts_total{{release="{release}",result="fail"}} {bad}',
            ]
        lines += ["# TYPE cycle_seconds histogram"]
        for release, cumulative in self.times.items():
            lines += [
                f'cycle_seconds_bucket{{release="{release}",le="{edge}"}} {count}'
                for edge, count in zip(("15.0", "60.0", "+Inf"), cumulative, strict=True)
            ]
        return "\n".join([*lines, "# " + "x" * self.padding, ""]).encode()


@pytest.fixture
def pages() -> Iterator[list[Page]]:
    made, servers = [Page(), Page()], []
    for page in made:
        server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(page))
        page.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        servers.append((server, thread))
    yield made
    for page in made:
        if page.hangs is not None:
            page.hangs.set()
    for server, thread in servers:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(page: Page) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            page.asked += 1
            if page.hangs is not None:
                page.hangs.wait(60)
            body = page.text()
            self.send_response(page.status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args):
            pass

    return Handler


class Asker:
    def __init__(self, pages: list[Page], patience: timedelta = timedelta(seconds=20)) -> None:
        self.clock = ManualClock()
        self.ready = [Place(f"i{n}", page.url) for n, page in enumerate(pages)]
        self.http = HttpEvidence(self.places, self.clock, patience=patience)

    async def places(self, unit: UnitName, environment: EnvironmentName) -> list[Place]:
        return self.ready

    async def ask(self, wanted: Evidence) -> Reading:
        self.clock.advance(timedelta(seconds=1))
        return await self.http.read(MES, PRODUCTION, "yield", wanted)


@pytest.fixture
async def asker(pages: list[Page]) -> AsyncIterator[Asker]:
    made = Asker(pages)
    yield made
    await made.http.close()


async def test_one_instance_answers_for_the_unit(pages, asker):
    pages[0].counts = {ONE: (90, 10), TWO: (5, 0)}
    assert (await asker.ask(BY_UNIT)).tallies == {ONE: Tally(100, 10), TWO: Tally(5, 0)}
    assert pages[1].asked == 0


async def test_the_next_instance_answers_when_the_first_does_not(pages, asker):
    pages[0].status = 503
    pages[1].counts = {ONE: (1, 0)}
    reading = await asker.ask(BY_UNIT)
    assert (reading.tallies, reading.problem) == ({ONE: Tally(1, 0)}, "")


async def test_another_instance_that_counts_from_an_older_view_is_not_believed_until_it_caught_up(
    pages, asker
):
    pages[0].counts, pages[1].counts = {ONE: (100, 10)}, {ONE: (99, 10)}
    await asker.ask(BY_UNIT)
    pages[0].status = 500
    reading = await asker.ask(BY_UNIT)
    assert "caught up" in reading.problem
    assert reading.tallies == {}
    pages[1].counts = {ONE: (101, 10)}
    assert (await asker.ask(BY_UNIT)).tallies == {ONE: Tally(111, 10)}


async def test_counts_that_stay_lower_are_read_in_the_end_and_are_no_gain(pages, asker):
    pages[0].counts, pages[1].counts = {ONE: (100, 10)}, {ONE: (3, 0)}
    baseline, _ = advance(None, await asker.ask(BY_UNIT))
    pages[0].status = 500
    asker.clock.advance(timedelta(seconds=10))
    lower = await asker.ask(BY_UNIT)
    assert lower.tallies == {ONE: Tally(3, 0)}
    assert advance(baseline, lower)[1] == {ONE: Tally(0, 0)}


async def test_instances_that_count_for_themselves_are_summed_and_a_restart_of_one_is_no_loss(pages, asker):
    pages[0].counts, pages[1].counts = {ONE: (100, 0)}, {TWO: (50, 5)}
    first = await asker.ask(BY_INSTANCE)
    pages[0].counts, pages[1].counts = {ONE: (2, 1)}, {TWO: (60, 7)}
    second = await asker.ask(BY_INSTANCE)
    baseline, _ = advance(None, first)
    assert advance(baseline, second)[1] == {ONE: Tally(3, 1), TWO: Tally(12, 2)}


async def test_a_silent_instance_is_made_up_for_when_it_answers_again(pages, asker):
    pages[0].counts, pages[1].counts = {ONE: (10, 0)}, {ONE: (10, 0)}
    await asker.ask(BY_INSTANCE)
    pages[1].status = 500
    pages[0].counts = {ONE: (11, 0)}
    assert (await asker.ask(BY_INSTANCE)).tallies == {ONE: Tally(1, 0)}
    pages[1].status, pages[1].counts = 200, {ONE: (15, 0)}
    assert (await asker.ask(BY_INSTANCE)).tallies == {ONE: Tally(6, 0)}


async def test_an_instance_that_is_not_ready_for_a_moment_is_made_up_for_and_one_long_gone_forgotten(
    pages, asker
):
    pages[0].counts, pages[1].counts = {ONE: (10, 0)}, {ONE: (10, 0)}
    await asker.ask(BY_INSTANCE)
    first, second = asker.ready
    asker.ready = [first]
    await asker.ask(BY_INSTANCE)
    pages[1].counts = {ONE: (12, 0)}
    asker.ready = [first, second]
    assert (await asker.ask(BY_INSTANCE)).tallies == {ONE: Tally(2, 0)}
    asker.ready = [first]
    asker.clock.advance(timedelta(hours=1))
    assert (await asker.ask(BY_INSTANCE)).tallies == {ONE: Tally(2, 0)}, "its gains stay"
    asker.ready = [first, second]
    pages[1].counts = {ONE: (50, 0)}
    assert (await asker.ask(BY_INSTANCE)).tallies == {ONE: Tally(2, 0)}, "it only begins again"


async def test_a_new_andon_is_another_epoch(pages, asker):
    pages[0].counts = {ONE: (1, 0)}
    other = Asker(pages)
    epochs = {(await each.ask(BY_INSTANCE)).epoch for each in (asker, other)}
    await other.http.close()
    assert len(epochs) == 2


@pytest.mark.parametrize("wanted", [BY_UNIT, BY_INSTANCE], ids=["unit", "instance"])
async def test_silence_is_a_problem_and_no_zero(pages, wanted):
    asker = Asker(pages, patience=timedelta(milliseconds=500))
    for page in pages:
        page.hangs = threading.Event()
    async with asyncio.timeout(30):
        reading = await asker.ask(wanted)
    await asker.http.close()
    assert "did not answer within 0.5 s" in reading.problem
    assert reading.tallies == {}


async def test_an_endless_page_is_a_problem(pages):
    asker = Asker(pages)
    for page in pages:
        page.padding = 3_000_000
    assert "more than 2,000,000 bytes" in (await asker.ask(BY_INSTANCE)).problem
    await asker.http.close()


async def test_without_an_instance_there_is_a_problem(asker):
    asker.ready = []
    assert (await asker.ask(BY_UNIT)).problem
    assert (await asker.ask(BY_INSTANCE)).problem


async def test_nobody_listening_is_a_problem(asker):
    asker.ready = [Place("gone", "http://127.0.0.1:1")]
    assert "did not answer" in (await asker.ask(BY_UNIT)).problem


async def test_a_malformed_selector_is_a_problem(pages, asker):
    assert "does not select" in (await asker.ask(BY_UNIT.model_copy(update={"bad": "rate(x)"}))).problem


async def test_all_sources_answer_together_each_for_its_metric(pages, asker):
    pages[0].counts = {ONE: (9, 1)}
    at = asker.clock.now()

    async def counts(unit: UnitName, environment: EnvironmentName) -> RequestCounts:
        return RequestCounts(at, "e1", {ONE: Tally(7, 2)})

    outside = SqlEvidence({}, asker.clock), PrometheusEvidence(Server(), asker.clock)
    sources = Sources(Adapters(GatewayEvidence(counts, asker.clock), asker.http, *outside), asker.clock)
    errors, parts = await sources.read(
        MES, PRODUCTION, {"errors": Evidence(source="gateway"), "yield": BY_UNIT}
    )
    assert errors == Reading("errors", at, {ONE: Tally(7, 2)}, epoch="e1")
    assert parts.tallies == {ONE: Tally(10, 1)}
    await sources.close()


async def test_a_histogram_of_the_unit_is_read_with_its_edges(pages, asker):
    pages[0].times = {ONE: (4, 9, 10), TWO: (0, 1, 1)}
    reading = await asker.ask(TIMES)
    assert reading.tallies == {ONE: measured((4, 5, 1)), TWO: measured((0, 1, 0))}
    assert reading.edges == (15.0, 60.0, math.inf)
    assert reading.epoch == ONE_SERIES


async def test_histograms_of_instances_are_summed_over_a_restart(pages, asker):
    wanted = TIMES.model_copy(update={"scope": "instance"})
    pages[0].times, pages[1].times = {ONE: (4, 9, 10)}, {TWO: (1, 1, 1)}
    await asker.ask(wanted)
    pages[0].times, pages[1].times = {ONE: (1, 2, 2)}, {TWO: (1, 2, 3)}
    asker.clock.advance(timedelta(seconds=1))
    reading = await asker.ask(wanted)
    assert reading.tallies == {ONE: measured((1, 1, 0)), TWO: measured((0, 1, 1))}


async def test_an_edge_that_the_page_has_not_is_a_problem(pages, asker):
    pages[0].times = pages[1].times = {ONE: (4, 9, 10)}
    assert "no bucket" in (await asker.ask(TIMES.model_copy(update={"edges": [15.0, 50.0]}))).problem


async def test_the_gateways_latencies_are_a_metric_of_their_own():
    clock = ManualClock()
    counted = RequestCounts(clock.now(), "e1", {ONE: Tally(7, 2)}, {ONE: measured((6, 1))}, (0.1, math.inf))

    async def counts(unit: UnitName, environment: EnvironmentName) -> RequestCounts:
        return counted

    wanted = Evidence(source="gateway", kind="latency")
    reading = await GatewayEvidence(counts, clock).read(MES, PRODUCTION, "latency", wanted)
    assert reading == Reading(
        "latency", clock.now(), {ONE: measured((6, 1))}, epoch="e1", edges=(0.1, math.inf)
    )


async def test_a_gateway_that_does_not_answer_is_a_problem():
    async def silent(unit: UnitName, environment: EnvironmentName) -> RequestCounts:
        raise Unavailable("gateway", "the gateway does not answer")

    async def unread(unit: UnitName, environment: EnvironmentName) -> None:
        return None

    for counts in (silent, unread):
        reading = await GatewayEvidence(counts, ManualClock()).read(MES, PRODUCTION, "errors", ERRORS)
        assert reading.problem
        assert reading.tallies == {}

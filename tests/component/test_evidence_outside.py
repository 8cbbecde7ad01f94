"""Evidence from databases and from a real Prometheus: what the plant has beside the units."""

import asyncio
import shutil
import sqlite3
import subprocess
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

from andon.evidence.gateway import GatewayEvidence
from andon.evidence.http import HttpEvidence, Place
from andon.evidence.model import ONE_SERIES, Tally, measured
from andon.evidence.prometheus import PrometheusEvidence, Server
from andon.evidence.sources import Adapters, Sources
from andon.evidence.sql import SqlEvidence
from andon.kernel.clock import ManualClock, SystemClock
from andon.kernel.errors import InvalidInput
from andon.kernel.ids import EnvironmentName, UnitName, Version
from andon.store.engine import Database
from andon.testing.ports import free_port
from andon.units.evidence import Evidence

MES, PRODUCTION = UnitName("mes"), EnvironmentName("production")
ONE = Version("1.0.0")
ROWS = "SELECT release, count(*) AS exposure, sum(is_bad) AS bad FROM parts GROUP BY release"
PARTS = Evidence(source="sql", database="plant", query=ROWS)
MADE = [
    "CREATE TABLE parts (release TEXT, is_bad INTEGER, seconds REAL)",
    "INSERT INTO parts VALUES ('1.0.0', 0, 12), ('1.0.0', 1, 40), ('1.1.0', 0, 90)",
]


@pytest.fixture
async def plant(any_database: Database) -> Database:
    """A database of the plant, on both kinds."""
    async with any_database.transaction() as tx:
        for each in MADE:
            await tx.exec_driver_sql(each)
    return any_database


@pytest.fixture
async def sql(plant: Database) -> AsyncIterator[SqlEvidence]:
    url = plant._writer.url.render_as_string(hide_password=False).replace("+aiosqlite", "")
    made = SqlEvidence({"plant": url.replace("+psycopg", "")}, ManualClock(), patience=timedelta(seconds=5))
    yield made
    await made.close()


async def test_a_query_gives_counts_by_release(sql):
    reading = await sql.read("yield", PARTS)
    assert reading.problem == ""
    assert reading.tallies == {ONE: Tally(2, 1), Version("1.1.0"): Tally(1, 0)}
    assert reading.epoch == ONE_SERIES


async def test_a_query_gives_buckets(sql):
    edge = "CASE WHEN seconds <= 15 THEN 15 WHEN seconds <= 60 THEN 60 END"
    query = f"SELECT release, {edge} AS edge, count(*) AS count FROM parts GROUP BY 1, 2"
    wanted = Evidence(source="sql", kind="latency", database="plant", query=query, edges=[15, 60])
    reading = await sql.read("cycle-time", wanted)
    assert reading.tallies == {ONE: measured((1, 1, 0)), Version("1.1.0"): measured((0, 0, 1))}


async def test_a_query_that_writes_is_refused_and_writes_nothing(sql):
    for query in ("DELETE FROM parts", "INSERT INTO parts VALUES ('2.0.0', 0, 0)"):
        problem = (await sql.read("yield", PARTS.model_copy(update={"query": query}))).problem
        assert "refused the query" in problem
    assert (await sql.read("yield", PARTS)).tallies[ONE] == Tally(2, 1)


async def test_what_a_database_cannot_answer_is_a_problem_and_no_zero(sql):
    for query, why in (
        ("SELECT nonsense FROM parts", "refused the query"),
        ("SELECT release FROM parts", "a row has no exposure"),
        ("SELECT release, 0.5 AS exposure, 0 AS bad FROM parts", "no count"),
    ):
        reading = await sql.read("yield", PARTS.model_copy(update={"query": query}))
        assert why in reading.problem, query
        assert reading.tallies == {}


async def test_a_slow_query_is_given_up(tmp_path):
    file = tmp_path / "slow.db"
    with closing(sqlite3.connect(file)) as made:
        made.execute("CREATE TABLE parts (release TEXT)")
    counting = "SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 200000000"
    endless = f"WITH RECURSIVE n(x) AS ({counting}) SELECT max(x) FROM n"
    source = SqlEvidence({"plant": f"sqlite:///{file}"}, ManualClock(), patience=timedelta(milliseconds=100))
    async with asyncio.timeout(60):
        reading = await source.read("yield", PARTS.model_copy(update={"query": endless}))
    assert "within 0.1 s" in reading.problem
    await source.close()


async def test_a_database_that_is_not_named_or_not_there_is_a_problem(tmp_path):
    source = SqlEvidence({"other": f"sqlite:///{tmp_path / 'none.db'}"}, ManualClock())
    assert "known: other" in (await source.read("yield", PARTS)).problem
    missing = PARTS.model_copy(update={"database": "other"})
    assert "unable to open" in (await source.read("yield", missing)).problem
    assert not (tmp_path / "none.db").exists()
    await source.close()
    with pytest.raises(InvalidInput, match="not supported"):
        SqlEvidence({"plant": "mysql://x@y/z"}, ManualClock())
    with pytest.raises(InvalidInput, match="cannot be read"):
        SqlEvidence({"plant": "secret"}, ManualClock())


async def test_a_seldom_asked_source_gives_its_last_reading_until_it_is_time(sql):
    async def nothing(*_: object) -> None:
        return None

    clock = ManualClock()
    sql._clock = clock
    http = HttpEvidence(nothing, clock)
    adapters = Adapters(GatewayEvidence(nothing, clock), http, sql, PrometheusEvidence(Server(), clock))
    sources = Sources(adapters, clock)
    (first,) = await sources.read(MES, PRODUCTION, {"yield": PARTS})
    clock.advance(timedelta(seconds=4))
    assert (await sources.read(MES, PRODUCTION, {"yield": PARTS}))[0] is first
    clock.advance(timedelta(seconds=1))
    assert (await sources.read(MES, PRODUCTION, {"yield": PARTS}))[0].at == clock.now()
    other = PARTS.model_copy(update={"query": ROWS + " ORDER BY 1"})
    assert (await sources.read(MES, PRODUCTION, {"yield": other}))[0] is not first
    (unknown,) = await sources.read(
        MES, PRODUCTION, {"p": Evidence(source="prometheus", exposure="a", bad="b")}
    )
    assert "ANDON_EVIDENCE__PROMETHEUS" in unknown.problem
    await sources.close()


@dataclass
class Exporter:
    """An instance that a Prometheus scrapes."""

    registry: CollectorRegistry = field(default_factory=CollectorRegistry)

    def __post_init__(self) -> None:
        self.parts = Counter("parts", "Parts.", ["release", "result"], registry=self.registry)
        self.cycle = Histogram("cycle", "Time.", ["release"], registry=self.registry, buckets=[15, 60])

    def served(self) -> type[BaseHTTPRequestHandler]:
        exporter = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                body = generate_latest(exporter.registry)
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args):
                pass

        return Handler


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server.server_port
    server.shutdown()
    server.server_close()
    thread.join()


@contextmanager
def prometheus(folder: Path, target: int) -> Iterator[str]:
    program = shutil.which("prometheus")
    assert program, "Prometheus is missing: apt-get install prometheus"
    (folder / "prometheus.yml").write_text(
        "global: {scrape_interval: 200ms}\n"
        f"scrape_configs: [{{job_name: mes, static_configs: [{{targets: ['127.0.0.1:{target}']}}]}}]\n"
    )
    port = free_port()
    command = [
        program,
        f"--config.file={folder}/prometheus.yml",
        f"--storage.tsdb.path={folder}/data",
        f"--web.listen-address=127.0.0.1:{port}",
        "--log.level=error",
    ]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


async def test_a_real_prometheus_is_asked_by_promql(tmp_path):
    exporter = Exporter()
    for result, count in (("pass", 90), ("fail", 10)):
        exporter.parts.labels("1.0.0", result).inc(count)
    exporter.cycle.labels("1.0.0").observe(12)
    parts = Evidence(source="prometheus", exposure='parts_total{job="mes"}', bad='parts_total{result="fail"}')
    times = Evidence(source="prometheus", kind="latency", histogram="cycle_bucket", edges=[15, 60])
    with serving(exporter.served()) as target, prometheus(tmp_path, target) as url:
        source = PrometheusEvidence(Server(url), SystemClock())

        async def ask(wanted: Evidence):
            return await source.read(MES, PRODUCTION, wanted.kind, wanted)

        async def until(wanted: Evidence, holds) -> None:
            async with asyncio.timeout(60):
                while not holds(await ask(wanted)):
                    await asyncio.sleep(0.05)

        await until(parts, lambda seen: not seen.problem)
        await until(times, lambda seen: not seen.problem)
        assert (await ask(parts)).tallies == {ONE: Tally(0, 0)}
        exporter.parts.labels("1.0.0", "pass").inc(7)
        exporter.parts.labels("1.1.0", "fail").inc(3)
        exporter.cycle.labels("1.0.0").observe(20)
        await until(parts, lambda seen: seen.tallies.get("1.1.0") == Tally(3, 3))
        assert (await ask(parts)).tallies[ONE] == Tally(7, 0)
        await until(times, lambda seen: seen.tallies.get(ONE) == measured((0, 1, 0)))
        refused = await ask(parts.model_copy(update={"bad": "parts_total{"}))
        assert "refused parts_total{: " in refused.problem
        assert "no instant vector" in (await ask(parts.model_copy(update={"bad": "parts_total[1m]"}))).problem
        await source.close()


async def test_a_unit_answers_rows_as_json():
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            body = b'{"rows": [{"release": "1.0.0", "exposure": 5, "bad": 1}]}'
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args):
            pass

    with serving(Handler) as port:

        async def places(*_: object) -> list[Place]:
            return [Place("i0", f"http://127.0.0.1:{port}")]

        source = HttpEvidence(places, SystemClock())
        wanted = Evidence(source="json", path="/evidence", scope="unit", rows="rows")
        assert (await source.read(MES, PRODUCTION, "yield", wanted)).tallies == {ONE: Tally(5, 1)}
        await source.close()


async def test_a_prometheus_that_is_away_or_slow_is_a_problem():
    source = PrometheusEvidence(Server("http://127.0.0.1:1"), SystemClock())
    wanted = Evidence(source="prometheus", exposure="a", bad="b")
    assert "did not answer" in (await source.read(MES, PRODUCTION, "yield", wanted)).problem
    await source.close()

"""Pipelines with real workers: a tree becomes a release, and nothing is lost with a process."""

import asyncio
import base64
import io
import json
import os
import signal
import subprocess
import sys
import tarfile
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest

from andon.kernel import processes
from andon.kernel.clock import SystemClock
from andon.kernel.errors import Conflict, NotFound
from andon.kernel.ids import Process, UnitName, Version
from andon.kernel.supervise import Loop
from andon.pipelines.cache import Cache
from andon.pipelines.commands import Ship
from andon.pipelines.controller import Parts, PipelineController
from andon.pipelines.formers import Formers
from andon.pipelines.inline import InProcess, Registry
from andon.pipelines.job import MARK, PackageSources
from andon.pipelines.log import Logs
from andon.pipelines.model import Run, RunState, StageName, StageState
from andon.pipelines.processes import Workers, WorkerSettings
from andon.pipelines.store import RunStore
from andon.releases.model import Release, Role
from andon.store.engine import Database
from andon.testing import plain_unit
from andon.testing.publisher import FakePublisher
from andon.timeline.store import Filter, TimelineStore

ROOT = Path(__file__).parents[2]
DEADLINE = 400.0
pytestmark = pytest.mark.timeout(900)
OFFLINE = PackageSources(use_index=False)
LOOP = timedelta(milliseconds=100)


async def until(condition: Callable[[], Awaitable[object]], what: str) -> None:
    async with asyncio.timeout(DEADLINE):
        while not await condition():
            await asyncio.sleep(0.02)
    assert what


@dataclass
class Plant:
    """Andon's part that ships, with a fake registry."""

    home: Path
    database: Database
    publisher: FakePublisher = field(default_factory=FakePublisher)

    def __post_init__(self) -> None:
        clock = SystemClock()
        self.store = RunStore(self.database)
        self.cache = Cache(self.home / "cache")
        self.logs = Logs(self.home)
        registry = Registry(self.publisher, self.cache, self.logs, clock)
        workers = Workers(WorkerSettings(self.home, os.environ, OFFLINE), self.wake)
        parts = Parts(
            self.store,
            self.cache,
            workers,
            InProcess(registry, self.wake),
            self.publisher,
            clock,
            self.home,
            self.is_corded,
            Formers(self, self, self.cache),
        )
        self.loop = Loop("pipelines", PipelineController(parts).tick, interval=LOOP, clock=clock)
        self.commands = Ship(self.store, clock, self.wake)
        self.task: asyncio.Task[None] | None = None

    async def list(self, unit: UnitName | None = None) -> list[Release]:
        return []  # a service is no bundle, so no delta leads to it

    async def versions(self, unit: UnitName) -> frozenset[Version]:
        return frozenset()

    async def fetch(
        self, unit: UnitName, version: Version, role: Role, into: Path, *, artifact_name: str = ""
    ) -> Path:
        raise NotFound("no-such-release", f"there is no release {unit}@{version}")

    async def is_corded(self) -> bool:
        return False

    def wake(self) -> None:
        self.loop.wake()

    def start(self) -> None:
        self.task = asyncio.create_task(self.loop.run())

    async def stop(self) -> None:
        if self.task is not None:
            self.task.cancel()
            await asyncio.gather(self.task, return_exceptions=True)

    async def finished(self, run: Run) -> Run:
        async def is_over() -> bool:
            return (await self.store.get(run.id)).state is not RunState.RUNNING

        await until(is_over, "the run ends")
        return await self.store.get(run.id)

    async def ship(self, unit: Path) -> Run:
        return await self.finished(await self.commands.start(unit, "kim"))

    async def stage_is(self, run: Run, name: StageName, state: StageState) -> None:
        async def is_there() -> bool:
            return (await self.store.get(run.id)).stage(name).state is state

        await until(is_there, f"{name} is {state}")


@pytest.fixture
async def plant(tmp_path: Path, database: Database) -> AsyncIterator[Plant]:
    made = Plant(tmp_path / "home", database)
    made.start()
    yield made
    await made.stop()
    for run in await made.store.list():
        for name in StageName:
            for attempt in range(1, 5):
                processes.kill_marked(MARK, f"{run.id}/{name}/{attempt}")


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    return plain_unit.write(tmp_path / "unit")


def add_test(unit: Path, body: str) -> None:
    file = unit / "tests.py"
    file.write_text(file.read_text() + f"\n\ndef test_added():\n    {body}\n")


async def test_a_tree_becomes_a_release_with_everything_in_it(plant: Plant, unit: Path) -> None:
    run = await plant.ship(unit)
    assert (run.state, run.reason) == (RunState.DONE, "plain 1.0.0 is published")
    content = plant.publisher.content["plain@1.0.0"]
    assert set(content) == set(Role) - {Role.TREE, Role.BUNDLE, Role.APPLICATION, Role.DELTA, Role.NOTES}
    with tarfile.open(fileobj=io.BytesIO(content[Role.WHEELHOUSE])) as tar:
        assert tar.getnames() == ["plain-1.0.0-py3-none-any.whl", "requirements.txt"]
    assert json.loads(content[Role.TEST_REPORT])["passed"] == 1
    assert json.loads(content[Role.SBOM])["components"][0]["name"] == "plain"
    assert content[Role.MANIFEST] == (unit / "andon.toml").read_bytes()
    text, offset = plant.logs.read(run.id, StageName.TEST)
    assert "1 passed" in text
    assert plant.logs.read(run.id, StageName.TEST, offset) == ("", offset)
    kinds = [each.event.kind for each in await TimelineStore(plant.database).list(Filter(unit="plain"))]
    assert kinds == ["pipeline.finished", "pipeline.started"]


async def test_a_release_carries_the_notes_that_its_manifest_names(plant: Plant, unit: Path) -> None:
    manifest = unit / "andon.toml"
    manifest.write_text(manifest.read_text().replace("[unit]\n", '[unit]\nnotes = "CHANGES.md"\n', 1))
    (unit / "CHANGES.md").write_text("## 1.0.0\n- the first\n")
    run = await plant.ship(unit)
    assert (run.state, run.reason) == (RunState.DONE, "plain 1.0.0 is published")
    assert plant.publisher.content["plain@1.0.0"][Role.NOTES] == b"- the first\n"
    release = plant.publisher.releases[UnitName("plain"), Version("1.0.0")]
    named = release.artifact(Role.NOTES)
    assert named is not None
    assert (named.name, named.size_bytes) == ("notes.md", 12)
    envelope = json.loads(plant.publisher.content["plain@1.0.0"][Role.PROVENANCE])
    statement = json.loads(base64.b64decode(envelope["payload"]))
    assert named.sha256 in {each["digest"]["sha256"] for each in statement["subject"]}


async def test_the_same_version_again_runs_nothing_and_says_so(plant: Plant, unit: Path) -> None:
    await plant.ship(unit)
    again = await plant.ship(unit)
    assert again.reason == "plain 1.0.0 is published already, with the same content"
    assert {each.state for each in again.stages[1:]} == {StageState.CACHED}


async def test_a_published_version_with_other_content_is_refused_at_once(plant: Plant, unit: Path) -> None:
    await plant.ship(unit)
    (unit / "src/plain/more.py").write_text("MORE = 1\n")
    again = await plant.ship(unit)
    assert again.state is RunState.FAILED
    assert "1.0.0 is published already with other content; raise the version" in again.reason
    assert again.stage(StageName.BUILD).state is StageState.SKIPPED


async def test_two_builds_of_one_tree_give_the_same_bytes(
    tmp_path: Path, unit: Path, database: Database
) -> None:
    released = []
    for name in ("first", "second"):
        plant = Plant(tmp_path / name, database)
        plant.start()
        assert (await plant.ship(unit)).state is RunState.DONE
        await plant.stop()
        released.append(plant.publisher.content["plain@1.0.0"])
    for role in (Role.WHEELHOUSE, Role.MANIFEST, Role.SBOM):
        assert released[0][role] == released[1][role]


async def test_a_failing_test_is_named_and_nothing_is_published(plant: Plant, unit: Path) -> None:
    add_test(unit, "assert 1 == 2, 'one is not two'")
    run = await plant.ship(unit)
    assert run.reason == "test: 1 of 2 tests failed, first tests::test_added: one is not two"
    assert run.stage(StageName.PUBLISH).state is StageState.SKIPPED
    assert plant.publisher.releases == {}


async def test_a_suite_without_a_test_does_not_pass(plant: Plant, unit: Path) -> None:
    (unit / "tests.py").write_text("")
    assert (await plant.ship(unit)).reason == "test: no test ran"


@pytest.mark.asvs("13.3.1")
async def test_a_planted_secret_is_refused_with_its_line(plant: Plant, unit: Path) -> None:
    key = "AKIA" + "QWERTYUIOPASDFGH"
    (unit / "src/plain/keys.py").write_text(f'\nKEY = "{key}"\n')
    run = await plant.ship(unit)
    assert run.state is RunState.FAILED
    assert "security: src/plain/keys.py:2: this looks like a secret" in run.reason
    assert key not in run.reason


async def test_a_grave_finding_of_bandit_is_refused_with_its_line(plant: Plant, unit: Path) -> None:
    code = "import subprocess\n\n\ndef run(text):\n    subprocess.call(text, shell=True)\n"
    (unit / "src/plain/danger.py").write_text(code)
    run = await plant.ship(unit)
    assert "security: src/plain/danger.py:5:" in run.reason
    assert "B602" in run.reason


async def test_a_stage_that_takes_too_long_is_killed_with_all_it_started(plant: Plant, unit: Path) -> None:
    manifest = unit / "andon.toml"
    manifest.write_text(manifest.read_text().replace('"10m"', '"3s"'))
    add_test(unit, "import subprocess; subprocess.run(['sleep', '600'], start_new_session=True)")
    run = await plant.ship(unit)
    assert run.reason == "test: it took longer than 3 s and was stopped"
    assert processes.marked(MARK, f"{run.id}/test/1") == []


async def test_a_cancelled_run_stops_its_processes_and_says_who(plant: Plant, unit: Path) -> None:
    add_test(unit, "import time; time.sleep(600)")
    run = await plant.commands.start(unit, "kim")
    await plant.stage_is(run, StageName.TEST, StageState.RUNNING)
    await plant.commands.cancel(run.id, "lee", "wrong tree")
    ended = await plant.finished(run)
    assert (ended.state, ended.reason) == (RunState.CANCELLED, "lee stopped it: wrong tree")
    assert processes.marked(MARK, f"{run.id}/test/1") == []


async def test_one_unit_is_shipped_once_at_a_time(plant: Plant, unit: Path) -> None:
    run = await plant.commands.start(unit, "kim")
    with pytest.raises(Conflict, match=run.id):
        await plant.commands.start(unit, "lee")
    await plant.finished(run)


async def test_a_killed_worker_costs_its_stage_and_not_the_run(
    plant: Plant, unit: Path, tmp_path: Path
) -> None:
    flag = tmp_path / "began"
    add_test(unit, hang_once(flag))
    run = await plant.commands.start(unit, "kim")
    await until(lambda: exists(flag), "the test began")
    processes.send(worker_of(plant, run, StageName.TEST, 1), signal.SIGKILL)
    ended = await plant.finished(run)
    assert ended.state is RunState.DONE, ended.reason
    assert (ended.stage(StageName.TEST).attempt, ended.stage(StageName.TEST).lost) == (2, 1)
    assert ended.stage(StageName.BUILD).attempt == 1
    assert processes.marked(MARK, f"{run.id}/test/1") == []


def hang_once(flag: Path) -> str:
    return (
        f"import pathlib, time; flag = pathlib.Path({str(flag)!r}); first = not flag.exists(); "
        "flag.touch(); time.sleep(600 if first else 0)"
    )


async def exists(flag: Path) -> bool:
    return flag.exists()


def worker_of(plant: Plant, run: Run, stage: StageName, attempt: int) -> Process:
    worker = processes.find_noted(plant.home / "runs" / run.id / f"{stage}.{attempt}" / "process.json")
    assert worker is not None
    return worker


_ANDON = """
import asyncio, sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from test_pipeline import Plant
from andon.store.engine import Database

async def main():
    plant = Plant(Path({home!r}), Database.open({url!r}))
    await plant.commands.start(Path({unit!r}), "kim")
    await plant.loop.run()

asyncio.run(main())
"""


@pytest.mark.parametrize("waits_for_worker", [False, True], ids=["adopted", "ended-meanwhile"])
async def test_a_killed_andon_finds_its_workers_again(
    tmp_path: Path, unit: Path, database: Database, waits_for_worker: bool
) -> None:
    began, go_on = tmp_path / "began", tmp_path / "go-on"
    body = f"import pathlib, time; pathlib.Path({str(began)!r}).touch()\n"
    body += f"    while not pathlib.Path({str(go_on)!r}).exists(): time.sleep(0.02)"
    add_test(unit, body)
    home = tmp_path / "home"
    script = _ANDON.format(
        tests=str(Path(__file__).parent),
        home=str(home),
        url=f"sqlite:///{tmp_path / 'andon.db'}",
        unit=str(unit),
    )
    andon = subprocess.Popen([sys.executable, "-c", script], cwd=ROOT)
    try:
        await until(lambda: exists(began), "the test began")
    finally:
        andon.kill()
        andon.wait()
    plant = Plant(home, database)
    (run,) = await plant.store.list()
    worker = worker_of(plant, run, StageName.TEST, 1)
    if waits_for_worker:
        go_on.touch()

        async def is_gone() -> bool:
            return not processes.is_alive(worker)

        await until(is_gone, "the worker ends")
    plant.start()
    try:
        if not waits_for_worker:
            await plant.stage_is(run, StageName.SECURITY, StageState.DONE)
            go_on.touch()
        ended = await plant.finished(run)
    finally:
        await plant.stop()
    assert ended.state is RunState.DONE, ended.reason
    assert [each.attempt for each in ended.stages] == [1, 1, 1, 1, 1, 1, 1]


async def test_the_units_code_has_a_limit_of_memory(plant: Plant, unit: Path) -> None:
    add_test(unit, "bytearray(5 << 30)")
    run = await plant.ship(unit)
    assert run.reason.startswith("test: 1 of 2 tests failed, first tests::test_added")


async def test_a_worker_gets_no_variable_that_it_does_not_need(
    plant: Plant, unit: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANDON_SECRET", "x")
    monkeypatch.setenv("UV_INDEX_PASSWORD", "x")
    check = "import os; found = [n for n in os.environ if n in ('ANDON_SECRET', 'UV_INDEX_PASSWORD')]; "
    add_test(unit, check + "assert not found, found")
    assert (await plant.ship(unit)).state is RunState.DONE

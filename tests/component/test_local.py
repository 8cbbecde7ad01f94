"""The local target with real processes. Every test ends what it started."""

import asyncio
import os
import shutil
import signal
import socket
import tarfile
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import httpx
import psutil
import pytest

from andon.kernel import processes
from andon.kernel.clock import SystemClock
from andon.kernel.errors import NotFound, Unavailable, Untrusted
from andon.kernel.ids import EnvironmentName, UnitName, Version
from andon.releases.model import Role
from andon.targets.detached import MARK
from andon.targets.local import LocalSettings, LocalTarget
from andon.targets.model import Assignment, Instance, InstanceState
from andon.targets.records import Rules
from andon.testing import tiny_unit
from andon.units.desired import Desired, DesiredRelease

UNIT, PRODUCTION = UnitName("tiny"), EnvironmentName("production")
ONE, TWO = Version("1.0.0"), Version("1.1.0")
PATIENCE_SECONDS = 150  # generous: the machine may be busy with other tests
RULES = Rules(
    crash_loop_deaths=3,
    first_backoff=timedelta(milliseconds=20),
    drain_grace=timedelta(milliseconds=50),
    work_attempts=1,
)


class Plant:
    """A home with its local target, which can be replaced by a new one as after a restart of Andon."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.archives = home / "registry"
        self.archives.mkdir(parents=True)
        self.fetched: list[Version] = []
        self.tampered: set[Version] = set()
        self.is_broken = False
        self.woken: list[int] = []
        self.rules = RULES
        self.manifest = tiny_unit.manifest()
        self.target = self.a_target()

    def a_target(self) -> LocalTarget:
        # A block of ports for each test worker, so that parallel tests rarely meet.
        worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:])
        first = 21000 + 500 * (worker % 16)
        settings = LocalSettings(self.home, first, first + 499, self.rules)
        return LocalTarget(settings, self.fetch, SystemClock(), lambda: self.woken.append(1))

    async def fetch(self, unit: UnitName, version: Version, role: Role, into: Path) -> Path:
        assert (unit, role) == (UNIT, Role.WHEELHOUSE)
        self.fetched.append(version)
        if version in self.tampered:
            raise Untrusted("bad-hash", "the wheelhouse is not the one that was signed")
        archive = tiny_unit.wheelhouse(into, version)
        if self.is_broken:
            with tarfile.open(archive, "w") as tar:
                tar.addfile(tarfile.TarInfo("broken-1.0-py3-none-any.whl"))
        return archive

    @property
    def data(self) -> Path:
        folder = self.home / "data" / PRODUCTION / UNIT
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    async def restart(self) -> None:
        await self.target.close()
        self.target = self.a_target()

    async def until(
        self, condition: Callable[[list[Instance]], bool], *, within: float = PATIENCE_SECONDS, **wanted: int
    ) -> list[Instance]:
        """Reconcile towards `wanted` (v100=2: two of 1.0.0) until the condition holds."""
        assignment = self.assignment(**wanted)
        async with asyncio.timeout(within):
            while True:
                await self.target.reconcile(assignment)
                seen = list(await self.target.observe(UNIT, PRODUCTION))
                if condition(seen):
                    return seen
                await asyncio.sleep(0.02)

    def assignment(self, *, share: float | None = None, **wanted: int) -> Assignment:
        versions = {Version(".".join(name[1:])): count for name, count in wanted.items()}
        releases = tuple(
            DesiredRelease(version, count, (1.0 if share is None else share) if version == ONE else 0.0)
            for version, count in versions.items()
        )
        desired = Desired(UNIT, PRODUCTION, 1, ONE, releases)
        return Assignment(desired, dict.fromkeys((ONE, TWO, *versions), self.manifest))


@pytest.fixture
async def plant(tmp_path: Path) -> AsyncIterator[Plant]:
    made = Plant(tmp_path)
    yield made
    ids = [each.name for each in (tmp_path / "instances").glob("*")]
    await made.target.close()
    for each in ids:
        processes.kill_marked(MARK, each)


def all_ready(count: int) -> Callable[[list[Instance]], bool]:
    return lambda seen: len(seen) == count and all(each.state is InstanceState.READY for each in seen)


def no_longer(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


async def get(instance: Instance, path: str = "/ready") -> httpx.Response:
    async with httpx.AsyncClient(trust_env=False, timeout=PATIENCE_SECONDS) as http:
        return await http.get(f"http://{instance.host}:{instance.port}{path}")


def started(plant: Plant, version: Version = ONE) -> int:
    return len((plant.data / f"tally-{version}").read_text())


async def test_a_release_is_installed_migrated_once_and_started(plant: Plant):
    seen = await plant.until(all_ready(2), v100=2)
    assert {(await get(each)).text for each in seen} == {ONE}
    assert len({each.port for each in seen}) == 2
    assert plant.fetched == [ONE]
    assert (plant.data / f"migrated-{ONE}").read_text() == "x"


async def test_instances_outlive_andon_and_are_adopted(plant: Plant):
    before = await plant.until(all_ready(2), v100=2)
    await plant.restart()
    assert {(each.id, each.pid, each.state) for each in await plant.target.observe(UNIT, PRODUCTION)} == {
        (each.id, each.pid, InstanceState.READY) for each in before
    }
    after = await plant.until(all_ready(2), v100=2)
    assert {each.pid for each in after} == {each.pid for each in before}
    assert plant.fetched == [ONE]
    assert started(plant) == 2


async def test_one_that_dies_is_started_again_under_the_same_name(plant: Plant):
    (before,) = await plant.until(all_ready(1), v100=1)
    os.kill(before.pid, signal.SIGKILL)
    (after,) = await plant.until(lambda seen: seen[0].restarts == 1 and all_ready(1)(seen), v100=1)
    assert after.id == before.id
    assert after.pid != before.pid


async def test_the_death_of_an_adopted_one_is_noticed(plant: Plant):
    (before,) = await plant.until(all_ready(1), v100=1)
    await plant.restart()
    os.kill(before.pid, signal.SIGKILL)
    (after,) = await plant.until(lambda seen: seen[0].restarts == 1 and all_ready(1)(seen), v100=1)
    assert after.id == before.id


async def test_a_crash_loop_ends_the_restarts_until_a_person_retries(plant: Plant):
    (plant.data / "crash").touch()
    (seen,) = await plant.until(lambda seen: bool(seen) and seen[0].state is InstanceState.CRASH_LOOP, v100=1)
    assert "told to crash" in seen.detail
    assert started(plant) == RULES.crash_loop_deaths
    for _ in range(5):
        await plant.target.reconcile(plant.assignment(v100=1))
    assert started(plant) == RULES.crash_loop_deaths
    (plant.data / "crash").unlink()
    assert await plant.target.retry(UNIT, PRODUCTION, ONE) == 1
    await plant.until(all_ready(1), v100=1)


async def test_a_crash_loop_is_over_when_another_number_is_wanted(plant: Plant):
    (plant.data / "crash").touch()
    await plant.until(lambda seen: bool(seen) and seen[0].state is InstanceState.CRASH_LOOP, v100=1)
    (plant.data / "crash").unlink()
    await plant.until(all_ready(2), v100=2)


async def test_draining_lets_a_slow_request_finish(plant: Plant):
    (seen,) = await plant.until(all_ready(1), v100=1)
    request = asyncio.create_task(get(seen, "/slow"))
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not [c for c in psutil.Process(seen.pid).net_connections() if c.status == "ESTABLISHED"]:
            await asyncio.sleep(0.01)
    states: set[InstanceState] = set()

    def gone(instances: list[Instance]) -> bool:
        states.update(each.state for each in instances)
        return not instances

    await plant.until(gone, v100=0)
    assert states == {InstanceState.DRAINING}
    assert (await request).text == "done"
    assert no_longer(seen.pid)


async def test_one_that_will_not_stop_is_killed_after_its_patience(plant: Plant):
    (plant.data / "stubborn").touch()
    plant.manifest = plant.manifest.model_copy(
        update={"drain": plant.manifest.drain.model_copy(update={"timeout": timedelta(milliseconds=300)})}
    )
    (seen,) = await plant.until(all_ready(1), v100=1)
    await plant.until(lambda seen: not seen, v100=0)
    assert no_longer(seen.pid)


async def test_a_release_that_is_no_longer_named_is_stopped_and_another_takes_its_place(plant: Plant):
    await plant.until(all_ready(1), v100=1)
    both = await plant.until(all_ready(2), v100=1, v110=1)
    assert [each.version for each in both] == [ONE, TWO]
    (left,) = await plant.until(all_ready(1), v110=1)
    assert left.version == TWO
    assert left.pid == both[1].pid


async def test_a_tampered_release_is_refused_and_not_tried_again(plant: Plant):
    plant.tampered.add(ONE)

    def refused(seen: list[Instance]) -> bool:
        return bool(seen) and all(each.state is InstanceState.REFUSED for each in seen)

    (seen, _) = await plant.until(refused, v100=2)
    assert seen.detail == "the wheelhouse is not the one that was signed"
    assert seen.pid is None
    for _ in range(3):
        await plant.target.reconcile(plant.assignment(v100=2))
    await plant.restart()
    await plant.until(refused, v100=2)
    assert plant.fetched == [ONE]
    assert not list((plant.home / "installs").glob("*/*/.complete"))


async def test_a_release_whose_manifest_does_not_verify_is_refused(plant: Plant):
    wanted = replace(plant.assignment(v100=1), manifests={}, refused={ONE: "its manifest was altered"})
    await plant.target.reconcile(wanted)
    await plant.target.reconcile(wanted)
    (seen,) = await plant.target.observe(UNIT, PRODUCTION)
    assert (seen.state, seen.detail) == (InstanceState.REFUSED, "its manifest was altered")
    assert plant.fetched == []


async def test_a_wheel_that_cannot_be_installed_starts_nothing_and_says_why(plant: Plant):
    plant.is_broken = True
    (seen,) = await plant.until(lambda seen: bool(seen) and seen[0].state is InstanceState.CRASH_LOOP, v100=1)
    assert "the installer ended with" in seen.detail
    assert not list((plant.home / "installs").glob("*/*/.complete"))


async def test_an_installation_that_was_cut_off_is_made_again(plant: Plant):
    await plant.until(all_ready(1), v100=1)
    await plant.until(lambda seen: not seen, v100=0)
    (complete,) = (plant.home / "installs").glob("*/*/.complete")
    complete.unlink()
    shutil.rmtree(complete.parent / "bin")
    await plant.until(all_ready(1), v100=1)


async def test_an_unhealthy_one_stays_and_recovers(plant: Plant):
    (before,) = await plant.until(all_ready(1), v100=1)
    (plant.data / "sick").touch()
    # Beside another release it is the rollout's business what follows.
    (sick, _) = await plant.until(lambda seen: seen[0].failed_checks >= 7, v100=1, v110=1)
    assert (sick.state, sick.pid) == (InstanceState.UNHEALTHY, before.pid)
    (plant.data / "sick").unlink()
    (after, _) = await plant.until(all_ready(2), v100=1, v110=1)
    assert after.pid == before.pid


async def test_a_stable_one_that_stays_unhealthy_is_restarted(plant: Plant):
    (before,) = await plant.until(all_ready(1), v100=1)
    (plant.data / "sick").touch()
    await plant.until(lambda seen: seen[0].restarts >= 1, v100=1)
    assert no_longer(before.pid)


async def test_one_that_does_not_become_ready_is_restarted_and_counted(plant: Plant):
    (plant.data / "slow-start").touch()
    plant.manifest = plant.manifest.model_copy(
        update={"ready": plant.manifest.ready.model_copy(update={"deadline": timedelta(milliseconds=300)})}
    )
    (seen,) = await plant.until(lambda seen: bool(seen) and seen[0].state is InstanceState.CRASH_LOOP, v100=1)
    assert "not ready within 0.3 s" in seen.detail  # on a busy machine it may not even answer in that time


async def test_a_failing_migration_starts_nothing_and_says_why(plant: Plant):
    plant.manifest = plant.manifest.model_copy(
        update={
            "run": plant.manifest.run.model_copy(
                update={"migrate": ["python", "-c", "exit('no such column')"]}
            )
        }
    )
    (seen,) = await plant.until(lambda seen: bool(seen) and seen[0].state is InstanceState.CRASH_LOOP, v100=1)
    assert "migration" in seen.detail
    assert "no such column" in seen.detail
    assert seen.pid is None


async def test_output_can_be_read_from_the_end_also_after_its_instance(plant: Plant):
    (seen,) = await plant.until(all_ready(1), v100=1)
    assert await plant.target.logs(seen.id, lines=5) == [f"release {ONE} starts"]
    await plant.until(lambda seen: not seen, v100=0)
    assert await plant.target.logs(seen.id, lines=1)
    with pytest.raises(NotFound):
        await plant.target.logs("../registry", lines=1)


async def test_what_an_instance_left_behind_is_ended_before_it_is_started_again(plant: Plant):
    script = (
        "import subprocess, time; subprocess.Popen(['sleep', '300'], start_new_session=True); time.sleep(300)"
    )
    plant.manifest = plant.manifest.model_copy(
        update={"run": plant.manifest.run.model_copy(update={"command": ["python", "-c", script]})}
    )
    await plant.until(lambda seen: bool(seen) and seen[0].pid is not None, v100=1)
    (seen,) = await plant.target.observe(UNIT, PRODUCTION)
    async with asyncio.timeout(PATIENCE_SECONDS):
        while len(processes.marked(MARK, seen.id)) < 2:
            await asyncio.sleep(0.02)
    first = processes.marked(MARK, seen.id)
    os.kill(seen.pid, signal.SIGKILL)
    await plant.until(lambda now: now[0].pid not in {None, seen.pid}, v100=1)
    assert not any(processes.is_alive(each) for each in first)


async def test_a_change_wakes_whoever_waits_for_it_and_rest_does_not(plant: Plant):
    await plant.until(all_ready(1), v100=1)
    assert plant.woken
    await plant.target.reconcile(plant.assignment(v100=1))
    plant.woken.clear()
    for _ in range(5):
        await plant.target.reconcile(plant.assignment(v100=1))
    assert not plant.woken


async def test_what_releases_have_in_common_is_kept_once_for_each_start_of_the_machine(plant: Plant):
    stale = plant.home / "installs" / ".shared" / "another-boot" / "wheels"
    stale.mkdir(parents=True)
    await plant.until(all_ready(2), v100=1, v110=1)
    assert not stale.exists()
    (shared,) = (plant.home / "installs" / ".shared").iterdir()
    assert len(list(shared.glob("wheels/*/*.whl"))) == 2


async def test_everything_can_be_stopped(plant: Plant):
    seen = await plant.until(all_ready(2), v100=2)
    async with asyncio.timeout(PATIENCE_SECONDS):
        await plant.target.stop_everything()
    assert all(no_longer(each.pid) for each in seen)
    assert await plant.target.observe(UNIT, PRODUCTION) == []


async def test_without_a_free_port_nothing_starts(plant: Plant):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        plant.target = LocalTarget(LocalSettings(plant.home, port, port, RULES), plant.fetch, SystemClock())
        with pytest.raises(Unavailable, match="no port is free"):
            await plant.until(lambda seen: False, v100=2)

"""The local target: processes of this machine from installed releases. They outlive Andon.

A tick sees, asks decide.py, and does; every record is written before the world is touched. So Andon may be
killed anywhere: the next one reads the records, finds the processes again and goes on. Slow work runs in
the background (works.py). What is not here: rules (decide.py), several machines (other targets).
"""

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from pathlib import Path

from andon.kernel import logging, processes
from andon.kernel.clock import Clock
from andon.kernel.errors import AndonError, Unavailable
from andon.kernel.ids import EnvironmentName, InstanceId, Process, UnitName, Version, new_id
from andon.kernel.memory import Gauge
from andon.targets import detached, launching
from andon.targets.checks import Checks, Probe
from andon.targets.decide import (
    Create,
    Decision,
    Forget,
    Install,
    Kill,
    Migrate,
    Start,
    Stop,
    TryAgain,
    apply,
    decide,
    died,
)
from andon.targets.detached import MARK
from andon.targets.installs import Fetch, Installs, last_words
from andon.targets.model import Assignment, Instance, InstanceState
from andon.targets.records import Record, Rules, SeenInstance, SeenRelease, Work, WorkState
from andon.targets.store import InstanceStore
from andon.targets.works import Works
from andon.units.desired import Desired
from andon.units.model import Manifest

_log = logging.get(__name__)
_ROUNDS = 4  # a tick goes on while there is something to do at once, but not for ever
_HOST = "127.0.0.1"
_END_PAUSE = timedelta(milliseconds=50)

Key = tuple[UnitName, EnvironmentName]


@dataclass(frozen=True, slots=True)
class LocalSettings:
    """Where everything is kept, and how patient the target is. The last port is included."""

    home: Path
    first_port: int = 20000
    last_port: int = 29999
    rules: Rules = field(default_factory=Rules)


def _wake_nobody() -> None:
    return None


class LocalTarget:
    """A `Target`. One per home at a time; `close` leaves the instances running."""

    def __init__(
        self, settings: LocalSettings, fetch: Fetch, clock: Clock, wake: Callable[[], None] = _wake_nobody
    ) -> None:
        """`wake` is called when there is something to do or to see; never more than once for the same."""
        self._home = settings.home.resolve()
        self._rules = settings.rules
        self._clock = clock
        self._memory = Gauge(clock)
        self._wake = wake
        self._ports = launching.Ports(settings.first_port, settings.last_port)
        self._store = InstanceStore(self._home / "instances")
        self._installs = Installs(self._home / "installs", fetch)
        self._works = Works(clock, wake)
        self._checks = Checks(clock, wake)
        self._records: dict[InstanceId, Record] = {}
        self._children: dict[InstanceId, subprocess.Popen[bytes]] = {}
        self._watched: dict[int, int] = {}
        self._is_adopted = False
        self._adopting = asyncio.Lock()
        self._locks: defaultdict[Key, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def reconcile(self, assignment: Assignment) -> None:
        """Do what can be done at once towards `assignment`; begin what takes long."""
        await self._adopt()
        key = (assignment.desired.unit, assignment.desired.environment)
        async with self._locks[key]:
            before = self._states(key)
            for _ in range(_ROUNDS):
                named = [each.version for each in assignment.desired.releases]
                releases = {each: self._see_release(each, assignment) for each in named}
                seen = [await self._see(each) for each in self._of(key)]
                decisions = decide(list(releases.values()), seen, self._clock.now(), self._rules)
                for decision in decisions:
                    await self._do(decision, assignment, releases)
                self._check(key, assignment)
                if not decisions:
                    break
            if self._states(key) != before:
                self._wake()  # others wait for it: the gateway, a rollout

    async def observe(self, unit: UnitName, environment: EnvironmentName) -> Sequence[Instance]:
        """The instances that are there, by release and age. Known from the first call on."""
        await self._adopt()
        found = sorted(
            self._of((unit, environment)), key=lambda each: (each.version, each.created_at, each.id)
        )
        return [self._measured(each.as_instance(self._failed_checks(each))) for each in found]

    def _measured(self, instance: Instance) -> Instance:
        pid = instance.pid
        return instance if pid is None else replace(instance, memory=self._memory.read(pid))

    async def logs(self, instance: InstanceId, *, lines: int) -> Sequence[str]:
        """The last lines of an instance's output, oldest first; also of those stopped lately.

        Raises:
            NotFound: there is no such instance.
        """
        return await asyncio.to_thread(self._store.tail, instance, lines)

    async def retry(self, unit: UnitName, environment: EnvironmentName, version: Version) -> int:
        """A person wants those that were given up to be tried again; gives how many there were."""
        await self._adopt()
        async with self._locks[unit, environment]:
            given_up = [
                each
                for each in self._of((unit, environment))
                if each.version == version and each.gave_up_at_instances is not None
            ]
            for each in given_up:
                self._forget_works(each)
                await self._save(
                    apply(each, Decision(TryAgain(each.id), "a person retries"), self._clock.now())
                )
        self._wake()
        return len(given_up)

    async def stop_everything(self) -> None:
        """End all instances of this home, gracefully while their patience lasts."""
        await self._adopt()
        await self._works.close()
        while self._records:
            for unit, environment in {(each.unit, each.environment) for each in self._records.values()}:
                nothing = Desired(unit, environment, revision=0, stable=None, releases=())
                await self.reconcile(Assignment(nothing, {}))
            await asyncio.sleep(_END_PAUSE.total_seconds())

    async def close(self) -> None:
        """Let go of everything but the instances."""
        await self._works.close()
        await self._checks.close()
        for pid in list(self._watched):
            self._unwatch(pid)

    async def _adopt(self) -> None:
        async with self._adopting:
            if self._is_adopted:
                return
            self._records = {each.id: each for each in await asyncio.to_thread(self._store.list)}
            for each in self._records.values():
                self._watch(each)
            self._is_adopted = True
            if self._records:
                _log.info("instances adopted", count=len(self._records))

    def _of(self, key: Key) -> list[Record]:
        return [each for each in self._records.values() if (each.unit, each.environment) == key]

    def _states(self, key: Key) -> dict[InstanceId, InstanceState]:
        return {each.id: each.state for each in self._of(key)}

    def _see_release(self, version: Version, assignment: Assignment) -> SeenRelease:
        wanted, manifest = assignment.desired, assignment.manifests.get(version)
        refusal = assignment.refused.get(version)
        refused = None if refusal is None else Work(WorkState.REFUSED, refusal)
        serving = [each.version for each in wanted.releases if each.instances > 0]
        seen = SeenRelease(
            version=version,
            instances=wanted.instances_of(version),
            share=wanted.share_of(version),
            is_settled=wanted.stable == version and serving == [version],
            install=refused or self._install_state(wanted.unit, version),
            migration=self._migration_state(wanted, version, manifest),
            has_manifest=manifest is not None,
        )
        if manifest is None:
            return seen
        return replace(seen, health_failures=manifest.health.failures, ready_deadline=manifest.ready.deadline)

    def _install_state(self, unit: UnitName, version: Version) -> Work:
        state = self._works.state(("install", unit, version))
        is_done = state.state is not WorkState.DOING and self._installs.find(unit, version) is not None
        return Work(WorkState.DONE) if is_done else state

    def _migration_state(self, wanted: Desired, version: Version, manifest: Manifest | None) -> Work:
        data = self._data(wanted.unit, wanted.environment)
        if manifest is not None and manifest.run.migrate is None:
            return Work(WorkState.DONE)
        state = self._works.state(("migrate", wanted.unit, wanted.environment, version))
        is_done = state.state is not WorkState.DOING and self._installs.is_migrated(
            wanted.unit, version, data
        )
        return Work(WorkState.DONE) if is_done else state

    async def _see(self, record: Record) -> SeenInstance:
        if record.process is None:
            if record.starts == 0 or record.state not in (InstanceState.STARTING, InstanceState.DRAINING):
                return SeenInstance(record, is_alive=False)
            return await self._find_again(record)
        end = ""
        child = self._children.get(record.id)
        if child is not None and (code := child.poll()) is not None:
            said = last_words(self._store.output(record.id))
            end = detached.describe_end(code) + (f": {said}" if said else "")
        is_alive = processes.is_alive(record.process)
        if not is_alive:
            self._unwatch(record.process.pid)
            # What it left behind goes too, before anything else is started under its name.
            is_alive = processes.kill_marked(MARK, record.id) > 0
        checked = self._checks.heard((record.id, record.starts))
        return SeenInstance(record, is_alive, end, checked)

    async def _find_again(self, record: Record) -> SeenInstance:
        """Andon was killed between starting a process and noting it: look for it by its mark."""
        found = processes.marked(MARK, record.id)
        if not found:
            is_unborn = detached.is_locked(self._store.folder(record.id) / "lock")
            return SeenInstance(record, is_alive=is_unborn)
        known = replace(record, process=found[0])
        await self._save(known)
        self._watch(known)
        _log.info("instance found again", instance=record.id, pid=found[0].pid)
        return SeenInstance(known, is_alive=True)

    async def _do(
        self, decision: Decision, assignment: Assignment, releases: dict[Version, SeenRelease]
    ) -> None:
        action, wanted = decision.action, assignment.desired
        match action:
            case Create():
                await self._create(wanted, action.version, decision.reason)
            case Install():
                self._works.begin(
                    ("install", wanted.unit, action.version),
                    partial(self._install, wanted.unit, action.version),
                )
            case Migrate():
                self._works.begin(
                    ("migrate", wanted.unit, wanted.environment, action.version),
                    partial(self._migrate, wanted, action.version, assignment.manifests[action.version]),
                )
            case Start():
                record = self._records[action.id]
                await self._start(decision, assignment.manifests[record.version], releases[record.version])
            case _:
                after = apply(self._records[action.id], decision, self._clock.now())
                await self._save(after)
                await self._touch(decision, after)

    async def _touch(self, decision: Decision, record: Record) -> None:
        """What a record's change means for its process."""
        match decision.action:
            case Stop() if record.process is not None:
                processes.send(record.process, signal.Signals[f"SIG{record.stop_signal}"])
            case Kill():
                if record.process is not None:
                    processes.send(record.process, signal.SIGKILL)
                processes.kill_marked(MARK, record.id)
            case TryAgain():
                self._forget_works(record)
            case Forget():
                del self._records[record.id]
                self._children.pop(record.id, None)
                self._checks.keep({}, {record.id})
                shutil.rmtree(self._store.folder(record.id) / "tmp", ignore_errors=True)
                await asyncio.to_thread(self._store.prune, record.unit, record.environment)

    async def _create(self, wanted: Desired, version: Version, why: str) -> None:
        now = self._clock.now()
        record = Record(
            id=InstanceId(new_id("in", now)),
            unit=wanted.unit,
            environment=wanted.environment,
            version=version,
            state=InstanceState.INSTALLING,
            created_at=now,
            since=now,
            detail=why,
        )
        if all(each.version != version for each in self._of((wanted.unit, wanted.environment))):
            self._forget_works(record)
        await self._save(record)

    async def _start(self, decision: Decision, manifest: Manifest, release: SeenRelease) -> None:
        assert isinstance(decision.action, Start)
        now = self._clock.now()
        before = self._records[decision.action.id]
        record = replace(
            apply(before, decision, now),
            host=_HOST,
            port=self._ports.take(_HOST, {each.port for each in self._records.values()}),
            stop_signal=manifest.drain.signal,
            stop_patience=manifest.drain.timeout,
        )
        await self._save(record)
        self._store.rotate(record.id)
        try:
            child = detached.start(launching.launch_of(record, manifest, self._place(record)))
        except AndonError as error:
            await self._save(apply(record, died(record, error.message, release, now, self._rules), now))
            return
        self._children[record.id] = child
        process = processes.find(child.pid) or Process(child.pid, 0, "gone")
        record = replace(record, process=process, detail=f"started as process {child.pid}")
        await self._save(record)
        self._watch(record)

    async def _install(self, unit: UnitName, version: Version) -> None:
        await self._installs.install(unit, version)
        used = {each.version for each in self._records.values() if each.unit == unit}
        await self._installs.clean(unit, used)

    async def _migrate(self, wanted: Desired, version: Version, manifest: Manifest) -> None:
        waiting = next(
            (each for each in self._of((wanted.unit, wanted.environment)) if each.version == version), None
        )
        if waiting is None:
            return
        place = self._place(waiting)
        (place.own / "tmp").mkdir(parents=True, exist_ok=True)
        command = launching.migration_of(waiting, manifest, place, self._store.output(waiting.id))
        await self._installs.migrate(wanted.unit, version, place.data, command)

    def _place(self, record: Record) -> launching.Place:
        environment = self._installs.find(record.unit, record.version)
        if environment is None:
            raise Unavailable("not-installed", f"{record.unit}@{record.version} is not installed")
        data = self._data(record.unit, record.environment)
        return launching.Place(environment, data, self._store.folder(record.id))

    def _data(self, unit: UnitName, environment: EnvironmentName) -> Path:
        return self._home / "data" / environment / unit

    def _forget_works(self, record: Record) -> None:
        self._works.forget(("install", record.unit, record.version))
        self._works.forget(("migrate", record.unit, record.environment, record.version))

    async def _save(self, record: Record) -> None:
        await asyncio.to_thread(self._store.save, record)
        self._records[record.id] = record

    def _check(self, key: Key, assignment: Assignment) -> None:
        own = self._of(key)
        wanted = {}
        for each in own:
            manifest = assignment.manifests.get(each.version)
            if manifest is not None and each.process is not None and each.state in _ASKED:
                wanted[each.id, each.starts] = _probe(each, manifest)
        self._checks.keep(wanted, {each.id for each in own})

    def _failed_checks(self, record: Record) -> int:
        checked = self._checks.heard((record.id, record.starts))
        return 0 if checked is None else checked.failed_in_a_row

    def _watch(self, record: Record) -> None:
        """Wake the loop as soon as the process ends."""
        if record.process is None or record.process.pid in self._watched:
            return
        with contextlib.suppress(ProcessLookupError):
            descriptor = os.pidfd_open(record.process.pid)
            self._watched[record.process.pid] = descriptor
            asyncio.get_running_loop().add_reader(descriptor, self._ended, record.process.pid)

    def _ended(self, pid: int) -> None:
        self._unwatch(pid)
        self._wake()

    def _unwatch(self, pid: int) -> None:
        descriptor = self._watched.pop(pid, None)
        if descriptor is not None:
            asyncio.get_running_loop().remove_reader(descriptor)
            os.close(descriptor)


_ASKED = (InstanceState.STARTING, InstanceState.READY, InstanceState.UNHEALTHY)


def _probe(record: Record, manifest: Manifest) -> Probe:
    return Probe(
        url=f"http://{record.host}:{record.port}",
        health_path=manifest.health.path,
        ready_path=manifest.ready.path,
        interval=manifest.health.interval,
        timeout=manifest.health.timeout,
        was_ready=record.state is not InstanceState.STARTING,
    )

"""What a running Andon is made of, wired together. Only here do siblings meet.

Each loop reads what it needs anew, so the order of wakes does not matter; they only make it faster.
"""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from importlib.metadata import version
from typing import Any

from andon import fleet_parts, own_judges, wave_parts
from andon.access.ca import authority
from andon.access_parts import access_of
from andon.api.services import Services
from andon.base import Base
from andon.evidence_parts import outside_of
from andon.fleet.whole import Fleet
from andon.gate_parts import Before, Gates, TaskParts, Whereabouts, gates_of, runner_of, tasks_of
from andon.gateway.certificates import Places
from andon.gateway.controller import GatewayReconciler
from andon.gateway.controller import Sources as GatewaySources
from andon.gateway.envoy import Envoy, EnvoyOptions
from andon.gateway.model import Acknowledged
from andon.gateway.stats import Scraper
from andon.kernel.clock import SystemClock
from andon.kernel.ids import RunId
from andon.kernel.supervise import Loop, LoopHealth
from andon.kernel.tls import Reloading
from andon.pipeline_parts import pipelines_of
from andon.pipelines.commands import Ship
from andon.pipelines.log import Logs
from andon.pipelines.model import StageName
from andon.probing import probes_of
from andon.registry_parts import kept_of, storage_of
from andon.releases.store import ReleaseStore
from andon.rollouts.advance.controller import AdvanceController
from andon.rollouts.approvals import Approvals
from andon.rollouts.authority import Authority
from andon.rollouts.commands import Commands
from andon.rollouts.controller import Holder, RolloutController
from andon.rollouts.noises.recorder import NoiseRecorder, Noises
from andon.rollouts.noises.recorder import Sources as NoiseSources
from andon.rollouts.noises.store import NoiseStore
from andon.rollouts.observer import Observer, Views
from andon.rollouts.sets.answers import SetAnswers
from andon.rollouts.sets.approving import SetApproving
from andon.rollouts.sets.barrier import SetGates
from andon.rollouts.sets.commands import SetCommands
from andon.rollouts.sets.controller import SetController
from andon.rollouts.sets.store import SetStore
from andon.rollouts.store import RolloutStore
from andon.rollouts.tasks.store import TaskStore
from andon.seen import Manifests, Seen
from andon.settings import Settings
from andon.store.engine import Database
from andon.store.leases import LeaseStore
from andon.targets.controller import Sources as TargetSources
from andon.targets.controller import TargetReconciler
from andon.targets.local import LocalSettings, LocalTarget
from andon.targets.records import Rules
from andon.targets.retries import Retries
from andon.timeline.records import Event
from andon.timeline.store import Filter, TimelineStore
from andon.units.store import DesiredStore

_PIPELINE_INTERVAL = timedelta(seconds=1)
_REGISTRY_INTERVAL = timedelta(hours=1)
_COLLECT_INTERVAL = timedelta(days=1)
_NOISE_INTERVAL = timedelta(seconds=5)
_CLOCK_INTERVAL = timedelta(seconds=5)
_ADVANCE_INTERVAL = timedelta(seconds=5)
_FORGET_INTERVAL = timedelta(minutes=10)
_RENEW_INTERVAL = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Parts:
    """What the edges use, and the loops that must run."""

    services: Services
    loops: tuple[Loop, ...]


class _Wakes:
    """Loops by name, so that one can wake another that is made later."""

    def __init__(self) -> None:
        self._loops: dict[str, Loop] = {}

    def add(self, loop: Loop) -> Loop:
        self._loops[loop.health.name] = loop
        return loop

    def wake(self, *names: str) -> None:
        for name in names:
            if name in self._loops:
                self._loops[name].wake()

    def health(self) -> list[LoopHealth]:
        return [each.health for each in self._loops.values()]

    def all(self) -> tuple[Loop, ...]:
        return tuple(self._loops.values())


@contextlib.asynccontextmanager
async def assembled(settings: Settings, certificate: Reloading | None = None) -> AsyncIterator[Parts]:
    """All parts over the home of `settings`; closed when the block ends, while instances and Envoy go on.

    certificate: what API and board are served by, to be kept fresh; None without TLS.
    Nobody else may run over the home meanwhile.
    """
    base = _base(settings)
    # Whoever ran over this home before is dead: the caller holds the home's lock.
    await LeaseStore(base.database).end_of_former(base.place)
    await base.access.clock_watch.start()
    await _tell_start(base)
    wakes = _Wakes()
    envoy = _envoy(base, lambda: wakes.wake("gateway"))
    target = _target(base, lambda: wakes.wake("instances", "gateway", "rollouts"))
    outside = replace(outside_of(base.settings.evidence, base.clock), agents=wave_parts.evidence_of(base))
    seen = Seen(Scraper(envoy, base.clock), base.desired, base.manifests, target, base.clock, outside=outside)
    gates = gates_of(_where(base, seen), lambda: wakes.wake("rollouts"))
    try:
        _keep_fresh(base, wakes, certificate)
        fleet = _fleet(base, wakes, await fleet_parts.fleet_of(base))
        yield _wired(base, wakes, envoy, (seen, gates, fleet), certificate)
    finally:
        await gates.asker.close()
        await seen.close()
        await target.close()
        await envoy.close()
        await base.access.close()
        await base.database.close()


async def _tell_start(base: Base) -> None:
    """A start is a record with the settings in force, so that a change of them has a place and a time."""
    former = await base.timeline.list(Filter(kind="andon.started"), limit=1)
    now = {"version": version("andon"), "settings": _shown(base.settings)}
    before = former[0].event.after if former else {}
    said = "Andon starts" if before in ({}, now) else "Andon starts with other settings"
    changed = {key: before[key] for key in now if key in before and before[key] != now[key]}
    await base.publish(Event("andon.started", "andon", "andon", said, before=changed, after=now))


def _shown(settings: Settings) -> dict[str, Any]:
    """The settings without what is secret."""
    return settings.model_dump(mode="json", exclude={"database_url", "token"})


async def end_everything(settings: Settings) -> None:
    """Stop the gateway and all instances of the home. Nobody else may run over it meanwhile."""
    base = _base(settings)
    envoy, target = _envoy(base, lambda: None), _target(base, lambda: None)
    try:
        await envoy.stop()
        await target.stop_everything()
        runner = runner_of(base.home, base.place)
        for each in await TaskStore(base.database).running():
            runner.stop(each)
    finally:
        await target.close()
        await base.database.close()


def _base(settings: Settings) -> Base:
    home, clock = settings.home.resolve(), SystemClock()
    database = Database.open(settings.database())
    releases = ReleaseStore(database, home, clock, storage=storage_of(settings))
    desired = DesiredStore(database)
    return Base(
        settings=settings,
        home=home,
        clock=clock,
        database=database,
        desired=desired,
        timeline=TimelineStore(database),
        releases=releases,
        manifests=Manifests(releases, desired),
        access=access_of(settings, home, database, clock),
        judges=own_judges.found(),
    )


def _envoy(base: Base, ended: Callable[[], None]) -> Envoy:
    settings = base.settings.gateway
    places = Places(settings.certificates, authority.Layout(base.home / "ca").server)
    options = EnvoyOptions(folder=base.home / "gateway", program=settings.envoy, certificates=places)
    return Envoy(options, base.clock, ended)


def _target(base: Base, wake: Callable[[], None]) -> LocalTarget:
    local = base.settings.local
    rules = Rules(crash_loop_deaths=local.crash_loop_restarts, crash_loop_window=local.crash_loop_window)
    settings = LocalSettings(base.home, local.first_port, local.last_port, rules)
    return LocalTarget(settings, base.releases.fetch, base.clock, wake)


def _fleet(base: Base, wakes: _Wakes, fleet: Fleet) -> Fleet:
    """The fleet with its loops."""
    old = fleet_parts.forgetting(base)
    for name, tick, interval in (
        ("fleet", fleet.controller.tick, fleet_parts.TICK),
        ("reports", fleet.inbox.tick, fleet_parts.REPORTS),
        ("samples", old.tick, fleet_parts.FORGET),
    ):
        wakes.add(Loop(name, tick, interval=interval, clock=base.clock))
    fleet.wake_by(lambda: wakes.wake("fleet"), lambda: wakes.wake("reports"))
    return fleet


def _where(base: Base, seen: Seen) -> Whereabouts:
    wanted = base.settings.rollouts
    return Whereabouts(
        database=base.database,
        clock=base.clock,
        releases=base.releases,
        access=base.access,
        seen=seen,
        origins=wanted.webhooks,
        ca=wanted.webhook_ca,
        commands=wanted.commands,
    )


def _tasks(base: Base, wakes: _Wakes, seen: Seen, holder: Holder) -> TaskParts:
    runner = runner_of(base.home, base.place, lambda: wakes.wake("tasks"))
    return tasks_of(_where(base, seen), runner, holder, lambda: wakes.wake("rollouts"))


def _keep_fresh(base: Base, wakes: _Wakes, certificate: Reloading | None) -> None:
    """Units may speak TLS by the same certificate where API and board do not."""
    folder, clock = base.home / "ca", base.clock

    async def renew() -> None:
        renewed = await asyncio.to_thread(authority.renew, folder, clock)
        if renewed is not None:
            said = f"renewed until {renewed.expires_at.isoformat()}"
            await base.publish(Event("tls.renewed", "tls/server", "tls", said))

    if certificate is not None:
        wakes.add(Loop("tls", certificate.tick, interval=base.settings.tls.interval, clock=clock))
    wakes.add(Loop("certificates", renew, interval=_RENEW_INTERVAL, clock=clock))


def _wired(
    base: Base, wakes: _Wakes, envoy: Envoy, looking: tuple[Seen, Gates, Fleet], certificate: Reloading | None
) -> Parts:
    settings, clock = base.settings, base.clock
    seen, outside, fleet = looking
    rollouts, access = RolloutStore(base.database), base.access
    sets = SetStore(base.database)
    together = SetAnswers(sets, rollouts, access.signatures, access.sealer, base.releases)
    gates = Approvals(
        access.signatures, access.sealer, base.releases, access.tokens.maker_of, together=together
    )
    target = seen.target
    gateway = GatewayReconciler(
        envoy,
        GatewaySources(base.desired.list, seen.endpoints, base.manifests.service),
        _publishing(wakes),
        base.publish,
    )
    seen.confirmed_by(gateway)
    waves = wave_parts.waves_of(base, fleet, rollouts)
    holder = Holder(f"{base.place}{os.getpid()}", settings.rollouts.lease)
    tasks = _tasks(base, wakes, seen, holder)
    noises = NoiseStore(base.database)
    recorder = NoiseRecorder(
        noises, LeaseStore(base.database), clock, holder, NoiseSources(base.desired.list, seen.last_readings)
    )
    observer = Observer(
        Views(
            instances=seen,
            gateway=seen,
            evidence=seen,
            state=rollouts,
            gates=gates,
            outside=SetGates(sets, outside.view),
            tasks=tasks.view,
            fleet=waves.target,
        ),
        base.judges,
        interval=settings.rollouts.interval,
    )
    controller = RolloutController(
        rollouts,
        LeaseStore(base.database),
        observer,
        clock,
        holder=holder,
        changed=lambda _unit, _environment: wakes.wake("instances", "gateway", "fleet"),
    )
    runs, pipelines = pipelines_of(base, lambda: wakes.wake("pipelines"), rollouts)
    targets = TargetReconciler(
        TargetSources(
            base.desired.list,
            base.releases.manifest,
            {"local": target, "fleet": waves.target},
            base.publish,
            quiet=frozenset({"fleet"}),
        )
    )

    def loop(name: str, tick: Callable[[], Awaitable[None]], interval: timedelta) -> None:
        wakes.add(Loop(name, tick, interval=interval, clock=clock))

    loop("gateway", gateway.tick, settings.gateway.interval)
    loop("traffic", seen.scrape, settings.gateway.scrape)
    loop("evidence", seen.read, settings.gateway.scrape)
    loop("noise", recorder.tick, _NOISE_INTERVAL)
    loop("instances", targets.tick, settings.local.interval)
    loop("rollouts", controller.tick, settings.rollouts.interval)
    loop("gates", outside.asker.tick, settings.rollouts.interval)
    loop("tasks", tasks.controller.tick, settings.rollouts.interval)
    loop("pipelines", pipelines.tick, _PIPELINE_INTERVAL)
    loop("registry", base.releases.refresh, _REGISTRY_INTERVAL)
    kept = kept_of(settings, base.database, clock, base.releases, tell=base.publish)
    if settings.registry.collect:
        loop("garbage", kept.collector.tick, _COLLECT_INTERVAL)
    loop("checkpoints", access.checkpoints.tick, settings.timeline.checkpoint)
    loop("clock", access.clock_watch.tick, _CLOCK_INTERVAL)
    loop("sign-ins", access.forget, _FORGET_INTERVAL)
    if settings.timeline.witnesses:
        loop("witnesses", access.witnesses.tick, settings.timeline.checkpoint)
    if access.directory is not None:
        loop("directory", access.login.recheck, settings.directory.recheck)
    authority = Authority(access.policies, access.sealer, gates)
    commands = Commands(
        rollouts,
        base.releases,
        base.judges,
        clock,
        authority,
        noises=Noises(noises, rollouts, clock),
        stations=waves.censuses,
    )
    advance = AdvanceController(access.policies, rollouts, commands, base.desired.list, clock)
    loop("advance", advance.tick, _ADVANCE_INTERVAL)
    moving = SetController(
        sets,
        rollouts,
        commands,
        LeaseStore(base.database),
        clock,
        holder=holder,
        changed=lambda: wakes.wake("rollouts", "instances", "gateway"),
    )
    loop("sets", moving.tick, settings.rollouts.interval)
    services = Services(
        clock=clock,
        version=version("andon"),
        releases=base.releases,
        registry=storage_of(settings),
        upkeep=kept.upkeep,
        runs=runs,
        ship=Ship(runs, clock, lambda: wakes.wake("pipelines"), roots=settings.pipelines.sources),
        rollouts=rollouts,
        commands=commands,
        sets=SetCommands(sets, commands, base.releases, clock),
        approving=SetApproving(sets, together, authority, clock),
        before=Before(outside, tasks),
        judges=base.judges,
        desired=base.desired,
        timeline=base.timeline,
        instances=wave_parts.instances_of(target.observe, waves.target),
        retry=Retries(target, base.desired.list, base.publish).retry,
        logs=lambda instance, lines: target.logs(instance, lines=lines),
        run_log=_run_log(Logs(base.home)),
        traffic=lambda: seen.last_traffic,
        readings=seen.last_readings,
        loops=wakes.health,
        probes=lambda: probes_of(base, envoy, certificate),
        settings=_shown(settings),
        people=access.people,
        login=access.login,
        sessions=access.sessions,
        devices=access.devices,
        tokens=access.tokens,
        signing=access.signing,
        policies=access.policies,
        secrets=access.secrets,
        audit=access.audit,
        fleet=fleet,
    )
    return Parts(services, wakes.all())


def _publishing(wakes: _Wakes) -> Callable[[Sequence[Acknowledged]], Awaitable[None]]:
    async def publish(_confirmed: Sequence[Acknowledged]) -> None:
        wakes.wake("rollouts")

    return publish


def _run_log(logs: Logs) -> Callable[[RunId, StageName, int], Awaitable[tuple[str, int]]]:
    async def read(run: RunId, stage: StageName, offset: int) -> tuple[str, int]:
        return await asyncio.to_thread(logs.read, run, stage, offset)

    return read

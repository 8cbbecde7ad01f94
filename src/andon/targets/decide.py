"""What to do next for one unit in one environment. Pure: what is wanted and seen comes in, actions go out.

At most one action per instance and tick; after a crash the same situation gives the same actions.
What is not here: how anything is done (local.py), what a new state means for a rollout (rollouts/).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import assert_never

from andon.kernel.ids import InstanceId, Version
from andon.targets.model import InstanceState
from andon.targets.records import Record, Rules, SeenInstance, SeenRelease, WorkState

_GAVE_UP = (InstanceState.CRASH_LOOP, InstanceState.REFUSED)
_BY_WORTH = (  # what is stopped first stands first
    InstanceState.REFUSED,
    InstanceState.CRASH_LOOP,
    InstanceState.RESTARTING,
    InstanceState.INSTALLING,
    InstanceState.STARTING,
    InstanceState.UNHEALTHY,
    InstanceState.READY,
)


@dataclass(frozen=True, slots=True)
class Create:
    """Note a new instance; nothing runs yet."""

    version: Version


@dataclass(frozen=True, slots=True)
class Install:
    """Install the release in the background."""

    version: Version


@dataclass(frozen=True, slots=True)
class Migrate:
    """Run the release's migration in the background."""

    version: Version


@dataclass(frozen=True, slots=True)
class Start:
    """Start the instance's process on a free port."""

    id: InstanceId


@dataclass(frozen=True, slots=True)
class Mark:
    """Only the state changes."""

    id: InstanceId
    state: InstanceState


@dataclass(frozen=True, slots=True)
class Restart:
    """Its process is gone: start it again at `after`."""

    id: InstanceId
    after: datetime
    deaths: tuple[datetime, ...]


@dataclass(frozen=True, slots=True)
class GiveUp:
    """No more starts until something else is wanted, or a person retries. state: CRASH_LOOP or REFUSED."""

    id: InstanceId
    state: InstanceState
    at_instances: int
    deaths: tuple[datetime, ...] = ()


@dataclass(frozen=True, slots=True)
class TryAgain:
    """Begin anew with one that was given up."""

    id: InstanceId


@dataclass(frozen=True, slots=True)
class Drain:
    """It should go: no new requests from here on."""

    id: InstanceId


@dataclass(frozen=True, slots=True)
class Stop:
    """Ask its process to end."""

    id: InstanceId


@dataclass(frozen=True, slots=True)
class Kill:
    """End everything of it at once."""

    id: InstanceId


@dataclass(frozen=True, slots=True)
class Forget:
    """Nothing of it runs and nothing should: strike it off."""

    id: InstanceId


Action = (
    Create | Install | Migrate | Start | Mark | Restart | GiveUp | TryAgain | Drain | Stop | Kill | Forget
)
RecordAction = Start | Mark | Restart | GiveUp | TryAgain | Drain | Stop | Kill | Forget


@dataclass(frozen=True, slots=True)
class Decision:
    """An action and why, one sentence for a person."""

    action: Action
    reason: str


def decide(
    releases: Sequence[SeenRelease], instances: Sequence[SeenInstance], now: datetime, rules: Rules
) -> list[Decision]:
    """The next actions. Never more instances than wanted beside those that drain."""
    wanted = {each.version: each for each in releases}
    surplus = _surplus(wanted, instances)
    decisions = [
        Decision(Create(each.version), f"{each.instances} of {each.version} wanted")
        for each in releases
        for _ in range(each.instances - _staying(each.version, instances))
    ]
    works: list[Decision] = []
    for seen in sorted(instances, key=_age):
        release = wanted.get(seen.record.version)
        if seen.record.state is InstanceState.DRAINING:
            decision = _draining(seen, release, now, rules)
        elif seen.record.id in surplus or release is None:
            decision = _leave(seen, release)
        else:
            decision = _keep(seen, release, now, rules)
        if decision is not None and decision not in works:
            is_work = isinstance(decision.action, Install | Migrate)
            (works if is_work else decisions).append(decision)
    return decisions + works


def apply(record: Record, decision: Decision, now: datetime) -> Record:
    """The record after the decision; written before the world is touched. The only place a state changes."""
    action, why = decision.action, decision.reason
    assert not isinstance(action, Create | Install | Migrate)
    match action:
        case Start():
            after = record.entered(InstanceState.STARTING, now, why)
            after = replace(after, process=None, starts=record.starts + 1, start_after=None, killed_for="")
        case Mark():
            after = record.entered(action.state, now, why)
        case Restart():
            after = record.entered(InstanceState.RESTARTING, now, why)
            after = replace(after, process=None, start_after=action.after, deaths=action.deaths)
        case GiveUp():
            after = record.entered(action.state, now, why)
            after = replace(
                after, process=None, gave_up_at_instances=action.at_instances, deaths=action.deaths
            )
        case TryAgain():
            after = record.entered(InstanceState.INSTALLING, now, why)
            after = replace(after, gave_up_at_instances=None, deaths=(), start_after=None)
        case Drain():
            after = record.entered(InstanceState.DRAINING, now, why)
        case Stop():
            after = replace(record, terminated_at=now, detail=why)
        case Kill():
            after = replace(record, detail=why, killed_for=why)
        case Forget():
            after = replace(record.entered(InstanceState.STOPPED, now, why), process=None)
        case _:
            assert_never(action)
    return after


def died(record: Record, how: str, release: SeenRelease, now: datetime, rules: Rules) -> Decision:
    """What follows when the process of `record` is gone, or could not be started."""
    deaths = (*(each for each in record.deaths if now - each < rules.crash_loop_window), now)
    if len(deaths) >= rules.crash_loop_deaths:
        window = f"{rules.crash_loop_window.total_seconds():g} s"
        return Decision(
            GiveUp(record.id, InstanceState.CRASH_LOOP, release.instances, deaths),
            f"died {len(deaths)} times in {window}, last: {how}",
        )
    backoff = min(rules.first_backoff * (1 << min(len(deaths) - 1, 16)), rules.longest_backoff)
    return Decision(Restart(record.id, now + backoff, deaths), how)


def _staying(version: Version, instances: Sequence[SeenInstance]) -> int:
    return sum(
        each.record.version == version and each.record.state is not InstanceState.DRAINING
        for each in instances
    )


def _surplus(wanted: dict[Version, SeenRelease], instances: Sequence[SeenInstance]) -> set[InstanceId]:
    """Instances above what is wanted: the least healthy first, then the newest."""
    chosen: set[InstanceId] = set()
    for version, release in wanted.items():
        staying = [
            each.record
            for each in instances
            if each.record.version == version and each.record.state is not InstanceState.DRAINING
        ]
        newest = sorted(staying, key=lambda each: (each.created_at, each.id), reverse=True)
        worst = sorted(newest, key=lambda each: _BY_WORTH.index(each.state))
        chosen |= {each.id for each in worst[: max(0, len(staying) - release.instances)]}
    return chosen


def _age(seen: SeenInstance) -> tuple[datetime, str]:
    return seen.record.created_at, seen.record.id


def _draining(
    seen: SeenInstance, release: SeenRelease | None, now: datetime, rules: Rules
) -> Decision | None:
    record = seen.record
    if not seen.is_alive:
        return Decision(Forget(record.id), seen.end or "stopped")
    if record.terminated_at is None:
        grace = rules.drain_grace if release is not None and release.share > 0 else rules.drain_grace * 0
        if now < record.since + grace:
            return None
        return Decision(
            Stop(record.id), f"asked to stop, {record.stop_patience.total_seconds():g} s to do so"
        )
    if now < record.terminated_at + record.stop_patience:
        return None
    return Decision(Kill(record.id), f"did not stop within {record.stop_patience.total_seconds():g} s")


def _leave(seen: SeenInstance, release: SeenRelease | None) -> Decision:
    record = seen.record
    why = (
        f"{record.version} should not run here any more"
        if release is None
        else f"only {release.instances} of {record.version} wanted"
    )
    return Decision(Drain(record.id) if seen.is_alive else Forget(record.id), why)


def _keep(seen: SeenInstance, release: SeenRelease, now: datetime, rules: Rules) -> Decision | None:
    record = seen.record
    if record.state in _GAVE_UP:
        if record.gave_up_at_instances == release.instances:
            return None
        return Decision(TryAgain(record.id), "something else is wanted: trying again")
    if record.process is not None:
        if seen.is_alive:
            return _running(seen, release, now)
        return died(record, record.killed_for or seen.end or "its process is gone", release, now, rules)
    if seen.is_alive:  # its start was interrupted, and what came of it is not known yet
        return None
    return _absent(record, release, now, rules)


def _running(seen: SeenInstance, release: SeenRelease, now: datetime) -> Decision | None:
    record, checked = seen.record, seen.checked
    if record.state is InstanceState.STARTING:
        if checked is not None and checked.is_ready:
            return Decision(Mark(record.id, InstanceState.READY), f"ready at port {record.port}")
        if now >= record.since + release.ready_deadline:
            limit = f"{release.ready_deadline.total_seconds():g} s"
            said = f": {checked.problem}" if checked is not None and checked.problem else ""
            return Decision(Kill(record.id), f"not ready within {limit}{said}")
        return None
    if checked is None:
        return None
    failed = checked.failed_in_a_row
    if record.state is InstanceState.READY and failed >= release.health_failures:
        return Decision(
            Mark(record.id, InstanceState.UNHEALTHY), f"{failed} checks failed: {checked.problem}"
        )
    if record.state is InstanceState.UNHEALTHY:
        if failed == 0:
            return Decision(Mark(record.id, InstanceState.READY), "its checks succeed again")
        if release.is_settled and failed >= 2 * release.health_failures:
            return Decision(Kill(record.id), f"{failed} checks failed: {checked.problem}")
    return None


def _absent(record: Record, release: SeenRelease, now: datetime, rules: Rules) -> Decision | None:
    for work, action, what in (
        (release.install, Install(release.version), "installation"),
        (release.migration, Migrate(release.version), "migration"),
    ):
        if work.state is WorkState.REFUSED:
            return Decision(GiveUp(record.id, InstanceState.REFUSED, release.instances), work.detail)
        if not release.has_manifest:
            return None
        if work.state is WorkState.FAILED and work.failures >= rules.work_attempts:
            reason = f"{what} failed {work.failures} times, last: {work.detail}"
            return Decision(GiveUp(record.id, InstanceState.CRASH_LOOP, release.instances), reason)
        if work.state is WorkState.FAILED and work.retry_at is not None and now < work.retry_at:
            return None
        if work.state is WorkState.DOING:
            return None
        if work.state is not WorkState.DONE:
            return Decision(action, f"{what} of {release.version}")
    if record.start_after is not None and now < record.start_after:
        return None
    return Decision(Start(record.id), "starting")

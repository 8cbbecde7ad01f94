"""What changed between two looks at the instances, as events for the timeline. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from andon.kernel.ids import InstanceId
from andon.targets.model import Instance, InstanceState
from andon.timeline.records import Event, Severity

STARTED, READY, DIED = "instance.started", "instance.ready", "instance.died"
CRASH_LOOP, STOPPED, REFUSED = "instance.crash-loop", "instance.stopped", "instance.refused"
UNHEALTHY = "instance.unhealthy"

_KINDS = {
    InstanceState.STARTING: (STARTED, Severity.INFO),
    InstanceState.READY: (READY, Severity.INFO),
    InstanceState.UNHEALTHY: (UNHEALTHY, Severity.WARNING),
    InstanceState.RESTARTING: (DIED, Severity.WARNING),
    InstanceState.CRASH_LOOP: (CRASH_LOOP, Severity.ALERT),
    InstanceState.REFUSED: (REFUSED, Severity.ALERT),
}


def news(before: Mapping[InstanceId, Instance], now: Mapping[InstanceId, Instance]) -> Iterator[Event]:
    """Events in the order of the instances' ages; one release that is refused is one event, not one each."""
    refused = {each.version for each in before.values() if each.state is InstanceState.REFUSED}
    for each in sorted(now.values(), key=lambda instance: instance.id):
        old = before.get(each.id)
        if old is not None and (old.state, old.restarts) == (each.state, each.restarts):
            continue
        if old is not None and old.pid is not None and each.restarts > old.restarts:
            # Its backoff was over between two looks.
            yield _event(DIED, Severity.WARNING, replace(old, detail="died, and was started again"), old)
        kind, severity = _KINDS.get(each.state, ("", Severity.INFO))
        if not kind or (each.state is InstanceState.REFUSED and each.version in refused):
            continue
        if each.state is InstanceState.REFUSED:
            refused.add(each.version)
        yield _event(kind, severity, each, old)
    for each in before.values():
        if each.id not in now:
            yield _event(STOPPED, Severity.INFO, each, each)


def _event(kind: str, severity: Severity, instance: Instance, old: Instance | None) -> Event:
    after = {
        "instance": instance.id,
        "version": instance.version,
        "state": InstanceState.STOPPED.value if kind == STOPPED else instance.state.value,
        "port": instance.port,
        "pid": instance.pid,
        "restarts": instance.restarts,
    }
    if kind in {CRASH_LOOP, REFUSED}:
        after["hint"] = f"andon retry {instance.unit} -e {instance.environment}, when its cause is gone"
    return Event(
        kind=kind,
        subject=f"release/{instance.unit}@{instance.version}" if kind == REFUSED else f"unit/{instance.unit}",
        actor="andon",
        reason=f"{instance.version}: {instance.detail}" if instance.detail else instance.version,
        unit=instance.unit,
        environment=instance.environment,
        severity=severity,
        before={} if old is None else {"state": old.state.value},
        after=after,
    )

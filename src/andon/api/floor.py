"""A unit's tile on the floor: what its stack light says and why. Pure; `gather.py` reads what it needs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from andon.api import model, views
from andon.api.rates import UNKNOWN
from andon.evidence.model import Reading
from andon.kernel.ids import Version
from andon.rollouts.model import Cord, Phase, Rollout, Trigger
from andon.targets.model import Instance, InstanceState
from andon.units.desired import Desired
from andon.units.model import Manifest

RETURNED_STAYS_RED = timedelta(minutes=30)
_BY_PEOPLE = {Trigger.ABORT, Trigger.CORD}


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything that is known of one unit in one environment at `now`.

    rollout: the newest one, over or not. traffic_at: when the gateway was last read. rates: by release,
    and of all together under None.
    """

    now: datetime
    desired: Desired
    instances: Sequence[Instance]
    rollout: Rollout | None
    cords: Sequence[Cord]
    manifest: Manifest | None
    readings: Sequence[Reading]
    traffic_at: datetime | None
    rates: Mapping[Version | None, model.Rates]

    @property
    def is_fleet(self) -> bool:
        """Whether stations run it: no gateway stands before them, and its instances are stations."""
        place = self.manifest.environments.get(self.desired.environment) if self.manifest else None
        return place is not None and place.target == "fleet"

    @property
    def is_under_way(self) -> bool:
        """Whether a rollout moves it."""
        return self.rollout is not None and not self.rollout.phase.is_over


def tile(scene: Scene) -> model.UnitStatus:
    """The scene as a tile."""
    desired = scene.desired
    under_way = scene.rollout if scene.rollout and not scene.rollout.phase.is_over else None
    over = scene.rollout if scene.rollout and scene.rollout.phase.is_over else None
    environment = scene.manifest.environments.get(desired.environment) if scene.manifest else None
    serving = [each for each in scene.instances if desired.instances_of(each.version)]
    return model.UnitStatus(
        unit=desired.unit,
        environment=desired.environment,
        description=scene.manifest.unit.description if scene.manifest else "",
        address=f"http://{environment.host}:{environment.port}" if environment and environment.port else None,
        light=light(scene),
        stable=desired.stable,
        ready=_ready(serving),
        total=sum(each.instances for each in desired.releases),
        rates=scene.rates.get(None, UNKNOWN),
        metrics=[] if desired.stable is None else outcomes(scene, desired.stable),
        releases=[_release(scene, each.version, under_way) for each in desired.releases],
        rollout=views.summary(under_way) if under_way else None,
        last_rollout=views.summary(over) if over else None,
    )


def light(scene: Scene) -> model.Light:
    """What the stack light says, in order of danger."""
    desired = scene.desired
    if not desired.releases:
        return model.Light(colour="grey", word="empty", reason="nothing is deployed here")
    found = _red(scene) or _amber(scene)
    if found:
        return found
    if scene.is_fleet:
        return model.Light(colour="green", word="running", reason=f"{desired.stable} runs as it should")
    if scene.traffic_at is None:
        return model.Light(colour="grey", word="no-data", reason="the gateway has not been read yet")
    if scene.now - scene.traffic_at > timedelta(seconds=15):
        age = round((scene.now - scene.traffic_at).total_seconds())
        return model.Light(colour="grey", word="stale", reason=f"the gateway was last read {age} s ago")
    return model.Light(colour="green", word="running", reason=f"{desired.stable} runs as it should")


def _red(scene: Scene) -> model.Light | None:
    rollout = scene.rollout
    if rollout and rollout.phase is Phase.HELD:
        return model.Light(colour="red", word="held", reason=rollout.reason)
    for state in (InstanceState.REFUSED, InstanceState.CRASH_LOOP):
        bad = next((each for each in scene.instances if each.state is state), None)
        if bad:
            return model.Light(colour="red", word=state.value, reason=bad.detail or f"{bad.id} is {state}")
    served = [each for each in scene.desired.releases if each.share > 0 and each.instances > 0]
    for release in served:
        if scene.is_fleet and scene.is_under_way:
            break  # stations take it when they can; its rollout says how many have, and how long it waits
        if not _ready([each for each in scene.instances if each.version == release.version]):
            reason = f"no instance of {release.version} is ready, and it should serve {release.share:.0%}"
            if scene.is_fleet:
                reason = f"no station runs {release.version}, and {release.share:.0%} of them should"
            return model.Light(colour="red", word="down", reason=reason)
    if rollout and _came_back_by_itself(rollout, scene.now):
        return model.Light(colour="red", word="returned", reason=_why_back(rollout))
    return None


def _why_back(rollout: Rollout) -> str:
    return f"{rollout.candidate} was taken back: {rollout.because or rollout.reason}"


def _came_back_by_itself(rollout: Rollout, now: datetime) -> bool:
    """Whether a judge or a guard took it back lately: a person should look."""
    if rollout.phase is not Phase.RETURNED or rollout.trigger in _BY_PEOPLE or rollout.finished_at is None:
        return False
    return now - rollout.finished_at < RETURNED_STAYS_RED


def _amber(scene: Scene) -> model.Light | None:
    rollout = scene.rollout
    if scene.cords:
        return model.Light(colour="amber", word="corded", reason=scene.cords[0].reason)
    if rollout and not rollout.phase.is_over:
        if rollout.phase is Phase.RETURNING:
            return model.Light(colour="amber", word="returning", reason=rollout.reason)
        word = "paused" if rollout.is_paused else "rolling-out"
        # The tile names what it waits for; the numbers are on the rollout's page.
        reason = rollout.waiting_for.partition(":")[0] or rollout.reason
        return model.Light(colour="amber", word=word, reason=reason)
    wanted = sum(each.instances for each in scene.desired.releases)
    ready = _ready([each for each in scene.instances if scene.desired.instances_of(each.version)])
    if ready < wanted:
        reason = f"{ready} of {wanted} {'stations run it' if scene.is_fleet else 'instances are ready'}"
        return model.Light(colour="amber", word="degraded", reason=reason)
    return None


def outcomes(scene: Scene, version: Version) -> list[model.MetricView]:
    """The business outcomes of one release, as its own evidence sources counted them."""
    found = []
    for reading in scene.readings:
        evidence = scene.manifest.evidence.get(reading.metric) if scene.manifest else None
        tally = reading.tallies.get(version)
        if tally is None or evidence is None or evidence.source == "gateway":
            continue
        english, korean = views.titles(reading.metric, scene.manifest)
        found.append(
            model.MetricView(
                name=reading.metric,
                title=english,
                title_ko=korean,
                release=version,
                exposure=tally.exposure,
                bad=tally.bad,
                good_rate=1 - tally.bad / tally.exposure if tally.exposure else None,
            )
        )
    return found


def _release(scene: Scene, version: Version, rollout: Rollout | None) -> model.ReleaseStatus:
    own = [each for each in scene.instances if each.version == version]
    is_candidate = rollout is not None and rollout.candidate == version
    is_stable = version == scene.desired.stable
    return model.ReleaseStatus(
        version=version,
        role="candidate" if is_candidate else "stable" if is_stable else "former",
        share=scene.desired.share_of(version),
        ready=_ready(own),
        total=scene.desired.instances_of(version),
        rates=scene.rates.get(version, UNKNOWN),
        metrics=outcomes(scene, version),
    )


def _ready(instances: Sequence[Instance]) -> int:
    return sum(1 for each in instances if each.state is InstanceState.READY)

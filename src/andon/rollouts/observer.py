"""Looks at the world for one rollout, once per tick, before deciding. It changes nothing.

What it needs of target, gateway and evidence are the protocols here; `app.py` fills them. What a look is
worth is in `gather.py`.
"""

from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Protocol, TypeVar

from andon.evidence.model import Reading
from andon.gateway.model import Acknowledged, Beside, Traffic
from andon.judge.model import Counts, Look, Outcome, Verdict
from andon.judge.registry import Judge
from andon.kernel.errors import Unavailable
from andon.kernel.ids import EnvironmentName, UnitName, Version
from andon.rollouts import gather
from andon.rollouts.gather import Gained, Requests, Route, Sources
from andon.rollouts.model import (
    NOT_BEGUN,
    UNANSWERED,
    Answers,
    Cord,
    GateSeen,
    Observation,
    Rollout,
    SeenInstance,
    Stage,
    TaskSeen,
)
from andon.targets.model import Instance
from andon.targets.stations import NO_FLEET, FleetSeen, Told
from andon.units.desired import Desired

T = TypeVar("T")
# A required source that has said nothing new for so long counts as not answering.
_STALE = timedelta(seconds=30)
_MILLION = 1_000_000
_UNSAID = Verdict(Outcome.INCONCLUSIVE, "nothing was judged yet")


class InstanceView(Protocol):
    """The target's view (`targets/`)."""

    async def instances(self, unit: UnitName, environment: EnvironmentName) -> Sequence[Instance]:
        """All instances of a unit in an environment."""
        ...


class GatewayView(Protocol):
    """The gateway's view (`gateway/`)."""

    async def acknowledged(self, unit: UnitName, environment: EnvironmentName) -> Acknowledged | None:
        """What it has confirmed to serve; None before the first, or while it does not answer."""
        ...

    async def traffic(self) -> Traffic | None:
        """The last counts; None before the first."""
        ...


class EvidenceView(Protocol):
    """The evidence sources of a unit (`evidence/`)."""

    async def readings(
        self, unit: UnitName, environment: EnvironmentName, metrics: Sequence[str]
    ) -> Sequence[Reading]:
        """The last reading of each metric; a source that does not answer says so in `problem`."""
        ...


class StateView(Protocol):
    """What our own database says (`rollouts/store.py`)."""

    async def desired(self, unit: UnitName, environment: EnvironmentName) -> Desired | None: ...
    async def cords(self) -> Sequence[Cord]: ...


class GateView(Protocol):
    """What people answered at gates (`rollouts/approvals.py`)."""

    async def answers(self, rollout: Rollout) -> Answers:
        """What counts at the rollout's gate now; raises Unavailable."""
        ...


class OutsideView(Protocol):
    """What gates other than approvals say."""

    async def seen(self, rollout: Rollout) -> Mapping[str, GateSeen]:
        """What each of `rollout.gates` that is no approval and no hold says now, by its key.

        Who is asked and does not answer is WAITING, with that as the reason; raises Unavailable only where
        our own database does not answer. A gate that is left out counts as waiting.
        """
        ...


class TaskView(Protocol):
    """How far tasks are."""

    async def seen(self, rollout: Rollout) -> TaskSeen:
        """The row of the task that `wanted.task(rollout)` names; PENDING where there is none.

        Raises:
            Unavailable: our own database does not answer.
        """
        ...


class FleetView(Protocol):
    """The stations (`targets/fleet.py`), which have no gateway before them and are counted, not listed."""

    async def fleet(self, unit: UnitName, environment: EnvironmentName, candidate: Version) -> FleetSeen:
        """How they stand with a candidate; raises Unavailable."""
        ...

    async def told(self, unit: UnitName, environment: EnvironmentName) -> Told | None:
        """What all of them are told; None before the first."""
        ...


class NoStations:
    """Where there is no fleet: nobody is told anything."""

    async def fleet(self, unit: UnitName, environment: EnvironmentName, candidate: Version) -> FleetSeen:
        """Nobody can say."""
        raise Unavailable("no-fleet", f"there is no fleet for {unit} {candidate} in {environment}")

    async def told(self, _unit: UnitName, _environment: EnvironmentName) -> Told | None:
        """Nothing."""
        return None


class Nobody:
    """Looks at no gates and no tasks: what waits for them waits until its deadline."""

    async def seen(self, _rollout: Rollout) -> Mapping[str, GateSeen]:
        """Nothing."""
        return {}


class NoTasks:
    """Runs no tasks."""

    async def seen(self, _rollout: Rollout) -> TaskSeen:
        """Nothing has begun."""
        return NOT_BEGUN


@dataclass(frozen=True, slots=True)
class Views:
    """Everything that is looked at."""

    instances: InstanceView
    gateway: GatewayView
    evidence: EvidenceView
    state: StateView
    gates: GateView
    outside: OutsideView = field(default_factory=Nobody)
    tasks: TaskView = field(default_factory=NoTasks)
    fleet: FleetView = field(default_factory=NoStations)


@dataclass(frozen=True, slots=True)
class Seen:
    """What a look brought: the facts for `decide`, the rollout with its new evidence, and what was gained."""

    observation: Observation
    rollout: Rollout
    gained: Gained | None


class Observer:
    """Gathers what a decision needs. interval: shortest time between two looks of the judge."""

    def __init__(self, views: Views, judge: Judge, *, interval: timedelta = timedelta(0)) -> None:
        self._views = views
        self._judge = judge
        self._interval = interval

    async def observe(self, rollout: Rollout, now: datetime) -> Seen:
        """Look once. Who does not answer has seen nothing and confirmed nothing; deadlines go on.

        Raises:
            Unavailable: our own database does not answer.
        """
        unit, environment = rollout.unit, rollout.environment
        if rollout.plan.fleet is not None:
            return await self._observe_fleet(rollout, now)
        views = self._views
        none: Sequence[Instance] = ()
        found, target_problem = await _or_silent(views.instances.instances(unit, environment), none)
        confirmed, _ = await _or_silent(views.gateway.acknowledged(unit, environment), None)
        traffic, _ = await _or_silent(views.gateway.traffic(), None)
        instances = _each_once(found)
        looked, gained, problems = await self._look(rollout, confirmed, traffic, now)
        counted = _at_share(looked, confirmed)
        base = await self._base(rollout, looked, problems, now)
        observation = replace(
            base,
            acknowledged_revision=None if confirmed is None else confirmed.revision,
            share=None if confirmed is None else _share(confirmed, rollout.candidate),
            stable_share=None if confirmed is None else _share(confirmed, rollout.stable),
            instances=[
                SeenInstance(
                    each.version, each.state, each.failed_checks, each.since, each.detail, each.memory
                )
                for each in instances
            ],
            candidate_active_requests=_active(traffic, rollout, rollout.candidate),
            stable_active_requests=_active(traffic, rollout, rollout.stable),
            beside=_beside(traffic, rollout),
            step_requests_candidate=counted.candidate.exposure,
            step_requests_stable=counted.stable.exposure,
            traffic_at=None if traffic is None else traffic.at,
            target_problem=target_problem,
        )
        return Seen(observation, looked, gained)

    async def _observe_fleet(self, rollout: Rollout, now: datetime) -> Seen:
        """Stations are counted, and what they are told stands for what a gateway serves; nothing is drawn."""
        unit, environment, view = rollout.unit, rollout.environment, self._views.fleet
        seen, problem = await _or_silent(view.fleet(unit, environment, rollout.candidate), NO_FLEET)
        told, _ = await _or_silent(view.told(unit, environment), None)
        route = None if told is None else _as_route(told, rollout, now)
        looked, gained, problems = await self._look(rollout, route, None, now)
        base = await self._base(rollout, looked, problems, now)
        observation = replace(
            base,
            acknowledged_revision=None if told is None else told.revision,
            share=None if told is None else _told(told, rollout.candidate),
            stable_share=None if told is None else _told(told, rollout.stable),
            traffic_at=now,
            target_problem=problem,
            fleet=seen,
        )
        return Seen(observation, looked, gained)

    async def _base(
        self, rollout: Rollout, looked: Rollout, problems: Sequence[str], now: datetime
    ) -> Observation:
        """What does not depend on what it runs on: the judge, the cord, gates and tasks."""
        desired = await self._views.state.desired(rollout.unit, rollout.environment)
        cord = _cord(await self._views.state.cords(), rollout.environment)
        return Observation(
            now=now,
            desired_revision=0 if desired is None else desired.revision,
            acknowledged_revision=None,
            share=None,
            stable_share=None,
            instances=(),
            candidate_active_requests=0,
            stable_active_requests=0,
            step_requests_candidate=0,
            step_requests_stable=0,
            verdict=looked.verdict or _UNSAID,
            evidence_problems=problems,
            judge_problem=self._judge.problem(looked.judge, rollout.plan.policy),
            is_corded=cord is not None,
            cord_returns=cord is not None and cord.returns,
            cord_reason="" if cord is None else cord.reason,
            answers=await self._answers(rollout),
            gates=await self._views.outside.seen(rollout) if rollout.is_gated else {},
            task=await self._views.tasks.seen(rollout) if rollout.stage is Stage.CHECKING else NOT_BEGUN,
        )

    async def _answers(self, rollout: Rollout) -> Answers:
        answers, problem = await _or_silent(self._views.gates.answers(rollout), UNANSWERED)
        return replace(answers, problem=problem) if problem else answers

    async def _look(
        self, rollout: Rollout, confirmed: Acknowledged | None, traffic: Traffic | None, now: datetime
    ) -> tuple[Rollout, Gained | None, Sequence[str]]:
        if not gather.counts(rollout):
            return rollout, None, ()
        names = [each.name for each in rollout.plan.policy.metrics]
        none: Sequence[Reading] = ()
        readings, problem = await _or_silent(
            self._views.evidence.readings(rollout.unit, rollout.environment, names), none
        )
        problems = _problems(rollout, readings, now) or ((problem,) if problem else ())
        if not gather.is_due(rollout.evidence, now, self._interval):
            return rollout, None, problems
        sources = Sources(readings, _requests(traffic, rollout), _route(confirmed, rollout))
        evidence, gained = gather.look(rollout, sources, self._judge, now)
        return replace(rollout, evidence=evidence), gained, problems


def _each_once(instances: Sequence[Instance]) -> Sequence[Instance]:
    """An instance that a target names twice is one, as it was named last."""
    return list({each.id: each for each in instances}.values())


async def _or_silent(asked: Awaitable[T], silent: T) -> tuple[T, str]:
    """What was answered; `silent` where nobody answers, and why not."""
    try:
        return await asked, ""
    except Unavailable as error:
        return silent, error.message


def _problems(rollout: Rollout, readings: Sequence[Reading], now: datetime) -> tuple[str, ...]:
    """Required sources that do not answer. Silence is not zero."""
    by_name: Mapping[str, Reading] = {each.metric: each for each in readings}
    said = []
    for metric in rollout.plan.policy.metrics:
        reading = by_name.get(metric.name)
        if not metric.required:
            continue
        if reading is None:
            said.append(f"{metric.name}: its source has said nothing yet")
        elif reading.problem:
            said.append(f"{metric.name}: {reading.problem}")
        elif gather.is_other_measure(rollout, reading):
            said.append(f"{metric.name}: its source measures in other buckets than the plan was made for")
        elif now - reading.at > _STALE:
            said.append(
                f"{metric.name}: its source last answered {(now - reading.at).total_seconds():.0f} s ago"
            )
    return tuple(said)


def _cord(pulled: Sequence[Cord], environment: EnvironmentName) -> Cord | None:
    """The cord that holds here; one that returns comes first."""
    here = [each for each in pulled if each.environment in {None, environment}]
    return min(here, key=lambda each: not each.returns, default=None)


def _share(confirmed: Acknowledged, version: Version | None) -> float:
    total = sum(confirmed.weights.values())
    if version is None or total == 0:
        return 0.0
    return confirmed.weights.get(version, 0) / total


def _as_route(told: Told, rollout: Rollout, now: datetime) -> Acknowledged:
    """What stations are told, in a gateway's words: for the looks, which remember the share."""
    weights = {version: round(share * _MILLION) for version, share in told.shares.items()}
    return Acknowledged(rollout.unit, rollout.environment, told.revision, weights, now)


def _told(told: Told, version: Version | None) -> float:
    return 0.0 if version is None else told.shares.get(version, 0.0)


def _route(confirmed: Acknowledged | None, rollout: Rollout) -> Route | None:
    return None if confirmed is None else Route(confirmed.revision, _share(confirmed, rollout.candidate))


def _at_share(rollout: Rollout, confirmed: Acknowledged | None) -> Look:
    """Requests at the share in force; none while what was counted still belongs to the share before."""
    evidence, now = rollout.evidence, _route(confirmed, rollout)
    if evidence.route is None or now is None or evidence.route[1] != now.share:
        return Look(Counts(), Counts())
    return Look(Counts(evidence.step_requests_stable), Counts(evidence.step_requests_candidate))


def _requests(traffic: Traffic | None, rollout: Rollout) -> Requests | None:
    if traffic is None:
        return None
    finished = {
        version: count.requests
        for (unit, environment, version), count in traffic.releases.items()
        if (unit, environment) == (rollout.unit, rollout.environment)
    }
    return Requests(traffic.at, traffic.epoch, finished)


def _beside(traffic: Traffic | None, rollout: Rollout) -> Counts:
    """What the candidate got by match and by mirror since it has a route; previews are somebody's tries."""
    found = (
        None
        if traffic is None
        else traffic.releases.get((rollout.unit, rollout.environment, rollout.candidate))
    )
    if found is None:
        return Counts()
    seen = [found.aside[each] for each in (Beside.MATCHED, Beside.MIRRORED) if each in found.aside]
    return Counts(sum(each.requests for each in seen), sum(each.errors for each in seen))


def _active(traffic: Traffic | None, rollout: Rollout, version: Version | None) -> int:
    """Requests in flight; none known of is none, and the drain deadline bounds what that can cost."""
    if traffic is None or version is None:
        return 0
    found = traffic.releases.get((rollout.unit, rollout.environment, version))
    return 0 if found is None else found.active

"""Cumulative readings to looks, and looks to a verdict. Pure: what is stored gives the same verdict again.

The judge takes increments. A source that began anew, or a release that it names for the first time, gives a
new baseline and no increment: counting a whole history as one look would be a lie, a lost second is none.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Protocol

from andon.evidence.model import Reading, Tally
from andon.judge.model import Counts, JudgePolicy, JudgeState, Look, Verdict
from andon.kernel.ids import Version
from andon.rollouts.model import Baseline, Evidence, Phase, Rollout, Stage

_NOTHING = Look(Counts(), Counts())


class Judge(Protocol):
    """What reads looks and says a verdict; the module `andon.judge.sequential` is one."""

    def start(self, policy: JudgePolicy) -> JudgeState: ...
    def update(self, state: JudgeState, looks: Mapping[str, Look], policy: JudgePolicy) -> JudgeState: ...
    def observe_ratio(
        self, state: JudgeState, requests: Look, share: float, policy: JudgePolicy
    ) -> JudgeState: ...
    def judge(self, state: JudgeState, policy: JudgePolicy) -> Verdict: ...


@dataclass(frozen=True, slots=True)
class Requests:
    """Cumulative finished requests of each release, as the gateway counted them at `at`.

    `epoch` changes when the gateway counts from 0 again.
    """

    at: datetime
    epoch: str
    finished: Mapping[Version, int]


@dataclass(frozen=True, slots=True)
class Route:
    """What the gateway has confirmed: the revision of the desired state, and the candidate's share in it."""

    revision: int
    share: float


@dataclass(frozen=True, slots=True)
class Gained:
    """What one look adds, as the judge is given it and as it is stored.

    requests: None where the split was not in force for the whole look, so that it says nothing. share: the
    candidate's confirmed share at the end of the look.
    """

    looks: Mapping[str, Look]
    requests: Look | None
    share: float


@dataclass(frozen=True, slots=True)
class Sources:
    """What the sources say now; None where the gateway does not answer."""

    readings: Sequence[Reading]
    requests: Requests | None
    route: Route | None
    problems: Sequence[str] = field(default_factory=tuple)


def counts(rollout: Rollout) -> bool:
    """Whether evidence counts now: from the first confirmed share until the candidate leaves or is stable."""
    on_its_way = {Phase.STEPPING, Phase.FINISHING}
    return rollout.phase in on_its_way and rollout.evidence.counts_from is not None


def is_due(evidence: Evidence, now: datetime, interval: timedelta) -> bool:
    """Whether the last look is long enough ago."""
    return evidence.looked_at is None or now - evidence.looked_at >= interval


def look(rollout: Rollout, sources: Sources, judge: Judge, now: datetime) -> tuple[Evidence, Gained | None]:
    """The evidence after a look, and what the look gained.

    Nothing new gives equal evidence; new baselines alone give new evidence without a gain.
    """
    before, policy = rollout.evidence, rollout.plan.policy
    baselines, looks = _metrics(rollout, sources.readings)
    moved, requests = _traffic(replace(before, baselines=baselines), rollout, sources)
    if not looks and requests is None:
        return (before if moved == before else replace(moved, seq=before.seq + 1)), None
    gained = Gained(looks, requests, 0.0 if sources.route is None else sources.route.share)
    state = fold(judge, before.judge, gained, policy)
    verdict = judge.judge(state, policy)
    return replace(moved, judge=state, verdict=verdict, seq=before.seq + 1, looked_at=now), gained


def fold(judge: Judge, state: JudgeState, gained: Gained, policy: JudgePolicy) -> JudgeState:
    """Give one look to the judge. The order is part of the promise that a replay gives the same bits."""
    if gained.requests is not None:
        state = judge.observe_ratio(state, gained.requests, gained.share, policy)
    return judge.update(state, gained.looks, policy)


def increments(before: Baseline | None, now: Baseline) -> tuple[Mapping[Version, Tally], Baseline]:
    """What each release gained between two readings, and the baseline for the next.

    A source that counts from 0 again (its epoch changed, or a count fell) gains nothing this once, nor does
    a release that was not named before. A release that is not named now keeps its place.
    """
    if before is None or before.epoch != now.epoch:
        return {}, now
    known = {version: tally for version, tally in now.tallies.items() if version in before.tallies}
    gained = {
        version: Tally(
            tally.exposure - before.tallies[version].exposure, tally.bad - before.tallies[version].bad
        )
        for version, tally in known.items()
    }
    after = replace(now, tallies={**before.tallies, **now.tallies})
    if any(each.exposure < 0 or each.bad < 0 for each in gained.values()):
        return {}, after
    return gained, after


def _metrics(
    rollout: Rollout, readings: Sequence[Reading]
) -> tuple[Mapping[str, Baseline], Mapping[str, Look]]:
    baselines, looks = dict(rollout.evidence.baselines), {}
    since = rollout.evidence.counts_from
    for reading in readings:
        before = baselines.get(reading.metric)
        is_old = before is not None and reading.at <= before.at
        if reading.problem or is_old or since is None or reading.at < since:
            continue
        gained, after = increments(before, Baseline(reading.at, "", reading.tallies))
        if before is None or after.tallies != before.tallies:
            baselines[reading.metric] = after
        if (look := _by_arm(rollout, gained)) != _NOTHING:
            looks[reading.metric] = look
    return baselines, looks


def _traffic(evidence: Evidence, rollout: Rollout, sources: Sources) -> tuple[Evidence, Look | None]:
    """Requests are compared with the share only between two readings with one confirmed route."""
    since = rollout.step_since
    if sources.requests is None or sources.route is None or rollout.stage is Stage.ROUTING:
        return evidence, None
    if since is not None and sources.requests.at < since:
        return evidence, None
    requests, route = sources.requests, (sources.route.revision, sources.route.share)
    before = evidence.traffic
    tallies = {version: Tally(count, 0) for version, count in requests.finished.items()}
    if evidence.route != route:
        return _rerouted(evidence, route, Baseline(requests.at, requests.epoch, tallies)), None
    if before is not None and requests.at <= before.at:
        return evidence, None
    gained, after = increments(before, Baseline(requests.at, requests.epoch, tallies))
    if before is not None and after.tallies == before.tallies and after.epoch == before.epoch:
        return evidence, None
    look = _by_arm(rollout, gained)
    counted = replace(
        evidence,
        traffic=after,
        step_requests_candidate=evidence.step_requests_candidate + look.candidate.exposure,
        step_requests_stable=evidence.step_requests_stable + look.stable.exposure,
    )
    return counted, None if look == _NOTHING else look


def _rerouted(evidence: Evidence, route: tuple[int, float], baseline: Baseline) -> Evidence:
    moved = replace(evidence, route=route, traffic=baseline)
    if evidence.route is not None and evidence.route[1] == route[1]:
        return moved
    return replace(moved, step_requests_candidate=0, step_requests_stable=0)


def _by_arm(rollout: Rollout, gained: Mapping[Version, Tally]) -> Look:
    return Look(_arm(gained, rollout.stable), _arm(gained, rollout.candidate))


def _arm(gained: Mapping[Version, Tally], version: Version | None) -> Counts:
    tally = None if version is None else gained.get(version)
    return Counts() if tally is None else Counts(tally.exposure, tally.bad)

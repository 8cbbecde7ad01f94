"""Cumulative readings to looks, and looks to a verdict. Pure: what is stored gives the same verdict again.

The judge takes increments; what a cumulative reading adds to its baseline is in `evidence/increments.py`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from andon.evidence.increments import Baseline, advance
from andon.evidence.model import Reading, Tally
from andon.judge.model import Counts, JudgePolicy, JudgeState, Look
from andon.judge.registry import Judge
from andon.kernel.ids import Version
from andon.rollouts.model import Evidence, Phase, Rollout, Stage


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
    candidate's confirmed share at the end of the look. at: when the look was taken, in seconds since 1970.
    """

    looks: Mapping[str, Look]
    requests: Look | None
    share: float
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class Sources:
    """What the sources say now; None where the gateway does not answer."""

    readings: Sequence[Reading]
    requests: Requests | None
    route: Route | None


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
    share = 0.0 if sources.route is None else sources.route.share
    gained = Gained(looks, requests, share, now.timestamp())
    state = fold(judge, before.judge, gained, policy)
    verdict = judge.judge(state, policy)
    return replace(moved, judge=state, verdict=verdict, seq=before.seq + 1, looked_at=now), gained


def fold(judge: Judge, state: JudgeState, gained: Gained, policy: JudgePolicy) -> JudgeState:
    """Give one look to the judge. The order is part of the promise that a replay gives the same bits."""
    if gained.requests is not None:
        state = judge.observe_ratio(state, gained.requests, gained.share, policy)
    return judge.update(state, gained.looks, policy, gained.at)


def _metrics(
    rollout: Rollout, readings: Sequence[Reading]
) -> tuple[Mapping[str, Baseline], Mapping[str, Look]]:
    baselines, looks = dict(rollout.evidence.baselines), {}
    since = rollout.evidence.counts_from
    for reading in readings:
        before = baselines.get(reading.metric)
        if reading.problem or since is None or reading.at < since or is_other_measure(rollout, reading):
            continue
        after, gained = advance(before, reading)
        if after is not None and not _is_same(before, after):
            baselines[reading.metric] = after
        look = _measured(rollout, gained, reading, before) if reading.edges else _by_arm(rollout, gained)
        if not _is_nothing(look):
            looks[reading.metric] = look
    return baselines, looks


def _measured(
    rollout: Rollout, gained: Mapping[Version, Tally], reading: Reading, before: Baseline | None
) -> Look:
    """A look in buckets. Where a baseline only begins, it says what the stable release had before."""
    size = len(reading.edges)
    begins = before is None or before.edges != reading.edges
    return replace(
        _by_arm(rollout, gained),
        stable_buckets=_buckets(gained, rollout.stable, size),
        candidate_buckets=_buckets(gained, rollout.candidate, size),
        stable_before=_buckets(reading.tallies, rollout.stable, size) if begins else (),
    )


def _buckets(tallies: Mapping[Version, Tally], version: Version | None, size: int) -> tuple[int, ...]:
    tally = None if version is None else tallies.get(version)
    return (0,) * size if tally is None or not tally.buckets else tally.buckets


def _is_nothing(look: Look) -> bool:
    return (look.stable, look.candidate) == (Counts(), Counts()) and not any(look.stable_before)


def is_other_measure(rollout: Rollout, reading: Reading) -> bool:
    """Whether its source measures in other buckets than the plan was made for; then it cannot be judged."""
    edges = next((each.edges for each in rollout.plan.policy.metrics if each.name == reading.metric), ())
    return edges != reading.edges


def _traffic(evidence: Evidence, rollout: Rollout, sources: Sources) -> tuple[Evidence, Look | None]:
    """Requests are compared with the share only between two readings with one confirmed route."""
    requests, since = sources.requests, rollout.step_since
    if requests is None or sources.route is None or rollout.stage is Stage.ROUTING:
        return evidence, None
    if since is not None and requests.at < since:
        return evidence, None
    tallies = {version: Tally(count, 0) for version, count in requests.finished.items()}
    reading = Reading("requests", requests.at, tallies, epoch=requests.epoch)
    route = (sources.route.revision, sources.route.share)
    if evidence.route != route:
        return _rerouted(evidence, route, reading), None
    after, gained = advance(evidence.traffic, reading)
    look = _by_arm(rollout, gained)
    if after is None or _is_same(evidence.traffic, after):
        return evidence, None
    counted = replace(
        evidence,
        traffic=after,
        step_requests_candidate=evidence.step_requests_candidate + look.candidate.exposure,
        step_requests_stable=evidence.step_requests_stable + look.stable.exposure,
    )
    return counted, None if _is_nothing(look) else look


def _is_same(before: Baseline | None, after: Baseline) -> bool:
    """Whether nothing but the time moved, so that nothing needs to be stored."""
    return before is not None and (before.epoch, before.tallies) == (after.epoch, after.tallies)


def _rerouted(evidence: Evidence, route: tuple[int, float], reading: Reading) -> Evidence:
    moved = replace(evidence, route=route, traffic=advance(None, reading)[0])
    if evidence.route is not None and evidence.route[1] == route[1]:
        return moved
    return replace(moved, step_requests_candidate=0, step_requests_stable=0)


def _by_arm(rollout: Rollout, gained: Mapping[Version, Tally]) -> Look:
    return Look(_arm(gained, rollout.stable), _arm(gained, rollout.candidate))


def _arm(gained: Mapping[Version, Tally], version: Version | None) -> Counts:
    tally = None if version is None else gained.get(version)
    return Counts() if tally is None else Counts(tally.exposure, tally.bad)

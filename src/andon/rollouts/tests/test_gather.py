"""What counts as evidence: from the confirmed share on, once, with exposure as it was observed."""

import json
import math
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from andon.evidence.model import Reading, Tally, measured
from andon.judge import sequential
from andon.judge.model import Counts, JudgePolicy, JudgeState, Look, MetricKind, MetricPolicy
from andon.judge.registry import Judges
from andon.rollouts import codec, gather
from andon.rollouts.gather import Gained, Requests, Route, Sources
from andon.rollouts.model import Evidence, Phase, Rollout, Stage
from andon.testing.judges import Calm
from andon.testing.rolling import AT, NEW, OLD, a_plan, a_rollout

ROUTE = Route(7, 0.1)


def at(seconds: float) -> datetime:
    return AT + timedelta(seconds=seconds)


def serving(**changes: Any) -> Rollout:
    rollout = a_rollout(phase=Phase.STEPPING, stage=Stage.SERVING, step_since=AT)
    return replace(rollout, evidence=replace(rollout.evidence, counts_from=AT), **changes)


def sources(seconds: float, stable: tuple[int, int], candidate: tuple[int, int], **changes: Any) -> Sources:
    tallies = {OLD: Tally(*stable), NEW: Tally(*candidate)}
    requests = Requests(at(seconds), "e", {OLD: stable[0], NEW: candidate[0]})
    return replace(Sources([Reading("errors", at(seconds), tallies)], requests, ROUTE), **changes)


def look(rollout: Rollout, seen: Sources, seconds: float) -> tuple[Rollout, Gained | None]:
    evidence, gained = gather.look(rollout, seen, sequential, at(seconds))
    return replace(rollout, evidence=evidence), gained


def test_the_first_reading_only_begins_and_the_next_one_counts() -> None:
    rollout, gained = look(serving(), sources(1, (1000, 10), (5, 0)), 1)
    assert gained is None
    assert rollout.evidence.seq == 1
    rollout, gained = look(rollout, sources(2, (1090, 11), (15, 2)), 2)
    expected = Look(Counts(90, 1), Counts(10, 2))
    assert gained == Gained({"errors": expected}, Look(Counts(90), Counts(10)), 0.1, at(2).timestamp())
    assert rollout.judge.metrics["errors"].candidate == Counts(10, 2)
    assert (rollout.evidence.seq, rollout.evidence.looked_at) == (2, at(2))
    assert (rollout.evidence.step_requests_candidate, rollout.evidence.step_requests_stable) == (10, 90)


def test_nothing_new_writes_nothing() -> None:
    rollout, _ = look(serving(), sources(1, (1000, 10), (5, 0)), 1)
    again, gained = look(rollout, sources(2, (1000, 10), (5, 0)), 2)
    assert gained is None
    assert again.evidence is rollout.evidence


def test_the_same_reading_counts_once() -> None:
    rollout, _ = look(serving(), sources(1, (1000, 10), (5, 0)), 1)
    rollout, _ = look(rollout, sources(2, (1090, 11), (15, 2)), 2)
    again, gained = look(rollout, sources(2, (1090, 11), (15, 2)), 3)
    assert gained is None
    assert again.evidence is rollout.evidence


def test_readings_from_before_the_confirmed_share_do_not_count() -> None:
    rollout, gained = look(serving(), sources(-1, (1000, 10), (5, 0)), 1)
    assert gained is None
    assert rollout.evidence.baselines == {}
    assert rollout.evidence.traffic is None


def test_a_source_with_a_problem_changes_nothing() -> None:
    broken = replace(sources(1, (1, 0), (1, 0)), readings=[Reading("errors", at(1), {}, problem="dead")])
    rollout, gained = look(serving(), replace(broken, requests=None), 1)
    assert gained is None
    assert rollout.evidence.baselines == {}


@pytest.mark.parametrize("route", [Route(8, 0.1), Route(8, 0.5), None])
def test_requests_over_a_change_of_route_are_not_compared_with_a_share(route: Route | None) -> None:
    rollout, _ = look(serving(), sources(1, (1000, 10), (5, 0)), 1)
    rollout, gained = look(rollout, sources(2, (1090, 11), (55, 2), route=route), 2)
    assert gained is not None
    assert gained.requests is None
    assert gained.looks["errors"].candidate == Counts(50, 2)  # with its exposure as it was observed
    assert rollout.judge.ratio.segment_candidate == 0


def test_the_count_for_the_traffic_drop_begins_anew_with_a_new_share_only() -> None:
    rollout, _ = look(serving(), sources(1, (1000, 10), (5, 0)), 1)
    rollout, _ = look(rollout, sources(2, (1090, 11), (15, 2)), 2)
    same, _ = look(rollout, sources(3, (1100, 11), (16, 2), route=Route(8, 0.1)), 3)
    assert same.evidence.step_requests_stable == 90
    other, _ = look(rollout, sources(3, (1100, 11), (16, 2), route=Route(8, 0.5)), 3)
    assert other.evidence.step_requests_stable == 0


def test_while_the_gateway_is_asked_for_another_share_requests_are_not_compared() -> None:
    rollout, _ = look(serving(), sources(1, (1000, 10), (5, 0)), 1)
    asking = replace(rollout, stage=Stage.ROUTING)
    _, gained = look(asking, sources(2, (1090, 11), (55, 2)), 2)
    assert gained is not None
    assert gained.requests is None


def test_traffic_of_other_releases_is_a_new_baseline_without_a_look() -> None:
    rollout, _ = look(serving(), sources(1, (1000, 10), (5, 0)), 1)
    others = Requests(at(2), "e", {OLD: 1000, NEW: 5, "0.9.0": 4})  # type: ignore[dict-item]
    after, gained = look(rollout, Sources([], others, ROUTE), 2)
    assert gained is None
    assert after.evidence.seq == rollout.evidence.seq + 1


def test_the_first_release_is_judged_by_its_own_counts() -> None:
    rollout = replace(serving(), stable=None)
    rollout, _ = look(rollout, sources(1, (0, 0), (5, 0)), 1)
    _, gained = look(rollout, sources(2, (0, 0), (25, 2)), 2)
    assert gained is not None
    assert gained.looks["errors"] == Look(Counts(), Counts(20, 2))


def test_evidence_counts_while_the_candidate_is_on_its_way() -> None:
    fresh = a_rollout(phase=Phase.STEPPING, stage=Stage.ROUTING)
    assert not gather.counts(fresh)
    assert gather.counts(serving())
    assert gather.counts(serving(phase=Phase.FINISHING))
    assert not gather.counts(serving(phase=Phase.RETURNING))


def test_a_look_waits_for_its_interval() -> None:
    looked = Evidence(sequential.start(a_rollout().plan.policy), looked_at=AT)
    assert gather.is_due(Evidence(looked.judge), AT, timedelta(seconds=1))
    assert not gather.is_due(looked, at(0.9), timedelta(seconds=1))
    assert gather.is_due(looked, at(1), timedelta(seconds=1))


EDGES = (0.1, 0.5, math.inf)


def timing() -> Rollout:
    metric = MetricPolicy("latency", alpha=0.01, margin=1.1, kind=MetricKind.LATENCY, edges=EDGES)
    rollout, policy = serving(), JudgePolicy((metric,))
    evidence = replace(rollout.evidence, judge=sequential.start(policy))
    return replace(rollout, plan=replace(rollout.plan, policy=policy), evidence=evidence)


def timed(seconds: float, **buckets: Any) -> Sources:
    tallies = {{"old": OLD, "new": NEW}[name]: measured(each) for name, each in buckets.items()}
    return Sources([Reading("latency", at(seconds), tallies, edges=EDGES)], None, ROUTE)


def test_a_measured_metric_begins_with_what_the_stable_release_had_before() -> None:
    _, gained = look(timing(), timed(1, old=(900, 90, 10)), 1)
    assert gained is not None
    assert gained.looks["latency"] == Look(Counts(), Counts(), (0, 0, 0), (0, 0, 0), (900, 90, 10))


def test_a_measured_metric_gains_buckets_and_an_arm_without_any_gains_zeros() -> None:
    rollout, _ = look(timing(), timed(1, old=(900, 90, 10)), 1)
    rollout, gained = look(rollout, timed(2, old=(910, 92, 10)), 2)
    assert gained is not None
    assert gained.looks["latency"] == Look(Counts(12), Counts(), (10, 2, 0), (0, 0, 0))
    _, gained = look(rollout, timed(3, old=(910, 92, 10), new=(3, 0, 1)), 3)
    assert gained is not None
    assert gained.looks["latency"] == Look(Counts(), Counts(4), (0, 0, 0), (3, 0, 1))


def test_a_measured_metric_of_which_nothing_was_there_before_begins_in_silence() -> None:
    rollout, gained = look(timing(), timed(1), 1)
    assert gained is None
    assert look(rollout, timed(2), 2)[1] is None


def test_a_source_that_measures_in_other_buckets_than_planned_is_not_judged() -> None:
    other = Sources([Reading("latency", at(1), {}, edges=(0.2, math.inf))], None, ROUTE)
    rollout, gained = look(timing(), other, 1)
    assert gained is None
    assert rollout.evidence.baselines == {}


JUDGED_BY: dict[str, dict[str, Any]] = {
    "sequential": {},
    "mann-whitney": {"max_wait": "1h", "mann-whitney": {"samples": 6}},
    "threshold": {"max_wait": "1h", "threshold": {"count": 6, "metrics": {"errors": {"most": 0.5}}}},
    "calm": {"options": {"calm_looks": 30}},
}


@pytest.mark.parametrize("name", JUDGED_BY)
def test_a_restart_between_any_two_looks_changes_nothing_whoever_judges(name: str) -> None:
    judges, policy = Judges({"calm": Calm()}), a_plan(judge=name, **JUDGED_BY[name]).policy
    lasting = stored = judges.start(policy)
    for number in range(40):
        # Some minutes are silent, some have no candidate's requests, some no errors.
        mine = Counts(60, number % 3) if number % 7 else Counts()
        looks = {} if number % 11 == 5 else {"errors": Look(Counts(60, number % 2), mine)}
        gained = gather.Gained(looks, None, 0.5, 30.0 * number)
        lasting = gather.fold(judges, lasting, gained, policy)
        written = codec.canonical(gather.fold(judges, stored, gained, policy))
        stored = codec.decode(JudgeState, json.loads(written))
        assert stored == lasting
        assert judges.judge(stored, policy) == judges.judge(lasting, policy)

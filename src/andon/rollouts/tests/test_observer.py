"""What an observation says of the world, from the views of target, gateway, evidence and database."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest

from andon.evidence.model import Reading, Tally
from andon.gateway.model import Acknowledged, ReleaseTraffic, Traffic
from andon.judge import sequential
from andon.judge.model import Outcome
from andon.judge.registry import Judges
from andon.kernel.errors import Unavailable
from andon.kernel.ids import EnvironmentName, InstanceId, UnitName
from andon.rollouts.model import (
    NOT_BEGUN,
    Answers,
    Cord,
    GateSeen,
    GateState,
    Phase,
    Rollout,
    Stage,
    TaskSeen,
    TaskState,
)
from andon.rollouts.observer import Observer, Views
from andon.targets.model import Instance, InstanceState
from andon.testing.rolling import AT, EVERYTHING, NEW, OLD, PRODUCTION, UNIT, a_plan, a_rollout
from andon.units.desired import Desired

LATER = AT + timedelta(seconds=5)


def traffic(stable: int, candidate: int, active: int = 0, unit: str = "mes") -> Traffic:
    where = (UnitName(unit), PRODUCTION)
    return Traffic(
        "e",
        LATER,
        {
            (*where, OLD): ReleaseTraffic(stable, 0, 0, ()),
            (*where, NEW): ReleaseTraffic(candidate, 0, active, ()),
        },
    )


@dataclass
class FakeViews:
    confirmed: Acknowledged | None = None
    counted: Traffic | None = None
    read: list[Reading] = field(default_factory=list)
    pulled: list[Cord] = field(default_factory=list)
    wanted: Desired | None = None
    asked: list[Sequence[str]] = field(default_factory=list)

    async def instances(self, unit: UnitName, environment: EnvironmentName) -> Sequence[Instance]:
        one = InstanceId("i-1")
        state = InstanceState.READY
        return [Instance(one, unit, environment, NEW, state, "127.0.0.1", 1, 2, 0, 1, AT, "fine")]

    async def acknowledged(self, _unit: UnitName, _environment: EnvironmentName) -> Acknowledged | None:
        return self.confirmed

    async def traffic(self) -> Traffic | None:
        return self.counted

    async def readings(self, _unit: Any, _environment: Any, metrics: Sequence[str]) -> Sequence[Reading]:
        self.asked.append(metrics)
        return self.read

    async def desired(self, _unit: UnitName, _environment: EnvironmentName) -> Desired | None:
        return self.wanted

    async def cords(self) -> Sequence[Cord]:
        return self.pulled

    async def answers(self, rollout: Rollout) -> Answers:
        return Answers(1, is_separated=True) if rollout.is_gated else Answers()


def observer(views: FakeViews, **options: Any) -> Observer:
    return Observer(Views(views, views, views, views, views), sequential, **options)


def serving(**changes: Any) -> Rollout:
    rollout = a_rollout(phase=Phase.STEPPING, stage=Stage.SERVING, step_since=AT)
    return replace(rollout, evidence=replace(rollout.evidence, counts_from=AT), **changes)


def acknowledged(**weights: int) -> Acknowledged:
    named = {OLD: weights.get("old", 0), NEW: weights.get("new", 0)}
    return Acknowledged(UNIT, PRODUCTION, 7, named, AT)


async def test_before_anything_is_there_nothing_is_claimed() -> None:
    seen = (await observer(FakeViews()).observe(a_rollout(), AT)).observation
    assert (seen.desired_revision, seen.acknowledged_revision, seen.share) == (0, None, None)
    assert (seen.stable_share, seen.traffic_at, seen.candidate_active_requests) == (None, None, 0)
    assert seen.verdict.outcome is Outcome.INCONCLUSIVE
    assert [each.failed_checks for each in seen.instances] == [1]
    assert not seen.is_corded


@pytest.mark.parametrize(
    ("weights", "shares"),
    [({"old": 900, "new": 100}, (0.1, 0.9)), ({"new": 1000}, (1.0, 0.0)), ({}, (0.0, 0.0))],
)
async def test_shares_are_what_the_gateway_confirmed(
    weights: dict[str, int], shares: tuple[float, float]
) -> None:
    views = FakeViews(confirmed=acknowledged(**weights), wanted=Desired(UNIT, PRODUCTION, 9, OLD, ()))
    seen = (await observer(views).observe(a_rollout(), AT)).observation
    assert (seen.share, seen.stable_share) == shares
    assert (seen.desired_revision, seen.acknowledged_revision) == (9, 7)
    first = (await observer(views).observe(a_rollout(stable=None, plan=a_rollout().plan), AT)).observation
    assert first.stable_share == 0.0


async def test_a_judge_that_is_not_here_is_said_whether_or_not_there_is_evidence() -> None:
    policy = replace(a_rollout().plan.policy, judge="gone")
    rollout = serving(plan=replace(a_rollout().plan, policy=policy))
    views = FakeViews()
    seen = await Observer(Views(views, views, views, views, views), Judges()).observe(rollout, AT)
    assert seen.observation.judge_problem == "the judge 'gone' cannot judge here: it is not installed"
    assert not (await observer(views).observe(serving(), AT)).observation.judge_problem


async def test_requests_in_flight_are_counted_per_release() -> None:
    seen = (await observer(FakeViews(counted=traffic(5, 5, active=3))).observe(a_rollout(), AT)).observation
    assert (seen.candidate_active_requests, seen.stable_active_requests, seen.traffic_at) == (3, 0, LATER)
    other = FakeViews(counted=traffic(5, 5, active=3, unit="roastery"))
    assert (await observer(other).observe(a_rollout(), AT)).observation.candidate_active_requests == 0


async def test_evidence_is_read_only_while_it_counts() -> None:
    views = FakeViews()
    await observer(views).observe(a_rollout(), AT)
    assert views.asked == []
    await observer(views).observe(serving(), AT)
    assert views.asked == [["errors"]]


async def test_a_look_brings_its_verdict_into_the_observation() -> None:
    tallies = {OLD: Tally(100, 1), NEW: Tally(10, 0)}
    views = FakeViews(acknowledged(old=900, new=100), traffic(100, 10), [Reading("errors", LATER, tallies)])
    first = await observer(views).observe(serving(), LATER)
    assert first.gained is None
    later = LATER + timedelta(seconds=1)
    views.read = [Reading("errors", later, {OLD: Tally(200, 2), NEW: Tally(60, 30)})]
    views.counted = replace(traffic(190, 20), at=later)
    second = await observer(views).observe(first.rollout, later)
    assert second.gained is not None
    assert second.observation.verdict.outcome is Outcome.FAIL
    assert second.observation.verdict == second.rollout.verdict
    assert (second.observation.step_requests_candidate, second.observation.step_requests_stable) == (10, 90)


async def test_requests_of_the_step_before_do_not_count_against_a_new_share() -> None:
    counted = replace(
        serving().evidence, route=(7, 0.1), step_requests_candidate=900, step_requests_stable=8000
    )
    views = FakeViews(acknowledged(old=500, new=500))
    views.counted = None  # nothing was scraped since the share rose
    seen = (await observer(views).observe(replace(serving(), evidence=counted), LATER)).observation
    assert (seen.step_requests_candidate, seen.step_requests_stable) == (0, 0)


async def test_between_two_looks_the_last_verdict_stands() -> None:
    views = FakeViews(read=[Reading("errors", LATER, {OLD: Tally(100, 1), NEW: Tally(10, 0)})])
    looked = serving()
    looked = replace(looked, evidence=replace(looked.evidence, looked_at=LATER))
    seen = await observer(views, interval=timedelta(seconds=1)).observe(looked, LATER)
    assert seen.rollout is looked
    assert seen.observation.evidence_problems == ()


@pytest.mark.parametrize(
    ("read", "problem"),
    [
        ([], "errors: its source has said nothing yet"),
        ([Reading("errors", AT, {}, problem="timed out")], "errors: timed out"),
        ([Reading("errors", AT - timedelta(seconds=60), {})], "errors: its source last answered 60 s ago"),
        (
            [Reading("errors", AT, {}, edges=(1.0,))],
            "errors: its source measures in other buckets than the plan was made for",
        ),
    ],
)
async def test_a_required_source_that_does_not_answer_is_a_problem(read: list[Reading], problem: str) -> None:
    seen = (await observer(FakeViews(read=read)).observe(serving(), AT)).observation
    assert seen.evidence_problems == (problem,)
    plan = serving().plan
    optional = replace(plan.policy.metrics[0], required=False)
    relaxed = replace(plan, policy=replace(plan.policy, metrics=(optional,)))
    assert (
        await observer(FakeViews(read=read)).observe(serving(plan=relaxed), AT)
    ).observation.evidence_problems == ()


async def test_the_cord_of_this_environment_holds_and_one_that_returns_comes_first() -> None:
    everywhere = Cord(None, False, "kim", "smoke", AT)
    elsewhere = Cord(EnvironmentName("staging"), True, "kim", "fire", AT)
    here = Cord(PRODUCTION, True, "kim", "flood", AT)
    seen = (await observer(FakeViews(pulled=[elsewhere])).observe(a_rollout(), AT)).observation
    assert not seen.is_corded
    seen = (await observer(FakeViews(pulled=[everywhere, elsewhere])).observe(a_rollout(), AT)).observation
    assert (seen.is_corded, seen.cord_returns, seen.cord_reason) == (True, False, "smoke")
    seen = (await observer(FakeViews(pulled=[everywhere, here])).observe(a_rollout(), AT)).observation
    assert (seen.is_corded, seen.cord_returns, seen.cord_reason) == (True, True, "flood")


async def test_the_answers_at_the_gate_are_counted_at_each_look() -> None:
    waiting = a_rollout(stage=Stage.GATED)
    assert (await observer(FakeViews()).observe(waiting, AT)).observation.answers.approvals == 1
    assert (await observer(FakeViews()).observe(a_rollout(), AT)).observation.answers.approvals == 0


class Silent(FakeViews):
    """Nobody answers."""

    async def instances(self, _unit: UnitName, _environment: EnvironmentName) -> Sequence[Instance]:
        raise Unavailable("no-target", "no route to host")

    async def acknowledged(self, _unit: UnitName, _environment: EnvironmentName) -> Acknowledged | None:
        raise Unavailable("no-gateway", "the gateway does not answer")

    async def traffic(self) -> Traffic | None:
        raise Unavailable("no-gateway", "the gateway does not answer")

    async def readings(self, _unit: Any, _environment: Any, _metrics: Sequence[str]) -> Sequence[Reading]:
        raise Unavailable("no-evidence", "the source does not answer")

    async def answers(self, _rollout: Rollout) -> Answers:
        raise Unavailable("no-registry", "the registry does not answer")


async def test_who_does_not_answer_has_seen_nothing_and_the_deadlines_go_on() -> None:
    seen = (await observer(Silent()).observe(serving(), AT)).observation
    assert (list(seen.instances), seen.target_problem) == ([], "no route to host")
    assert (seen.acknowledged_revision, seen.share, seen.traffic_at) == (None, None, None)
    assert seen.evidence_problems == ("errors: its source has said nothing yet",)
    assert seen.answers == Answers(problem="the registry does not answer")


async def test_gates_and_tasks_are_looked_at_where_the_rollout_stands_at_them() -> None:
    class Doors:
        async def seen(self, _rollout: Rollout) -> Mapping[str, GateSeen]:
            return {"night": GateSeen(GateState.OPEN, "is open")}

    class Results:
        async def seen(self, _rollout: Rollout) -> TaskSeen:
            return TaskSeen(TaskState.RUNNING, "try 1 of 2")

    views = replace(
        Views(FakeViews(), FakeViews(), FakeViews(), FakeViews(), FakeViews()),
        outside=Doors(),
        tasks=Results(),
    )
    made = a_plan(steps=EVERYTHING)
    both = {stage: a_rollout(made, stage=stage, at=2) for stage in (Stage.GATED, Stage.CHECKING)}
    looked = Observer(views, Judges())
    at_gate, at_task = [(await looked.observe(each, AT)).observation for each in both.values()]
    assert (at_gate.gates["night"].state, at_gate.task) == (GateState.OPEN, NOT_BEGUN)
    assert (at_task.gates, at_task.task) == ({}, TaskSeen(TaskState.RUNNING, "try 1 of 2"))
    nobody = Views(FakeViews(), FakeViews(), FakeViews(), FakeViews(), FakeViews())
    alone = [(await Observer(nobody, Judges()).observe(each, AT)).observation for each in both.values()]
    assert [(each.gates, each.task) for each in alone] == [({}, NOT_BEGUN), ({}, NOT_BEGUN)]
